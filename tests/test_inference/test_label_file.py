import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS
from mmdet3d.structures import Det3DDataSample
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from test_inference.random_segmentor import CYLINDER, MINKUNET, POINTNET, scan, segmentor_of, write_csv

from erda.clouds.cloud_files import PointCloudError, read_point_cloud
from erda.inference.block_prediction import BlockLayout
from erda.inference.errors import InferenceError
from erda.inference.label_file import (
    AS_PREDICTED,
    Outputs,
    Refinement,
    free_names,
    label_file,
    point_fields,
    probability_names,
)
from erda.inference.stored_propagation import GraphSettings
from erda.weak_labels import UNLABELED
from erda.weak_labels.click_labels import Click
from erda.weak_labels.label_propagation import propagate_labels, weighted_by_prior
from erda.weak_labels.surface_graph import smoothed


@pytest.fixture(scope='module')
def minkunet(tmp_path_factory):
    return segmentor_of(MINKUNET, tmp_path_factory.mktemp('minkunet'))[0]


@pytest.mark.parametrize('config', [MINKUNET, CYLINDER])
def test_a_scan_is_predicted_as_by_the_test_command(config, semantickitti, tmp_path):
    segmentor, cfg = segmentor_of(config, semantickitti)
    sample, = segmentor.model.test_step(next(iter(Runner.build_dataloader(cfg.test_dataloader))))
    expected = sample.pts_seg_logits.pts_seg_logits[:19].softmax(0).max(0)  # the logit of void is no class
    label_file(semantickitti / 'sequences/08/velodyne/000000.bin', tmp_path / 'out/000000.bin', segmentor)
    raw = np.fromfile(tmp_path / 'out/000000.label', dtype=np.uint32)
    assert segmentor.inputs.raw_values[:2] == [10, 11]
    assert raw.tolist() == np.array(segmentor.inputs.raw_values)[expected.indices.numpy()].tolist()
    np.testing.assert_allclose(np.load(tmp_path / 'out/000000.npz')['confidence'], expected.values.detach(), rtol=1e-6)
    assert len(list((tmp_path / 'out').iterdir())) == 3, 'nothing temporary is left'


@pytest.mark.parametrize('chunk_points', [100, 1499, 10_000])
def test_chunks_do_not_change_the_result(minkunet, tmp_path, chunk_points):
    layout = BlockLayout(10, 4, max_points=600, min_points=50)
    source, results = scan(tmp_path), []
    for number, size in enumerate((777, chunk_points)):
        target = tmp_path / str(number) / source.name
        label_file(source, target, minkunet, Outputs(True, True), layout, size)
        results.append(dict(np.load(target.with_suffix('.npz'))))
    assert len(results[0]) == 2 + 19
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def test_one_block_over_the_file_is_the_whole_file(minkunet, tmp_path):
    source, results = scan(tmp_path), []
    for number, layout in enumerate((minkunet.inputs.layout, BlockLayout(1000, 5), BlockLayout(8, 0, min_points=1))):
        target = tmp_path / str(number) / source.name
        label_file(source, target, minkunet, layout=layout)
        results.append(np.fromfile(target.with_suffix('.label'), dtype=np.uint32))
    assert results[0].tolist() == results[1].tolist()
    assert (results[0] != results[2]).any(), 'small blocks see less'


def test_a_room_of_another_format_is_predicted_as_by_the_test_pipeline(tmp_path):
    segmentor, _ = segmentor_of(POINTNET, tmp_path)
    rng = np.random.default_rng(0)
    table = np.concatenate([rng.uniform(0, 2, (900, 3)) + [500_000, 10, -3], rng.integers(0, 256, (900, 3))], axis=1)
    np.savetxt(tmp_path / 'room.csv', table, '%.3f', ',', header='x,y,z,red,green,blue', comments='')
    cloud = read_point_cloud(tmp_path / 'room.csv')
    colours = {name: cloud.fields[name] for name in segmentor.inputs.fields_of(cloud.fields)}
    torch.manual_seed(0)
    probabilities = segmentor.probabilities(cloud._replace(fields=colours))
    points = np.concatenate([cloud.xyz - cloud.xyz.min(0), table[:, 3:] / 255], axis=1).astype(np.float32)
    torch.manual_seed(0)
    with torch.no_grad():
        sample, = segmentor.model.test_step(dict(inputs=dict(points=[torch.from_numpy(points)]),
                                                 data_samples=[Det3DDataSample()]))
    np.testing.assert_allclose(probabilities, sample.pts_seg_logits.pts_seg_logits.T.softmax(1), atol=1e-4)
    label_file(tmp_path / 'room.csv', tmp_path / 'out/room.csv', segmentor)
    result = read_point_cloud(tmp_path / 'out/room.csv').fields
    assert set(result) == {'red', 'green', 'blue', 'predicted_class', 'confidence'}


@pytest.mark.parametrize('size', [(0.2, 0.2), (0.3, 5), (0, 0)])
def test_a_cloud_smaller_than_the_sliding_window(tmp_path, size):
    segmentor, _ = segmentor_of(POINTNET, tmp_path)
    xyz = np.random.default_rng(0).uniform(0, 1, (20, 3)) * [*size, 1]
    cloud = read_point_cloud(write_csv(tmp_path / 'a.csv', np.concatenate([xyz, np.ones((20, 3))], 1)))
    probabilities = segmentor.probabilities(cloud)
    assert probabilities.shape == (20, 13) and np.isfinite(probabilities).all()


def new_las(laspy, scale, offsets):
    header = laspy.LasHeader(point_format=6, version='1.4')
    header.scales, header.offsets = [scale] * 3, offsets
    return laspy.LasData(header)


def test_las_keeps_its_attributes(minkunet, tmp_path):
    laspy = pytest.importorskip('laspy')
    las, rng = new_las(laspy, 1e-3, [4, 5, 0]), np.random.default_rng(0)
    las.x, las.y, las.z = rng.uniform(-9, 9, (3, 700))
    las.intensity, las.user_data = rng.integers(0, 65536, 700), rng.integers(0, 256, 700)
    las.gps_time, las.return_number = rng.random(700), rng.integers(1, 5, 700)
    las.add_extra_dim(laspy.ExtraBytesParams('height', np.float32))
    las.height = rng.random(700)
    las.write(tmp_path / 'a.las')
    label_file(tmp_path / 'a.las', tmp_path / 'out/a.las', minkunet, Outputs(True, True))
    result = laspy.read(tmp_path / 'out/a.las')
    for name in las.point_format.dimension_names:
        if name != 'classification':
            np.testing.assert_array_equal(result[name], las[name], err_msg=name)
    assert set(np.unique(result.classification)) <= set(minkunet.inputs.raw_values)
    probabilities = np.stack([result[name] for name in probability_names(minkunet.inputs.classes)], axis=1)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(result.confidence, probabilities.max(1))
    np.testing.assert_allclose(result.entropy, -(probabilities * np.log(probabilities)).sum(1), rtol=1e-4)
    assert np.array(minkunet.inputs.raw_values)[probabilities.argmax(1)].tolist() == result.classification.tolist()


def test_blocks_of_a_folder_are_averaged_as_a_slow_loop_over_its_data_set(tmp_path):
    laspy = pytest.importorskip('laspy')
    rng = np.random.default_rng(0)
    las = new_las(laspy, 1e-5, [500_000, 5_000_000, 90])  # so fine that no point is on an edge
    las.xyz = rng.uniform(0, 24, (900, 3)) * [1, 1, 0.1] + [500_000, 5_000_000, 90]
    las.intensity, las.classification = rng.integers(0, 65536, 900), rng.choice([2, 5], 900)
    las.write(tmp_path / 'a.las')
    (tmp_path / 'erda.yaml').write_text(
        'classes: {ground: [2], tree: [5, 4]}\nlabel_field: classification\nfeatures: [intensity, height_above_ground]'
        '\nblock_size: 12\noverlap: 4\nsplits: {test: [a.las]}')
    pipeline = [dict(type='LoadPointCloudBlock'), dict(type='PointSegClassMapping'),
                dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])]
    segmentor, cfg = segmentor_of(MINKUNET, tmp_path, {
        'test_dataloader.dataset': dict(_delete_=True, type='PointCloudFolderDataset', data_root=str(tmp_path),
                                        split='test', test_mode=True, pipeline=pipeline),
        'model.backbone.in_channels': 5, 'model.decode_head.num_classes': 2, 'model.decode_head.ignore_index': 2})
    layout = segmentor.inputs.layout._replace(min_points=1)
    label_file(tmp_path / 'a.las', tmp_path / 'out/a.las', segmentor, Outputs(probabilities=True), layout, 250)

    votes, count = np.zeros((900, 2)), np.zeros(900)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    for number in range(len(dataset)):
        with torch.no_grad():
            sample, = segmentor.model.test_step(pseudo_collate([dataset[number]]))
        source = dataset.get_data_info(number)['point_cloud']
        index = source.cache.read(source.key).index
        votes[index] += sample.pts_seg_logits.pts_seg_logits.T.softmax(1).numpy()
        count[index] += 1
    assert len(dataset) == 9 and count.max() == 4
    result, expected = laspy.read(tmp_path / 'out/a.las'), votes / count[:, None]
    np.testing.assert_allclose(result['probability_tree'], expected[:, 1], atol=1e-5)
    sure = abs(expected[:, 0] - 0.5) > 1e-4
    assert (result.classification == np.array([2, 5])[expected.argmax(1)])[sure].all()


def refined(minkunet, source, target, refinement):
    label_file(source, target, minkunet, Outputs(probabilities=True), refinement=refinement, chunk_points=1000)
    fields = np.load(target.with_suffix('.npz'))
    return np.stack([fields[name] for name in probability_names(minkunet.inputs.classes)], axis=1)


def test_clicks_are_a_prior(minkunet, tmp_path):
    source = scan(tmp_path)
    clicks = [Click(number % 2, None, 50 * number) for number in range(20)]
    plain, none, weak, strong = (
        refined(minkunet, source, tmp_path / str(number) / source.name, refinement)
        for number, refinement in enumerate([AS_PREDICTED, Refinement(clicks, prior_exponent=0.), Refinement(clicks),
                                             Refinement(clicks, prior_exponent=1.)]))
    np.testing.assert_allclose(none, plain, atol=1e-6)
    for probabilities in (weak, strong):
        assert (probabilities[range(0, 1000, 50), np.arange(20) % 2] == 1).all(), 'what was clicked is certain'
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    clicked_classes = [probabilities[:, :2].sum() for probabilities in (plain, weak, strong)]
    assert clicked_classes == sorted(clicked_classes) and clicked_classes[0] < clicked_classes[2] - 10

    settings = GraphSettings.of(read_point_cloud(source))
    labels = np.full(1500, UNLABELED)
    labels[0:1000:50] = np.arange(20) % 2
    cloud = read_point_cloud(source)
    prior = propagate_labels(cloud.xyz, labels, 19, np.clip(cloud.fields['intensity'] / settings.scale, 0, 1))
    np.testing.assert_allclose(weak, weighted_by_prior(plain, prior, 0.5), atol=1e-5)


def test_probabilities_are_averaged_along_surfaces(minkunet, tmp_path):
    source = scan(tmp_path)
    plain, smooth = (refined(minkunet, source, tmp_path / str(number) / source.name, Refinement(smooth=bool(number)))
                     for number in range(2))
    cloud = read_point_cloud(source)
    np.testing.assert_allclose(smooth, smoothed(GraphSettings.of(cloud).graph(cloud), plain), atol=1e-5)
    assert abs(smooth - plain).max() > 0.01


@pytest.mark.parametrize('content, error, message', [
    (b'x,y,z\n1,2,3\n', InferenceError, "a.csv: there is no field 'intensity'"),
    (b'x,y,z,intensity\n1,20000,3,4\n', InferenceError, 'a.csv: .*the sensor at the origin'),
    (b'x,y,z,intensity\n1,2,nan,4\n', PointCloudError, 'a.csv: .*NaN'), (b'', PointCloudError, 'a.csv: .*empty')])
def test_a_bad_file_leaves_nothing_behind(minkunet, tmp_path, content, error, message):
    (tmp_path / 'a.csv').write_bytes(content)
    with pytest.raises(error, match=message):
        label_file(tmp_path / 'a.csv', tmp_path / 'out/a.csv', minkunet)
    assert not list(tmp_path.glob('out/*'))


def with_own_fields(path):
    """Points that somebody has predicted before, with fields of the same names."""
    rng = np.random.default_rng(0)
    table = np.c_[rng.uniform(-9, 9, (40, 3)), rng.random(40), np.arange(40), np.arange(40) % 3]
    if path.suffix == '.csv':
        np.savetxt(path, table, '%.6f', ',', header='x,y,z,intensity,Confidence,predicted_class', comments='')
    elif path.suffix == '.ply':
        names = ('x', 'y', 'z', 'intensity', 'scalar_confidence', 'predicted_class')
        header = ['ply', 'format ascii 1.0', 'element vertex 40', *(f'property double {name}' for name in names)]
        np.savetxt(path, table, '%.6f', header='\n'.join([*header, 'end_header']), comments='')
    else:
        laspy = pytest.importorskip('laspy')
        las = new_las(laspy, 1e-3, [0, 0, 0])
        las.xyz, las.intensity = table[:, :3], 65535 * table[:, 3]
        las.add_extra_dim(laspy.ExtraBytesParams('confidence', np.uint8))
        las.confidence = np.arange(40)
        las.write(path)
    return path


@pytest.mark.parametrize('name, own', [('a.csv', 'Confidence'), ('a.ply', 'scalar_confidence'),
                                       ('a.las', 'confidence')])
def test_the_fields_of_a_file_stay(minkunet, tmp_path, name, own):
    source, target, said = with_own_fields(tmp_path / name), tmp_path / 'out' / name, []

    def advance(stage, points, total):
        assert said, 'what is renamed is said before anything is predicted'

    label_file(source, target, minkunet, advance=advance, inform=said.append)
    old, new = read_point_cloud(source).fields, read_point_cloud(target).fields
    assert new[own].tolist() == old[own].tolist() == list(range(40))
    assert ((new['predicted_confidence'] > 0) & (new['predicted_confidence'] <= 1)).all()
    assert said[-1] == f'{source}: it has a field confidence of its own; the new one is predicted_confidence.'
    if name != 'a.las':
        assert new['predicted_class'].tolist() == old['predicted_class'].tolist()
        assert set(new['predicted_class_2'].tolist()) <= set(minkunet.inputs.raw_values)
        assert said[0] == f'{source}: it has a field predicted_class of its own; the new one is predicted_class_2.'
    label_file(source, target, minkunet, Outputs(prefix='mine_'), inform=said.append)
    classes = set() if name == 'a.las' else {'mine_predicted_class'}
    assert set(read_point_cloud(target).fields) == {*old, 'mine_confidence', *classes}
    assert len(said) == (1 if name == 'a.las' else 2), 'a name that was asked for is not worth a word'


def test_free_names():
    long = 'probability_of_a_very_long_name'
    assert free_names(['confidence'], ['predicted_confidence', 'CONFIDENCE', 'confidence_2']) == {
        'confidence': 'confidence_3'}
    assert free_names(['classification', 'a'], ['a'], 'p_', kept='classification') == {
        'classification': 'classification', 'a': 'p_a'}
    names = free_names([long, f'{long[:-1]}f'], [long], 'p_')
    assert list(names.values()) == [f'p_{long}'[:31], f'p_{long}'[:29] + '_2']


def test_what_cannot_be_written_is_found_before_it_is_predicted(minkunet, tmp_path, monkeypatch):
    laspy = pytest.importorskip('laspy')
    monkeypatch.setattr(minkunet, 'probabilities', None)  # so that predicting would be another error
    las = laspy.LasData(laspy.LasHeader(point_format=3, version='1.2'))
    las.xyz = np.ones((40, 3))
    las.write(tmp_path / 'a.las')
    with pytest.raises(PointCloudError, match='a.las: classification 81 does not fit into LAS point format 3, whose '
                                              'classes end at 31. Convert the file to point format 6 or later'):
        label_file(tmp_path / 'a.las', tmp_path / 'out/a.las', minkunet)
    assert not (tmp_path / 'out').exists()


def test_fields_of_points():
    probabilities = np.array([[0.5, 0.5, 0], [0, 0.25, 0.75]], dtype=np.float32)
    fields = point_fields(probabilities, ['a', 'b b', 'c'], [2, 5, 300], 'classification', Outputs(True, True))
    assert fields['classification'].tolist() == [2, 300] and fields['classification'].dtype == np.int32
    np.testing.assert_allclose(fields['entropy'], [np.log(2), 0.5623351], rtol=1e-6)
    assert fields['probability_b_b'].tolist() == [0.5, 0.25] and list(fields)[1:3] == ['confidence', 'entropy']
    long = [f'a class with a rather long name {i}' for i in range(2)]
    names = probability_names(long)
    assert len(set(names)) == 2 and max(map(len, names)) < 32
