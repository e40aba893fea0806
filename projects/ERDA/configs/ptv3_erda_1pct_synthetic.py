# The same on synthetic street scans, made by: python tools/prepare_data.py synthetic-lidar
_base_ = ['./ptv3_erda_1pct_mini.py']

data_root = 'data/synthetic_lidar/'
train_dataloader = dict(dataset=dict(dataset=dict(data_root=data_root)))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))

max_iters = 1000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.004, total_steps=max_iters, pct_start=0.1, by_epoch=False)
]
