"""Which labels training sees: through the pipeline, through the mixes, in any process and order."""
import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from tiny_scans import REPOSITORY

from erda.weak_labels import UNLABELED

VOID = 19


def load_config(root, **changes):
    cfg = Config.fromfile(REPOSITORY / 'projects/ERDA/configs/minkunet_erda_1pct.py')
    cfg.merge_from_dict({'train_dataloader.dataset.dataset.data_root': str(root), **changes})
    init_default_scope('mmdet3d')
    return cfg


def build(root, **changes):
    return DATASETS.build(load_config(root, **changes).train_dataloader.dataset)


def true_labels(dataset, idx):
    raw = np.fromfile(dataset.get_data_info(idx)['pts_semantic_mask_path'], dtype=np.uint32) & 0xFFFF
    return dataset.dataset.seg_label_mapping[raw]


def test_three_kinds_of_labels(semantickitti):
    dataset = build(semantickitti)
    for idx in range(len(dataset)):
        weak, true = dataset.load_scan(idx).labels, true_labels(dataset, idx)
        seen = (weak != UNLABELED) & (weak != VOID)
        assert np.array_equal(weak[seen], true[seen]), 'a label that is shown is the true one'
        assert np.array_equal(weak == VOID, true == VOID), 'void is void, and never unlabelled'
        for label in np.unique(true[true != VOID]):
            n = int((true == label).sum())
            assert (weak == label).sum() == max(int(n * 0.01), 1)


def test_mixes_see_weak_labels_only(semantickitti):
    """LaserMix and PolarMix fetch the second scan from the inner dataset; a mix may at most copy what is labelled."""
    dataset = build(semantickitti)
    pipeline = str(dataset.dataset.pipeline)
    assert pipeline.count('ApplyWeakLabels') == 3, 'once in the pipeline, once in each of the two mixes'
    for idx in list(range(len(dataset))) * 5:
        labels = dataset[idx]['data_samples'].gt_pts_seg.pts_semantic_mask
        share = float(((labels != UNLABELED) & (labels != VOID)).float().mean())
        assert 0 < share < 0.05


def test_every_label_at_ratio_one(semantickitti):
    dataset = build(semantickitti, **{'train_dataloader.dataset.budget.ratio': 1.0})
    assert np.array_equal(dataset.load_scan(0).labels, true_labels(dataset, 0))


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_same_labels_for_any_workers_and_order(semantickitti, workers):
    dataset = build(semantickitti)
    expected = {idx: dataset.load_scan(idx).labels for idx in range(len(dataset))}
    order = [2, 0, 1, 0]

    class WeakLabels(torch.utils.data.Dataset):

        def __getitem__(self, i):
            return order[i], dataset.load_scan(order[i]).labels

        def __len__(self):
            return len(order)

    loader = torch.utils.data.DataLoader(WeakLabels(), batch_size=None, num_workers=workers)
    for idx, labels in loader:
        assert np.array_equal(labels, expected[int(idx)])


def test_labels_do_not_depend_on_where_the_data_is(semantickitti, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp('elsewhere') / 'kitti'
    elsewhere.symlink_to(semantickitti)
    assert np.array_equal(build(semantickitti).load_scan(1).labels, build(f'{elsewhere}/').load_scan(1).labels)


def test_label_seed(semantickitti):
    other = build(semantickitti, **{'train_dataloader.dataset.seed': 1})
    assert not np.array_equal(build(semantickitti).load_scan(0).labels, other.load_scan(0).labels)


def test_test_mode_is_refused(semantickitti):
    with pytest.raises(ValueError, match='test mode'):
        build(semantickitti, **{'train_dataloader.dataset.dataset.test_mode': True})


def test_pipeline_without_labels_is_refused(semantickitti):
    cfg = load_config(semantickitti).train_dataloader.dataset
    cfg.dataset.pipeline = cfg.dataset.pipeline[:1]
    with pytest.raises(ValueError, match='loads no semantic labels'):
        DATASETS.build(cfg)
