# The same with 200 labelled points per scene.
_base_ = ['./pointnet2_msg_erda_1pct_scannet.py']

train_dataloader = dict(dataset=dict(budget=dict(_delete_=True, type='PerScanBudget', num_points=200)))
