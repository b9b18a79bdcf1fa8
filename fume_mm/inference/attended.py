"""Where each gas looks in the other: the cross-modal attention of a sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.io.images import Frame
from fume_mm.models.dual_gas_model import DualGasModel
from fume_mm.models.layers import CrossModalAttention
from fume_mm.structures import GASES

from .predictor import frames_of
from .torch_predictor import TorchPredictor

#: (x, y) as shares of width and height, 0 to 1.
Point = tuple[float, float]


@dataclass(frozen=True)
class Attended:
    """Attention from some points of a gas's frame over the frame of the other.

    Attributes:
        gas: Whose points they are.
        points: By name.
        weights: By name (h, w), the sum 1.
        entropy: Mean over all positions of the frame, as a share of the largest.
        gamma: The gate that what is gathered is multiplied by.
    """

    gas: str
    points: Mapping[str, Point]
    weights: Mapping[str, np.ndarray]
    entropy: float
    gamma: float


def attend(
    model: DualGasModel,
    frames: Mapping[str, Frame],
    points: Sequence[Point] | None = None,
) -> tuple[dict[str, np.ndarray], list[Attended]]:
    """The attention between the two frames of a sample.

    Args:
        model: Of :func:`~fume_mm.inference.torch_predictor.init_model`.
        frames: Both gases'.
        points: Of each frame; by default one in the predicted gas, one in the tube and
            one far from both.

    Returns:
        The frames (H, W) uint8 by gas, and the attention from each gas.

    Raises:
        UserError: If the model has no cross-modal attention, or a frame cannot be used.
    """
    attention = getattr(model.neck, 'cross_attention', None)
    if not isinstance(attention, CrossModalAttention):
        raise UserError(
            f'{model.cfg.filename}: its model has no attention between the gases; take '
            "one whose neck is dict(type='AttentionFusion', cross_attention=True)."
        )
    predictor = TorchPredictor(model)
    item, source = predictor.load(frames_of(frames))
    seen: list[tuple[Tensor, ...]] = []
    handle = attention.register_forward_pre_hook(lambda _, maps: seen.append(maps))
    try:
        (sample,) = predictor.run([item])
    finally:
        handle.remove()
    ((first, second),) = seen
    found = []
    for gas, x, other in ((GASES[0], first, second), (GASES[1], second, first)):
        height, width = x.shape[2:]
        chosen = {str(i): point for i, point in enumerate(points or (), start=1)}
        if not chosen:
            pred = sample.get(gas)
            mask = (
                pred.pred_sem_seg.data[0].numpy() if pred.keys() else np.zeros((1, 1))
            )
            chosen = telling_points(mask, predictor.labels.seg_classes)
        weights = attention.weights(x, other)[0].cpu().numpy()
        by_name = {}
        for name, (left, top) in chosen.items():
            row = min(int(top * height), height - 1) * width
            row += min(int(left * width), width - 1)
            by_name[name] = weights[row].reshape(other.shape[2:])
        numbers = attention.entropy(x, other).item(), attention.gamma.item()
        found.append(Attended(gas, chosen, by_name, *numbers))
    return source['frames'], found


def telling_points(mask: np.ndarray, names: Sequence[str]) -> dict[str, Point]:
    """A point in each class that a mask has, as far from the others as can be.

    Args:
        mask: (H, W) class ids.
        names: Of the classes.
    """
    import cv2

    found = {}
    for number, name in reversed(list(enumerate(names))):
        inside = np.pad((mask == number).astype(np.uint8), 1)
        if inside.any():
            depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
            row, column = np.unravel_index(depth.argmax(), depth.shape)
            place = (column + 0.5) / mask.shape[1], (row + 0.5) / mask.shape[0]
            found[name] = (float(place[0]), float(place[1]))
    return found
