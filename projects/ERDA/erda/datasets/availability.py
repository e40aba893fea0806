"""Finds out that a config's data is missing before anything is built, and says so to a person."""
import os.path as osp
import re
from typing import Iterator, NamedTuple, Optional

from mmengine.config import ConfigDict

PREPARE = 'python tools/prepare_data.py'
TRAIN = 'python tools/train.py projects/ERDA/configs'


class SyntheticData(NamedTuple):
    """Data of our own for those who have none: where it is, what makes it, and the config that trains on it."""
    root: str
    command: str
    config: str


SYNTHETIC_LIDAR = SyntheticData('data/synthetic_lidar', 'synthetic-lidar', 'minkunet_erda_1pct_synthetic.py')
SYNTHETIC_ROOMS = SyntheticData('data/synthetic_rooms', 'synthetic-rooms', 'pointnet2_ssg_erda_1pt_synthetic.py')
# Dataset class -> command that prepares the real data, synthetic data of that kind.
PREPARATIONS = {
    'SemanticKittiDataset': ('semantickitti', SYNTHETIC_LIDAR),
    'NuScenesSegDataset': ('nuscenes', SYNTHETIC_LIDAR),
    'S3DISSegDataset': ('s3dis', SYNTHETIC_ROOMS),
    'ScanNetSegDataset': ('scannet', SYNTHETIC_ROOMS),
    'PointCloudFolderDataset': ('folder', SYNTHETIC_LIDAR),
}


def missing_data(cfg: ConfigDict, *loaders: str) -> Optional[str]:
    """What is missing, where it was looked for and what to run, or ``None`` if the info files are there.

    Args:
        cfg: a config with dataloaders.
        loaders: keys of the dataloaders to look at, such as ``'train_dataloader'``.
    """
    for loader in loaders:
        for dataset in _datasets(cfg.get(loader) or {}):
            root, ann_files = dataset.get('data_root') or '', dataset.get('ann_files') or dataset.get('ann_file') or []
            for ann_file in [ann_files] if isinstance(ann_files, str) else ann_files:
                path = osp.join(root, ann_file)
                if '://' not in path and not osp.exists(path):
                    return _message(dataset, root, path)
    return None


def _datasets(node: dict) -> Iterator[dict]:
    """The innermost datasets of a dataloader, below any number of wrappers."""
    inner = node.get('dataset', node.get('datasets'))
    if inner is None:
        if 'ann_file' in node or 'ann_files' in node:
            yield node
        return
    for dataset in inner if isinstance(inner, (list, tuple)) else [inner]:
        yield from _datasets(dataset)


def _message(dataset: dict, root: str, path: str) -> str:
    lines = [f'The data of this config is missing: {path} does not exist ({dataset["type"]}, looked in '
             f'{osp.abspath(root)}).']
    command, synthetic = PREPARATIONS.get(dataset['type'], (None, SYNTHETIC_LIDAR))
    if osp.normpath(root) == synthetic.root:
        lines.append(f'Make the synthetic data:    {PREPARE} {synthetic.command}')
    else:
        if command:
            smaller = re.fullmatch(r'(.+)_within_([\d.]+)m', osp.normpath(root))  # as named by semantickitti --within
            where = f'{smaller[1]} --within {smaller[2]}' if smaller and command == 'semantickitti' else root
            lines.append(f'Prepare the real data:      {PREPARE} {command} {where}')
        lines.append(f'Or run on synthetic data:   {PREPARE} {synthetic.command} && {TRAIN}/{synthetic.config}')
    return '\n'.join(lines)
