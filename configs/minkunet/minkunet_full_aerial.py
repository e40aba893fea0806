# Small MinkUNet on every label of aerial tiles, dense and thinned: erda://minkunet_aerial, to label tiles with or to
# start from.
_base_ = ['../../projects/ERDA/configs/_base_/minkunet_erda_folder.py']

data_root = 'data/aerial_all'
ann_file = '{{ fileDirname }}/../_base_/aerial.yaml'
num_classes = 5
model = dict(
    data_preprocessor=dict(ignore_index=num_classes, voxel_layer=dict(voxel_size=[0.5] * 3)),
    backbone=dict(in_channels=5),
    decode_head=dict(num_classes=num_classes, ignore_index=num_classes))
class_names = ['ground', 'low_vegetation', 'medium_vegetation', 'high_vegetation', 'building']
train_dataloader = dict(dataset=dict(dataset=dict(data_root=data_root, ann_file=ann_file)))
val_dataloader = dict(dataset=dict(data_root=data_root, ann_file=ann_file))
test_dataloader = val_dataloader

max_iters = 2500
train_cfg = dict(max_iters=max_iters, val_interval=500)
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.004, total_steps=max_iters, pct_start=0.1, by_epoch=False)
]
