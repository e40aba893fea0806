# The same model, sampler and schedule with every label.
_base_ = ['./spvcnn_sparse_1pct_nuscenes.py']

train_dataloader = dict(dataset=dict(budget=dict(ratio=1.0)))
