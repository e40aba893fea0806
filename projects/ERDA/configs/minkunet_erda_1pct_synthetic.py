# The same on synthetic street scans, made by: python tools/prepare_data.py synthetic-lidar
_base_ = ['./minkunet_erda_1pct_mini.py']

data_root = 'data/synthetic_lidar/'
train_dataloader = dict(dataset=dict(dataset=dict(data_root=data_root)))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
