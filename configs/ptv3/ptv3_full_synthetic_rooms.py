# The same model, sampler and schedule with every label.
_base_ = ['./ptv3_sparse_1pt_synthetic.py']

train_dataloader = dict(
    dataset=dict(budget=dict(_delete_=True, type='RatioBudget', ratio=1.0, base=dict(voxel_size=0.08))))
