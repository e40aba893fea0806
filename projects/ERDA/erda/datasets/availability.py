"""Finds out that a config's data is missing before anything is built, and says so to a person."""
import os.path as osp
from typing import Iterator, Optional

from mmengine.config import ConfigDict

PREPARE = 'python tools/prepare_data.py'
SYNTHETIC_ROOT = 'data/synthetic_lidar'
SYNTHETIC_TRAINING = 'python tools/train.py projects/ERDA/configs/minkunet_erda_1pct_synthetic.py'


def missing_data(cfg: ConfigDict, *loaders: str) -> Optional[str]:
    """What is missing, where it was looked for and what to run, or ``None`` if the info files are there.

    Args:
        cfg: a config with dataloaders.
        loaders: keys of the dataloaders to look at, such as ``'train_dataloader'``.
    """
    for loader in loaders:
        for dataset in _datasets(cfg.get(loader) or {}):
            root, ann_file = dataset.get('data_root') or '', dataset.get('ann_file') or ''
            path = osp.join(root, ann_file)
            if ann_file and '://' not in path and not osp.exists(path):
                return _message(dataset, root, path)
    return None


def _datasets(node: dict) -> Iterator[dict]:
    """The innermost datasets of a dataloader, below any number of wrappers."""
    inner = node.get('dataset', node.get('datasets'))
    if inner is None:
        if 'ann_file' in node:
            yield node
        return
    for dataset in inner if isinstance(inner, (list, tuple)) else [inner]:
        yield from _datasets(dataset)


def _message(dataset: dict, root: str, path: str) -> str:
    name = str(dataset['type']).replace('Dataset', '')
    lines = [f'The data of this config is missing: {path} does not exist ({name}, looked in {osp.abspath(root)}).']
    if osp.normpath(root) == SYNTHETIC_ROOT:
        lines.append(f'Make the synthetic scans:   {PREPARE} synthetic-lidar')
    else:
        if name == 'SemanticKitti':
            lines.append(f'Prepare SemanticKITTI:      {PREPARE} semantickitti {root or "data/semantickitti"}')
        lines.append(f'Or run on synthetic scans:  {PREPARE} synthetic-lidar && {SYNTHETIC_TRAINING}')
    return '\n'.join(lines)
