import logging
from types import SimpleNamespace

import numpy as np
import pytest
from integration.tiny_configs import tiny_config
from mmdet3d.registry import DATASETS, MODELS
from mmengine.registry import init_default_scope

from erda.evaluation.training_set import count_labels_per_class
from erda.hooks import WeakClassWeightHook, inverse_log_weights

MINI = 'projects/ERDA/configs/minkunet_erda_1pct_mini.py'


@pytest.fixture
def cfg(semantickitti):
    init_default_scope('mmdet3d')
    return tiny_config(MINI, semantickitti, **{'model.decode_head.loss_decode.class_weight': 'weak'})


def runner(cfg, dataset=None):
    dataset = dataset or DATASETS.build(cfg.train_dataloader.dataset)
    return SimpleNamespace(model=MODELS.build(cfg.model), logger=logging.getLogger(__name__),
                           train_dataloader=SimpleNamespace(dataset=dataset))


def test_inverse_log_frequency():
    weights = inverse_log_weights(np.array([90, 0, 10]))
    assert weights[[0, 2]] == pytest.approx([1 / np.log(2.1), 1 / np.log(1.3)])
    assert weights[1] == pytest.approx(weights[[0, 2]].mean()), 'never seen, so no reason to lean either way'
    assert inverse_log_weights(np.array([0, 5])).tolist() == [1 / np.log(2.2)] * 2


def test_sets_the_weights_of_the_labels_that_are_seen(cfg):
    target = runner(cfg)
    head = target.model.decode_head
    assert head.awaits_class_weights and head.loss_decode.class_weight is None
    WeakClassWeightHook().before_train(target)
    expected = inverse_log_weights(count_labels_per_class(target.train_dataloader.dataset))
    assert head.loss_decode.class_weight == expected.tolist() and not head.awaits_class_weights
    WeakClassWeightHook().before_train(target)  # a second training with the same model
    assert head.loss_decode.class_weight == expected.tolist()


def test_nothing_to_set_or_to_count(cfg):
    plain = tiny_config(MINI, cfg.train_dataloader.dataset.dataset.data_root)
    with pytest.raises(ValueError, match="no loss of the model has class_weight='weak'"):
        WeakClassWeightHook().before_train(runner(plain))
    with pytest.raises(ValueError, match='the training set is a list, not a WeakLabelDataset'):
        WeakClassWeightHook().before_train(runner(cfg, [1]))
    cfg.train_dataloader.dataset.budget = dict(type='FrameBudget', ratio=1e-9)
    with pytest.raises(ValueError, match='no point of the training set is labelled'):
        WeakClassWeightHook().before_train(runner(cfg))
