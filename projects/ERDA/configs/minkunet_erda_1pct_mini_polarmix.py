# The same with sectors of another scan in the place of a scan's own: PolarMix without LaserMix and pasted instances.
_base_ = ['./minkunet_erda_1pct_mini.py']

pipeline = _base_.train_dataloader.dataset.dataset.pipeline
polar_mix = dict(
    type='PolarMix', instance_classes=[], swap_ratio=1.0, rotate_paste_ratio=0.0, prob=0.8, pre_transform=pipeline[:3])
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=pipeline[:3] + [polar_mix] + pipeline[3:])))
