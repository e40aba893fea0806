# mmdet3d's file with two corrections: its scene_idxs repeats the data root, so that training finds no file; and its
# test pipelines compare predictions with raw nyu40 ids, because they lack PointSegClassMapping.
_base_ = ['mmdet3d::pointnet2/pointnet2_ssg_2xb16-cosine-200e_scannet-seg.py']

load = [
    dict(
        type='LoadPointsFromFile',
        coord_type='DEPTH',
        shift_height=False,
        use_color=True,
        load_dim=6,
        use_dim=[0, 1, 2, 3, 4, 5]),
    dict(type='LoadAnnotations3D', with_bbox_3d=False, with_label_3d=False, with_mask_3d=False, with_seg_3d=True),
    dict(type='PointSegClassMapping'),
    dict(type='NormalizePointsColor', color_mean=None),
]
pack = dict(type='Pack3DDetInputs', keys=['points'])
flip = dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0., flip_ratio_bev_vertical=0.)
test_pipeline = [*load, pack]
tta_pipeline = [*load, dict(type='TestTimeAug', transforms=[[flip], [pack]])]

train_dataloader = dict(dataset=dict(scene_idxs='seg_info/train_resampled_scene_idxs.npy'))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
