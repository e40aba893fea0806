# ERDA with what our own measurements added. The neighbours of mixed samples are found in the step.
_base_ = ['./randlanet_erda_1pt_synthetic.py', '../../../configs/_base_/methods/erda_plus.py']

model = dict(decode_head=_base_.method_head)
custom_hooks = _base_.custom_hooks + _base_.method_hooks
train_dataloader = dict(dataset=dict(propagation=dict()))
