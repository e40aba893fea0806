# PointNet++ (SSG) in synthetic rooms with one labelled point per class and room, for 2 CPU cores: half the width, a
# quarter of the points in a patch, and a short schedule.
# The rooms are made by: python tools/prepare_data.py synthetic-rooms
_base_ = ['./pointnet2_ssg_erda_1pct_s3dis.py']

data_root = 'data/synthetic_rooms/'
num_points = 1024
max_iters = 1200
model = dict(
    backbone=dict(
        num_points=(256, 64, 16, 8), sa_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128, 256))),
    decode_head=dict(fp_channels=((384, 128, 128), (192, 128, 128), (160, 128, 64), (64, 64, 64, 64)), channels=64),
    test_cfg=dict(num_points=num_points, batch_size=16))

train_pipeline = [
    dict(type='LoadPointsFromFile', coord_type='DEPTH', use_color=True, load_dim=6, use_dim=6),
    dict(type='LoadAnnotations3D', with_bbox_3d=False, with_label_3d=False, with_seg_3d=True),
    dict(type='PointSegClassMapping'),
    dict(
        type='IndoorPatchPointSample',
        num_points=num_points,
        block_size=1.0,
        ignore_index=13,
        use_normalized_coord=True,
        enlarge_size=0.2),
    dict(type='NormalizePointsColor', color_mean=None),
    dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask']),
]
train_dataloader = dict(
    batch_size=12,
    num_workers=1,
    sampler=dict(type='InfiniteSampler', shuffle=True, _delete_=True),
    dataset=dict(
        budget=dict(_delete_=True, type='PerClassBudget', num_points=1),
        dataset=dict(data_root=data_root, pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))

optim_wrapper = dict(optimizer=dict(lr=0.004))
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.004, total_steps=max_iters, pct_start=0.1, by_epoch=False)
]
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=500, max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
