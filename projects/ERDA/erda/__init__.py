"""ERDA for MMDetection3D: train any mmdet3d segmentor from a few labelled points."""
from .compat import (
    allow_mmengine_checkpoints,
    find_configs_of_erda,
    format_config_once,
    load_weights_only,
    store_one_cycle_without_method,
    store_plain_values,
    train_on_several_cpus,
)
from .ops import install_portable_ops
from .version import __version__

load_weights_only()
allow_mmengine_checkpoints()
store_plain_values()
store_one_cycle_without_method()
format_config_once()
find_configs_of_erda()
train_on_several_cpus()
install_portable_ops()  # Before the first import of mmdet3d's models, which import mmcv.ops.

# Registration happens on import.
from . import datasets, heads, hooks, losses, pseudo_labels, voxelization, weak_labels  # noqa: E402
from .zoo.checkpoint_file import register_checkpoint_loaders  # noqa: E402

register_checkpoint_loaders()

__all__ = ['__version__', 'datasets', 'heads', 'hooks', 'losses', 'pseudo_labels', 'voxelization', 'weak_labels']
