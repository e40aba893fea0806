# RandLA-Net on S3DIS, tested on area 5 with 1% of the points of a 4 cm grid labelled, 1 GPU x 6 samples: budget,
# schedule and votes are those of the ERDA paper's code, widths those of RandLA-Net's.
_base_ = ['../../../configs/_base_/s3dis_votes.py']
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

max_iters = 100_000  # 200 epochs of 500 steps
ratios = (4, 4, 4, 4, 2)
num_neighbors = 16
norm_cfg = dict(type='BN1d', eps=1e-6, momentum=0.01)
model = dict(
    backbone=dict(
        type='RandLANet',
        in_channels=6,
        channels=(16, 64, 128, 256, 512),
        ratios=ratios,
        num_neighbors=num_neighbors,
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='ERDARandLANetHead',
        in_channels=32,
        channels=32,
        num_classes=13,
        ignore_index=13,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU', negative_slope=0.2),
        loss_decode=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=False),
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss')))

train_dataloader = dict(
    batch_size=6,
    num_workers=8,
    sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True),
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01, base=dict(voxel_size=0.04)),
        dataset=dict(
            _base_.train_dataloader.dataset,
            pipeline=[
                *_base_.train_dataloader.dataset.pipeline,
                dict(type='NeighborTables', ratios=ratios, num_neighbors=num_neighbors)
            ])))

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=0.01), clip_grad=dict(max_norm=100, norm_type=2))
param_scheduler = [dict(type='StepLR', step_size=500, gamma=0.1**(1 / 200), by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=10_000))
log_processor = dict(by_epoch=False)
custom_hooks = [dict(type='RandomStateHook')]
