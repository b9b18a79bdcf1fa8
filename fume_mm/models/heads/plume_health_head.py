"""The health head that also looks at how far the plumes reach."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fume_mm.registry import MODELS
from fume_mm.structures import GASES, SEG_CLASSES

from .health_head import HealthHead

#: Entries of :func:`plume_geometry` per gas.
GEOMETRY_CHANNELS = 3 * (len(SEG_CLASSES) - 1) + 1


def plume_geometry(logits: dict[str, Tensor], present: Tensor) -> Tensor:
    """Size of tube and plume in the predicted masks; no brightness, no position.

    Args:
        logits: Mask logits (N_g, 3, h, w) of the samples that have the gas, by gas.
        present: (N, 2) bool, gases in the order of GASES.

    Returns:
        (N, 2 * GEOMETRY_CHANNELS) float32. Per gas: for tube and for plume the logs of
        its share of the frame's area, width and height, brought to about -1 to 1; then
        1. All zero where the gas is missing.
    """
    any_logits = next(iter(logits.values()))
    out = any_logits.new_zeros(
        len(present), len(GASES), GEOMETRY_CHANNELS, dtype=torch.float32
    )
    for i, gas in enumerate(GASES):
        if gas not in logits:
            continue
        shares = logits[gas].float().softmax(dim=1)[:, 1:]
        sizes = torch.stack(
            [
                shares.mean(dim=(2, 3)),
                shares.amax(dim=2).mean(dim=2),
                shares.amax(dim=3).mean(dim=2),
            ],
            dim=2,
        )
        # A share of a thousandth is a few pixels: less does not count.
        sizes = (torch.log(sizes + 1e-3) + 2.5) / 2.0
        row = torch.cat([sizes.flatten(1), sizes.new_ones(len(sizes), 1)], dim=1)
        out[present[:, i].to(out.device), i] = row
    return out.flatten(1)


@MODELS.register_module()
class PlumeHealthHead(HealthHead):
    """Health from the fused features and from the sizes of the predicted plumes.

    What the rumen's state changes in a frame is how much gas comes out. The mean of the
    fused features has to learn that from one label per sample; the masks are learnt
    from every pixel and measure it. This goes beyond FUME, whose head is
    :class:`HealthHead`. The masks are detached: health cannot bend them.

    Args:
        in_channels: Channels of the fused map.
        feature_dropout: Dropout on the pooled features, before the geometry joins them.
        **kwargs: Of :class:`HealthHead`.
    """

    needs_masks = True

    def __init__(
        self,
        in_channels: int,
        *,
        feature_dropout: float = 0.5,
        hidden_channels: Sequence[int] = (64,),
        **kwargs: object,
    ) -> None:
        super().__init__(
            in_channels + len(GASES) * GEOMETRY_CHANNELS,
            hidden_channels=hidden_channels,
            **kwargs,  # type: ignore[arg-type]
        )
        self.feature_dropout = torch.nn.Dropout(feature_dropout)

    def forward(
        self,
        fused: Tensor,
        logits: dict[str, Tensor] | None = None,
        present: Tensor | None = None,
    ) -> Tensor:
        """Logits (N, num_classes).

        Args:
            fused: (N, in_channels, h, w).
            logits: Mask logits by gas, see :func:`plume_geometry`.
            present: (N, 2) bool.
        """
        assert logits is not None and present is not None
        with torch.no_grad():
            geometry = plume_geometry(logits, present)
        features = self.feature_dropout(fused.mean(dim=(2, 3)))
        return self.mlp(torch.cat([features, geometry.to(features.dtype)], dim=1))
