"""One ERDA head per mmdet3d head."""
from mmdet3d.models.decode_heads import MinkUNetHead
from mmdet3d.registry import MODELS

from .erda_head_mixin import ERDAHeadMixin


@MODELS.register_module()
class ERDAMinkUNetHead(ERDAHeadMixin, MinkUNetHead):
    """:class:`ERDAHeadMixin` over mmdet3d's head of MinkUNet and SPVCNN."""
