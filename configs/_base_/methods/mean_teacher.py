# The prediction of an averaged model on a view of its own is the soft pseudo-label. https://arxiv.org/abs/1703.01780
method_head = dict(
    pseudo_labeler=dict(_delete_=True, type='PredictionPseudoLabeler'),
    loss_erda=dict(_delete_=True, type='ERDALoss', gradient='prediction', loss_weight=1.0))
method_hooks = [dict(type='SecondViewHook', momentum=0.03), dict(type='LossRampHook', begin=0.17, end=0.33)]
