"""One of two processes that evaluate scans together; started by test_confusion_metric.py.

Arguments: rank, file for the meeting, result file.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import DataLoader

import erda  # noqa: F401
from erda.evaluation.confusion_metric import ConfusionMatrixMetric

K, SCANS = 4, 5
BATCH_SIZES = (1, 2)
META = dict(label2cat=dict(enumerate('abcd')), ignore_index=K)


def scan(idx: int) -> dict:
    """Points that are as many as no other scan has."""
    rng = np.random.default_rng(idx)
    points = 10 + 7 * idx
    return dict(pred_pts_seg=dict(pts_semantic_mask=torch.from_numpy(rng.integers(0, K, points))),
                eval_ann_info=dict(pts_semantic_mask=rng.integers(0, K + 1, points)))


def evaluate(batch_size: int) -> ConfusionMatrixMetric:
    """The metric after all scans, or this rank's share of them."""
    metric = ConfusionMatrixMetric()
    metric.dataset_meta = META
    indices = list(range(SCANS))
    loader = DataLoader(indices, batch_size, sampler=DefaultSampler(indices, shuffle=False), collate_fn=list)
    for batch in loader:
        metric.process({}, [scan(idx) for idx in batch])
    metric.evaluated = metric.evaluate(SCANS)
    return metric


def main() -> None:
    rank, meeting, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    torch.distributed.init_process_group('gloo', init_method=f'file://{meeting}', rank=rank, world_size=2)
    metrics = [evaluate(batch_size) for batch_size in BATCH_SIZES]
    Path(result).write_text(json.dumps([
        [metric.evaluated, None if metric.confusion is None else metric.confusion.tolist()] for metric in metrics]))
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main()
