# MinkUNet34-W32 on nuScenes-lidarseg with 1% of the points labelled, in the recipe for SemanticKITTI.
_base_ = ['./minkunet_erda_1pct.py', '../../../configs/_base_/nuscenes_lidarseg.py']

model = dict(data_preprocessor=dict(ignore_index=16), decode_head=dict(num_classes=16, ignore_index=16))
train_dataloader = dict(dataset=dict(dataset=dict(_delete_=True, **_base_.nuscenes_train)))
val_dataloader = dict(dataset=dict(_delete_=True, **_base_.nuscenes_val))
test_dataloader = dict(dataset=dict(_delete_=True, **_base_.nuscenes_val))
tta_pipeline = [*_base_.nuscenes_load, _base_.tta_pipeline[-1]]
