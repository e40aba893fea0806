# ERDA with every label: the loss covers all points.
_base_ = ['./minkunet_erda_1pct_mini.py']

model = dict(decode_head=dict(selection=dict(points='all')))
train_dataloader = dict(dataset=dict(budget=dict(ratio=1.0)))
custom_hooks = _base_.custom_hooks[:-1]  # hides no label that PseudoLabelQualityHook could look at
