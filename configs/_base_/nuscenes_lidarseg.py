# The key frames of nuScenes-lidarseg, for a config that inherits this beside one for SemanticKITTI and puts these data
# sets in the place of its own. Mixing is the same, with nuScenes' things and the pitch of its 32 beams, -30 to 10
# degrees: https://www.nuscenes.org/nuscenes#data-collection
nuscenes_load = [
    dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=5, use_dim=4),
    dict(
        type='LoadAnnotations3D',
        with_bbox_3d=False,
        with_label_3d=False,
        with_seg_3d=True,
        seg_3d_dtype='np.uint8',
        dataset_type='nuscenes'),
    dict(type='PointSegClassMapping'),
]
nuscenes_train_pipeline = [
    *nuscenes_load,
    dict(
        type='RandomChoice',
        transforms=[
            [
                dict(
                    type='LaserMix',
                    num_areas=[3, 4, 5, 6],
                    pitch_angles=[-30, 10],
                    pre_transform=nuscenes_load,
                    prob=1)
            ],
            [
                dict(
                    type='PolarMix',
                    instance_classes=list(range(10)),
                    swap_ratio=0.5,
                    rotate_paste_ratio=1.0,
                    pre_transform=nuscenes_load,
                    prob=1)
            ],
        ],
        prob=[0.5, 0.5]),
    dict(
        type='GlobalRotScaleTrans',
        rot_range=[0., 6.28318531],
        scale_ratio_range=[0.95, 1.05],
        translation_std=[0, 0, 0]),
    dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask']),
]
nuscenes_train = dict(
    type='NuScenesSegDataset',
    data_root='data/nuscenes/',
    ann_file='nuscenes_lidarseg_infos_train.pkl',
    data_prefix=dict(pts='samples/LIDAR_TOP', pts_semantic_mask='lidarseg/v1.0-trainval'),
    pipeline=nuscenes_train_pipeline)
nuscenes_val = dict(
    type='NuScenesSegDataset',
    data_root='data/nuscenes/',
    ann_file='nuscenes_lidarseg_infos_val.pkl',
    data_prefix=dict(pts='samples/LIDAR_TOP', pts_semantic_mask='lidarseg/v1.0-trainval'),
    pipeline=[*nuscenes_load, dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])],
    test_mode=True)
