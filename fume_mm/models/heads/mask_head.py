"""The base of the decode heads: mmsegmentation's for masks of tube and gas."""

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead

from fume_mm.structures import SEG_CLASSES

from ..layers import norm_or_default
from ..losses.modules import check_class_weight


class MaskHead(BaseDecodeHead):
    """mmsegmentation's ``BaseDecodeHead`` for masks of tube and gas.

    Args:
        in_channels: Channels of the map that it reads; if these are several, the head
            selects as many maps, the first ones without an ``in_index``.
        channels: Channels that its last layer sees.
        loss_decode: Config of the loss, or a list of them.
        dropout_ratio: Dropout of whole channels before the classes.
        num_classes: Classes.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is PyTorch's, as in FUME's code, not
            mmsegmentation's narrow normal, which is slow to leave where it starts.
        **kwargs: Of ``BaseDecodeHead``.
    """

    def __init__(
        self,
        in_channels: int | Sequence[int],
        channels: int,
        *,
        loss_decode: dict | Sequence[dict],
        dropout_ratio: float,
        num_classes: int = len(SEG_CLASSES),
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        several: dict[str, Any] = {}
        if not isinstance(in_channels, int):
            several['input_transform'] = 'multiple_select'
            several['in_index'] = kwargs.pop('in_index', tuple(range(len(in_channels))))
        super().__init__(
            in_channels,
            channels,
            loss_decode=loss_decode,
            dropout_ratio=dropout_ratio,
            num_classes=num_classes,
            # two classes are two channels: mmsegmentation would advise one
            out_channels=kwargs.pop('out_channels', num_classes),
            norm_cfg=norm_or_default(norm_cfg),
            init_cfg=init_cfg,
            **several,
            **kwargs,
        )
        check_class_weight(self.loss_decode, num_classes, 'model.decode_head')
