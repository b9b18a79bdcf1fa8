"""Hand-made features of the gas in one frame, as FUME's baseline 5 has them.

H, W: size of a frame in pixels.
"""

import math

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.structures import GAS, GASES, IGNORE

#: What :func:`frame_features` gives, in order.
FEATURES = (
    'area_fraction',
    'mean',
    'std',
    'median',
    'lower_quartile',
    'upper_quartile',
    'compactness',
    'aspect_ratio',
    'extent',
    *(f'is_{gas}' for gas in GASES),
)


def frame_features(
    frame: np.ndarray, mask: np.ndarray, gas: str, gas_class: int = GAS
) -> np.ndarray:
    """All features of one frame.

    Args:
        frame: (H, W) intensities.
        mask: (H, W) class ids; pixels of 255 count nowhere.
        gas: Which gas the frame shows.
        gas_class: Value of the gas in the mask.

    Returns:
        (len(FEATURES),) float64: :func:`area_fraction`, :func:`intensity_features` and
        :func:`shape_features` of the gas region, and the gas one-hot in the order of
        GASES. A frame without gas has zeros in all but the one-hot; as its area
        fraction is zero, and no other frame's is, nothing is confused with it.

    Raises:
        UserError: If frame and mask differ in size.
    """
    if frame.shape != mask.shape:
        raise UserError(
            f'a {gas} frame is {frame.shape[1]}x{frame.shape[0]} pixels, its mask '
            f'{mask.shape[1]}x{mask.shape[0]}; in the pipeline put LoadDualGasMasks '
            'before ResizeDualGas, or take the latter out.'
        )
    region = mask == gas_class
    one_hot = [float(gas == other) for other in GASES]
    parts = (
        [area_fraction(mask, gas_class)],
        intensity_features(frame[region]),
        shape_features(region),
        one_hot,
    )
    return np.concatenate(parts).astype(np.float64)


def area_fraction(mask: np.ndarray, gas_class: int = GAS) -> float:
    """Share of the gas in the pixels of ``mask`` that are not 255; 0 if there are none.

    Args:
        mask: (H, W) class ids.
        gas_class: Value of the gas.
    """
    counted = np.count_nonzero(mask != IGNORE)
    return np.count_nonzero(mask == gas_class) / counted if counted else 0.0


def intensity_features(values: np.ndarray) -> np.ndarray:
    """Mean, standard deviation, median, lower and upper quartile of ``values``.

    The deviation divides by the number of values; quartiles lie linearly between the
    two nearest values.

    Args:
        values: (n,) intensities of the gas region.

    Returns:
        (5,) in the unit of ``values``; zeros for no value.
    """
    if values.size == 0:
        return np.zeros(5)
    values = values.astype(np.float64)
    lower, median, upper = np.percentile(values, (25, 50, 75))
    return np.array([values.mean(), values.std(), median, lower, upper])


def shape_features(region: np.ndarray) -> np.ndarray:
    """Compactness, aspect ratio and extent of the region's largest outer contour.

    A contour is what OpenCV calls one: the polygon through the centres of a connected
    part's border pixels. Of area A, perimeter P and the upright box of w×h pixels
    around it, compactness is 4πA/P² (1 for a disc), aspect ratio w/h and extent
    A/(w·h). A part that is one pixel wide encloses nothing: compactness and extent are
    0. The largest contour has the largest A, then the largest P.

    Args:
        region: (H, W) bool.

    Returns:
        (3,); zeros for an empty region.
    """
    contours, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not contours:
        return np.zeros(3)
    sizes = [(cv2.contourArea(c), cv2.arcLength(c, True)) for c in contours]
    area, perimeter = max(sizes)
    _, _, width, height = cv2.boundingRect(contours[sizes.index((area, perimeter))])
    compactness = 4 * math.pi * area / perimeter**2 if perimeter else 0.0
    return np.array([compactness, width / height, area / (width * height)])
