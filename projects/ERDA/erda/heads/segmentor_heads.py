"""One ERDA head per head of mmdet3d, and of the networks that it lacks."""
from typing import Any, List, Tuple

from mmdet3d.models.decode_heads import Cylinder3DHead, DGCNNHead, MinkUNetHead, PAConvHead, PointNet2Head
from mmdet3d.registry import MODELS
from torch import Tensor

from .erda_head_mixin import ERDAHeadMixin
from .point_transformer_head import PointTransformerHead
from .randla_net_head import RandLANetHead


@MODELS.register_module()
class ERDAMinkUNetHead(ERDAHeadMixin, MinkUNetHead):
    """:class:`ERDAHeadMixin` over mmdet3d's head of MinkUNet and SPVCNN."""


@MODELS.register_module()
class ERDACylinder3DHead(ERDAHeadMixin, Cylinder3DHead):
    """:class:`ERDAHeadMixin` over mmdet3d's head of Cylinder3D.

    Args:
        loss_lovasz: as in the stock head; a ``LovaszLoss`` becomes a :class:`erda.losses.FewLabelLovaszLoss`.
        kwargs: arguments of the mixin and of the stock head.
    """

    def __init__(self, *args: Any, loss_lovasz: dict, **kwargs: Any) -> None:
        if loss_lovasz['type'] == 'LovaszLoss':
            loss_lovasz = dict(loss_lovasz, type='FewLabelLovaszLoss')
        super().__init__(*args, loss_lovasz=loss_lovasz, **kwargs)


@MODELS.register_module()
class ERDAPointNet2Head(ERDAHeadMixin, PointNet2Head):
    """:class:`ERDAHeadMixin` over mmdet3d's head of PointNet++ (SSG and MSG)."""

    def _extract_input(self, feat_dict: dict) -> Tuple[List[Tensor], List[Tensor]]:
        # The stock forward sets sa_features[0] to None; on a copy, so that the backbone's features stay whole.
        sa_xyz, sa_features = super()._extract_input(feat_dict)
        return sa_xyz, list(sa_features)


@MODELS.register_module()
class ERDADGCNNHead(ERDAHeadMixin, DGCNNHead):
    """:class:`ERDAHeadMixin` over mmdet3d's head of DGCNN."""


@MODELS.register_module()
class ERDAPAConvHead(ERDAHeadMixin, PAConvHead):
    """:class:`ERDAHeadMixin` over mmdet3d's head of PAConv.

    PAConv's regularisation of its kernels is a loss of the segmentor, and stays beside the head's.
    """


@MODELS.register_module()
class ERDAPointTransformerHead(ERDAHeadMixin, PointTransformerHead):
    """:class:`ERDAHeadMixin` over :class:`PointTransformerHead`."""


@MODELS.register_module()
class ERDARandLANetHead(ERDAHeadMixin, RandLANetHead):
    """:class:`ERDAHeadMixin` over :class:`RandLANetHead`."""
