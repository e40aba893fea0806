# Point Transformer in synthetic rooms with one labelled point per class and room, for 2 CPU cores: half the width and
# half the neighbours, fewer blocks, and the patches and short schedule of the small PointNet++.
# The rooms are made by: python tools/prepare_data.py synthetic-rooms
_base_ = ['./pointnet2_ssg_erda_1pt_synthetic.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='PointTransformer',
        in_channels=9,
        channels=(16, 32, 64, 128),
        blocks=(1, 1, 1, 1),
        num_neighbors=8),
    decode_head=dict(
        _delete_=True,
        type='ERDAPointTransformerHead',
        channels=16,
        num_classes=13,
        ignore_index=13,
        dropout_ratio=0,
        loss_decode={{_base_.model.decode_head.loss_decode}},
        pseudo_labeler={{_base_.model.decode_head.pseudo_labeler}},
        loss_erda={{_base_.model.decode_head.loss_erda}}))
