# The same model, sampler and schedule with every label.
_base_ = ['./ptv3_sparse_1pct_mini.py']

train_dataloader = dict(dataset=dict(budget=dict(ratio=1.0)))
