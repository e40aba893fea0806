from .loss_ramp_hook import LossRampHook
from .pseudo_label_quality_hook import PseudoLabelQualityHook
from .random_state_hook import RandomStateHook
from .second_view_hook import SecondViewHook
from .weak_class_weight_hook import WeakClassWeightHook, inverse_log_weights

__all__ = [
    'LossRampHook', 'PseudoLabelQualityHook', 'RandomStateHook', 'SecondViewHook', 'WeakClassWeightHook',
    'inverse_log_weights'
]
