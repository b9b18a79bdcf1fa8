"""Is the label painted into the frame? Colour in gray files, and a trivial reader.

A frame that was exported with its mask drawn over it gives the label away, and a
segmentation net then reaches an IoU near 1 without having seen gas. Two signs of it:
colour that is where the mask is and nowhere else, and a decision tree that reads the
mask of other recordings from 3x3 gray levels.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fume_mm.structures import BACKGROUND, GAS, IGNORE

#: Channels of a gray file differ by less, also after JPEG.
_COLOUR = 40
#: Share of the mask (or of its outline) that is coloured, and of the other pixels.
_COLOURED_INSIDE, _COLOURED_OUTSIDE = 0.5, 0.1
#: Width of the outline, as a share of the frame's width.
_OUTLINE = 0.008
#: Pixels drawn of a frame, and how many of a kind are kept.
_DRAWN, _KEPT = 4000, 150
#: What the reader reads, and the IoU on recordings it was not fitted on from which it
#: reads the label. In simulated campaigns, whose plumes are physics, it stays far below
#: (docs/datasets.md has the figures).
READER_IOU = {'gas': 0.9, 'outline': 0.3}
#: Groups with gas that the reader needs in all.
_LEAST_GROUPS = 6


def colour_follows_mask(
    pixels: np.ndarray, mask: np.ndarray, *, gas: int = GAS
) -> bool:
    """Whether there is colour where the mask, or its outline, is, and nowhere else.

    A frame in the colours of a camera's palette has them everywhere and is none.

    Args:
        pixels: (H, W) or (H, W, C), as decoded.
        mask: (H, W) class ids.
        gas: That of gas.
    """
    if pixels.ndim != 3 or pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        return False
    colours = pixels[..., :3]
    coloured = colours.max(axis=2) - colours.min(axis=2) > _COLOUR
    labelled = mask != IGNORE
    if not coloured.any():
        return False
    for label in (mask == gas, (mask != BACKGROUND) & labelled):
        if not label.any():
            continue
        side = max(round(_OUTLINE * mask.shape[1]), 1)
        kernel = np.ones((2 * side + 1, 2 * side + 1), np.uint8)
        wide = cv2.dilate(label.astype(np.uint8), kernel) > 0
        deep = cv2.erode(label.astype(np.uint8), kernel) > 0
        # a line of one pixel colours that share of a band
        for area, share in ((label, 1.0), (wide & ~deep, 1 / (2 * side + 1))):
            outside = coloured[~wide & labelled]
            if (
                area.any()
                and coloured[area].mean() >= _COLOURED_INSIDE * share
                and (not outside.size or outside.mean() <= _COLOURED_OUTSIDE)
            ):
                return True
    return False


@dataclass
class ReaderPixels:
    """Pixels of one frame for the reader.

    Attributes:
        features: (N, 13) float32: 3x3 gray levels, their mean and range, and blue and
            red less green.
        labels: (N,) bool of each of :data:`READER_IOU`: inside the gas, and with both
            gas and other pixels in the 3x3.
        weights: (N,) float32: drawn pixels of its kind that each stands for.
    """

    features: np.ndarray
    labels: dict[str, np.ndarray]
    weights: np.ndarray


def draw_pixels(
    pixels: np.ndarray,
    gray: np.ndarray,
    mask: np.ndarray,
    rng: np.random.Generator,
    *,
    gas: int = GAS,
) -> ReaderPixels:
    """Draw pixels of a frame at random; of each kind only some are kept.

    Args:
        pixels: (H, W) or (H, W, C), as decoded.
        gray: (H, W) uint8, its gray levels.
        mask: (H, W) class ids.
        rng: Decides which.
        gas: The class id of gas.
    """
    height, width = gray.shape
    y = rng.integers(1, height - 1, _DRAWN)
    x = rng.integers(1, width - 1, _DRAWN)
    labelled = mask[y, x] != IGNORE
    y, x = y[labelled], x[labelled]
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    gas_near = np.stack([mask[y + dy, x + dx] for dy, dx in steps]) == gas
    inside = gas_near[len(steps) // 2]
    outline = gas_near.max(axis=0) != gas_near.min(axis=0)
    kept, weights = [], []
    for kind in (outline, inside & ~outline, ~inside & ~outline):
        found = np.flatnonzero(kind)
        some = found[:_KEPT]
        kept.append(some)
        weights.append(np.full(len(some), len(found) / max(len(some), 1), np.float32))
    chosen = np.concatenate(kept)
    y, x = y[chosen], x[chosen]
    near = np.stack([gray[y + dy, x + dx] for dy, dx in steps], axis=1)
    near = near.astype(np.float32)
    tint = np.zeros((len(y), 2), np.float32)
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        own = pixels[y, x].astype(np.float32)
        tint = own[:, [0, 2]] - own[:, [1]]
    features = np.column_stack([near, near.mean(axis=1), np.ptp(near, axis=1), tint])
    labels = {'gas': inside[chosen], 'outline': outline[chosen]}
    return ReaderPixels(features, labels, np.concatenate(weights))


def read_painted(
    frames: list[ReaderPixels], groups: np.ndarray, *, label: str = 'gas', seed: int = 0
) -> np.ndarray | None:
    """What a trivial reader, fitted on half of the groups, reads in the other half.

    Args:
        frames: Of one gas.
        groups: (N,), the group of each frame.
        label: What to read, a key of :data:`READER_IOU`.
        seed: Divides the groups.

    Returns:
        (N, 3): true positive, false positive and false negative pixels of each frame
        (of the drawn ones, by weight), with the tree of the other half; None where
        there are too few groups to divide.
    """
    from sklearn.tree import DecisionTreeClassifier

    names = np.unique(groups[[bool(frame.labels[label].any()) for frame in frames]])
    if len(names) < _LEAST_GROUPS:
        return None
    rng = np.random.default_rng(seed)
    first = np.isin(groups, rng.permutation(names)[: len(names) // 2])
    counts = np.zeros((len(frames), 3))
    for fitted in (first, ~first):
        parts = [frame for frame, use in zip(frames, fitted, strict=True) if use]
        tree = DecisionTreeClassifier(
            max_leaf_nodes=64, min_samples_leaf=20, random_state=0
        ).fit(
            np.concatenate([frame.features for frame in parts]),
            np.concatenate([frame.labels[label] for frame in parts]),
            np.concatenate([frame.weights for frame in parts]),
        )
        rows = np.flatnonzero(~fitted)
        held = [frames[row] for row in rows]
        found = tree.predict(np.concatenate([frame.features for frame in held]))
        truth = np.concatenate([frame.labels[label] for frame in held])
        weights = np.concatenate([frame.weights for frame in held])
        row_of = np.repeat(rows, [len(frame.weights) for frame in held])
        for column, hit in enumerate((found & truth, found & ~truth, ~found & truth)):
            np.add.at(counts[:, column], row_of[hit], weights[hit])
    return counts


def iou_of(counts: np.ndarray) -> float:
    """IoU of (N, 3) or (3,) counts; 0 where there is none of either."""
    total = np.atleast_2d(counts).sum(axis=0)
    return float(total[0] / max(total.sum(), 1e-9))
