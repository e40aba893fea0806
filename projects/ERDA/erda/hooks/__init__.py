"""What happens around the steps of a training."""
from .bfloat16_optim_wrapper import Bfloat16OptimWrapper, cpu_has_bfloat16
from .feature_range_hook import FeatureRangeHook
from .loss_ramp_hook import LossRampHook
from .mix_halves_hook import MixHalvesHook
from .non_finite_loss_hook import NonFiniteLossHook
from .pseudo_label_quality_hook import PseudoLabelQualityHook
from .random_state_hook import RandomStateHook
from .second_view_hook import SecondViewHook
from .training_error import TrainingError
from .training_hooks import add_training_hooks
from .training_summary_hook import TrainingSummaryHook
from .unreadable_scan_hook import UnreadableScanHook
from .weak_class_weight_hook import WeakClassWeightHook, inverse_log_weights
from .whole_checkpoint_hook import WholeCheckpointHook
from .whole_file_backend import WholeFileBackend

__all__ = [
    'Bfloat16OptimWrapper', 'FeatureRangeHook', 'LossRampHook', 'MixHalvesHook', 'NonFiniteLossHook',
    'PseudoLabelQualityHook', 'RandomStateHook', 'SecondViewHook', 'TrainingError', 'TrainingSummaryHook',
    'UnreadableScanHook', 'WeakClassWeightHook', 'WholeCheckpointHook', 'WholeFileBackend', 'add_training_hooks',
    'cpu_has_bfloat16', 'inverse_log_weights'
]
