# Sectors of another scan in the place of a scan's own: PolarMix without LaserMix and pasted instances.
_base_ = ['./none.py']

mixed_pipeline = [
    *_base_.mixed_pipeline[:3],
    dict(
        type='PolarMix',
        instance_classes=[],
        swap_ratio=1.0,
        rotate_paste_ratio=0.0,
        prob=0.8,
        pre_transform=_base_.mixed_pipeline[:3]),
    *_base_.mixed_pipeline[3:],
]
