# The same with 0.1% of the points labelled.
_base_ = ['./minkunet_erda_1pct.py']

train_dataloader = dict(dataset=dict(budget=dict(ratio=0.001)))
