# For the labelled points alone: labels propagated along surfaces count in the predictions of your own clouds, to the
# power 0.5, as tools/infer.py --clicks has it. With pseudo-labels they would count in training, too.
method_head = dict(prior_exponent=0.5)
method_dataset = dict(propagation=dict(intensity_dim=3))
