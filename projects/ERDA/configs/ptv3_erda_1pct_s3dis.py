# Point Transformer V3 on S3DIS, tested on area 5 with 1% of the points of a 2 cm grid labelled, 4 GPUs x 3 samples.
# Grid, size of a sample and schedule are Pointcept's for S3DIS. Its normals are not in mmdet3d's files: height in their
# place. Samples go to where the ones before have seen least, there to anywhere; colours are augmented there, not here.
# It trains in mixed precision: --amp.
_base_ = [
    'mmdet3d::_base_/models/minkunet.py', 'mmdet3d::_base_/datasets/s3dis-seg.py',
    'mmdet3d::_base_/default_runtime.py'
]
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

voxel_size = 0.02
num_points = 204800
model = dict(
    data_preprocessor=dict(
        type='WeakSegDataPreprocessor',
        ignore_index=13,
        grid_multiple=1,
        feature_dims=(2, 3, 4, 5),  # height and colours
        max_voxels=num_points,
        voxel_layer=dict(voxel_size=[voxel_size] * 3)),
    backbone=dict(_delete_=True, type='PointTransformerV3', in_channels=4),
    decode_head=dict(
        type='ERDAMinkUNetHead',
        channels=64,
        num_classes=13,
        ignore_index=13,
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss')))

train_pipeline = [
    dict(type='LoadPointsFromFile', coord_type='DEPTH', use_color=True, load_dim=6, use_dim=6),
    dict(type='LoadAnnotations3D', with_bbox_3d=False, with_label_3d=False, with_seg_3d=True),
    dict(type='PointSegClassMapping'),
    dict(type='GridSubsample', voxel_size=voxel_size),
    dict(type='RegularPointSample', num_points=num_points),
    dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5, flip_ratio_bev_vertical=0.5),
    dict(
        type='GlobalRotScaleTrans',
        rot_range=[-3.1416, 3.1416],
        scale_ratio_range=[0.9, 1.1],
        translation_std=[0.0, 0.0, 0.0]),
    dict(type='RandomJitterPoints', jitter_std=[0.005] * 3, clip_range=[-0.02, 0.02]),
    dict(type='NormalizePointsColor', color_mean=None),
    dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])
]
train_dataloader = dict(
    batch_size=3,
    num_workers=8,
    sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True),
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01, base=dict(voxel_size=voxel_size)),
        dataset=dict(_base_.train_dataloader.dataset, pipeline=train_pipeline)))

max_iters = 51_000  # 3000 times the 204 rooms, in batches of 12
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.006, weight_decay=0.05),
    paramwise_cfg=dict(custom_keys={'block': dict(lr_mult=0.1)}))
# Not OneCycleLR, whose one maximum would undo the smaller rate of the blocks.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=2550, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min_ratio=0.0001, begin=2550, end=max_iters, T_max=max_iters - 2550,
         by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
auto_scale_lr = dict(enable=False, base_batch_size=12)
custom_hooks = [dict(type='RandomStateHook')]
