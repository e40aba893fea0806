# Point Transformer V3 in synthetic rooms with one labelled point per class and room, for 2 CPU cores: a network of half
# a million weights, patches of 128 voxels, an 8 cm grid, small samples, and a short schedule.
# The rooms are made by: python tools/prepare_data.py synthetic-rooms
_base_ = ['./ptv3_erda_1pct_s3dis.py']

data_root = 'data/synthetic_rooms/'
voxel_size = 0.08
num_points = 8192
max_iters = 1200
model = dict(
    data_preprocessor=dict(voxel_layer=dict(voxel_size=[voxel_size] * 3)),
    backbone=dict(
        encoder_channels=[16, 32, 48, 64],
        encoder_blocks=[1, 1, 1, 1],
        decoder_channels=[32, 32, 48],
        decoder_blocks=[1, 1, 1],
        patch_size=128,
        drop_path=0.1),
    decode_head=dict(channels=32))

pipeline = _base_.train_pipeline
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(
        budget=dict(_delete_=True, type='PerClassBudget', num_points=1, base=dict(voxel_size=voxel_size)),
        dataset=dict(
            data_root=data_root,
            pipeline=[
                *pipeline[:3],
                dict(type='GridSubsample', voxel_size=voxel_size),
                dict(type='RegularPointSample', num_points=num_points),
                *pipeline[5:]
            ])))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))

optim_wrapper = dict(optimizer=dict(lr=0.004))
param_scheduler = [dict(type='OneCycleLR', eta_max=0.004, total_steps=max_iters, pct_start=0.1, by_epoch=False)]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
randomness = dict(seed=0)
