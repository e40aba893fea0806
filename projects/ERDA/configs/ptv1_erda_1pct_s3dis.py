# Point Transformer on S3DIS, tested on area 5 with 1% of the points labelled, 2 GPUs x 16 patches.
# Patches and schedule are those of PointNet++.
_base_ = ['./pointnet2_ssg_erda_1pct_s3dis.py']

model = dict(
    backbone=dict(_delete_=True, type='PointTransformer', in_channels=9),
    decode_head=dict(
        _delete_=True,
        type='ERDAPointTransformerHead',
        channels=32,
        num_classes=13,
        ignore_index=13,
        dropout_ratio=0,
        loss_decode={{_base_.model.decode_head.loss_decode}},
        pseudo_labeler={{_base_.model.decode_head.pseudo_labeler}},
        loss_erda={{_base_.model.decode_head.loss_erda}}))
