# A mean teacher instead of ERDA: the same labels, sampler and schedule.
_base_ = ['../../projects/ERDA/configs/minkunet_erda_1pct_synthetic.py', '../_base_/methods/mean_teacher.py']

model = dict(decode_head=_base_.method_head)
custom_hooks = _base_.custom_hooks + _base_.method_hooks
