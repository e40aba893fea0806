# Hard pseudo-labels from the prediction, where it is confident. As in FixMatch, https://arxiv.org/abs/2001.07685
method_head = dict(
    pseudo_labeler=dict(_delete_=True, type='PredictionPseudoLabeler'),
    loss_erda=dict(_delete_=True, type='OneHotLoss', loss_weight=1.0),
    selection=dict(min_confidence=0.9))
method_hooks = [dict(type='LossRampHook', begin=0.17, end=0.33)]
