"""The base of the decode heads: mmsegmentation's, with this project's defaults."""

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead

from fume_mm.structures import SEG_CLASSES

from ..layers import norm_or_default
from .defaults import segmentation_loss


class MaskHead(BaseDecodeHead):
    """mmsegmentation's ``BaseDecodeHead`` for masks of tube and gas.

    Args:
        in_channels: Channels of the map or maps that it reads.
        channels: Channels that its last layer sees.
        num_classes: Classes.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        loss_decode: Loss or list of losses; None is ``FocalDiceLoss``.
        init_cfg: MMEngine's initialisation; None is PyTorch's, as in FUME's code, not
            mmsegmentation's narrow normal, which is slow to leave where it starts.
        **kwargs: Of ``BaseDecodeHead``.
    """

    def __init__(
        self,
        in_channels: int | Sequence[int],
        channels: int,
        *,
        num_classes: int = len(SEG_CLASSES),
        norm_cfg: dict | None = None,
        loss_decode: dict | Sequence[dict] | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            channels,
            num_classes=num_classes,
            norm_cfg=norm_or_default(norm_cfg),
            loss_decode=loss_decode or segmentation_loss(),
            init_cfg=init_cfg,
            **kwargs,
        )
