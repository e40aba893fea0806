import pytest
from integration.tiny_configs import tiny_config

from erda.evaluation import trained_labels as module
from erda.evaluation.trained_labels import TrainedLabels, count_labels, trained_labels

ERDA = 'projects/ERDA/configs/minkunet_erda_1pct.py'
OTHER = """
train_dataloader = dict(dataset=dict(type='WeakLabelDataset', budget=dict(type='RatioBudget', ratio=0.1), seed=7))
"""


@pytest.fixture
def cfg(roots):
    return tiny_config(ERDA, roots['SemanticKittiDataset'])


def test_the_checkpoint_is_asked_first(cfg):
    labels = trained_labels(dict(cfg=OTHER), cfg)
    assert (labels.name, labels.seed) == ('10%', 7) and 'in the checkpoint' in labels.source
    record = dict(budget=dict(type='PerScanBudget', num_points=5), seed=3)
    published = trained_labels(dict(cfg=OTHER, labels=record), cfg)
    assert (published.name, published.seed) == ('5 per scan', 3) and 'in the checkpoint' in published.source
    labels = trained_labels({}, cfg)
    assert (labels.name, labels.seed) == ('1%', 0) and 'config of the test' in labels.source


@pytest.mark.parametrize('meta, name', [
    (dict(cfg='train_dataloader = dict(dataset=dict(type="SemanticKittiDataset"))'), 'all'),
    (dict(cfg='this is no config'), 'unknown'),
    (dict(labels=['?']), 'unknown'),
    (dict(labels=dict(budget=dict(type='os.system', command='touch x'), seed=0)), 'os.system(command=touch x)'),
    (dict(labels=dict(budget=dict(type='RatioBudget', ratio='x'), seed=0)), 'RatioBudget(ratio=x)'),
])
def test_checkpoints_without_a_usable_budget(meta, name, cfg):
    """What a checkpoint says is never run, and never ends a test."""
    labels = trained_labels(meta, cfg)
    assert labels.name.startswith(name)
    assert count_labels(labels, cfg) == labels


def test_count(cfg, monkeypatch):
    """1500 points a scan, about 250 of them void; at least one label of each class."""
    labels = count_labels(trained_labels({}, cfg), cfg)
    assert labels.count.counted == labels.count.scans == 2 and 10 < labels.count.per_scan < 16
    per_scan = TrainedLabels('', '', dict(type='PerScanBudget', num_points=5), 3)
    assert count_labels(per_scan, cfg).count == (5, 2, 2)
    monkeypatch.setattr(module, 'MAX_SCANS', 1)
    assert count_labels(per_scan, cfg).count == (5, 1, 2)
    cfg.train_dataloader.dataset.dataset.data_root = 'nowhere'
    assert count_labels(per_scan, cfg).count is None
