"""Untrained networks and small files for them."""
from pathlib import Path
from typing import Optional, Tuple

import numpy as np
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from tiny_scans import write_scan

from erda.inference.segmentor import Segmentor

MINKUNET = 'projects/ERDA/configs/minkunet_erda_1pct.py'
POINTNET = 'projects/ERDA/configs/pointnet2_ssg_erda_1pct_s3dis.py'
CYLINDER = 'projects/ERDA/configs/cylinder3d_erda_1pct.py'


def segmentor_of(config: str, folder: Path, changes: Optional[dict] = None) -> Tuple[Segmentor, Config]:
    """A random network, saved and loaded; changes as for ``Config.merge_from_dict``."""
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    cfg = tiny_config(config, folder, **(changes or {}))
    model = MODELS.build(cfg.model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    torch.save(dict(state_dict=model.state_dict()), folder / 'random.pth')
    return Segmentor(cfg, str(folder / 'random.pth')), cfg


def scan(folder: Path, points: int = 1500) -> Path:
    """A LiDAR scan."""
    write_scan(folder, '00', 0, points)
    return folder / 'sequences/00/velodyne/000000.bin'


def write_csv(path: Path, table: np.ndarray) -> Path:
    """A room ``[N, 6]`` of coordinates and colours."""
    np.savetxt(path, table, delimiter=',', header='x,y,z,red,green,blue', comments='')
    return path
