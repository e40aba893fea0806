# The same model, sampler and schedule with every label.
_base_ = ['./pointnet2_msg_sparse_1pct_scannet.py']

train_dataloader = dict(dataset=dict(budget=dict(ratio=1.0)))
