from typing import Sequence

from mmcv.cnn import ConvModule
from mmdet3d.models.decode_heads.decode_head import Base3DDecodeHead
from mmdet3d.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class RandLANetHead(Base3DDecodeHead):
    """The last layers of RandLA-Net: MLPs of each point, dropout and the classifier.

    Args:
        in_channels: of ``point_features``, 2 * ``channels[0]`` of :class:`erda.backbones.RandLANet`.
        hidden_channels: of the layers in front of the last one, which has ``channels``.
        kwargs: arguments of mmdet3d's ``Base3DDecodeHead``.

    Source: https://arxiv.org/abs/1911.11236
    """

    def __init__(self, in_channels: int, hidden_channels: Sequence[int] = (64, ), **kwargs) -> None:
        super().__init__(**kwargs)
        widths = [in_channels, *hidden_channels, self.channels]
        self.pre_seg = nn.Sequential(*(
            ConvModule(before, width, kernel_size=1, conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg,
                       act_cfg=self.act_cfg) for before, width in zip(widths, widths[1:])))

    def forward(self, features: dict) -> Tensor:
        """``point_features`` ``[B, C, N]`` to logits ``[B, K, N]``."""
        return self.cls_seg(self.pre_seg(features['point_features']))
