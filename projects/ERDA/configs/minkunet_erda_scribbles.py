# The same with the labels of ScribbleKITTI.
_base_ = ['./minkunet_erda_1pct.py']

train_dataloader = dict(dataset=dict(budget=dict(_delete_=True, type='ScribbleBudget')))
