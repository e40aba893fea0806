# The same model, sampler and schedule with every label.
_base_ = ['./minkunet_sparse_1pct_mini_polarmix.py']

train_dataloader = dict(dataset=dict(budget=dict(ratio=1.0)))
custom_hooks = _base_.custom_hooks[:-1]  # hides no label that PseudoLabelQualityHook could look at
