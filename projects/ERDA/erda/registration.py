"""Registers everything with mmdet3d and mmengine, and fills in what they lack on this machine, when it is imported."""
from .compat import (
    allow_mmengine_checkpoints,
    find_configs_of_erda,
    format_config_once,
    load_weights_only,
    slide_over_small_scans,
    store_one_cycle_without_method,
    store_plain_values,
    train_on_several_cpus,
)
from .deferred_imports import libraries_on_first_use
from .ops import install_portable_ops

load_weights_only()
allow_mmengine_checkpoints()
store_plain_values()
store_one_cycle_without_method()
format_config_once()
find_configs_of_erda()
train_on_several_cpus()
with libraries_on_first_use():
    install_portable_ops()  # Before the first import of mmdet3d's models, which import mmcv.ops.

    # Registration happens on import.
    from . import (  # noqa: F401
        backbones,
        clouds,
        datasets,
        heads,
        hooks,
        losses,
        pseudo_labels,
        sampling,
        voxelization,
        weak_labels,
    )
    from .zoo.checkpoint_file import register_checkpoint_loaders

register_checkpoint_loaders()
slide_over_small_scans()
