"""DANet-T1: attention over positions and over channels of the joint map."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fume_mm.models.layers import ConvNormAct, SpatialSelfAttention
from fume_mm.models.rows import Stages, concatenate
from fume_mm.registry import MODELS

from .parts import MobileEncoder, T1Backbone, enlarging_decoder


class ChannelSelfAttention(nn.Module):
    """Every channel gathers from all channels of the same map.

    x + γ · softmax(X Xᵀ) X, X the map as C×HW, γ starting at 0 (DANet, Fu et al. 2019,
    arXiv:1809.02983, section 3.3). Its authors' code takes the softmax of the rows'
    maximum minus X Xᵀ; as in the paper, this one does not.

    Shape: (N, C, H, W) in and out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend within ``x`` (N, C, H, W)."""
        rows = x.flatten(2).unsqueeze(1)
        attended = F.scaled_dot_product_attention(rows, rows, rows, scale=1.0)
        # Under autocast the gate is float32 and would carry all that follows with it.
        return x + (self.gamma * attended.reshape(x.shape)).to(x.dtype)


@MODELS.register_module()
class DANetT1(T1Backbone):
    """The DANet of FUME's Table 1: a small shared encoder, attention on the joint map.

    After DANet (Fu et al., CVPR 2019, arXiv:1809.02983), simplified: a MobileNetV2-like
    encoder at H/32 in place of a ResNet at H/8; the two attended maps are joined by one
    convolution, not by a convolution each and a sum; no auxiliary logits.

    Args:
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Gives the health head's map (N, 128, H/32, W/32) and the mask heads'
    (N, 32, H/4, W/4).
    """

    def __init__(
        self,
        *,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            {'type': MobileEncoder, 'norm_cfg': norm_cfg},
            shared=True,
            init_cfg=init_cfg,
        )
        self.fuse = ConvNormAct(2 * 128, 128, 3, norm_cfg=norm_cfg)
        self.positions = SpatialSelfAttention(128, reduction=8)
        self.channels = ChannelSelfAttention()
        self.attended = ConvNormAct(2 * 128, 128, 3, norm_cfg=norm_cfg)
        self.decoder = enlarging_decoder(128, (64, 32, 32), norm_cfg=norm_cfg)

    def join(self, streams: list[dict[str, Tensor]]) -> Stages:
        """The two maps from a stream (N, 128, h, w) of every gas."""
        fused = self.fuse(concatenate(streams[0]))
        both = torch.cat([self.positions(fused), self.channels(fused)], dim=1)
        attended = self.attended(both)
        return attended, self.decoder(attended)
