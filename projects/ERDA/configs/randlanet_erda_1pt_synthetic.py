# RandLA-Net in synthetic rooms with one labelled point per class and room, for 2 CPU cores: half the width, a level
# less, an 8 cm grid, a tenth of the points in a sample, and a short schedule.
# The rooms are made by: python tools/prepare_data.py synthetic-rooms
_base_ = ['./randlanet_erda_1pct_s3dis.py']

data_root = 'data/synthetic_rooms/'
voxel_size = 0.08
num_points = 4096
max_iters = 1200
ratios = (4, 4, 4, 4)
norm_cfg = dict(momentum=0.1)  # 0.01 lags behind so short a training: an averaged copy teaches nonsense at first
model = dict(
    backbone=dict(channels=(8, 32, 64, 128), ratios=ratios, norm_cfg=norm_cfg),
    decode_head=dict(in_channels=16, hidden_channels=(32, ), norm_cfg=norm_cfg),
    test_cfg=dict(voxel_size=voxel_size, num_points=num_points, votes=1, batch_size=4))

train_pipeline = [
    dict(type='LoadPointsFromFile', coord_type='DEPTH', use_color=True, load_dim=6, use_dim=6),
    dict(type='LoadAnnotations3D', with_bbox_3d=False, with_label_3d=False, with_seg_3d=True),
    dict(type='PointSegClassMapping'),
    dict(type='GridSubsample', voxel_size=voxel_size),
    dict(type='RegularPointSample', num_points=num_points),
    dict(type='NormalizePointsColor', color_mean=None),
    dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask']),
    dict(type='NeighborTables', ratios=ratios),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        budget=dict(_delete_=True, type='PerClassBudget', num_points=1, base=dict(voxel_size=voxel_size)),
        dataset=dict(data_root=data_root, pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))

train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [dict(type='OneCycleLR', eta_max=0.01, total_steps=max_iters, pct_start=0.1, by_epoch=False)]
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
randomness = dict(seed=0)
