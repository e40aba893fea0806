# CloserLook3D with PosPool in synthetic rooms with one labelled point per class and room, for 2 CPU cores: a sixth of
# the width, a level less, a bottleneck less on each level, and the grid, samples and short schedule of the small
# RandLA-Net.
# The rooms are made by: python tools/prepare_data.py synthetic-rooms
_base_ = ['./randlanet_erda_1pt_synthetic.py']

grids = dict(voxel_size=0.08, radius=0.2, num_neighbors=(16, 20, 24, 24))
model = dict(
    backbone=dict(_delete_=True, type='CloserLook3D', in_channels=6, channels=24, blocks=1, **grids),
    decode_head=dict(
        _delete_=True,
        type='ERDAPointTransformerHead',
        channels=12,
        num_classes=13,
        ignore_index=13,
        dropout_ratio=0,
        loss_decode={{_base_.model.decode_head.loss_decode}},
        pseudo_labeler={{_base_.model.decode_head.pseudo_labeler}},
        loss_erda={{_base_.model.decode_head.loss_erda}}))
train_pipeline = [*_base_.train_pipeline[:-1], dict(type='GridNeighborTables', **grids)]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
