import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmdet3d.evaluation import SegMetric
from mmdet3d.registry import METRICS
from mmengine.registry import init_default_scope
from test_evaluation import metric_on_ranks

from erda.evaluation.confusion_metric import (
    ConfusionMatrixMetric,
    confusion_matrix,
    segmentation_scores,
    with_confusion_matrices,
)

CLASSES = dict(enumerate(['car', 'road', 'wall', 'tree', 'bus', 'bicycle']))
K = len(CLASSES)


def scans(seed, classes, number=3, points=400):
    """Labels in ``classes``, predictions that are mostly right."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        truth = rng.choice(classes, points)
        random = rng.integers(0, K - 1, points)  # never the last class
        predicted = np.where((rng.random(points) < 0.6) & (truth >= 0) & (truth < K - 1), truth, random)
        yield truth, predicted


def evaluated(metric_type, ignore_index, samples):
    init_default_scope('mmdet3d')  # whatever the tests before have left
    metric = METRICS.build(dict(type=metric_type))
    metric.dataset_meta = dict(label2cat=CLASSES, ignore_index=ignore_index)
    for truth, predicted in samples:
        metric.process({}, [dict(pred_pts_seg=dict(pts_semantic_mask=torch.from_numpy(predicted)),
                                 eval_ann_info=dict(pts_semantic_mask=truth))])
    return metric.evaluate(len(samples)), metric


@pytest.mark.parametrize('ignore_index, classes', [
    (K, [0, 1, 2, 3, 4, 5, K]),
    (K, [0, 1, 2]),  # 3 and 4 are predicted but do not occur, 5 neither
    (255, [0, 1, 2, 3, 255, -1, 77]),
    (2, [0, 1, 2, 3]),  # one of the classes
    (K, [K]),  # nothing to count
])
@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_same_as_mmdet3d(ignore_index, classes):
    samples = list(scans(0, classes))
    results, _ = evaluated('ConfusionMatrixMetric', ignore_index, samples)
    expected, _ = evaluated(SegMetric.__name__, ignore_index, samples)
    assert list(results) == list(expected)
    same = [key for key in expected if key != 'miou' or set(range(K)) <= set(classes)]  # what differs, see below
    np.testing.assert_array_equal([results[key] for key in same], [expected[key] for key in same])


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_the_log_has_the_mean_of_the_table(monkeypatch):
    """One point of 300 as a class that does not occur takes 25 of 100 from SegMetric's mean."""
    said = []
    monkeypatch.setattr('erda.evaluation.confusion_metric.print_log', lambda text, logger: said.append(text))
    truth = np.repeat([0, 1, 2], 100)
    predicted = np.where(np.arange(300) == 299, 4, truth)
    results, metric = evaluated('ConfusionMatrixMetric', K, [(truth, predicted)])
    assert results['miou'] == segmentation_scores(metric.confusion).miou == pytest.approx((1 + 1 + 0.99) / 3)
    assert evaluated('SegMetric', K, [(truth, predicted)])[0]['miou'] == pytest.approx((1 + 1 + 0.99) / 4)
    assert said == ['miou is the mean over the 3 classes that occur in these scans, so without tree, bus, bicycle.']


def test_evaluators_of_configs():
    counted = with_confusion_matrices(dict(type='SegMetric', prefix='val', pklfile_prefix='x'))
    assert counted == [dict(type='ConfusionMatrixMetric', prefix='val')]
    others = [dict(type='IndoorMetric'), dict(type='ConfusionMatrixMetric')]
    assert with_confusion_matrices(others) == others


def test_no_mask_is_kept():
    metric = ConfusionMatrixMetric()
    metric.dataset_meta = dict(label2cat=CLASSES, ignore_index=K)
    truth, predicted = next(scans(0, range(K), points=10000))
    metric.process({}, [dict(pred_pts_seg=dict(pts_semantic_mask=predicted),
                             eval_ann_info=dict(pts_semantic_mask=truth))])
    assert [result.shape for result in metric.results] == [(K, K + 1)]


def test_a_prediction_that_is_no_class_is_an_error_of_the_true_class():
    confusion = confusion_matrix(np.array([0, 2, -1, 0, 1]), np.array([0, 0, 1, 1, 1]), 2, ignore_index=2)
    np.testing.assert_array_equal(confusion, [[1, 0, 1], [1, 1, 1]])
    scores = segmentation_scores(confusion)
    np.testing.assert_allclose(scores.iou, [1 / 3, 1 / 3])
    assert scores.overall_accuracy == 2 / 5 and scores.support.tolist() == [2, 3]


def test_mean_is_over_the_classes_that_occur():
    truth = np.array([0, 0, 1, 1])
    two, three = (segmentation_scores(confusion_matrix(np.array(predicted), truth, 4, 4))
                  for predicted in ([0, 2, 1, 1], [2, 3, 1, 1]))
    assert two.miou == 0.75 and three.miou == 0.5
    np.testing.assert_array_equal(two.iou, [0.5, 1, 0, np.nan])
    np.testing.assert_array_equal(two.accuracy, [0.5, 1, np.nan, np.nan])


def test_other_points():
    with pytest.raises(ValueError, match='3 predictions, but 2 labels'):
        confusion_matrix(np.zeros(3), np.zeros(2), 2, 2)


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    """What two processes say of five scans: the sampler repeats the first one for the second process."""
    folder = tmp_path_factory.mktemp('ranks')
    children = [
        subprocess.Popen(
            [sys.executable, metric_on_ranks.__file__, str(rank), folder / 'meeting', folder / f'{rank}.json'],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder) for rank in (0, 1)]
    try:
        for child in children:
            output, _ = child.communicate(timeout=600)
            assert child.returncode == 0, output
    finally:
        for child in children:
            child.kill()
    return [json.loads((folder / f'{rank}.json').read_text()) for rank in (0, 1)]


@pytest.mark.parametrize('number', range(len(metric_on_ranks.BATCH_SIZES)))
def test_two_ranks_count_each_scan_once(ranks, number):
    (metrics, confusion), (other_metrics, nothing) = (rank[number] for rank in ranks)
    alone = metric_on_ranks.evaluate(metric_on_ranks.BATCH_SIZES[number])
    assert metrics == other_metrics == alone.evaluated and nothing is None
    np.testing.assert_array_equal(confusion, alone.confusion)
    truths = [metric_on_ranks.scan(i)['eval_ann_info']['pts_semantic_mask'] for i in range(metric_on_ranks.SCANS)]
    assert alone.confusion.sum() == (np.concatenate(truths) < metric_on_ranks.K).sum()
