# S3DIS as in RandLA-Net and the ERDA paper, for any network without voxels: samples of 40,960 points of a 4 cm grid,
# each where the ones before have seen least, and a test by votes. Augmentations are those of the ERDA paper's code but
# for two that mmdet3d lacks: here colours are never left out, and one scale holds for all axes.
_base_ = ['mmdet3d::_base_/datasets/s3dis-seg.py', 'mmdet3d::_base_/default_runtime.py']

voxel_size = 0.04
num_points = 40960
model = dict(
    type='VotingSegmentor',
    data_preprocessor=dict(type='WeakSegDataPreprocessor'),
    train_cfg=dict(),
    test_cfg=dict(
        mode='vote', voxel_size=voxel_size, num_points=num_points, votes=20, momentum=0.95, batch_size=16))

train_dataloader = dict(
    dataset=dict(pipeline=[
        dict(type='LoadPointsFromFile', coord_type='DEPTH', use_color=True, load_dim=6, use_dim=6),
        dict(type='LoadAnnotations3D', with_bbox_3d=False, with_label_3d=False, with_seg_3d=True),
        dict(type='PointSegClassMapping'),
        dict(type='GridSubsample', voxel_size=voxel_size),
        dict(type='RegularPointSample', num_points=num_points),
        dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5),
        dict(
            type='GlobalRotScaleTrans',
            rot_range=[-3.1416, 3.1416],
            scale_ratio_range=[0.7, 1.3],
            translation_std=[0.0, 0.0, 0.0]),
        dict(type='RandomJitterPoints', jitter_std=[0.001] * 3, clip_range=[-0.005, 0.005]),
        dict(type='NormalizePointsColor', color_mean=None),
        dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask']),
    ]))
