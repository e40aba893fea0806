from .erda_loss import ERDALoss
from .few_label_lovasz_loss import FewLabelLovaszLoss
from .functional import distribution_alignment, entropy

__all__ = ['ERDALoss', 'FewLabelLovaszLoss', 'distribution_alignment', 'entropy']
