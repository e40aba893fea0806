# MinkUNet on 2 CPU cores for a folder of point clouds. A config that `python tools/prepare_data.py folder PATH` writes
# inherits this and sets the folder, the classes, the input channels and the voxel size.
_base_ = ['../minkunet_erda_1pct_mini.py']

# The clicks alone; the config of a folder adds a method.
model = dict(decode_head=dict(pseudo_labeler=None, loss_erda=None))

train_pipeline = [
    dict(type='LoadPointCloudBlock'),
    dict(type='PointSegClassMapping'),
    dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5, flip_ratio_bev_vertical=0.5),
    dict(type='GlobalRotScaleTrans', rot_range=[-3.14159265, 3.14159265], scale_ratio_range=[0.95, 1.05],
         translation_std=[0.1, 0.1, 0.1]),
    dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])
]
test_pipeline = [
    dict(type='LoadPointCloudBlock'),
    dict(type='PointSegClassMapping'),
    dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])
]

# Eight turns, for tools/test.py --tta.
turns = [
    dict(type='GlobalRotScaleTrans', rot_range=[0.785398 * turn] * 2, scale_ratio_range=[1, 1], translation_std=[0] * 3)
    for turn in range(8)
]
tta_model = dict(type='Seg3DTTAModel')
tta_pipeline = [*test_pipeline[:2], dict(type='TestTimeAug', transforms=[turns, [test_pipeline[2]]])]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='GivenLabels'),
        dataset=dict(
            type='PointCloudFolderDataset',
            data_root='',
            ann_file='erda.yaml',
            split='train',
            pipeline=train_pipeline)))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='PointCloudFolderDataset',
        data_root='',
        ann_file='erda.yaml',
        split='val',
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
