# What ERDA is compared with: the same labels, sampler and schedule, but only the labelled points are learned from.
_base_ = ['../../projects/ERDA/configs/ptv3_erda_1pt_synthetic.py']

model = dict(decode_head=dict(pseudo_labeler=None, loss_erda=None))
