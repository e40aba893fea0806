# The same model, sampler and schedule with every label.
_base_ = ['./ptv3_sparse_1pct_s3dis.py']

train_dataloader = dict(dataset=dict(budget=dict(ratio=1.0)))
