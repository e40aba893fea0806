"""Names that Pointcept and Sonata have for the weights of Point Transformer V3."""
from typing import Dict

from mmengine.config import Config
from torch import Tensor

from .errors import CheckpointError
from .foreign_weights import ForeignWeights

BACKBONE, CLASSIFIER, DECODER = 'backbone.', 'decode_head.conv_seg.', 'backbone.dec.'
STEMS = {'backbone.embedding.stem.conv.weight': 'Pointcept', 'backbone.embedding.stem.linear.weight': 'Sonata'}
# What only pre-training needs.
PRETRAINING = {'backbone.embedding.mask_token'}


def from_pointcept(theirs: Dict[str, Tensor], cfg: Config, source: str) -> ForeignWeights:
    """Weights of Pointcept's Point Transformer V3, or of Sonata's encoder.

    Args:
        theirs: by their names.
        cfg: config of a network with our :class:`erda.backbones.PointTransformerV3`.
        source: where they come from, for messages.

    Raises:
        CheckpointError: if they are others, or if the decoder in the config is not wired as theirs.
    """
    state = {_our_name(key): value for key, value in theirs.items()}
    stem = next((key for key in STEMS if key in state), None)
    if stem is None:
        raise CheckpointError(f'{source} is not a checkpoint of Point Transformer V3: it has no embedding.stem.')
    has_decoder = any(key.startswith(DECODER) for key in state)
    expected = STEMS[stem] == 'Pointcept'
    if has_decoder and bool(cfg.model.backbone.get('position_from_skip')) != expected:
        raise CheckpointError(f'The decoder of {source} was trained with position_from_skip={expected}: set it in '
                              f'model.backbone of {cfg.filename}.')
    state = {key: value for key, value in state.items() if key not in PRETRAINING}
    return ForeignWeights(STEMS[stem], state, may_lack=() if has_decoder else (DECODER, ))


def _our_name(key: str) -> str:
    key = key.removeprefix('module.')
    if key.startswith('seg_head.'):
        return CLASSIFIER + key.removeprefix('seg_head.')
    return key if key.startswith(BACKBONE) else BACKBONE + key
