"""What is reported: metrics, label counts, tables and pictures."""
from .confusion_metric import ConfusionMatrixMetric

__all__ = ['ConfusionMatrixMetric']
