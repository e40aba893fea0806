# The same on 2 CPU cores: a network of half a million weights, patches of 128 voxels, and the voxels, scans and short
# schedule of the small MinkUNet.
_base_ = ['./minkunet_erda_1pct_mini.py']

model = dict(
    data_preprocessor=dict(grid_multiple=1),
    backbone=dict(
        _delete_=True,
        type='PointTransformerV3',
        encoder_channels=[16, 32, 48, 64],
        encoder_blocks=[1, 1, 1, 1],
        decoder_channels=[32, 32, 48],
        decoder_blocks=[1, 1, 1],
        patch_size=128,
        drop_path=0.1),
    decode_head=dict(channels=32))
