"""RTFNet-T1: two ResNet-18, joined at four levels, a U-Net decoder."""

import torch
from torch import Tensor, nn

from fume_mm.models.layers import ConvNormAct, norm_or_default
from fume_mm.models.rows import Stages, concatenate
from fume_mm.registry import MODELS

from .parts import T1Backbone, enlarge

WIDTHS = (64, 128, 256, 512)


def two_convs(in_channels: int, channels: int, norm_cfg: dict | None) -> nn.Sequential:
    """Two 3×3 convolutions with norm and ReLU."""
    return nn.Sequential(
        ConvNormAct(in_channels, channels, 3, norm_cfg=norm_cfg),
        ConvNormAct(channels, channels, 3, norm_cfg=norm_cfg),
    )


@MODELS.register_module()
class RTFNetT1(T1Backbone):
    """The RTFNet of FUME's Table 1: an encoder per gas, joined at all four levels.

    After RTFNet (Sun et al., IEEE RA-L 2019, doi:10.1109/LRA.2019.2904733), which adds
    the thermal stream into the colour stream's encoder and decodes without skip
    connections; here both streams stay pure, are joined by convolutions beside the
    encoders, and a U-Net decoder reads all levels.

    Args:
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Gives the health head's map (N, 512, H/32, W/32) and the mask heads'
    (N, 64, H/4, W/4).
    """

    def __init__(
        self,
        *,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        encoder = {
            'type': 'mmseg.ResNet',
            'depth': 18,
            'in_channels': 1,
            'norm_cfg': norm_or_default(norm_cfg),
            'norm_eval': False,
        }
        super().__init__(encoder, shared=False, init_cfg=init_cfg)
        self.fuse = nn.ModuleList(
            two_convs(2 * width, width, norm_cfg) for width in WIDTHS
        )
        # from the deepest up
        self.decoder = nn.ModuleList(
            two_convs(deep + skip, skip, norm_cfg)
            for deep, skip in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)
        )

    def join(self, streams: list[dict[str, Tensor]]) -> Stages:
        """The two maps from, per level, a stream (N, C, h, w) of every gas."""
        levels = [
            fuse(concatenate(stream))
            for fuse, stream in zip(self.fuse, streams, strict=True)
        ]
        x = levels[-1]
        for convs, skip in zip(self.decoder, levels[-2::-1], strict=True):
            x = convs(torch.cat([enlarge(x, skip.shape[2:]), skip], dim=1))
        return levels[-1], x
