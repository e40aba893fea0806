from .erda_head_mixin import ERDAHeadMixin
from .segmentor_heads import ERDAMinkUNetHead

__all__ = ['ERDAHeadMixin', 'ERDAMinkUNetHead']
