import numpy as np
import pytest
import torch
from test_inference.random_segmentor import CYLINDER, MINKUNET, POINTNET, scan, segmentor_of, write_csv

from erda.clouds.cloud_files import read_point_cloud
from erda.files.data_error import DataError
from erda.inference.block_prediction import BlockLayout
from erda.inference.candidate_features import PointPredictions, candidate_features
from erda.inference.errors import InferenceError
from erda.inference.suggestion import labels_in_files, name_files, read_candidates, suggest_points
from erda.weak_labels.click_labels import Click, ClickError
from erda.weak_labels.label_propagation import PropagatedLabels
from erda.weak_labels.point_suggestion import Candidates


@pytest.fixture(scope='module')
def minkunet(tmp_path_factory):
    return segmentor_of(MINKUNET, tmp_path_factory.mktemp('minkunet'))[0]


@pytest.mark.parametrize('config, channels', [(MINKUNET, 2), (CYLINDER, 8), (POINTNET, 128)])
def test_features_are_those_in_front_of_the_classifier(config, channels, tmp_path):
    segmentor, _ = segmentor_of(config, tmp_path)
    path = scan(tmp_path, 600)
    if config == POINTNET:
        path = write_csv(tmp_path / 'a.csv', np.random.default_rng(0).uniform(0, 2, (600, 6)))
    cloud = read_point_cloud(path)
    cloud = cloud._replace(fields={name: cloud.fields[name] for name in segmentor.inputs.fields_of(cloud.fields)})
    torch.manual_seed(0)
    features, logits = segmentor.features_and_logits(cloud)
    torch.manual_seed(0)
    torch.testing.assert_close(logits, segmentor.logits(cloud))
    assert features.shape == (600, channels)
    classifier = segmentor.model.decode_head.conv_seg
    if config != CYLINDER:  # whose classifier is a convolution, and sees neighbours
        weight = classifier.weight.reshape(classifier.weight.shape[0], -1)
        torch.testing.assert_close((features @ weight.T + classifier.bias).detach(), logits, atol=1e-4, rtol=1e-4)


def test_features_of_few_points_come_from_their_blocks(minkunet, tmp_path, monkeypatch):
    path = scan(tmp_path)
    index = np.sort(np.random.default_rng(0).choice(1500, 40, replace=False))
    whole = candidate_features(path, index, minkunet, chunk_points=333)
    cloud = read_point_cloud(path)
    cloud = cloud._replace(fields=dict(intensity=cloud.fields['intensity']))
    features, logits = minkunet.features_and_logits(cloud)
    np.testing.assert_allclose(whole.features, features[index], atol=1e-6)
    probabilities = logits[index].softmax(1)
    np.testing.assert_allclose(whole.entropy, -(probabilities * probabilities.log()).sum(1), rtol=1e-4)
    monkeypatch.setattr(minkunet.inputs, 'layout', BlockLayout(8, 2, min_points=20))
    blocks = candidate_features(path, index, minkunet)
    assert np.isfinite(blocks.features).all() and not np.allclose(blocks.features, whole.features)


@pytest.mark.parametrize('with_network', [False, True])
def test_clicked_points_are_not_suggested(minkunet, tmp_path, with_network):
    path = scan(tmp_path)
    files = name_files([path])
    segmentor = minkunet if with_network else None
    first = suggest_points(files, 10, segmentor=segmentor)
    assert len(set(first.index)) == 10
    xyz = read_point_cloud(path).xyz
    np.testing.assert_array_equal(first.xyz, xyz[first.index])
    clicks = [Click(0, None, number) for number in first.index.tolist()[:5]]
    clicks += [Click(0, tuple(place), None) for place in first.xyz[5:].tolist()]
    clicks = {path.name: clicks}
    second = suggest_points(files, 10, clicks, segmentor)
    gaps = np.linalg.norm(second.xyz[:, None] - first.xyz, axis=2)
    assert len(set(second.index)) == 10 and gaps.min() > 0.2
    assert suggest_points(files, 10, clicks, segmentor).index.tolist() == second.index.tolist()


def test_a_click_on_a_point_that_does_not_exist(tmp_path):
    with pytest.raises(ClickError, match='has no point 5000'):
        read_candidates(scan(tmp_path), [Click(0, None, 5000)], 0.2, 100)


def test_isolated_points_are_no_candidates(tmp_path):
    rng = np.random.default_rng(0)
    ground = np.column_stack([rng.uniform(0, 20, (3000, 2)), np.zeros(3000)])
    alone = rng.uniform([0, 0, 20], [20, 20, 60], (20, 3))
    path = tmp_path / 'a.npy'
    np.save(path, np.concatenate([alone, ground]))
    candidates = read_candidates(path, [], 0.2, 5000)
    assert candidates.index.min() == 20 and len(candidates.index) > 1000
    points = suggest_points({'a.npy': path}, 50)
    assert points.index.min() >= 20 and len(points.index) == 50


def test_names(tmp_path):
    for name in ('a/x.csv', 'a/deep/y.csv', 'b/x.csv'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('x,y,z\n1,2,3\n')
    assert list(name_files([tmp_path / 'a'])) == ['deep/y.csv', 'x.csv']
    with pytest.raises(InferenceError, match='same name'):
        name_files([tmp_path / 'a', tmp_path / 'b'])
    (tmp_path / 'a/erda.yaml').write_text('{classes: {p: [0], q: [1]}, label_field: c, splits: {train: x.csv}}')
    assert list(name_files([tmp_path / 'a'])) == ['x.csv']
    (tmp_path / 'a/erda.yaml').write_text(
        '{classes: {p: [], q: []}, clicks: c, splits: {train: x.csv, val: deep/y.csv}}')
    assert list(name_files([tmp_path / 'a'])) == ['x.csv', 'deep/y.csv'], 'validation needs clicks, too'
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InferenceError, match='no file of a known format'):
        name_files([tmp_path / 'empty'])


def test_answers_from_the_labels_of_files(tmp_path):
    """Void and unlabelled points get no class; CloudCompare writes scalar_ before a field's name."""
    labels = np.array([3, 0, 9, 4, 3, 255])
    rows = ''.join(f'{i},0,0,{label}\n' for i, label in enumerate(labels))
    (tmp_path / 'a.csv').write_text(f'x,y,z,scalar_label\n{rows}')
    description = '{classes: {wall: [3], roof: [4]}, label_field: label, void: [9], unlabelled: [0, 255], splits: {}}'
    (tmp_path / 'erda.yaml').write_text(description)
    points = Candidates(np.zeros((4, 3)), np.array([4, 3, 2, 5]), np.zeros(4, dtype=int))
    assert labels_in_files(points, {'a.csv': tmp_path / 'a.csv'}, tmp_path) == ['wall', 'roof', '', '']
    (tmp_path / 'erda.yaml').write_text(description.replace('[9]', '[]'))
    with pytest.raises(DataError, match='a.csv: label value 9'):
        labels_in_files(points, {'a.csv': tmp_path / 'a.csv'}, tmp_path)
    (tmp_path / 'erda.yaml').write_text('{classes: {wall: [], roof: []}, clicks: c.csv}')
    with pytest.raises(InferenceError, match='names no label_field'):
        labels_in_files(points, {'a.csv': tmp_path / 'a.csv'}, tmp_path)


def test_predictions_with_clicks():
    network = PointPredictions(np.array([[0.6, 0.4], [0.6, 0.4], [0.5, 0.5]], dtype=np.float32))
    assert network.label.tolist() == [0, 0, 0]
    np.testing.assert_allclose(network.entropy, [0.673, 0.673, np.log(2)], atol=1e-3)
    clicks = PropagatedLabels(np.array([1, -1, 1]), np.array([0.9, 0, 0.8], dtype=np.float32), np.zeros(3))
    both = network.with_clicks(clicks, exponent=0.5)
    np.testing.assert_allclose(both.probabilities, [[1 / 3, 2 / 3], [0.6, 0.4], [1 / 3, 2 / 3]], atol=1e-6)
    assert both.label.tolist() == [1, 0, 1]
