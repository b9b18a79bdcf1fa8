"""The health head that also looks at how large the plumes are."""

import torch
from torch import Tensor, nn

from fume_mm.registry import MODELS
from fume_mm.structures import GAS, GASES

from ..rows import Features, Rows, concatenate
from .health_head import HealthHead, Samples

#: Entries of :func:`plume_sizes`.
SIZE_CHANNELS = 2 * len(GASES)
# Between the probabilities' mean, to which every unsure pixel adds, and the count of
# the mask's pixels, which knows no half pixels.
_SHARPENING = 5.0


def plume_sizes(logits: Features, rows: Rows, gas_class: int = GAS) -> Tensor:
    """Size of the plumes in the predicted masks; no brightness, no position.

    Args:
        logits: Mask logits (·, C, h, w) by gas.
        rows: Which rows these are.
        gas_class: Value of the gas in a mask.

    Returns:
        (N, SIZE_CHANNELS) float32. Per gas the log of the plume's share of the frame,
        brought to about -2 to 1, and 1; both 0 where the gas is missing.
    """
    sizes = {}
    for gas, x in logits.items():
        share = (_SHARPENING * x.float()).softmax(dim=1)[:, gas_class].mean(dim=(1, 2))
        # A share of a thousandth is a few pixels: less does not count.
        size = (torch.log(share + 1e-3) + 2.0) / 2.0
        sizes[gas] = torch.stack([size, torch.ones_like(size)], dim=1)
    return concatenate(rows.spread(sizes))


@MODELS.register_module()
class PlumeHealthHead(HealthHead):
    """Health from the sizes of the predicted plumes and from the fused features.

    What the rumen's state changes in a frame is how much of each gas comes out. Given
    one label per sample and few vessels, the fused features learn the vessels by heart;
    the masks are learnt from every pixel and measure it. So an MLP on the two sizes
    speaks first, and FUME's classifier on the fused features, trained by a loss of its
    own, is added with a gate γ that starts at zero: ``sizes + γ · fused``. This
    goes beyond FUME, whose head is :class:`HealthHead`. Health does not bend the masks,
    nor γ the fused classifier.

    Args:
        in_channels: Channels of the fused map.
        size_channels: Units of the hidden layer on the sizes.
        gas_class: Value of the gas in a mask, where it is not FUME's 2.
        **kwargs: Of :class:`HealthHead`, for the classifier on the fused features.

    Losses: ``loss_health`` of the sum, ``loss_health_fused`` of the fused classifier.
    """

    needs_masks = True

    def __init__(
        self,
        in_channels: int,
        *,
        size_channels: int = 64,
        gas_class: int = GAS,
        **kwargs: object,
    ) -> None:
        super().__init__(in_channels, **kwargs)  # type: ignore[arg-type]
        self.gas_class = gas_class
        self.size_mlp = nn.Sequential(
            nn.Linear(SIZE_CHANNELS, size_channels),
            nn.ReLU(inplace=True),
            nn.Linear(size_channels, self.num_classes),
        )
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, fused: Tensor, logits: Features, rows: Rows) -> Tensor:
        """Logits (N, num_classes).

        Args:
            fused: (N, in_channels, h, w).
            logits: Mask logits by gas, see :func:`plume_sizes`.
            rows: Which rows they are.
        """
        return self._join(super().forward(fused, logits, rows), logits, rows)

    def _join(self, fused_logits: Tensor, logits: Features, rows: Rows) -> Tensor:
        with torch.no_grad():
            sizes = plume_sizes(logits, rows, self.gas_class)
        size_logits = self.size_mlp(sizes.to(fused_logits.dtype))
        return size_logits + self.gamma * fused_logits.detach()

    def loss(
        self, fused: Tensor, samples: Samples, logits: Features, rows: Rows
    ) -> dict[str, Tensor]:
        """The losses of the sum and of the classifier on the fused features."""
        fused_logits = super().forward(fused, logits, rows)
        losses = self.loss_by_feat(self._join(fused_logits, logits, rows), samples)
        fused_loss = self.loss_by_feat(fused_logits, samples)['loss_health']
        return {**losses, 'loss_health_fused': fused_loss}
