from typing import Any, Dict, Iterable

import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from ..weak_labels import WeakLabelDataset


@HOOKS.register_module()
class TrainingSummaryHook(Hook):
    """Says in ten lines, before the first step, what is trained on what and where."""

    priority = 'VERY_HIGH'  # before a hook that takes its time

    def before_train(self, runner: Runner) -> None:
        lines = summary(runner)
        width = max(map(len, lines))
        runner.logger.info('Training\n' + '\n'.join(f'  {name:<{width}}  {text}' for name, text in lines.items()))


def summary(runner: Runner) -> Dict[str, str]:
    """Name and text of each line.

    Args:
        runner: with all that a training needs built.
    """
    cfg, dataset = runner.cfg, runner.train_dataloader.dataset
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    weights = sum(parameter.numel() for parameter in model.parameters())
    start = 'on from ' if runner._resume else 'from '
    optimizer = cfg.get('optim_wrapper', {}).get('optimizer', {})
    device = next(model.parameters()).device
    return dict(
        config=str(cfg.filename),
        data=_data(runner),
        labels=f'{dataset.budget}, label seed {dataset.seed}' if isinstance(dataset, WeakLabelDataset) else 'all',
        network=f'{type(model).__name__}, {weights:,} weights, '
                + (f'{start}{runner._load_from}' if runner._load_from else 'random at the start'),
        loss=', '.join(_losses(model)) or 'unknown',
        steps=_steps(runner),
        optimizer=f'{optimizer.get("type")}, learning rate {optimizer.get("lr")}, '
                  + (', '.join(_schedules(cfg)) or 'no schedule'),
        seed=str(runner.seed),
        device=torch.cuda.get_device_name(device) if device.type == 'cuda' else str(device),
        folder=f'{runner.work_dir}; {runner._log_dir} has the log with the whole config')


def _data(runner: Runner) -> str:
    dataset = runner.train_dataloader.dataset
    inner = dataset.dataset if isinstance(dataset, WeakLabelDataset) else dataset
    validated = len(runner.val_loop.dataloader.dataset) if runner.val_loop is not None else 'none'
    return (f'{type(inner).__name__} in {getattr(inner, "data_root", "")}: {len(dataset)} scans or blocks, {validated} '
            'for the validation')


def _losses(model: nn.Module) -> Iterable[str]:
    head: Any = getattr(model, 'decode_head', None)
    for name, module in head.named_children() if head is not None else ():
        if name.startswith('loss'):
            yield f'{type(module).__name__} x {getattr(module, "loss_weight", 1):g}'


def _steps(runner: Runner) -> str:
    loop, batch = runner.train_loop, runner.cfg.train_dataloader.get('batch_size', 1) * runner.world_size
    if isinstance(loop, IterBasedTrainLoop):
        return f'{loop.max_iters} of {batch} scans, a validation every {loop.val_interval}'
    return (f'{loop.max_iters} of {batch} scans: {loop.max_epochs} epochs of {len(runner.train_dataloader)}, a '
            f'validation every {loop.val_interval} epochs')


def _schedules(cfg: Any) -> Iterable[str]:
    schedules: Any = cfg.get('param_scheduler') or []
    for schedule in [schedules] if 'type' in schedules else schedules:
        yield str(schedule['type'])
