"""The only reader and writer of images: frames as gray levels, masks as class ids.

Training, testing, inference and every check read a file through this module, so all of
them see the same array. What is done to a file:

- 8-bit gray is taken as it is.
- Colour (also of a palette) is taken for a colour-mapped or tripled gray image and
  reduced to its luma (ITU-R BT.601); alpha is left out. A colour map that is not
  monotonic in luma (rainbow) cannot be undone this way.
- 16-bit and floating-point (radiometric) frames are stretched linearly from their 0.5
  to their 99.5 percentile to 0 to 255, which is what a camera's automatic gain does.
- The orientation in EXIF is applied, to frames and to masks.
- Of a mask the values count: a palette's indices (as Pillow and mmsegmentation read
  them), one channel, or three equal ones.
- Files with several pages, cut short, or with values that are no numbers are errors.
"""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.files import write_whole
from fume_mm.structures import IGNORE, SEG_CLASSES

# What OpenCV says of broken files is in the errors raised here.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

Frame = str | Path | np.ndarray
#: Percentiles of a 16-bit frame that become black and white.
STRETCH = (0.5, 99.5)
#: What files are taken for images, and for what belongs to the video demo.
IMAGES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.pgm', '.webp')
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.m4v', '.mpg', '.mpeg', '.ts', '.webm')
_SMALLEST = 16
#: Keeps 16 bits and floats, drops alpha, applies EXIF; IMREAD_UNCHANGED does not.
_FLAGS = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
_TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_PNG_HEAD = 41  # signature, IHDR, and the name of the next chunk
_RESTORE = 'restore the file, save it again as PNG, or delete its row'


def read_gray(frame: Frame, *, what: str = 'the frame') -> np.ndarray:
    """:func:`read_frame` without what was done to the frame."""
    return read_frame(frame, what=what)[0]


def read_frame(
    frame: Frame, *, what: str = 'the frame'
) -> tuple[np.ndarray, str | None]:
    """The gray levels of a frame, and what was done to the frame for it.

    Args:
        frame: A file, or (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA of 8 or 16
            bits or floating point.
        what: How errors name an array, or a file that is missing.

    Returns:
        (H, W) uint8, contiguous; and None for a frame that held just these (also in
        three equal channels), else a few words, such as ``'luma of colour'``.

    Raises:
        UserError: If the file is missing, cut short or no single image, the array has
            another shape or type, holds NaN, or is smaller than 16x16.
    """
    if isinstance(frame, np.ndarray):
        name, pixels = what, frame
    else:
        name, pixels = str(frame), read_pixels(frame, what=what)
    done = []
    if pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4):
        if not _equal_channels(pixels):
            done.append('luma of colour')
        # grayscale conversions know only float32 beside the integers
        pixels = pixels.astype(np.float32) if pixels.dtype.kind == 'f' else pixels
        codes = {3: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGRA2GRAY}
        code = codes.get(pixels.shape[2])
        pixels = np.ascontiguousarray(pixels)
        pixels = pixels[..., 0] if code is None else cv2.cvtColor(pixels, code)
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


def read_pixels(path: str | Path, *, what: str = 'the frame') -> np.ndarray:
    """A file as it decodes, which :func:`read_frame` takes in place of the file.

    Returns:
        (H, W) or (H, W, C), BGR; the bits and channels of the file, without alpha.

    Raises:
        UserError: If the file is missing, cut short or no single image.
    """
    return _decode(_read(Path(path), what), path)


def read_mask(path: str | Path) -> np.ndarray:
    """A mask of class ids: 0 background, 1 tube, 2 gas, 255 unlabelled.

    Returns:
        (H, W) uint8.

    Raises:
        UserError: If the file is missing, cut short or no mask, or holds other values.
    """
    mask = read_mask_values(path)
    check_mask_values(mask, path)
    return mask


def read_mask_values(path: str | Path) -> np.ndarray:
    """The values of a mask, (H, W) uint8, whatever they stand for.

    Raises:
        UserError: If the file is missing, cut short, of colours or of more than 8 bits.
    """
    data = _read(Path(path), 'the mask')
    mask = _decode(data, path)
    if mask.ndim == 3:
        indices = _palette_indices(data)
        if indices is None and not _equal_channels(mask):
            raise UserError(
                f'{path}: is a colour image, not a mask of one channel; save class ids '
                'as 8-bit gray or palette PNG.'
            )
        mask = mask[..., 0] if indices is None else indices
    if mask.dtype.kind not in 'ui' or (mask.size and mask.max() > 255):
        raise UserError(
            f'{path}: holds {mask.dtype}, and a mask has 8 bits; save class ids as '
            '8-bit gray PNG.'
        )
    return np.ascontiguousarray(mask, np.uint8)


def check_mask_values(mask: np.ndarray, name: str | Path) -> None:
    """Refuse a mask that is not one channel of class ids.

    Args:
        mask: (H, W), values 0 background, 1 tube, 2 gas, :data:`IGNORE` unlabelled.
        name: Where it was read from, for the message.

    Raises:
        UserError: Naming ``name`` and the values that are no class.
    """
    if mask.ndim != 2:
        raise UserError(
            f'{name}: a mask has one channel, this one is of shape {mask.shape}; save '
            'it as 8-bit gray PNG.'
        )
    # Loading calls this for every mask, and the largest value is quick to find.
    if mask.size and mask.dtype == np.uint8 and mask.max() < len(SEG_CLASSES):
        return
    values = np.unique(mask)
    wrong = values[~np.isin(values, [*range(len(SEG_CLASSES)), IGNORE])]
    if len(wrong):
        named = ', '.join(str(value) for value in wrong[:8])
        more = f' and {len(wrong) - 8} more' if len(wrong) > 8 else ''
        legend = ', '.join(f'{i} {name}' for i, name in enumerate(SEG_CLASSES))
        raise UserError(
            f'{name}: mask values {named}{more} are no class ({legend}, {IGNORE} '
            'unlabelled); save the mask as 8-bit gray PNG with these values.'
        )


def read_labelled(frame: str | Path, mask: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """A frame and its mask, (H, W) uint8 each.

    Raises:
        UserError: As :func:`read_frame` and :func:`read_mask`, or if the sizes differ.
    """
    pixels, classes = read_gray(frame), read_mask(mask)
    check_same_size(classes, mask, pixels.shape)
    return pixels, classes


def check_same_size(mask: np.ndarray, name: str | Path, shape: tuple[int, ...]) -> None:
    """Refuse a mask that is not of its frame's shape (H, W)."""
    if mask.shape != shape:
        raise UserError(
            f'{name}: the mask is {mask.shape[1]}x{mask.shape[0]} pixels, its frame '
            f'{shape[1]}x{shape[0]}; export the mask again at the size of the frame.'
        )


def image_size(path: str | Path, *, what: str = 'the image') -> tuple[int, int]:
    """(width, height) in pixels as :func:`read_frame` gives them, from the header.

    Raises:
        UserError: If the file is missing, empty, a video or no image.
    """
    path = Path(path)
    try:
        # Unbuffered: at thousands of files, a buffer costs more than the read.
        with io.FileIO(path) as file:
            head = file.read(_PNG_HEAD)
    except OSError:
        head = _read(path, what)  # raises what is wrong
    # Orientation, if any, stands in a chunk before IDAT.
    if head.startswith(_PNG_SIGNATURE) and head[12:16] + head[37:] == b'IHDRIDAT':
        width, height = (int.from_bytes(head[a : a + 4], 'big') for a in (16, 20))
        if width and height:
            return width, height

    try:
        from PIL import Image  # a box that only runs models may lack it

        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(path) as image:
                width, height = image.size
                # Pillow turns the size of a TIFF by itself.
                turned = image.format != 'TIFF' and image.getexif().get(0x0112, 1) > 4
                return (height, width) if turned else (width, height)
    except Exception as error:
        if type(error).__name__ == 'DecompressionBombError':
            raise UserError(f'{path}: is too large ({error}); make it smaller.') from (
                error
            )
        # Pillow's plugins raise what they like, and do not know every TIFF.
        height, width = _decode(_read(path, what), path).shape[:2]
        return width, height


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: The file.
        image: (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB.
    """
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    # imwrite cannot open every path on every system, and only returns False then.
    with write_whole(path) as part:
        part.write_bytes(cv2.imencode('.png', image)[1].tobytes())


def _read(path: Path, what: str) -> bytes:
    if path.suffix.lower() in VIDEOS:
        raise UserError(f'{path}: is a video; give it to demo/video_demo.py.')
    try:
        return path.read_bytes()
    except OSError as error:
        problem, way_out = f'cannot be read ({error.strerror})', _RESTORE
        if isinstance(error, FileNotFoundError) or path.is_dir():
            problem = f'there is no such {what.removeprefix("the ")}'
            way_out = 'give the path of one'
        raise UserError(f'{path}: {problem}; {way_out}.') from error


def _decode(data: bytes, path: str | Path) -> np.ndarray:
    pixels, pages = None, 1
    try:
        encoded = np.frombuffer(data, np.uint8)
        if data.startswith(_TIFF):
            _, found = cv2.imdecodemulti(encoded, _FLAGS, range=(0, 2))
            pixels, pages = found[0] if found else None, len(found)
        elif data:
            pixels = cv2.imdecode(encoded, _FLAGS)
    except cv2.error:
        pass  # what it says is of its own code, not of the file
    if pixels is None or _is_cut_short(data):
        raise UserError(
            f'{path}: is not an image that can be decoded, perhaps empty or cut short; '
            f'{_RESTORE}.'
        )
    if pages > 1:
        raise UserError(
            f'{path}: holds several pages, and a frame is one; save each page as a '
            'file of its own.'
        )
    return pixels


def _is_cut_short(data: bytes) -> bool:
    """Whether the end mark is missing: older releases of OpenCV fill such files up."""
    if data.startswith(_PNG_SIGNATURE):
        return data.rfind(b'IEND') < 0
    if data.startswith(b'\xff\xd8'):  # a JPEG; the mark after its last scan
        return data.find(b'\xff\xd9', data.rfind(b'\xff\xda')) < 0
    return False


def _palette_indices(data: bytes) -> np.ndarray | None:
    from PIL import Image, ImageOps  # OpenCV gives a palette's colours only

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with Image.open(io.BytesIO(data)) as image:
            if image.mode not in ('P', 'PA'):
                return None
            return np.asarray(ImageOps.exif_transpose(image).getchannel(0))


def _equal_channels(pixels: np.ndarray) -> bool:
    others = np.moveaxis(pixels[..., 1:3], 2, 0)  # without alpha
    return not any((pixels[..., 0] != other).any() for other in others)


def _stretch(pixels: np.ndarray, name: str) -> np.ndarray:
    values = pixels.astype(np.float32)
    if not np.isfinite(values).all():
        raise UserError(f'{name}: holds values that are no numbers (NaN or infinite).')
    low, high = np.percentile(values, STRETCH)
    scaled = (values - low) * (255.0 / max(high - low, 1e-6))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
