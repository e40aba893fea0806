"""Pseudo-label and prediction to loss: pure functions under thin registered modules."""
from .erda_loss import ERDALoss
from .few_label_lovasz_loss import FewLabelLovaszLoss
from .functional import distribution_alignment, entropy
from .one_hot_loss import OneHotLoss

__all__ = ['ERDALoss', 'FewLabelLovaszLoss', 'OneHotLoss', 'distribution_alignment', 'entropy']
