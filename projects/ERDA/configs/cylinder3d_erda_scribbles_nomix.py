# The same with the labels of ScribbleKITTI.
_base_ = ['./cylinder3d_erda_1pct_nomix.py']

train_dataloader = dict(dataset=dict(budget=dict(_delete_=True, type='ScribbleBudget')))
