import copy

import numpy as np
import pytest
import torch
import yaml
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from erda.config import ConfigError
from erda.evaluation.checkpoint_test import build_test_set, config_for_test, run_test
from erda.evaluation.confusion_metric import ConfusionMatrixMetric, confusion_matrix
from erda.evaluation.hidden_label_test import NoHiddenLabels, config_for_hidden_labels
from erda.evaluation.predictions import SavePredictions
from erda.evaluation.trained_labels import TrainedLabels, trained_labels
from erda.evaluation.training_set import build_training_set
from erda.weak_labels import UNLABELED
from erda.weak_labels.label_propagation import weighted_by_prior

MINKUNET = 'projects/ERDA/configs/minkunet_erda_1pct.py'
POINTNET = 'projects/ERDA/configs/pointnet2_ssg_erda_1pct_s3dis.py'


@pytest.fixture
def tiny(roots, tmp_path):
    """Config on tiny data, its config for a test, and the checkpoint of a random network."""

    def make(name=MINKUNET, tta=False, **changes):
        init_default_scope('mmdet3d')
        root = roots['SemanticKittiDataset' if name == MINKUNET else 'S3DISSegDataset']
        cfg = tiny_config(name, root, work_dir=str(tmp_path / 'work'), **changes)
        torch.manual_seed(3)
        model = MODELS.build(cfg.model)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        torch.save(dict(state_dict=model.state_dict()), tmp_path / 'random.pth')
        return cfg, config_for_test(cfg, build_test_set(cfg), tta), str(tmp_path / 'random.pth')

    return make


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@pytest.mark.parametrize('name, tta', [(MINKUNET, True), (POINTNET, False)])
def test_counts_are_those_of_predictions_on_hidden_points(name, tta, tiny, tmp_path, monkeypatch):
    """Against a test of the training scans as if they were test data, whose predictions are kept."""
    cfg, test_cfg, checkpoint = tiny(name, tta)
    confusion = run_test(config_for_hidden_labels(test_cfg, trained_labels({}, cfg)), checkpoint)
    training = build_training_set(copy.deepcopy(cfg))
    expected, seen_points = np.zeros_like(confusion), 0
    as_test = copy.deepcopy(test_cfg)
    as_test.test_dataloader.dataset = {**cfg.train_dataloader.dataset.dataset, 'test_mode': True,
                                       'pipeline': test_cfg.test_dataloader.dataset.pipeline}
    predictions = {}

    def keep(self, runner, batch_idx, data_batch, outputs):
        predictions.update((sample.lidar_path, sample.pred_pts_seg.pts_semantic_mask.numpy()) for sample in outputs)

    monkeypatch.setattr(SavePredictions, 'after_test_iter', keep)
    run_test(as_test, checkpoint, tmp_path)
    assert len(predictions) == len(training.scans())
    for path, predicted in predictions.items():
        idx, = [idx for idx in training.scans().values() if training.get_data_info(idx)['lidar_path'] == path]
        seen, truth = training.load_scan_with_truth(idx)
        for point in range(len(truth)):
            if seen.labels[point] == UNLABELED:
                expected[truth[point], predicted[point]] += 1
            seen_points += 0 <= seen.labels[point] < len(confusion)
    assert confusion.sum() > 1000 and seen_points > 0
    np.testing.assert_array_equal(confusion, expected)


def test_labels_of_the_checkpoint_count(tiny):
    """A config whose budget is another one does not decide what was hidden."""
    cfg, test_cfg, _ = tiny()
    for ratio in (0.01, 0.5):
        labels = trained_labels({}, cfg)._replace(budget=dict(type='RatioBudget', ratio=ratio))
        dataset = build_test_set(config_for_hidden_labels(test_cfg, labels))
        truth = dataset[0]['data_samples'].eval_ann_info['pts_semantic_mask']
        assert (truth < 19).mean() == pytest.approx(0.9 * (1 - ratio), abs=0.03)  # a tenth of the points is void


def test_predictions_times_propagated_labels(tiny, monkeypatch):
    cfg, test_cfg, checkpoint = tiny(**{'train_dataloader.dataset.propagation': dict(intensity_dim=3)})
    training, logits = build_training_set(copy.deepcopy(cfg)), []
    monkeypatch.setattr(ConfusionMatrixMetric, 'process', keep_logits(logits, ConfusionMatrixMetric.process))
    confusion = run_test(config_for_hidden_labels(test_cfg, trained_labels({}, cfg), prior_exponent=0.5), checkpoint)
    expected = np.zeros_like(confusion)
    for path, of_scan in logits:
        idx, = [idx for idx in training.scans().values() if training.get_data_info(idx)['lidar_path'] == path]
        seen, truth = training.load_scan_with_truth(idx)
        prior = training.propagate.propagated(*seen)
        predicted = weighted_by_prior(of_scan[:19].T.softmax(dim=1).numpy(), prior, 0.5).argmax(axis=1)
        hidden = np.where(seen.labels == UNLABELED, truth, 19)
        expected += confusion_matrix(predicted, hidden, len(confusion), 19)
        assert (predicted != of_scan[:19].argmax(dim=0).numpy()).any()
    assert len(logits) == len(training.scans())
    np.testing.assert_array_equal(confusion, expected)


def keep_logits(logits, process):

    def keep(self, data_batch, data_samples):
        logits.extend((sample['lidar_path'], sample['pts_seg_logits']['pts_seg_logits']) for sample in data_samples)
        process(self, data_batch, data_samples)

    return keep


def test_a_prior_needs_propagation(tiny):
    cfg, test_cfg, _ = tiny()
    with pytest.raises(ConfigError, match='propagation=dict'):
        config_for_hidden_labels(test_cfg, trained_labels({}, cfg), prior_exponent=0.5)


def folder_of_tables(folder, label='2'):
    """Two tables of ten points each, classes 2 and 6 in turn, in a folder with erda.yaml; one click for each class."""
    folder.mkdir()
    for name in ('a.csv', 'b.csv'):
        rows = [f'{i},{i % 3},0,{(2, 6)[i % 2] if label else 0}' for i in range(10)]
        (folder / name).write_text('x,y,z,label\n' + '\n'.join(rows) + '\n')
    (folder / 'clicks.csv').write_text('file,index,class\na.csv,0,ground\na.csv,1,building\n')
    description = dict(classes=dict(ground=[2], building=[6]), features=['xyz'], clicks=['clicks.csv'],
                       splits=dict(train=['a.csv'], val=['b.csv']))
    if label:
        description['label_field'] = 'label'
    (folder / 'erda.yaml').write_text(yaml.safe_dump(description, sort_keys=False))
    return folder


@pytest.mark.parametrize('label, hidden', [('label', 8), (None, None)])
def test_labels_beside_clicks(label, hidden, tmp_path):
    """A field of labels is what the clicks hide; without one there is nothing to compare with."""
    init_default_scope('mmdet3d')
    loads = [dict(type='LoadPointCloudBlock'), dict(type='PointSegClassMapping'),
             dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])]
    data = dict(type='PointCloudFolderDataset', data_root=str(folder_of_tables(tmp_path / 'data', label)))
    cfg = Config(dict(train_dataloader=dict(dataset=dict(
        type='WeakLabelDataset', budget=dict(type='GivenLabels'), dataset=dict(data, pipeline=loads)))))
    cfg.test_dataloader = dict(dataset=dict(data, split='val', test_mode=True, pipeline=loads))
    labels = trained_labels({}, cfg)
    if hidden is None:
        with pytest.raises(NoHiddenLabels, match='saw every label that its scans have'):
            config_for_hidden_labels(cfg, labels)
        return
    dataset = build_test_set(config_for_hidden_labels(cfg, labels))
    assert len(dataset) == 1
    truth = dataset[0]['data_samples'].eval_ann_info['pts_semantic_mask']
    assert truth.tolist() == [2, 2, 0, 1, 0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize('labels, changes, reason', [
    (TrainedLabels('', 'all'), {}, 'training saw every label$'),
    (TrainedLabels('', 'unknown'), {}, 'is not known'),
    (TrainedLabels('', '100%', dict(type='RatioBudget', ratio=1.0), 0), {}, 'every label that its scans have'),
    (TrainedLabels('', '1%', dict(type='RatioBudget', ratio=0.01), 0), {'data_root': 'nowhere'}, 'are not here'),
])
def test_nothing_to_compare_with(labels, changes, reason, tiny):
    _, test_cfg, _ = tiny(**{f'train_dataloader.dataset.dataset.{key}': value for key, value in changes.items()})
    with pytest.raises(NoHiddenLabels, match=reason):
        config_for_hidden_labels(test_cfg, labels)
