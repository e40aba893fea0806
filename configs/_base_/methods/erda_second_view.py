# ERDA whose prototypes look at the features of an averaged model on a view of its own; pseudo-labels are sharper and
# learn from the labels too, and the loss starts after a warm-up. Not the paper's.
method_head = dict(
    pseudo_labeler=dict(_delete_=True, type='PrototypePseudoLabeler', scale=20.0, momentum=0.99),
    loss_erda=dict(_delete_=True, type='ERDALoss', loss_weight=1.0),
    labelled_weight=1.0)
method_hooks = [dict(type='SecondViewHook', momentum=0.03), dict(type='LossRampHook', begin=0.17, end=0.33)]
