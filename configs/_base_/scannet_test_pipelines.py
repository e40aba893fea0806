# Those of mmdet3d's ScanNet files compare predictions with raw nyu40 ids, because they lack PointSegClassMapping.
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
mapped_test_pipeline = [*load, pack]
mapped_tta_pipeline = [*load, dict(type='TestTimeAug', transforms=[[flip], [pack]])]
