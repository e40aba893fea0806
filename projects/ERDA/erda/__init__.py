"""ERDA for MMDetection3D: train any mmdet3d segmentor from a few labelled points.

The rooms of the package, from the ground floor up; none imports from one above it:

Modules:
    files: whole files, errors about data, scans that cannot be read
    ops: portable kernels, so that all of it runs without a compiled mmcv and on any device
    losses: pseudo-label and prediction to loss
    pseudo_labels: features to pseudo-label logits
    weak_labels: which labels may be seen, and how far they carry: budgets, clicks, masks, propagation, the wrapper
    sampling: scans as networks without voxels take them: a grid, regular samples, neighbours, votes
    voxelization: points to voxels without losing a label
    synthetic: streets and rooms that we make
    clouds: users' own files: formats, blocks, features, descriptions, the folder dataset
    datasets: benchmarks: their preparation and what mmdet3d lacks of them
    backbones: networks that mmdet3d lacks
    heads: the seam in the segmentor: a mixin and a head for each network
    zoo: checkpoints: safe files, downloads, publication
    inference: files of any size: labels from a network or from clicks alone, and points to label next
    evaluation: what a run reports: scores, tables, pictures
    hooks: what happens around the steps of a training
    labelling: the page in the browser, where people click
    benchmark: matrices of trainings
    device_check: what must hold on an accelerator
"""
from .compat import (
    allow_mmengine_checkpoints,
    find_configs_of_erda,
    format_config_once,
    load_weights_only,
    store_one_cycle_without_method,
    store_plain_values,
    train_on_several_cpus,
)
from .deferred_imports import libraries_on_first_use
from .ops import install_portable_ops
from .version import __version__

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
    from . import (
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

__all__ = [
    '__version__', 'backbones', 'clouds', 'datasets', 'heads', 'hooks', 'losses', 'pseudo_labels', 'sampling',
    'voxelization', 'weak_labels'
]
