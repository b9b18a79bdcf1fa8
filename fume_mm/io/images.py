"""Frames as users hold them, made into what a model takes: (H, W) uint8 gray levels.

8-bit gray is taken as it is. Colour is taken for a colour-mapped or tripled gray image
and reduced to its luma (ITU-R BT.601), as OpenCV reads it too; a palette that is not
monotonic in luma (rainbow) cannot be undone this way. 16-bit (and floating-point)
radiometric frames are stretched linearly from their 0.5 to their 99.5 percentile to 0
to 255, which is what a camera's automatic gain does.
"""

from pathlib import Path

import cv2
import numpy as np

from fume_mm.errors import UserError

Frame = str | Path | np.ndarray
#: Percentiles of a 16-bit frame that become black and white.
STRETCH = (0.5, 99.5)
#: What files are taken for images, and for what belongs to the video demo.
IMAGES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.pgm', '.webp')
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.m4v', '.mpg', '.mpeg', '.ts', '.webm')
_SMALLEST = 16


def read_gray(frame: Frame, *, what: str = 'the frame') -> np.ndarray:
    """The gray levels of a frame.

    Args:
        frame: A file, or (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA of 8 or 16
            bits or floating point.
        what: How errors name an array.

    Returns:
        (H, W) uint8, contiguous.

    Raises:
        UserError: If the file is missing or no image, the array has another shape or
            type, holds NaN, or is smaller than 16x16.
    """
    return read_frame(frame, what=what)[0]


def read_frame(
    frame: Frame, *, what: str = 'the frame'
) -> tuple[np.ndarray, str | None]:
    """:func:`read_gray`, and what was done to the frame for it.

    Returns:
        The gray levels; and None for a frame that held just these (also in three equal
        channels), else a few words, such as ``'luma of colour'``.
    """
    if isinstance(frame, np.ndarray):
        name, pixels = what, frame
    else:
        require_image(Path(frame), what=what)
        name, pixels = str(frame), _decode(Path(frame))
    done = []
    if pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4):
        if pixels.shape[2] > 1 and _has_colour(pixels):
            done.append('luma of colour')
        # grayscale conversions know only float32 beside the integers
        pixels = pixels.astype(np.float32) if pixels.dtype.kind == 'f' else pixels
        pixels = _luma(pixels)
    if pixels.ndim != 2 or pixels.dtype.kind not in 'uif':
        raise UserError(
            f'{name}: is {pixels.dtype} of shape {pixels.shape}; give one image of '
            'gray levels, (H, W), or of colours, (H, W, 3).'
        )
    if min(pixels.shape) < _SMALLEST:
        raise UserError(
            f'{name}: is {pixels.shape[1]}x{pixels.shape[0]} pixels; a frame has at '
            f'least {_SMALLEST}x{_SMALLEST}.'
        )
    if pixels.dtype != np.uint8:
        done.append(f'{pixels.dtype} stretched to 8 bits')
        pixels = _stretch(pixels, name)
    return np.ascontiguousarray(pixels), ', '.join(done) or None


def require_image(path: Path, *, what: str = 'the frame') -> None:
    """Check that a file is there and begins like an image, without decoding it.

    Raises:
        UserError: If it is not.
    """
    if not path.is_file():
        raise UserError(
            f'{path}: there is no such {what.removeprefix("the ")}; give the path of '
            'one.'
        )
    if path.suffix.lower() in VIDEOS:
        raise UserError(f'{path}: is a video; give it to demo/video_demo.py.')
    # Looks at the first bytes only, but cannot open every path on every system.
    if not cv2.haveImageReader(str(path)):
        _decode(path)


def _decode(path: Path) -> np.ndarray:
    data = np.frombuffer(path.read_bytes(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if pixels is None:
        raise UserError(f'{path}: is not an image that OpenCV can read.')
    return pixels


def _has_colour(pixels: np.ndarray) -> bool:
    first = pixels[..., 0]
    return any((first != pixels[..., other]).any() for other in (1, 2))


def _luma(pixels: np.ndarray) -> np.ndarray:
    channels = pixels.shape[2]
    if channels == 1:
        return pixels[:, :, 0]
    code = cv2.COLOR_BGR2GRAY if channels == 3 else cv2.COLOR_BGRA2GRAY
    return cv2.cvtColor(np.ascontiguousarray(pixels), code)


def _stretch(pixels: np.ndarray, name: str) -> np.ndarray:
    values = pixels.astype(np.float32)
    if not np.isfinite(values).all():
        raise UserError(f'{name}: holds values that are no numbers (NaN or infinite).')
    low, high = np.percentile(values, STRETCH)
    scaled = (values - low) * (255.0 / max(high - low, 1e-6))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
