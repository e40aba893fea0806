"""Weights that others publish, as a checkpoint of mmengine."""
import io
from collections import OrderedDict
from pathlib import Path
from typing import Dict, List, NamedTuple

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from ..files.whole_file import write_whole
from .checkpoint_file import read_checkpoint
from .checkpoint_fit import HEAD, TRAINING_STATE, load_what_fits
from .errors import CheckpointError
from .open3d_ml import from_open3d_ml
from .pointcept import from_pointcept

READERS = dict(PointTransformerV3=from_pointcept, RandLANet=from_open3d_ml)
SPCONV_LAYOUT = 2  # version that mmdet3d marks weights [C_out, x, y, z, C_in] with


class Conversion(NamedTuple):
    """What became of a checkpoint.

    Attributes:
        origin: ``'Pointcept'``, ``'Sonata'`` or ``'Open3D-ML'``.
        converted: weights that were written.
        left_out: those of the checkpoint that were not, a classifier of other classes.
        missing: weights of the network that the checkpoint lacks.
    """
    origin: str
    converted: List[str]
    left_out: List[str]
    missing: List[str]


def convert(source: str, cfg: Config, target: Path) -> Conversion:
    """Write a checkpoint of others as one of mmengine.

    Point Transformer V3 may be Pointcept's or Sonata's encoder, RandLA-Net that of Open3D-ML.

    Args:
        source: as for :func:`erda.zoo.checkpoint_file.read_checkpoint`.
        cfg: config of the network that the weights are for. Its classifier is taken over if it has as many classes.
        target: file to write.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or is not one of this backbone.
        OSError: if ``target`` cannot be written.
    """
    backbone = cfg.model.backbone.type
    if backbone not in READERS:
        raise CheckpointError(f'The backbone of {cfg.filename} is {backbone}; weights of others are read for '
                              f'{" and ".join(READERS)}.')
    theirs = READERS[backbone](read_checkpoint(source)['state_dict'], cfg, source)
    init_default_scope(cfg.get('default_scope', 'mmdet3d'))
    model = MODELS.build(cfg.model)
    fit = load_what_fits(model, dict(state_dict=_as_spconv_writes(theirs.state)))
    missing = [key for key in model.state_dict() if key not in theirs.state
               and not key.endswith('num_batches_tracked') and not key.startswith(TRAINING_STATE)]
    foreign = [reason for reason in fit.wrong if not reason.startswith((HEAD, *theirs.may_lack))]
    if foreign:
        raise CheckpointError(f'{source} is not of the backbone in {cfg.filename}: {len(foreign)} weights do not fit, '
                              f'such as {foreign[0]}.')
    converted = {key: theirs.state[key] for key in theirs.state if key in fit.loaded}
    buffer = io.BytesIO()
    torch.save(dict(meta=dict(converted_from=Path(source).name), state_dict=_as_spconv_writes(converted)), buffer)
    write_whole(target, buffer.getvalue())
    return Conversion(theirs.origin, list(converted), [key for key in theirs.state if key not in converted], missing)


def _as_spconv_writes(state: Dict[str, Tensor]) -> 'OrderedDict[str, Tensor]':
    """Marked as spconv marks its weights: without that mmdet3d takes them for those of mmcv, and turns them."""
    marked = OrderedDict(state)
    versions = OrderedDict((key.rpartition('.')[0], dict(version=SPCONV_LAYOUT))
                           for key, value in state.items() if value.dim() == 5)
    marked._metadata = versions  # type: ignore[attr-defined]  # as Module.state_dict does
    return marked
