# CloserLook3D on S3DIS, tested on area 5 with 1% of the points of a 4 cm grid labelled, 1 GPU x 8 samples: sizes,
# budget and schedule are those of the ERDA paper's code, whose aggregation is the pseudo grid and not PosPool.
_base_ = ['../../../configs/_base_/s3dis_votes.py']
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

num_points = 15000  # about a ball of 2 m
max_iters = 150_000  # 300 epochs of 500 steps
grids = dict(voxel_size=0.04, radius=0.1, num_neighbors=(26, 31, 38, 41, 39))
norm_cfg = dict(type='BN1d', eps=1e-6, momentum=0.01)
model = dict(
    backbone=dict(
        type='CloserLook3D', in_channels=6, channels=144, aggregation='pseudo_grid', norm_cfg=norm_cfg, **grids),
    decode_head=dict(
        type='ERDAPointTransformerHead',
        channels=72,
        num_classes=13,
        ignore_index=13,
        dropout_ratio=0,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=False),
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss', loss_weight=0.01)),
    test_cfg=dict(num_points=num_points))

train_pipeline = [
    dict(transform, num_points=num_points) if transform['type'] == 'RegularPointSample' else transform
    for transform in _base_.train_dataloader.dataset.pipeline
]
train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True),
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01, base=dict(voxel_size=0.04)),
        dataset=dict(
            _base_.train_dataloader.dataset, pipeline=[*train_pipeline, dict(type='GridNeighborTables', **grids)])))

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.98, weight_decay=0.001),
    clip_grad=dict(max_norm=100, norm_type=2))
param_scheduler = [dict(type='StepLR', step_size=500, gamma=0.9885531, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=10_000))
log_processor = dict(by_epoch=False)
custom_hooks = [dict(type='RandomStateHook')]
