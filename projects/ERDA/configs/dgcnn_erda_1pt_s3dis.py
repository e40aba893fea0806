# The same with one labelled point per class and room.
_base_ = ['./dgcnn_erda_1pct_s3dis.py']

train_dataloader = dict(dataset=dict(budget=dict(_delete_=True, type='PerClassBudget', num_points=1)))
