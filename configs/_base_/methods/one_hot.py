# The likeliest class of ERDA's own pseudo-labels, for every unlabelled point; the projection learns from the labels.
method_head = dict(
    pseudo_labeler=dict(_delete_=True, type='PrototypePseudoLabeler'),
    loss_erda=dict(_delete_=True, type='OneHotLoss', loss_weight=0.1),
    labelled_weight=1.0)
method_hooks = []
