# Labels propagated along surfaces count in the predictions of your own clouds, to the power 0.5, and in no training:
# what tools/infer.py --clicks does with any network.
method_head = dict(prior_exponent=0.5)
method_dataset = dict(propagation=dict(intensity_dim=3))
