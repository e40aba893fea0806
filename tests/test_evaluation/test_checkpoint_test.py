import copy
import shutil

import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from tiny_scans import write_scan

from erda.datasets.semantickitti import prepare_semantickitti
from erda.evaluation.checkpoint_test import build_test_set, config_for_test, has_labels, run_test, weights_sha256
from erda.evaluation.confusion_metric import seg_metric_results

MINKUNET = 'projects/ERDA/configs/minkunet_erda_1pct.py'
POINTNET = 'projects/ERDA/configs/pointnet2_ssg_erda_1pct_s3dis.py'
ROOTS = {MINKUNET: 'SemanticKittiDataset', POINTNET: 'S3DISSegDataset'}


@pytest.fixture
def tiny(roots, tmp_path):
    """Config on tiny data and the checkpoint of a random network, by name of the config."""

    def make(name):
        init_default_scope('mmdet3d')
        cfg = tiny_config(name, roots[ROOTS[name]], work_dir=str(tmp_path / 'work'))
        torch.manual_seed(3)
        model = MODELS.build(cfg.model)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        torch.save(dict(state_dict=model.state_dict()), tmp_path / 'random.pth')
        return cfg, str(tmp_path / 'random.pth')

    return make


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@pytest.mark.parametrize('name', [MINKUNET, POINTNET])
def test_same_numbers_as_the_stock_test(name, tiny):
    cfg, checkpoint = tiny(name)
    dataset = build_test_set(cfg)
    confusion = run_test(config_for_test(cfg, dataset), checkpoint)
    cfg.load_from = checkpoint
    assert cfg.test_evaluator.type == 'SegMetric'
    stock = Runner.from_cfg(cfg).test()
    ours = seg_metric_results(confusion, dataset.metainfo['label2cat'], dataset.metainfo['ignore_index'])
    assert ours == pytest.approx(stock, nan_ok=True, abs=1e-12) and stock['acc'] > 0


@pytest.mark.parametrize('tta', [False, True])
def test_saved_predictions_are_those_that_are_counted(tta, tiny, roots, tmp_path):
    cfg, checkpoint = tiny(MINKUNET)
    dataset = build_test_set(cfg)
    confusion = run_test(config_for_test(cfg, dataset, tta), checkpoint, tmp_path / 'out')
    assert (confusion.sum(axis=0) > 0).sum() > 1
    mapping = dataset.metainfo['seg_label_mapping']
    predicted, truth = (
        np.array([mapping[raw] for raw in (np.fromfile(root / f'sequences/08/{folder}/000000.label', '<u4') & 0xFFFF)])
        for root, folder in ((tmp_path / 'out', 'predictions'), (roots['SemanticKittiDataset'], 'labels')))
    counted = np.zeros((20, 20), dtype=int)
    np.add.at(counted, (truth, predicted), 1)
    np.testing.assert_array_equal(counted[:19], confusion)


def test_training_keeps_its_validation(tiny):
    cfg, _ = tiny(MINKUNET)
    before = copy.deepcopy(cfg.to_dict())
    changed = config_for_test(cfg, build_test_set(cfg))
    assert cfg.to_dict() == before and changed.val_evaluator.type == 'SegMetric'
    assert changed.test_evaluator[0].type == 'ConfusionMatrixMetric'


@pytest.mark.parametrize('evaluator, types', [
    ([dict(type='DumpResults', out_file_path='x.pkl'), dict(type='mmdet3d.SegMetric', submission_prefix='x')],
     ['DumpResults', 'ConfusionMatrixMetric']),
    (dict(type='ConfusionMatrixMetric'), ['ConfusionMatrixMetric']),
])
def test_other_evaluators(evaluator, types, tiny):
    cfg, _ = tiny(MINKUNET)
    cfg.test_evaluator = evaluator
    assert [metric.type for metric in config_for_test(cfg, build_test_set(cfg)).test_evaluator] == types


def test_what_the_config_lacks(tiny):
    cfg, _ = tiny(MINKUNET)
    dataset = build_test_set(cfg)
    cfg.pop('tta_model')
    with pytest.raises(ValueError, match='no tta_model'):
        config_for_test(cfg, dataset, tta=True)
    cfg.test_evaluator = dict(type='IndoorMetric')
    with pytest.raises(ValueError, match='IndoorMetric: SegMetric or'):
        config_for_test(cfg, dataset)
    cfg.test_dataloader.dataset = cfg.train_dataloader.dataset
    with pytest.raises(ValueError, match='WeakLabelDataset'):
        build_test_set(cfg)


def test_scans_without_labels(tiny, scans, tmp_path):
    """The test split of the benchmark: nothing to count, a prediction for each point."""
    write_scan(scans, '11', 0)
    shutil.rmtree(scans / 'sequences/11/labels')
    prepare_semantickitti(scans)
    cfg, checkpoint = tiny(MINKUNET)
    cfg.merge_from_dict({'test_dataloader.dataset.data_root': str(scans),
                         'test_dataloader.dataset.ann_file': 'semantickitti_infos_test.pkl'})
    dataset = build_test_set(cfg)
    assert not has_labels(dataset)
    assert run_test(config_for_test(cfg, dataset), checkpoint, tmp_path / 'out') is None
    written, = (path for path in (tmp_path / 'out').rglob('*') if path.is_file())
    assert written.relative_to(tmp_path / 'out').as_posix() == 'sequences/11/predictions/000000.label'
    ids = np.fromfile(written, '<u4')
    assert len(ids) == 1500 and np.isin(ids, list(cfg.test_dataloader.dataset.metainfo.seg_label_mapping)).all()


def test_no_scan(tiny, scans):
    prepare_semantickitti(scans)  # every sequence has labels: the test split is empty
    cfg, _ = tiny(MINKUNET)
    cfg.merge_from_dict({'test_dataloader.dataset.data_root': str(scans),
                         'test_dataloader.dataset.ann_file': 'semantickitti_infos_test.pkl'})
    with pytest.raises(ValueError, match=r'semantickitti_infos_test.pkl\) have no scan'):
        build_test_set(cfg)


def test_weights_sha256(tmp_path):
    (tmp_path / 'a.pth').write_bytes(b'abc')
    assert weights_sha256(str(tmp_path / 'a.pth')).startswith('ba7816bf8f01cfea')
    assert weights_sha256('https://example.org/a.pth') is None
