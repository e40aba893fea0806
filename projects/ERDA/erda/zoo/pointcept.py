"""Weights that others publish for Point Transformer V3, as a checkpoint of mmengine."""
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

BACKBONE, CLASSIFIER, DECODER = 'backbone.', 'decode_head.conv_seg.', 'backbone.dec.'
STEMS = {'backbone.embedding.stem.conv.weight': 'Pointcept', 'backbone.embedding.stem.linear.weight': 'Sonata'}
# What only pre-training needs.
PRETRAINING = {'backbone.embedding.mask_token'}
SPCONV_LAYOUT = 2  # version that mmdet3d marks weights [C_out, x, y, z, C_in] with


class Conversion(NamedTuple):
    """What became of a checkpoint.

    Attributes:
        origin: ``'Pointcept'`` or ``'Sonata'``.
        converted: weights that were written.
        left_out: those of the checkpoint that were not, a classifier of other classes.
        missing: weights of the network that the checkpoint lacks.
    """
    origin: str
    converted: List[str]
    left_out: List[str]
    missing: List[str]


def convert(source: str, cfg: Config, target: Path) -> Conversion:
    """Write a checkpoint of Pointcept's Point Transformer V3, or of Sonata's encoder, as one of mmengine.

    Args:
        source: as for :func:`erda.zoo.checkpoint_file.read_checkpoint`.
        cfg: config of the network that the weights are for. Its classifier is taken over if it has as many classes.
        target: file to write.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or is not one of this backbone.
        OSError: if ``target`` cannot be written.
    """
    if cfg.model.backbone.type != 'PointTransformerV3':
        raise CheckpointError(f'The backbone of {cfg.filename} is {cfg.model.backbone.type}, not PointTransformerV3.')
    state = {_our_name(key): value for key, value in read_checkpoint(source)['state_dict'].items()}
    stem = next((key for key in STEMS if key in state), None)
    if stem is None:
        raise CheckpointError(f'{source} is not a checkpoint of Point Transformer V3: it has no embedding.stem.')
    origin = STEMS[stem]
    has_decoder = any(key.startswith(DECODER) for key in state)
    expected = origin == 'Pointcept'
    if has_decoder and bool(cfg.model.backbone.get('position_from_skip')) != expected:
        raise CheckpointError(f'The decoder of {source} was trained with position_from_skip={expected}: set it in '
                              f'model.backbone of {cfg.filename}.')

    init_default_scope(cfg.get('default_scope', 'mmdet3d'))
    model = MODELS.build(cfg.model)
    state = {key: value for key, value in state.items() if key not in PRETRAINING}
    fit = load_what_fits(model, dict(state_dict=_as_spconv_writes(state)))
    missing = [key for key in model.state_dict()
               if key not in state and not key.endswith('num_batches_tracked') and not key.startswith(TRAINING_STATE)]
    foreign = [reason for reason in fit.wrong
               if not reason.startswith(HEAD) and (has_decoder or not reason.startswith(DECODER))]
    if foreign:
        raise CheckpointError(f'{source} is not of the backbone in {cfg.filename}: {len(foreign)} weights do not fit, '
                              f'such as {foreign[0]}.')
    converted = {key: state[key] for key in state if key in fit.loaded}
    buffer = io.BytesIO()
    torch.save(dict(meta=dict(converted_from=Path(source).name), state_dict=_as_spconv_writes(converted)), buffer)
    write_whole(target, buffer.getvalue())
    return Conversion(origin, list(converted), [key for key in state if key not in converted], missing)


def _our_name(key: str) -> str:
    key = key.removeprefix('module.')
    if key.startswith('seg_head.'):
        return CLASSIFIER + key.removeprefix('seg_head.')
    return key if key.startswith(BACKBONE) else BACKBONE + key


def _as_spconv_writes(state: Dict[str, Tensor]) -> 'OrderedDict[str, Tensor]':
    """Marked as spconv marks its weights: without that mmdet3d takes them for those of mmcv, and turns them."""
    marked = OrderedDict(state)
    versions = OrderedDict((key.rpartition('.')[0], dict(version=SPCONV_LAYOUT))
                           for key, value in state.items() if value.dim() == 5)
    marked._metadata = versions  # type: ignore[attr-defined]  # as Module.state_dict does
    return marked
