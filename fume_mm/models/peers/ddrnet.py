"""mmsegmentation's DDRNet and its head, fitted to how the other nets are called."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmseg.models.backbones import DDRNet
from mmseg.models.decode_heads import DDRHead
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.registry import MODELS

from ..layers import norm_or_default
from .single_frame_norms import use_single_frame_norms

#: mmseg.DDRNet takes its high branch to be the frame's size divided by this.
_STRIDE = 8


@MODELS.register_module()
class DDRNetEncoder(DDRNet):
    """DDRNet-23-slim (Hong et al. 2021, arXiv:2101.06085) as a tuple of maps.

    Three deviations from ``mmseg.DDRNet``: frames whose sides 8 does not divide are
    continued at their bottom and right (mmseg's raises on them); training gives
    (auxiliary map, map) and evaluation (map,), so that the last is always the map; a
    lone frame can be trained on.

    Args:
        in_channels: Channels of a frame.
        channels: Base width; 32 is the slim net.
        ppm_channels: Channels of each branch of the pyramid pooling (DAPPM).
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Shape: (N, in_channels, H, W) to maps (N, 2·channels, H/8, W/8), in training only,
    and (N, 4·channels, H/8, W/8), sizes rounded up.
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        channels: int = 32,
        ppm_channels: int = 128,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            channels=channels,
            ppm_channels=ppm_channels,
            init_cfg=init_cfg or {'type': 'Kaiming', 'layer': 'Conv2d'},
        )
        use_single_frame_norms(self)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode frames ``x`` (N, in_channels, H, W)."""
        down, right = (-side % _STRIDE for side in x.shape[2:])
        if down or right:
            x = F.pad(x, (0, right, 0, down), mode='replicate')
        maps = super().forward(x)
        return (maps,) if isinstance(maps, Tensor) else tuple(maps)


@MODELS.register_module()
class DDRNetHead(DDRHead):
    """DDRNet's head and, in training, its auxiliary one, on :class:`DDRNetEncoder`.

    Args:
        in_channels: Channels of the encoder's map; its auxiliary map has half.
        loss_decode: Two losses, of the map and of the auxiliary map, the latter
            weighted 0.4 in the paper.
        channels: Channels within the heads.
        num_classes: Classes.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        **kwargs: Of ``mmseg.DDRHead``.

    Shape: in training a pair of logits (N, num_classes, h, w), the first of which
    counts; in evaluation that one.
    """

    def __init__(
        self,
        in_channels: int = 128,
        *,
        loss_decode: Sequence[dict],
        channels: int = 64,
        num_classes: int = 3,
        norm_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(loss_decode, dict) or len(loss_decode) != 2:
            raise UserError(
                'decode_head.loss_decode of DDRNetHead: give a list of two losses, of '
                'the map and of the auxiliary map.'
            )
        super().__init__(
            in_channels,
            channels,
            num_classes=num_classes,
            norm_cfg=norm_or_default(norm_cfg),
            loss_decode=loss_decode,
            **kwargs,
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor | tuple[Tensor, Tensor]:
        """Logits from the encoder's maps; in training those of both."""
        return super().forward(tuple(inputs) if self.training else inputs[-1])
