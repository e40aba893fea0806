"""What a run reports: scores, tables, pictures."""
from .confusion_metric import ConfusionMatrixMetric

__all__ = ['ConfusionMatrixMetric']
