"""What the stock stack needs to run with current versions of torch; each entry says until when."""
import atexit
import os
import time
from pickle import UnpicklingError
from typing import Any, Callable, Dict, List, Optional, Tuple

import mmengine.dist.utils
import mmengine.runner.runner
import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler, _ParamScheduler
from mmengine.runner import BaseLoop, Runner

from .own_configs import PREFIX, find_own_config


def load_weights_only() -> None:
    """Makes ``torch.load`` refuse whatever is not weights or plain values, also in older torch.

    Until torch 2.6, which does so by itself, is the oldest one.
    """
    if torch.__version__ < '2.6':
        os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'  # read at each call


def allow_mmengine_checkpoints() -> None:
    """Lets ``torch.load`` with ``weights_only`` read the training history and dataset meta in mmengine's checkpoints.

    Until mmengine allow-lists its own classes (0.10.7 does not). Only what mmengine writes is listed, one by one. Older
    torch than 2.6 can list nothing, or not enough: it reads what :func:`store_plain_values` lets us write.
    """
    if torch.__version__ < '2.6':
        return
    listed: List[Any] = [
        ConfigDict,
        HistoryBuffer,
        (_history_statistic, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        np.empty(0).__reduce__()[0],  # rebuilds an array; its module has another name in numpy 2
        np.float64(0).__reduce__()[0],  # rebuilds a scalar
        *(type(np.dtype(name)) for name in ('float32', 'float64', 'int64')),
    ]
    torch.serialization.add_safe_globals(listed)


def _history_statistic(owner: type, name: str) -> Callable:
    """What stands in for ``getattr`` in a checkpoint: it finds the four statistics of a HistoryBuffer, nothing else."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise UnpicklingError(f'this checkpoint asks for {owner!r}.{name}, which mmengine does not store')
    return getattr(owner, name)


def store_plain_values() -> None:
    """Keeps classes of mmengine and NumPy out of checkpoints, so that every torch reads them, with or without us.

    Until mmengine stores plain values only (0.10.7 does not). What it compares and goes on with is put back on loading.
    """
    save, load = mmengine.runner.runner.save_checkpoint, Runner.load_checkpoint

    def save_checkpoint(checkpoint: dict, *args: Any, **kwargs: Any) -> None:
        save({**checkpoint, **{key: _plain(checkpoint[key]) for key in ('meta', 'message_hub')}}, *args, **kwargs)

    def load_checkpoint(self: Runner, *args: Any, **kwargs: Any) -> dict:
        checkpoint = load(self, *args, **kwargs)
        scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
        for name, value in scalars.items():
            if isinstance(value, dict):
                scalars[name] = HistoryBuffer(**{key: stored.cpu().numpy() for key, stored in value.items()})
        # Only a training compares it; to ask a test for the loader would build that of its training data.
        training = isinstance(self._train_loop, BaseLoop)
        metainfo = getattr(self.train_dataloader.dataset, 'metainfo', None) if training else None
        if metainfo is not None and checkpoint.get('meta', {}).get('dataset_meta') == _plain(metainfo):
            checkpoint['meta']['dataset_meta'] = metainfo
        return checkpoint

    mmengine.runner.runner.save_checkpoint, Runner.load_checkpoint = save_checkpoint, load_checkpoint


def _plain(value: Any) -> Any:
    if isinstance(value, HistoryBuffer):
        return dict(zip(('log_history', 'count_history'), map(torch.from_numpy, value.data)))
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple)(map(_plain, value))
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def store_one_cycle_without_method() -> None:
    """Keeps the bound method ``anneal_func`` out of the stored state of OneCycle schedules, where it needs ``getattr``.

    Until mmengine stores plain values only (0.10.7 does not); the method is set again at construction.
    """

    def state_dict(self) -> dict:
        state = _ParamScheduler.state_dict(self)
        state.pop('anneal_func', None)
        return state

    OneCycleParamScheduler.state_dict = state_dict


def format_config_once() -> None:
    """Formats the text of a config once, not at every start-up step and every checkpoint, which takes seconds each.

    Until mmengine does so itself (0.10.7 calls yapf five times before training and once a checkpoint).
    """
    pretty_text = Config.pretty_text.fget
    last: Dict[str, str] = {}

    def cached(self: Config) -> str:
        content = repr(self._cfg_dict)
        if content not in last:
            last.clear()
            last[content] = pretty_text(self)
        return last[content]

    Config.pretty_text = property(cached)


def find_configs_of_erda() -> None:
    """Lets ``_base_ = 'erda::NAME.py'`` stand for the configs of this package, as ``mmdet3d::`` for those of mmdet3d.

    Until mmengine finds configs of any package (0.10.7 has a list of OpenMMLab's). Their modules are in mmdet3d's
    registries, so no scope is set.
    """
    get_cfg_path = Config._get_cfg_path

    def with_own(cfg_path: str, filename: str) -> Tuple[str, Optional[str]]:
        if cfg_path.startswith(PREFIX):
            return find_own_config(cfg_path), None
        return get_cfg_path(cfg_path, filename)

    Config._get_cfg_path = staticmethod(with_own)


def train_on_several_cpus() -> None:
    """Lets the processes of torchrun work without a GPU: they talk through gloo, whatever the config's backend is.

    Until mmengine does so (0.10.7 asks each process for a GPU, first to meet, then for its replica of the model).
    """
    init, wrap_model = mmengine.dist.utils._init_dist_pytorch, Runner.wrap_model

    def init_dist(backend: str, *args: Any, **kwargs: Any) -> None:
        if get_device() != 'cpu':
            return init(backend, *args, **kwargs)
        kwargs.pop('init_backend', None)
        torch.distributed.init_process_group('gloo', **kwargs)
        atexit.register(_end_gloo)

    def wrap(self: Runner, model_wrapper_cfg: Optional[dict], model: torch.nn.Module) -> torch.nn.Module:
        if self.distributed and get_device() == 'cpu':
            self.logger.warning(f'No GPU was found: {self.world_size} processes work on CPUs and talk through gloo.')
            defaults = dict(broadcast_buffers=False,
                            find_unused_parameters=self.cfg.get('find_unused_parameters', False))
            model_wrapper_cfg = {**defaults, **(model_wrapper_cfg or {}), 'device_ids': None}
        return wrap_model(self, model_wrapper_cfg, model)

    mmengine.dist.utils._init_dist_pytorch, Runner.wrap_model = init_dist, wrap


def _end_gloo() -> None:
    """Ends the threads of gloo while Python still runs.

    Until torch does so (2.13 does not): a thread that gives back its last tensor after Python's end aborts the process.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        time.sleep(0.1)  # the wrapper of the model keeps the group; its threads get their turn here


def slide_over_small_scans() -> None:
    """Lets the sliding windows of ``EncoderDecoder3D`` see a scan that is smaller than a window.

    Until mmdet3d does so (1.4.0 makes no window and fails). The scan gets one point more, below its lower corner,
    because the upper one takes part in normalised coordinates.
    """
    from mmdet3d.models import EncoderDecoder3D  # after the portable kernels

    slide = EncoderDecoder3D.slide_inference

    def with_a_corner(self: Any, point: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        low, high = point[:, :2].amin(dim=0), point[:, :2].amax(dim=0)
        corner = point[:1].clone()
        corner[:, :2] = torch.minimum(low, high - self.test_cfg.block_size)
        small = bool((corner[:, :2] < low).any())
        return slide(self, torch.cat([point, corner]) if small else point, *args, **kwargs)[:, :len(point)]

    EncoderDecoder3D.slide_inference = with_a_corner
