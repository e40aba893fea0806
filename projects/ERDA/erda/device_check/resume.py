"""A training that is interrupted and goes on."""
import tempfile
from pathlib import Path
from typing import Dict, Optional

import torch
from mmdet3d.registry import DATASETS
from mmengine.device import get_device

from ..config import load_config
from ..evaluation.quiet_runner import QuietRunner
from .networks import CONFIGS, MINI, Size, batch_for
from .report import NotHere


@DATASETS.register_module()
class MadeScans(torch.utils.data.Dataset):
    """Two made scans, for a training by a runner."""
    metainfo: dict = {}

    def __init__(self, points: int) -> None:
        self.batch = batch_for(MINI, points)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, idx: int) -> dict:
        return dict(inputs=dict(points=self.batch['inputs']['points'][idx]),
                    data_samples=self.batch['data_samples'][idx].clone())


def check_resume(device: torch.device, size: Size) -> str:
    """Four steps end with the weights of two steps and two more from their checkpoint."""
    if get_device() != device.type:
        raise NotHere(f'mmengine trains on {get_device()} here')
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.deterministic = True
    try:
        with tempfile.TemporaryDirectory() as folder:
            whole = _run(Path(folder) / 'whole', device, size)
            resumed = _run(Path(folder) / 'resumed', device, size, Path(folder) / 'whole/iter_2.pth')
    finally:
        torch.use_deterministic_algorithms(False)
    different = {key: float((value - resumed[key]).abs().max()) for key, value in whole.items()
                 if not torch.equal(value, resumed[key])}
    if different:
        raise AssertionError(f'{len(different)} of {len(whole)} weights differ, by up to {max(different.values()):.1e}')
    return f'{len(whole)} weights equal bit for bit'


def _run(folder: Path, device: torch.device, size: Size, checkpoint: Optional[Path] = None) -> Dict[str, torch.Tensor]:
    cfg = load_config(CONFIGS.format(MINI), str(folder))
    data = dict(type='MadeScans', points=size.points)
    cfg.merge_from_dict({
        'train_dataloader': dict(num_workers=0, persistent_workers=False, dataset=dict(_delete_=True, **data)),
        'custom_hooks': [dict(type='RandomStateHook')], 'train_cfg.max_iters': 4, 'train_cfg.val_interval': 100,
        'default_hooks.checkpoint.interval': 2, 'default_hooks.checkpoint.max_keep_ckpts': -1,
        'experiment_name': folder.name, 'visualizer.name': folder.name,
        'load_from': checkpoint and str(checkpoint), 'resume': checkpoint is not None,
        **{f'{part}_{name}': None for part in ('val', 'test') for name in ('cfg', 'dataloader', 'evaluator')}})
    runner = QuietRunner.from_cfg(cfg)
    runner.train()
    return {key: value.cpu().float() for key, value in runner.model.state_dict().items()}
