# Point Transformer V3 on SemanticKITTI with 1% of the points labelled, 4 GPUs x 3 scans.
# Scans are mixed as for MinkUNet; the rest is the authors' recipe for outdoor scans.
_base_ = ['./minkunet_erda_1pct.py']

model = dict(
    data_preprocessor=dict(grid_multiple=1),
    backbone=dict(_delete_=True, type='PointTransformerV3'),
    decode_head=dict(channels=64))

max_epochs = 50
train_dataloader = dict(batch_size=3)
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(
    optimizer=dict(lr=0.002, weight_decay=0.005), paramwise_cfg=dict(custom_keys={'block': dict(lr_mult=0.1)}))
# Not OneCycleLR, whose one maximum would undo the smaller rate of the blocks.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=2, by_epoch=True, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.001,
        begin=2,
        end=max_epochs,
        T_max=max_epochs - 2,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=12)
