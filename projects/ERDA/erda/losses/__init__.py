from .erda_loss import ERDALoss
from .functional import distribution_alignment, entropy

__all__ = ['ERDALoss', 'distribution_alignment', 'entropy']
