"""The head that classifies the health of the rumen."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import HEALTH_CLASSES, DualGasDataSample

from ..losses.modules import check_class_weight
from ..rows import Features, Rows

Samples = Sequence[DualGasDataSample]


def health_labels(samples: Samples) -> Tensor:
    """The true health classes, (N,) int64.

    Raises:
        UserError: If a sample has none.
    """
    for sample in samples:
        if 'gt_health' not in sample:
            raise UserError(
                f'sample {sample.get("sample_id")!r} has no health class, which '
                'training needs; give its row a class_id, or set health_head=None to '
                'train masks alone.'
            )
    return torch.cat([sample.gt_health for sample in samples])


@MODELS.register_module()
class HealthHead(BaseModule):
    """Global mean, then an MLP with ReLU and dropout; one class per sample.

    Args:
        in_channels: Channels of the fused map.
        hidden_channels: Units of each hidden layer; FUME's are (512, 256) on ResNet-50,
            (256, 128) on Fast-SCNN and (256,) on Fast-SCNN without attention.
        loss: Config of the loss on (logits, class ids); of a list, the sum.
        dropout: Dropout after each hidden layer.
        num_classes: Classes.
        init_cfg: MMEngine's initialisation; None is PyTorch's.
    """

    #: Whether it needs the mask logits, so a decode head.
    needs_masks = False

    def __init__(
        self,
        in_channels: int,
        *,
        loss: dict | list[dict],
        dropout: float,
        hidden_channels: Sequence[int] = (512, 256),
        num_classes: int = len(HEALTH_CLASSES),
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        layers: list[nn.Module] = []
        width = in_channels
        for hidden in hidden_channels:
            layers += [nn.Linear(width, hidden), nn.ReLU(True), nn.Dropout(dropout)]
            width = hidden
        self.mlp = nn.Sequential(*layers, nn.Linear(width, num_classes))
        self.loss_health: Any = (
            nn.ModuleList(map(MODELS.build, loss))
            if isinstance(loss, list)
            else MODELS.build(loss)
        )
        check_class_weight(
            self.loss_health, num_classes, 'model.health_head', counted=True
        )

    def forward(self, fused: Tensor, logits: Features, rows: Rows) -> Tensor:
        """Logits (N, num_classes) from the fused map (N, in_channels, h, w).

        Args:
            fused: The neck's map.
            logits: Mask logits by gas, for heads that read the masks.
            rows: Which gases exist, for heads that ask.
        """
        return self.mlp(fused.mean(dim=(2, 3)))

    def loss(
        self, fused: Tensor, samples: Samples, logits: Features, rows: Rows
    ) -> dict[str, Tensor]:
        """The losses of :meth:`forward`'s logits against ``samples``."""
        return self.loss_by_feat(self(fused, logits, rows), samples)

    def loss_by_feat(self, logits: Tensor, samples: Samples) -> dict[str, Tensor]:
        """The loss of ``logits`` (N, num_classes) against the samples' ``gt_health``.

        Raises:
            UserError: If a sample has no health class.
        """
        target = health_labels(samples).to(logits.device)
        parts = self.loss_health
        parts = parts if isinstance(parts, nn.ModuleList) else [parts]
        return {'loss_health': sum(loss(logits, target) for loss in parts)}

    def predict(self, logits: Tensor) -> Tensor:
        """Class probabilities (N, num_classes), float32, from logits of that shape."""
        return logits.float().softmax(dim=1)
