"""Masks as an annotator would draw them: a generous, smooth outline of visible gas.

The outline follows the clean contrast, never the noisy frame: a threshold at a share
of the contrast's peak, which is the annotator's habit and the same for both gases of a
run. Above the faintest contrast that anyone outlines, a stronger contrast alone
therefore does not make a mask larger.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fume_mm.structures import BACKGROUND, GAS, TUBE

from .parameters import DETECTOR_SHAPE, LabelParameters
from .seeding import choose


@dataclass(frozen=True)
class Annotator:
    """A run's habit of outlining."""

    threshold: float  #: share of the peak contrast at which the outline runs
    smoothing: float  #: std of the outline's smoothing, px
    generous: float  #: how far beyond the outline goes, relative to sqrt(area)
    #: contrast at which the outline of a thread runs at the latest
    thread_gray: float = 255.0
    vent_gray: float = 255.0  #: the same for a vent


def draw_annotator(rng: np.random.Generator, parameters: LabelParameters) -> Annotator:
    """Draw a run's annotator."""
    generous = choose(rng, parameters.generous)
    return Annotator(
        threshold=choose(rng, parameters.threshold),
        smoothing=choose(rng, parameters.smoothing),
        generous=generous if rng.random() < parameters.generous_share else 0.0,
        thread_gray=choose(rng, parameters.trickle_gray),
        vent_gray=choose(rng, parameters.vent_gray),
    )


def _peak(visible: np.ndarray) -> float:
    """Contrast of the plume's strong parts: 90th percentile where it is at all seen.

    The maximum would follow single filaments.
    """
    seen = visible[visible > 0.2 * visible.max()]
    return float(np.percentile(seen, 90)) if seen.size else 0.0


def outline_gas(
    contrast: np.ndarray,
    *,
    annotator: Annotator,
    parameters: LabelParameters,
    trickle: bool = False,
) -> np.ndarray:
    """Soft outline of the gas, 0 to 1, float32 (240, 320); the edge is at 0.5.

    ``contrast`` is that of the gas, clean, gray levels of either sign. Of a thread
    (``trickle``) only the core is outlined.
    """
    empty = np.zeros(DETECTOR_SHAPE, np.float32)
    visible = cv2.blur(np.abs(contrast), (5, 5))
    peak = _peak(visible)
    threshold = annotator.threshold * peak
    if trickle:
        threshold = min(parameters.trickle_factor * threshold, annotator.thread_gray)
    else:
        threshold = min(threshold, annotator.vent_gray)
    threshold = max(threshold, parameters.floor_gray)
    binary = (visible > threshold).astype(np.uint8)
    kernel = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (parameters.closing, parameters.closing)
    )
    binary = cv2.morphologyEx(binary, cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    smallest = parameters.smallest * contrast.size
    kept = [entry for entry in contours if cv2.contourArea(entry) >= smallest]
    if not kept:
        return empty
    cv2.drawContours(empty, kept, -1, 1.0, cv2.FILLED)
    # Who sees a plain edge follows it.
    doubt = min(max(2 - peak / parameters.clear_gray, 0.0), 1.0)
    reach = doubt * annotator.generous * float(np.sqrt(empty.sum()))
    if reach > 0 and not trickle:
        outside = cv2.distanceTransform(
            (empty < 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3
        )
        empty = (outside <= reach).astype(np.float32)
    return cv2.GaussianBlur(empty, (0, 0), annotator.smoothing)


def draw_mask(
    outline: np.ndarray, tube_distance: np.ndarray, *, mirrored: bool, factor: int
) -> np.ndarray:
    """The mask: the tube's exact projection over the gas's outline.

    Returns:
        uint8 (240 * factor, 320 * factor): 0 background, 1 tube, 2 gas, flipped where
        the tube is at the right edge (``mirrored``).
    """
    if factor != 1:
        outline = cv2.resize(outline, None, fx=factor, fy=factor)
        tube_distance = cv2.resize(tube_distance, None, fx=factor, fy=factor)
    mask = np.where(outline > 0.5, np.uint8(GAS), np.uint8(BACKGROUND))
    mask[tube_distance < 0] = TUBE
    return cv2.flip(mask, 1) if mirrored else mask
