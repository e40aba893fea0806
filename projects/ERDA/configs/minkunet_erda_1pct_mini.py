# The same on 2 CPU cores: a network of half a million weights, voxels of 0.5 m and a short schedule, for which mixed
# scans are too hard: flips in the place of LaserMix and PolarMix.
_base_ = ['./minkunet_erda_1pct.py']

model = dict(
    data_preprocessor=dict(max_voxels=15000, voxel_layer=dict(voxel_size=[0.5, 0.5, 0.5])),
    backbone=dict(
        base_channels=16,
        encoder_channels=[16, 24, 32, 64],
        encoder_blocks=[1, 1, 1, 1],
        decoder_channels=[32, 24, 24, 24],
        decoder_blocks=[1, 1, 1, 1]),
    decode_head=dict(channels=24))

max_iters = 2000
pipeline = _base_.train_dataloader.dataset.dataset.pipeline
flip = dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5, flip_ratio_bev_vertical=0.5)
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    sampler=dict(type='InfiniteSampler', shuffle=True, _delete_=True),
    dataset=dict(dataset=dict(pipeline=pipeline[:3] + [flip] + pipeline[4:])))
optim_wrapper = dict(optimizer=dict(lr=0.004))
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.004, total_steps=max_iters, pct_start=0.1, by_epoch=False)
]
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=500, max_keep_ckpts=1), logger=dict(interval=50))
log_processor = dict(by_epoch=False)
custom_hooks = _base_.custom_hooks + [dict(type='PseudoLabelQualityHook')]
randomness = dict(seed=0)
