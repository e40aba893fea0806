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
from .started_by import is_command
from .version import __version__

# Registration happens on import, except in the commands: these read their arguments first, and register then.
if not is_command():
    from . import registration  # noqa: F401

__all__ = ['__version__']
