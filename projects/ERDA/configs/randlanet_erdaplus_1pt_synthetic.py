# ERDA with what our own measurements added, but for mixed scans: neighbours are found in the data loader.
_base_ = ['./randlanet_erda_1pt_synthetic.py', '../../../configs/_base_/methods/erda_plus.py']

model = dict(decode_head=_base_.method_head)
second_view, _, ramp = _base_.method_hooks
custom_hooks = _base_.custom_hooks + [second_view, ramp]
train_dataloader = dict(dataset=dict(propagation=dict()))
