# The same with 0.1% of the points labelled.
_base_ = ['./pointnet2_ssg_erda_1pct_s3dis.py']

train_dataloader = dict(dataset=dict(budget=dict(ratio=0.001)))
