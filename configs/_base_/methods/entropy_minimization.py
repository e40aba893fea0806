# The prediction is its own pseudo-label: H(q) on unlabelled points. Grandvalet and Bengio, NeurIPS 2004.
method_head = dict(
    pseudo_labeler=dict(_delete_=True, type='PredictionPseudoLabeler'),
    loss_erda=dict(_delete_=True, type='ERDALoss', loss_weight=0.1))
method_hooks = []
