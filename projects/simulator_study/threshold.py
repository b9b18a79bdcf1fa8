"""The plainest baseline: gas is what is brighter, or darker, than one gray level."""

import cv2
import numpy as np

from fume_mm.structures import GAS, IGNORE

#: Rows of :func:`threshold_ious`.
DIRECTIONS = ('brighter', 'darker')
LEVELS = 257


def threshold_ious(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """IoU of the gas for every threshold there is.

    Args:
        frame: (H, W) uint8.
        mask: (H, W) class ids of the same size; pixels of 255 do not count.

    Returns:
        (2, 257): row 0 calls gas what is at least level ``t``, row 1 what is below it,
        for ``t`` from 0 to 256. NaN where neither the mask nor the threshold has gas.

    Raises:
        ValueError: If frame and mask differ in size.
    """
    if frame.shape != mask.shape:
        raise ValueError(f'frame {frame.shape} and mask {mask.shape} differ in size')
    counted = mask != IGNORE
    gas = np.bincount(frame[counted & (mask == GAS)], minlength=LEVELS - 1)
    other = np.bincount(frame[counted & (mask != GAS)], minlength=LEVELS - 1)
    below = [np.concatenate([[0], np.cumsum(counts)]) for counts in (gas, other)]
    above = [total[-1] - total for total in below]
    ious = []
    for hits, false in (above, below):
        with np.errstate(invalid='ignore'):
            ious.append(hits / (gas.sum() + false))
    return np.stack(ious)


def gas_iou(pred: np.ndarray, mask: np.ndarray) -> float:
    """IoU of the gas alone, whatever else a mask calls its pixels.

    Args:
        pred: (H, W) class ids.
        mask: (H, W) class ids; pixels of 255 do not count.

    Returns:
        0 to 1; NaN where neither has gas.
    """
    counted = mask != IGNORE
    target, found = (mask == GAS) & counted, (pred == GAS) & counted
    union = int((target | found).sum())
    return int((target & found).sum()) / union if union else float('nan')


def outline_gray(frame: np.ndarray, mask: np.ndarray) -> float:
    """At which level an annotator's outline of the gas runs.

    Where it differs from frame to frame, no model can follow all outlines.

    Args:
        frame: (H, W) uint8.
        mask: (H, W) class ids; pixels of 255 do not count.

    Returns:
        Median gray level along the outline less that of what is not gas; NaN where
        there is no outline or nothing else.
    """
    gas = (mask == GAS).astype(np.uint8)
    # beyond the frame nothing erodes: its edge is no outline
    outline = gas > cv2.erode(gas, np.ones((3, 3), np.uint8))
    other = (mask != GAS) & (mask != IGNORE)
    if not outline.any() or not other.any():
        return float('nan')
    return float(np.median(frame[outline]) - np.median(frame[other]))
