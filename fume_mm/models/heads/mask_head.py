"""The base of the decode heads: mmsegmentation's for masks of tube and gas."""

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from fume_mm.structures import SEG_CLASSES

from ..layers import enlarge, norm_or_default
from ..losses.modules import FocalDiceLoss, check_class_weight


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

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """Losses by name, of logits (N, C, h, w), which are enlarged to the masks.

        As in mmsegmentation, but without its pixel accuracy of the batch, a twentieth
        of a training step for a line in the log; and
        :class:`~fume_mm.models.losses.FocalDiceLoss` enlarges the logits itself.

        Args:
            seg_logits: (N, C, h, w).
            batch_data_samples: N samples with ``gt_sem_seg`` (1, H, W), any integers.
        """
        target = self._stack_batch_gt(batch_data_samples)
        full = weight = None
        losses: dict[str, Tensor] = {}
        several = isinstance(self.loss_decode, nn.ModuleList)
        for loss in self.loss_decode if several else [self.loss_decode]:
            options: dict[str, Any] = {'ignore_index': self.ignore_index}
            if isinstance(loss, FocalDiceLoss) and self.sampler is None:
                options['align_corners'] = self.align_corners
                value = loss(seg_logits, target.squeeze(1), **options)
            else:
                if full is None:
                    target = target.long()
                    size, corners = target.shape[2:], self.align_corners
                    full = enlarge(seg_logits, size, align_corners=corners)
                    if self.sampler is not None:
                        weight = self.sampler.sample(full, target)
                value = loss(full, target.squeeze(1), weight=weight, **options)
            name = loss.loss_name
            losses[name] = losses[name] + value if name in losses else value
        return losses
