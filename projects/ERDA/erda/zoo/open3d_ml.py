"""Names and forms that Open3D-ML has for the weights of RandLA-Net."""
import re
from typing import Dict, NamedTuple

from mmengine.config import Config
from torch import Tensor

from .errors import CheckpointError
from .foreign_weights import ForeignWeights

# Slope of the activation behind the sum with the shortcut, where the paper's authors have 0.2.
RESIDUAL_SLOPE = 0.01
BLOCK = {'mlp1': 'reduce', 'lse1.mlp': 'encode1', 'pool1.mlp': 'pool1.mlp', 'lse2.mlp': 'encode2',
         'pool2.mlp': 'pool2.mlp', 'mlp2': 'expand', 'shortcut': 'shortcut'}


class _Layer(NamedTuple):
    """A linear layer and its normalisation, under their names and ours."""
    linear: str
    norm: str
    our_linear: str
    our_norm: str
    of_head: bool = False
    transposed: bool = False


def from_open3d_ml(theirs: Dict[str, Tensor], cfg: Config, source: str) -> ForeignWeights:
    """Weights of Open3D-ML's RandLA-Net for PyTorch.

    Theirs has a bias in front of each normalisation, which goes into the mean of that, and one in front of each softmax
    over neighbours, which changes nothing and is left out.

    Args:
        theirs: by their names.
        cfg: config of a network with our :class:`erda.backbones.RandLANet`.
        source: where they come from, for messages.

    Raises:
        CheckpointError: if they are others, or if ``residual_slope`` in the config is not theirs.

    Source: https://github.com/isl-org/Open3D-ML, ``ml3d/torch/models/randlanet.py``
    """
    theirs = {key.removeprefix('module.'): value for key, value in theirs.items()}
    depth = len({match[1] for key in theirs if (match := re.match(r'encoder\.(\d+)\.', key))})
    layers = [
        _Layer('fc0', 'bn0', 'backbone.stem.linear', 'backbone.stem.norm'),
        _mlp('mlp', 'backbone.bottom'),
        *(_mlp(f'encoder.{level}.{name}', f'backbone.encoder.{level}.{ours}')
          for level in range(depth) for name, ours in BLOCK.items()),
        *(_mlp(f'decoder.{level}', f'backbone.decoder.{depth - 1 - level}')._replace(transposed=True)
          for level in range(depth)),
        *(_Layer(f'fc1.{i}.conv', f'fc1.{i}.batch_norm', f'decode_head.pre_seg.{i}.conv',
                 f'decode_head.pre_seg.{i}.bn', of_head=True) for i in range(2)),
    ]
    scores = {f'encoder.{level}.pool{i}.score_fn.0.weight': f'backbone.encoder.{level}.pool{i}.score.weight'
              for level in range(depth) for i in (1, 2)}
    needed = [*scores, 'fc1.3.conv.weight', 'fc1.3.conv.bias',
              *(f'{layer.linear}.{name}' for layer in layers for name in ('weight', 'bias')),
              *(f'{layer.norm}.{name}' for layer in layers
                for name in ('weight', 'bias', 'running_mean', 'running_var'))]
    absent = [key for key in needed if key not in theirs]
    if not depth or absent:
        raise CheckpointError(f"{source} is not a checkpoint of Open3D-ML's RandLA-Net for PyTorch: it has no "
                              f'{absent[0]}.')
    if cfg.model.backbone.get('residual_slope') != RESIDUAL_SLOPE:
        raise CheckpointError(f'{source} was trained with residual_slope={RESIDUAL_SLOPE}: set it in model.backbone of '
                              f'{cfg.filename}.')
    state = {ours: theirs[key] for key, ours in scores.items()}
    for layer in layers:
        state.update(_converted(layer, theirs))
    state['decode_head.conv_seg.weight'] = theirs['fc1.3.conv.weight'].flatten(1).unsqueeze(2)
    state['decode_head.conv_seg.bias'] = theirs['fc1.3.conv.bias']
    return ForeignWeights('Open3D-ML', state)


def _mlp(name: str, ours: str) -> _Layer:
    return _Layer(f'{name}.conv', f'{name}.batch_norm', f'{ours}.linear', f'{ours}.norm')


def _converted(layer: _Layer, theirs: Dict[str, Tensor]) -> Dict[str, Tensor]:
    weight = theirs[f'{layer.linear}.weight'].flatten(1)
    if layer.transposed:
        weight = weight.t().contiguous()
    state = {f'{layer.our_norm}.{name}': theirs[f'{layer.norm}.{name}'] for name in ('weight', 'bias', 'running_var')}
    state[f'{layer.our_norm}.running_mean'] = theirs[f'{layer.norm}.running_mean'] - theirs[f'{layer.linear}.bias']
    state[f'{layer.our_linear}.weight'] = weight.unsqueeze(2) if layer.of_head else weight
    return state
