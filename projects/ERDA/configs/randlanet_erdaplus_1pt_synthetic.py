# ERDA with what our own measurements added, but scans are not mixed: of halves of samples RandLA-Net learned less.
_base_ = ['./randlanet_erda_1pt_synthetic.py', '../../../configs/_base_/methods/erda_plus.py']

model = dict(decode_head=_base_.method_head)
custom_hooks = _base_.custom_hooks + [hook for hook in _base_.method_hooks if hook['type'] != 'MixHalvesHook']
train_dataloader = dict(dataset=dict(propagation=dict()))
