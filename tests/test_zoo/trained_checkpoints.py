"""Checkpoints as mmengine stores them, of untrained networks."""
import json
from collections import OrderedDict
from pathlib import Path

import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

MINKUNET = 'projects/ERDA/configs/minkunet_erda_1pct.py'
SPARSE = 'configs/minkunet/minkunet_sparse_1pct.py'
CYLINDER = 'projects/ERDA/configs/cylinder3d_erda_1pct.py'
CLASSES = ['car', 'road']


def network(cfg: Config) -> nn.Module:
    """A network with random weights."""
    init_default_scope('mmdet3d')
    return MODELS.build(cfg.copy().model)


def write_checkpoint(folder: Path, config: str = MINKUNET, name: str = 'iter_7.pth', **changes: object) -> Path:
    """Everything that is in the checkpoint of a run with an average of the weights; changes as for ``tiny_config``."""
    cfg = tiny_config(config, folder, work_dir=str(folder), **changes)
    state = network(cfg).state_dict()
    meta = dict(
        cfg=cfg.pretty_text, epoch=0, iter=7, seed=3, time='20260101_000000', experiment_name='a_20260101_000000',
        dataset_meta=dict(classes=CLASSES, palette=[(1, 2, 3), (4, 5, 6)], label_mapping=[0, 1]))
    torch.save(
        dict(
            meta=meta,
            state_dict=state,
            ema_state_dict=OrderedDict((f'module.{key}', value + 1) for key, value in state.items()),
            message_hub=dict(log_scalars=dict(loss=dict(log_history=torch.ones(1), count_history=torch.ones(1)))),
            optimizer=dict(state={0: dict(exp_avg=torch.zeros(5))}, param_groups=[])), folder / name)
    return folder / name


def write_metrics(path: Path, checkpoint: Path, **metrics: object) -> Path:
    """As tools/test.py --out does."""
    path.write_text(json.dumps(dict(config=MINKUNET, checkpoint=str(checkpoint), metrics=metrics)))
    return path
