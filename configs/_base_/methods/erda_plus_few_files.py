# ERDA+ for a few files that are seen hundreds of times: its loss falls away before the network knows the mistakes of
# its pseudo-labels by heart. The clicks have the rest of the training. Those on rare classes count more.
_base_ = ['./erda_plus.py']

method_head = dict(loss_decode=dict(class_weight='weak'))
method_hooks = [
    dict(type='SecondViewHook', momentum=0.03),
    dict(type='MixHalvesHook'),
    dict(type='LossRampHook', begin=0.0, end=0.1, fall=(0.2, 0.4)),
    dict(type='WeakClassWeightHook')
]
