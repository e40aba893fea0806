# Cylinder3D on nuScenes-lidarseg with 1% of the points labelled, in the recipe for SemanticKITTI.
_base_ = ['./cylinder3d_erda_1pct.py', '../../../configs/_base_/nuscenes_lidarseg.py']

model = dict(
    data_preprocessor=dict(
        ignore_index=16,
        # Source: config/nuScenes.yaml of https://github.com/xinge008/Cylinder3D
        voxel_layer=dict(point_cloud_range=[0, -3.14159265359, -5, 50, 3.14159265359, 3])),
    decode_head=dict(num_classes=17, ignore_index=16))
train_dataloader = dict(dataset=dict(dataset=dict(_delete_=True, **_base_.nuscenes_train)))
val_dataloader = dict(dataset=dict(_delete_=True, **_base_.nuscenes_val))
test_dataloader = dict(dataset=dict(_delete_=True, **_base_.nuscenes_val))
tta_pipeline = [*_base_.nuscenes_load, _base_.tta_pipeline[-1]]
