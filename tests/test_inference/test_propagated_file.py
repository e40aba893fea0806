import numpy as np
import pytest

from erda.clouds.cloud_files import read_point_cloud
from erda.inference.errors import InferenceError
from erda.inference.propagated_file import ClickedFiles, propagate_file, read_clicked_files
from erda.weak_labels.click_labels import Click, ClickError

CLASSES = ClickedFiles({}, ['ground', 'tree'], [2, 300], 0, 0.5)


def two_clusters(rng):
    """Points around two places that are joined by a thin bridge."""
    return np.concatenate([rng.normal(0, 1, (300, 3)), rng.normal(0, 1, (300, 3)) + [9, 0, 0],
                           np.linspace([0, 0, 0], [9, 0, 0], 60)])


def clicks_on(path, count=12):
    return {path.resolve(): [Click(label, None, 300 * label + number) for label in (0, 1) for number in range(count)]}


def write(path, xyz):
    if path.suffix == '.npy':
        np.save(path, xyz)
    elif path.suffix == '.npz':
        np.savez(path, xyz=xyz)
    elif path.suffix in ('.txt', '.csv'):
        np.savetxt(path, xyz, delimiter=',', header='x,y,z', comments='')
    elif path.suffix == '.bin':
        np.concatenate([xyz, np.zeros((len(xyz), 1))], axis=1).astype(np.float32).tofile(path)
    elif path.suffix == '.ply':
        header = 'ply\nformat ascii 1.0\nelement vertex %d\nproperty float x\nproperty float y\nproperty float z\n'
        np.savetxt(path, xyz, header=header % len(xyz) + 'end_header', comments='')
    else:
        laspy = pytest.importorskip('laspy')
        las = laspy.LasData(laspy.LasHeader(point_format=6, version='1.4'))
        las.header.scales = [1e-4] * 3
        las.xyz = xyz
        las.write(path)
    return path


@pytest.mark.parametrize('suffix', ['.npy', '.npz', '.txt', '.csv', '.bin', '.ply', '.las', '.laz'])
def test_every_format_gets_class_and_confidence(tmp_path, suffix):
    source = write(tmp_path / f'a{suffix}', two_clusters(np.random.default_rng(0)))
    is_las = suffix in ('.las', '.laz')
    columns = ['x', 'y', 'z', 'intensity'] if suffix == '.bin' else None  # too few points to find out
    clicked = CLASSES._replace(clicks=clicks_on(source), values=[2, 5] if is_las else [2, 300], columns=columns)
    assert propagate_file(source, tmp_path / 'out' / source.name, clicked, chunk_points=250) == ()
    result = read_point_cloud(tmp_path / 'out' / source.name, columns)
    fields = dict(result.fields)
    if suffix == '.bin':
        fields = dict(predicted_class=result.fields['label'], **np.load(tmp_path / 'out/a.npz'))
    elif is_las:
        fields['predicted_class'] = fields['classification']
    np.testing.assert_array_equal(result.xyz, read_point_cloud(source, columns).xyz)
    assert fields['predicted_class'][:300].tolist() == [2] * 300
    assert fields['predicted_class'][300:600].tolist() == [clicked.values[1]] * 300
    assert (fields['confidence'][[0, 300]] == 1).all() and 0 < fields['confidence'].min() < 1
    assert len(list((tmp_path / 'out').iterdir())) == (3 if suffix == '.bin' else 1), 'nothing temporary is left'


def test_points_below_the_confidence_stay_unlabelled(tmp_path):
    source = write(tmp_path / 'a.npy', two_clusters(np.random.default_rng(0)))
    clicked = CLASSES._replace(clicks=clicks_on(tmp_path / 'a.npy'), unlabelled=9)
    for threshold in (0, 1):
        propagate_file(source, tmp_path / str(threshold) / 'a.npy', clicked, threshold)
    none, all_sure = (read_point_cloud(tmp_path / str(threshold) / 'a.npy').fields for threshold in (0, 1))
    assert (none['predicted_class'] != 9).all()
    assert ((all_sure['predicted_class'] == 9) == (none['confidence'] < 1)).all()
    assert (all_sure['predicted_class'] != 9).sum() == 24


def test_labels_of_the_file_are_never_seen(tmp_path):
    xyz, results = two_clusters(np.random.default_rng(0)), []
    for number in range(2):
        table = np.zeros(len(xyz), dtype=[('x', 'f8'), ('y', 'f8'), ('z', 'f8'), ('label', 'i8')])
        table['x'], table['y'], table['z'] = xyz.T
        table['label'] = np.random.default_rng(number).integers(0, 2, len(xyz))
        np.save(tmp_path / 'a.npy', table)
        clicked = CLASSES._replace(clicks=clicks_on(tmp_path / 'a.npy'))
        propagate_file(tmp_path / 'a.npy', tmp_path / str(number) / 'a.npy', clicked)
        results.append(read_point_cloud(tmp_path / str(number) / 'a.npy').fields)
    assert (results[0]['label'] != results[1]['label']).any()
    for name in ('predicted_class', 'confidence'):
        assert results[0][name].tobytes() == results[1][name].tobytes()


def test_a_file_without_a_click_is_not_written(tmp_path):
    source = write(tmp_path / 'a.npy', np.zeros((5, 3)))
    with pytest.raises(InferenceError, match='a.npy: no click labels a point of it'):
        propagate_file(source, tmp_path / 'out/a.npy', CLASSES._replace(clicks=clicks_on(tmp_path / 'b.npy')))
    assert not (tmp_path / 'out').exists()


def test_one_class_is_said(tmp_path):
    source = write(tmp_path / 'a.npy', np.random.default_rng(0).random((50, 3)))
    clicked = CLASSES._replace(clicks={source.resolve(): [Click(1, None, 7)]})
    remark, = propagate_file(source, tmp_path / 'out/a.npy', clicked)
    fields = read_point_cloud(tmp_path / 'out/a.npy').fields
    assert 'one class' in remark and np.flatnonzero(fields['predicted_class']).tolist() == [7]


def test_classes_are_those_of_the_description_or_of_the_clicks(tmp_path):
    (tmp_path / 'clicks.csv').write_text('file,index,class\na.npy,0,tree\na.npy,1,sign\n')
    np.save(tmp_path / 'a.npy', np.zeros((5, 3)))
    inputs, sources = [tmp_path], [tmp_path / 'a.npy']
    by_clicks = read_clicked_files(inputs, sources, [tmp_path / 'clicks.csv'])
    assert by_clicks.classes == ['tree', 'sign'] and by_clicks.unlabelled == 0
    assert len(set(by_clicks.values)) == 2 and 0 not in by_clicks.values
    with pytest.raises(InferenceError, match='--clicks'):
        read_clicked_files(inputs, sources)

    text = 'classes: {sign: [2], tree: [5, 4]}\nunlabelled: [1, 0]\nlabel_field: label\nsplits: {train: [a.npy]}\n'
    (tmp_path / 'erda.yaml').write_text(text)
    with pytest.raises(InferenceError, match='erda.yaml names no clicks'):
        read_clicked_files(inputs, sources)
    (tmp_path / 'erda.yaml').write_text(text + 'clicks: clicks.csv\nclick_radius: 0.2')
    described = read_clicked_files(inputs, sources)
    assert described._replace(clicks={}) == ClickedFiles({}, ['sign', 'tree'], [2, 5], 1, 0.2)
    assert [click.label for click in described.clicks[sources[0].resolve()]] == [1, 0]


def test_clicks_on_a_file_that_is_not_given_are_refused_unless_it_is_of_a_split(tmp_path):
    for name in 'ab':
        np.save(tmp_path / f'{name}.npy', np.zeros((5, 3)))
    (tmp_path / 'clicks.csv').write_text('file,index,class\na.npy,0,tree\nb.npy,1,sign\n')
    with pytest.raises(ClickError, match='b.npy'):
        read_clicked_files([tmp_path / 'a.npy'], [tmp_path / 'a.npy'], [tmp_path / 'clicks.csv'])
    (tmp_path / 'erda.yaml').write_text('classes: {sign: [2], tree: [5]}\nclicks: clicks.csv\n'
                                        'splits: {train: ["*.npy"]}')
    assert len(read_clicked_files([tmp_path], [tmp_path / 'a.npy']).clicks) == 2


def test_own_fields_stay(tmp_path):
    xyz = two_clusters(np.random.default_rng(0))
    np.savez(tmp_path / 'a.npz', xyz=xyz, confidence=np.arange(len(xyz)))
    clicked, said = CLASSES._replace(clicks=clicks_on(tmp_path / 'a.npz')), []
    propagate_file(tmp_path / 'a.npz', tmp_path / 'out/a.npz', clicked, inform=said.append)
    fields = read_point_cloud(tmp_path / 'out/a.npz').fields
    assert fields['confidence'].tolist() == list(range(len(xyz))) and fields['predicted_confidence'][0] == 1
    assert said == [f'{tmp_path / "a.npz"}: it has a field confidence of its own; the new one is predicted_confidence.']
