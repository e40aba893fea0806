import numpy as np
import pytest
from mmdet3d.registry import DATASETS, METRICS
from mmengine.registry import init_default_scope

from erda.clouds import blocks as cloud_blocks
from erda.clouds.blocks import BlockCache, BlockGrid
from erda.clouds.cloud_files import PointCloudError
from erda.clouds.description import read_description
from erda.files.data_error import DataError
from erda.weak_labels import UNLABELED

ORIGIN = np.array([652000.001, 6862000.003, 35.])
VOID = 2
DESCRIPTION = """
classes: {ground: [2], vegetation: [3, 4, 5]}
label_field: classification
unlabelled: [1]
void: [7]
features: [xyz, intensity]
splits: {train: ['train/*.npy'], val: [val.npy]}
block_size: 25
overlap: 5
"""
PIPELINE = [dict(type='LoadPointCloudBlock'), dict(type='PointSegClassMapping')]
PACK = dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])


def tile(seed, count=3000):
    """60 m x 40 m of ground."""
    rng = np.random.default_rng(seed)
    records = np.empty(count, [(axis, 'f8') for axis in 'xyz'] + [('intensity', 'u2'), ('classification', 'u1')])
    xyz = ORIGIN + np.round(rng.uniform(0, (60, 40, 3), (count, 3)), 3)
    xyz[0] = ORIGIN
    records['x'], records['y'], records['z'] = xyz.T
    records['intensity'] = rng.integers(0, 2000, count)
    records['classification'] = rng.choice([1, 2, 3, 5, 7], count)
    return records


@pytest.fixture
def root(tmp_path):
    init_default_scope('mmdet3d')
    (tmp_path / 'train').mkdir()
    np.save(tmp_path / 'train/a.npy', tile(0))
    np.save(tmp_path / 'train/b.npy', tile(1))
    np.save(tmp_path / 'val.npy', tile(2))
    (tmp_path / 'erda.yaml').write_text(DESCRIPTION)
    return tmp_path


def change(root, *replacements):
    text = (root / 'erda.yaml').read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    (root / 'erda.yaml').write_text(text)


def build(root, split='train', **kwargs):
    return DATASETS.build(dict(type='PointCloudFolderDataset', data_root=f'{root}/', split=split, pipeline=PIPELINE,
                               test_mode=split != 'train', **kwargs))


def weak(root, **budget):
    dataset = dict(type='PointCloudFolderDataset', data_root=f'{root}/', pipeline=[*PIPELINE, PACK])
    return DATASETS.build(dict(type='WeakLabelDataset', budget=budget, dataset=dataset))


def xyz_of(records):
    return np.stack([records[axis] for axis in 'xyz'], axis=1)


@pytest.mark.parametrize('block_size, overlap', [(25, 5), (25, 12.5), (25, 0), (59.9, 25), (1000, 100), (7, 1)])
def test_blocks_are_cells_with_a_margin(root, block_size, overlap, monkeypatch):
    monkeypatch.setattr(cloud_blocks, 'CHUNK_POINTS', 700)
    xyz, records = xyz_of(tile(0)), tile(0)
    cache = BlockCache(root / 'train/a.npy', root / 'cache', block_size, overlap, ['intensity'])
    grid = BlockGrid.over(xyz[:, :2].min(0), xyz[:, :2].max(0), block_size, overlap)
    home = np.zeros(len(xyz), dtype=int)
    for key, count in cache.counts.items():
        block = cache.read(key)
        assert len(block.index) == count
        low = grid.low + np.array(key.split('_'), dtype=int) * grid.cell
        # A point on the very edge may fall on either side.
        strictly, loosely = (((xyz[:, :2] >= low - overlap / 2 - slack) &
                              (xyz[:, :2] <= low + grid.cell + overlap / 2 + slack)).all(axis=1)
                             for slack in (-1e-6, 1e-6))
        assert set(np.flatnonzero(strictly)) <= set(block.index) <= set(np.flatnonzero(loosely))
        assert (np.diff(block.index) > 0).all()
        assert np.array_equal(block.cloud.xyz, xyz[block.index])
        assert np.array_equal(block.cloud.fields['intensity'], records['intensity'][block.index])
        assert (np.ptp(block.cloud.xyz[:, :2], axis=0) <= block_size + 1e-6).all()
        home[block.index[block.core]] += 1
    assert (home == 1).all()


def test_cache_is_made_once_and_anew_when_the_file_changes(root):
    build(root)
    indices = {path: path.stat().st_mtime_ns for path in root.glob('.erda_cache/*/*/index.json')}
    build(root)
    assert {path: path.stat().st_mtime_ns for path in root.glob('.erda_cache/*/*/index.json')} == indices
    np.save(root / 'train/a.npy', tile(5, 2000))
    dataset = build(root)
    assert len(set(root.glob('.erda_cache/*/*/index.json')) & set(indices)) == 1, 'that of the other file'
    assert len(list(root.glob('.erda_cache/*/*'))) == 2
    counts = [len(sample['points']) for sample in dataset if '/a.npy' in sample['lidar_path']]
    assert 2000 <= sum(counts) < 4000


def test_local_coordinates_keep_millimetres(root):
    dataset, true = build(root), xyz_of(tile(0))
    for sample in dataset:
        if '/a.npy' in sample['lidar_path']:
            block = sample['point_cloud'].cache.read(sample['point_cloud'].key)
            between = sample['points'].coord.numpy() - sample['points'].coord.numpy()[0]
            expected = true[block.index] - true[block.index][0]
            assert np.abs(between - expected).max() < 1e-5
            assert np.abs(sample['points'].coord.numpy()[:, :2]).max() <= 12.5
    assert abs(np.float32(652000.001) - 652000.001) > 5e-4, 'without the origin'


def test_samples(root):
    dataset = build(root)
    paths = [info['lidar_path'] for info in map(dataset.get_data_info, range(len(dataset)))]
    assert len(set(paths)) == len(paths) and str(root / 'train/a.npy') + '#0_1' in paths
    sample = dataset[0]
    assert sample['points'].tensor.shape[1] == 4 and sample['points'].attribute_dims == {'intensity': [3]}
    assert sample['points'].tensor[:, 3].max() <= 2000 / 65535
    raw = sample['point_cloud'].cache.read(sample['point_cloud'].key).cloud.fields['classification']
    expected = np.select([raw == 1, raw == 2, raw == 7], [UNLABELED, 0, VOID], 1)
    assert np.array_equal(sample['pts_semantic_mask'], expected)
    assert dataset.metainfo['classes'] == ['ground', 'vegetation'] and dataset.metainfo['ignore_index'] == VOID
    assert dataset.metainfo['features'] == ['intensity']


def test_whole_files(root):
    change(root, ('block_size: 25', 'block_size: null'), ('overlap: 5', 'overlap: 0'))
    dataset = build(root)
    assert [info['lidar_path'] for info in map(dataset.get_data_info, range(2))] == [
        str(root / 'train/a.npy'), str(root / 'train/b.npy')]
    assert len(dataset[0]['points']) == 3000 and not (root / '.erda_cache').exists()


def test_weak_labels(root):
    given = weak(root, type='GivenLabels')
    ratio, again = (weak(root, type='RatioBudget', ratio=0.1) for _ in range(2))
    for i in range(len(given)):
        full, labels = given.load_scan(i).labels, ratio.load_scan(i).labels
        assert set(np.unique(full)) == {UNLABELED, 0, 1, VOID}
        assert np.array_equal(labels, again.load_scan(i).labels)
        for label in (0, 1):
            assert (labels == label).sum() == max(int((full == label).sum() * 0.1), 1)
        assert np.array_equal(labels == VOID, full == VOID)
    assert given[0]['data_samples'].gt_pts_seg.pts_semantic_mask.shape == given[0]['inputs']['points'].shape[:1]


def test_validation_counts_every_point_once(root):
    dataset = build(root, 'val')
    true = np.concatenate([sample['eval_ann_info']['pts_semantic_mask'] for sample in dataset])
    raw = tile(2)['classification']
    assert [(true == 0).sum(), (true == 1).sum()] == [(raw == 2).sum(), np.isin(raw, (3, 5)).sum()]
    assert set(np.unique(true)) == {0, 1, VOID}
    metric = METRICS.build(dict(type='SegMetric'))
    metric.dataset_meta = dataset.metainfo
    metric.process({}, [dict(pred_pts_seg=dict(pts_semantic_mask=np.where(true == VOID, 0, true)),
                             eval_ann_info=dict(pts_semantic_mask=true))])
    assert metric.evaluate(1)['miou'] == 1


def write_clicks(root, rows):
    (root / 'clicks.csv').write_text('\n'.join(['file,class,x,y,z,index', *rows]) + '\n')
    change(root, ('overlap: 5', 'overlap: 5\nclicks: clicks.csv\nclick_radius: 0.2'))


@pytest.mark.parametrize('blocks', [True, False])
def test_training_sees_clicks_and_nothing_else(root, blocks):
    xyz = xyz_of(tile(0))
    number = int(np.flatnonzero(tile(0)['classification'] == 3)[0])
    near = xyz[1] + 0.05
    write_clicks(root, [f'train/a.npy,ground,,,,{number}', f'a.npy,vegetation,{near[0]},{near[1]},{near[2]},',
                        'b.npy,ground,1,2,3,'])
    if not blocks:
        change(root, ('block_size: 25', 'block_size: null'), ('overlap: 5', 'overlap: 0'))
    seen = {}
    for sample in build(root):
        source, labels = sample['point_cloud'], sample['pts_semantic_mask']
        index = source.cache.read(source.key).index if blocks else np.arange(len(labels))
        raw = tile(0 if source.path.name == 'a.npy' else 1)['classification'][index]
        assert (labels[raw == 7] == VOID).all()
        clicked = np.flatnonzero((labels >= 0) & (labels < VOID))
        seen.update({(source.path.name, int(index[i])): int(labels[i]) for i in clicked})
    expected = {('a.npy', number): 0, ('a.npy', 1): 1}
    if tile(0)['classification'][1] == 7:
        del expected['a.npy', 1]
    assert seen == expected
    true = np.concatenate([sample['pts_semantic_mask'] for sample in build(root, 'val')])
    assert (true < VOID).sum() == np.isin(tile(2)['classification'], (2, 3, 5)).sum(), 'validation has all labels'


def test_clicks_alone(root):
    write_clicks(root, ['a.npy,ground,,,,5', 'val.npy,vegetation,,,,6'])
    change(root, ('label_field: classification', ''), ('unlabelled: [1]', ''), ('void: [7]', ''))
    labels = np.concatenate([sample['pts_semantic_mask'] for sample in build(root)])
    assert set(np.unique(labels)) == {UNLABELED, 0}
    labels = np.concatenate([sample['pts_semantic_mask'] for sample in build(root, 'val')])
    assert (labels == 1).sum() == 1 and set(np.unique(labels)) == {1, VOID}


@pytest.mark.parametrize('row, message', [
    ('a.npy,ground,1,2,3,', 'no click labels a point of train/a.npy'),
    ('c.npy,ground,1,2,3,', 'c.npy is no file of any split'),
    ('a.npy,water,,,,1', "unknown class 'water'"),
])
def test_bad_clicks(root, row, message):
    write_clicks(root, [row])
    with pytest.raises(ValueError, match=message):
        build(root)


@pytest.mark.parametrize('old, new, message', [
    ('void: [7]', '', 'a.npy: label value 7 of classification is not in erda.yaml'),
    ('void: [7]', 'void: [2]', 'label value 2 is both ground and void'),
    ('void: [7]', 'voidd: [7]', 'unknown key voidd'),
    ('void: [7]', 'void: [0.5]', 'not a list of whole numbers'),
    ('classes:', 'classes: {ground: [2]}\nclassses:', 'unknown key'),
    ('{ground: [2], vegetation: [3, 4, 5]}', '{ground: [2]}', 'at least two'),
    ('{ground: [2], vegetation: [3, 4, 5]}', '[ground]', 'not a mapping'),
    ('label_field: classification', 'label_field: gt', "a.npy: there is no field 'gt'"),
    ('label_field: classification', '', 'neither label_field nor clicks'),
    ('intensity]', 'rgb]', "a.npy: there is no field 'blue'"),
    ('intensity]', 'intensity]\nscale: {rgb: 2}', 'scale has rgb'),
    ('intensity]', 'intensity]\ncolours: {water: [0, 0, 0]}', 'colours has water'),
    ('intensity]', 'intensity]\ncolours: {ground: [0, 0, 256]}', '0 to 255'),
    ('overlap: 5', 'overlap: 20', 'more than half'),
    ('block_size: 25', 'block_size: -1', 'not a positive number'),
    ('block_size: 25', '', 'overlap needs block_size'),
    ('train/*.npy', 'train/*.laz', 'is no file in'),
    ('train/*.npy', '../a.npy', 'below it'),
    ('intensity]', 'intensity]\nscale: {intensity: null}', 'scale of intensity is None'),
    ('train:', 'training:', 'splits has training'),
    ('classes:', '{', 'is not YAML'),
    ('classes:', '!!python/object/apply:os.getcwd []\n', 'is not YAML'),
])
def test_bad_descriptions(root, old, new, message):
    change(root, (old, new))
    with pytest.raises(DataError, match=message):
        build(root)


def test_no_description_and_no_split(root):
    with pytest.raises(DataError, match="splits has no 'test'"):
        build(root, 'test')
    (root / 'erda.yaml').unlink()
    with pytest.raises(DataError, match='erda.yaml does not exist. Write it with: python tools/prepare_data.py folder'):
        build(root)


def test_whole_file_with_an_unknown_label_or_a_bad_feature(root):
    change(root, ('block_size: 25', ''), ('overlap: 5', ''))
    records = tile(0)
    records['classification'][7] = 9
    np.save(root / 'train/a.npy', records)
    with pytest.raises(DataError, match='a.npy: label value 9'):
        build(root)[0]
    records = records.astype([(name, 'f8') for name in records.dtype.names])
    records['classification'][7], records['intensity'][3] = 2, np.nan
    np.save(root / 'train/a.npy', records)
    with pytest.raises(PointCloudError, match="a.npy: the field 'intensity' has NaN"):
        build(root)[0]


def test_name_with_brackets(root):
    (root / 'train/a.npy').rename(root / 'train/a[1].npy')
    change(root, ('train/*.npy', 'train/a[1].npy'))
    assert all('a[1].npy#' in sample['lidar_path'] for sample in build(root))


def test_classes_of_values(root):
    description = read_description(root / 'erda.yaml')
    assert description.class_of_value() == {2: 0, 3: 1, 4: 1, 5: 1, 7: 2, 1: 3}
