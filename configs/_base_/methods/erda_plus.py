# ERDA's loss with the pseudo-labels that our measurements found best: an averaged model's prediction on a view of its
# own, times labels propagated along surfaces to the power 0.5, while the segmentor sees scans mixed. Not the paper's.
method_head = dict(
    pseudo_labeler=dict(_delete_=True, type='PredictionPseudoLabeler'),
    loss_erda=dict(_delete_=True, type='ERDALoss', loss_weight=1.0),
    prior_exponent=0.5)
method_hooks = [
    dict(type='SecondViewHook', momentum=0.03),
    dict(type='MixHalvesHook'),
    dict(type='LossRampHook', begin=0.0, end=0.1)
]
# The fourth column of street scans and of most tiles is the strength of the echo.
method_dataset = dict(propagation=dict(intensity_dim=3))
