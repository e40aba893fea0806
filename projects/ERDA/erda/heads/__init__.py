from .erda_head_mixin import ERDAHeadMixin
from .segmentor_heads import (
    ERDACylinder3DHead,
    ERDADGCNNHead,
    ERDAMinkUNetHead,
    ERDAPAConvHead,
    ERDAPointNet2Head,
)

__all__ = [
    'ERDACylinder3DHead', 'ERDADGCNNHead', 'ERDAHeadMixin', 'ERDAMinkUNetHead', 'ERDAPAConvHead', 'ERDAPointNet2Head'
]
