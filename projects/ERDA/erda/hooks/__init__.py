from .random_state_hook import RandomStateHook
from .weak_class_weight_hook import WeakClassWeightHook, inverse_log_weights

__all__ = ['RandomStateHook', 'WeakClassWeightHook', 'inverse_log_weights']
