"""MTINet-T1: the mask and the class branch gate each other."""

import torch
from torch import Tensor, nn

from fume_mm.models.layers import ConvNormAct
from fume_mm.models.rows import Stages, concatenate
from fume_mm.registry import MODELS

from .parts import MobileEncoder, T1Backbone, enlarging_decoder


def gate(channels: int, width: int) -> nn.Sequential:
    """1×1 convolution to ``width``, ReLU, 1×1 convolution back, sigmoid."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, channels, 1),
        nn.Sigmoid(),
    )


class TaskExchange(nn.Module):
    """Each task's map gates the other's; map and gated map are merged.

    The masks' map, averaged over the frame, gates the channels of the class map; the
    class map gates every position of the masks' map. One convolution merges both pairs.

    Args:
        channels: Channels C of both maps.
        width: Channels within the gates.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: twice (N, C, h, w) in and out.
    """

    def __init__(
        self, channels: int = 128, *, width: int = 32, norm_cfg: dict | None = None
    ) -> None:
        super().__init__()
        self.gate_of_classes = gate(channels, width)
        self.gate_of_masks = gate(channels, width)
        self.merge = ConvNormAct(2 * channels, channels, norm_cfg=norm_cfg)

    def forward(self, masks: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """The maps of both tasks, each gated by the other."""
        pooled = masks.mean(dim=(2, 3), keepdim=True)
        gated_classes = classes * self.gate_of_classes(pooled)
        gated_masks = masks * self.gate_of_masks(classes)
        return (
            self.merge(torch.cat([masks, gated_masks], dim=1)),
            self.merge(torch.cat([classes, gated_classes], dim=1)),
        )


@MODELS.register_module()
class MTINetT1(T1Backbone):
    """The MTINet of FUME's Table 1: two branches on the joint map, which exchange.

    Shares with MTI-Net (Vandenhende et al., ECCV 2020, arXiv:2001.06902) the idea that
    tasks exchange what they find. MTI-Net's scales, propagation, distillation and
    initial predictions are not there.

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
            {'type': MobileEncoder, 'blocks': (2, 3, 4, 3), 'norm_cfg': norm_cfg},
            shared=True,
            init_cfg=init_cfg,
        )

        def branch() -> nn.Sequential:
            return nn.Sequential(
                ConvNormAct(128, 128, 3, norm_cfg=norm_cfg),
                ConvNormAct(128, 128, 3, norm_cfg=norm_cfg),
            )

        self.fuse = ConvNormAct(2 * 128, 128, 3, norm_cfg=norm_cfg)
        self.masks_branch = branch()
        self.class_branch = branch()
        self.exchange = TaskExchange(norm_cfg=norm_cfg)
        self.decoder = enlarging_decoder(128, (64, 32, 32), norm_cfg=norm_cfg)

    def join(self, streams: list[dict[str, Tensor]]) -> Stages:
        """The two maps from a stream (N, 128, h, w) of every gas."""
        fused = self.fuse(concatenate(streams[0]))
        masks, classes = self.exchange(
            self.masks_branch(fused), self.class_branch(fused)
        )
        return classes, self.decoder(masks)
