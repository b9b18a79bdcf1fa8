"""The health head that knows which gas the frame shows."""

import torch
from torch import Tensor, nn

from fume_mm.registry import MODELS
from fume_mm.structures import GASES

from ..rows import Features, Rows
from .health_head import HealthHead


@MODELS.register_module()
class GasAwareHealthHead(HealthHead):
    """Global mean, joined to a learnt embedding of the gas, then an MLP.

    The classifier of FUME's gas-aware baseline, which looks at one frame and knows
    which gas it shows. Beyond it, a sample of both gases has the mean of the two
    embeddings.

    Args:
        in_channels: Channels of the map.
        embedding_channels: Numbers that stand for a gas; the baseline's are 128 on
            ResNet-50, 64 on Fast-SCNN.
        **kwargs: Of :class:`HealthHead`.
    """

    def __init__(
        self, in_channels: int, *, embedding_channels: int = 128, **kwargs: object
    ) -> None:
        super().__init__(in_channels + embedding_channels, **kwargs)  # type: ignore[arg-type]
        self.gas_embedding = nn.Embedding(len(GASES), embedding_channels)

    def forward(self, fused: Tensor, logits: Features, rows: Rows) -> Tensor:
        """Logits (N, num_classes).

        Args:
            fused: (N, in_channels, h, w).
            logits: Not used.
            rows: Which gases exist; each sample has one.
        """
        pooled = fused.mean(dim=(2, 3))
        weight = rows.marks(pooled)
        weight = weight / weight.sum(dim=1, keepdim=True)
        gas = weight @ self.gas_embedding.weight
        return self.mlp(torch.cat([pooled, gas], dim=1))
