# mmdet3d's file with test pipelines that map labels, and without a data root that is joined to scene_idxs twice.
_base_ = ['mmdet3d::pointnet2/pointnet2_msg_2xb16-cosine-250e_scannet-seg.py', './scannet_test_pipelines.py']

tta_pipeline = {{_base_.mapped_tta_pipeline}}
train_dataloader = dict(dataset=dict(scene_idxs='seg_info/train_resampled_scene_idxs.npy'))
val_dataloader = dict(dataset=dict(pipeline={{_base_.mapped_test_pipeline}}))
test_dataloader = dict(dataset=dict(pipeline={{_base_.mapped_test_pipeline}}))
