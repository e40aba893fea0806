from typing import Any

from mmcv.cnn import ConvModule
from mmdet3d.models.decode_heads.decode_head import Base3DDecodeHead
from mmdet3d.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class PointTransformerHead(Base3DDecodeHead):
    """Two linear layers on what a backbone gives for each point: ``PointTransformer`` or ``CloserLook3D``.

    Args:
        channels: C of the backbone and between the layers.
        kwargs: arguments of ``Base3DDecodeHead``.

    Source: https://arxiv.org/abs/2012.09164, section 3.5; CloserLook3D ends in the same: https://arxiv.org/abs/2007.01294
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(channels=channels, **kwargs)
        self.pre_seg_conv = ConvModule(
            channels, channels, 1, conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, C, N]`` to logits ``[B, K, N]``."""
        return self.cls_seg(self.pre_seg_conv(features))
