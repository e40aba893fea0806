# The same with 10% of the points labelled.
_base_ = ['./spvcnn_erda_1pct_nomix.py']

train_dataloader = dict(dataset=dict(budget=dict(ratio=0.1)))
