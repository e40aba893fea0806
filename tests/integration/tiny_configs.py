"""The configs of the repository, cut down to tiny data and networks."""
from pathlib import Path

from mmengine.config import Config
from tiny_scans import REPOSITORY

from erda.config import load_config, with_fragments

CONFIGS = sorted(
    str(path.relative_to(REPOSITORY)) for folder in ('configs', 'projects/ERDA/configs')
    for path in (REPOSITORY / folder).glob('**/*.py') if '_base_' not in path.parts)

SPARSE_CONV = {
    'model.data_preprocessor.voxel_layer.voxel_size': [0.5] * 3,
    'model.backbone': dict(base_channels=2, encoder_channels=[2, 2, 4, 4], decoder_channels=[4, 4, 4, 2],
                           encoder_blocks=[1] * 4, decoder_blocks=[1] * 4),
    'model.decode_head.channels': 2,
}
POINT_SAMPLING = {'model.backbone.num_points': (64, 32, 16, 8)}
NETWORKS = {
    'minkunet': SPARSE_CONV,
    'spvcnn': SPARSE_CONV,
    'ptv3': {
        'model.data_preprocessor.voxel_layer.voxel_size': [0.5] * 3,
        'model.backbone': dict(encoder_channels=[16, 16], encoder_blocks=[1, 1], decoder_channels=[16],
                               decoder_blocks=[1], patch_size=32),
        'model.decode_head.channels': 16,
    },
    'cylinder3d': {
        'model.data_preprocessor.voxel_layer.grid_shape': [48, 36, 16],
        'model.voxel_encoder': dict(feat_channels=[4, 8], grid_shape=[48, 36, 16], feat_compression=4),
        'model.backbone': dict(grid_size=[48, 36, 16], input_channels=4, base_channels=2),
        'model.decode_head.channels': 8,
    },
    'pointnet2_ssg': {**POINT_SAMPLING, 'model.backbone.num_samples': (8,) * 4},
    'pointnet2_msg': {**POINT_SAMPLING, 'model.backbone.num_samples': ((4, 8),) * 4},
    'paconv': {**POINT_SAMPLING, 'model.backbone.num_samples': (8,) * 4},
    'ptv1': {
        'model.backbone': dict(channels=(16, 16, 16), blocks=(1, 1, 1), num_neighbors=4),
        'model.decode_head.channels': 16,
    },
    'randlanet': {
        'model.backbone.channels': (4, 4, 4, 4, 4), 'model.backbone.ratios': (2, 2, 2, 2, 2),
        'model.decode_head': dict(in_channels=8, channels=8),
        'model.test_cfg': dict(voxel_size=0.1, num_points=256, votes=0.1, batch_size=4),
    },
    'closerlook3d': {
        'model.backbone': dict(channels=12, num_neighbors=(4, 4), voxel_size=0.2, radius=0.5),
        'model.decode_head.channels': 6,
        'model.test_cfg': dict(voxel_size=0.1, num_points=256, votes=0.1, batch_size=4),
    },
    'dgcnn': {'model.backbone.num_samples': (8,) * 3},
}


def tiny_config(name: str, root: Path, *fragments: str, **changes) -> Config:
    """A config of the repository on the data under ``root``, which is read in the process itself.

    Args:
        name: path below the repository.
        root: scans or rooms in the files that the config reads.
        fragments: below ``configs/_base_``.
        changes: as for ``Config.merge_from_dict``, made last.
    """
    path = REPOSITORY / name
    files = [REPOSITORY / 'configs/_base_' / fragment for fragment in fragments]
    cfg = with_fragments(path, files) if files else load_config(str(path))
    network, = (network for network in NETWORKS if Path(name).name.startswith(network))
    cfg.merge_from_dict({**NETWORKS[network], 'train_dataloader.batch_size': 2, 'randomness.seed': 0})
    train, val = cfg.train_dataloader, cfg.val_dataloader
    for loader, dataset in ((train, train.dataset.dataset), (val, val.dataset),
                            (cfg.test_dataloader, cfg.test_dataloader.dataset)):
        loader.update(num_workers=0, persistent_workers=False)
        dataset.data_root = str(root)
    for transform in train.dataset.dataset.pipeline:
        if transform['type'] == 'IndoorPatchPointSample':
            transform.update(num_points=256, min_unique_num=1)
            cfg.model.test_cfg.update(num_points=256, batch_size=4)
        elif transform['type'] == 'RegularPointSample':
            transform.update(num_points=256)
        elif transform['type'] == 'NeighborTables':
            transform.update(ratios=cfg.model.backbone.ratios)
        elif transform['type'] == 'GridNeighborTables':
            transform.update({key: cfg.model.backbone[key] for key in ('num_neighbors', 'voxel_size', 'radius')})
    cfg.merge_from_dict(changes)
    return cfg
