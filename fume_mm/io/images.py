"""The only reader and writer of images: frames as gray levels, masks as class ids.

Training, testing, inference and every check read a file through this module, so all of
them see the same array. What is done to a file:

- 8-bit gray is taken as it is.
- Colour (also of a palette) is taken for a colour-mapped or tripled gray image and
  reduced to its luma (ITU-R BT.601); alpha is left out. A palette that this cannot undo
  (rainbow) is refused, see :mod:`.palettes`.
- Of a radiometric JPEG, and of FLIR's ``.fff``, the raw counts are taken.
- 16-bit and floating-point (radiometric) frames are stretched linearly to 0 to 255:
  between the limits of their recording where they are given (:mod:`.stretch`), else
  between their own percentiles.
- Dead pixels (NaN) of floating-point frames are filled from their neighbours.
- The orientation in EXIF is applied, to frames and to masks.
- Of a mask the values count, be they of 1, 2, 4 or 8 bits: a palette's indices (as
  Pillow and mmsegmentation read them), one channel, or three equal ones.
- Files with several pages, cut short, of more than 8192x8192 pixels or with infinite
  values are errors, and so is what is no file (a pipe, a device). A file of several
  frames is a recording: see :mod:`.recordings`.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.fff import (
    MAGIC,
    decode_frame,
    frame_in_jpeg,
    frame_spans,
    parse_frame,
    upright,
)
from fume_mm.io.files import refuse_special, write_whole
from fume_mm.io.image_headers import (
    RESTORE,
    is_cut_short,
    lacks_pixels,
    refuse_bomb,
    refuse_large,
    too_large,
    undecodable,
)
from fume_mm.io.palettes import describe_colours
from fume_mm.io.stretch import Limits, fill_dead, limits_of, stretch
from fume_mm.structures import IGNORE, IGNORE_COLOUR, SEG_CLASSES, SEG_PALETTE

from .palette_png import SIGNATURE, as_gray, with_palette

# What OpenCV says of broken files is in the errors raised here.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

Frame = str | Path | np.ndarray
#: What files are taken for images, and for recordings.
IMAGES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.pgm', '.webp', '.fff')
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.m4v', '.mpg', '.mpeg', '.ts', '.webm')
SEQUENCES = ('.seq', '.csq')
_SMALLEST = 16
#: Keeps 16 bits and floats, drops alpha, applies EXIF; IMREAD_UNCHANGED does not.
_FLAGS = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
_TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_MARKED = (SIGNATURE, b'\xff\xd8')  # PNG and JPEG, which end with a mark
_TAIL = 64
_PNG_HEAD = 41  # signature, IHDR, and the name of the next chunk
_SPLIT = 'cut it into frames with `python tools/dataset_converters/clip_to_frames.py`'


def read_gray(
    frame: Frame, *, what: str = 'the frame', limits: Limits | None = None
) -> np.ndarray:
    """:func:`read_frame` without what was done to the frame."""
    return read_frame(frame, what=what, limits=limits)[0]


def read_frame(
    frame: Frame, *, what: str = 'the frame', limits: Limits | None = None
) -> tuple[np.ndarray, str | None]:
    """The gray levels of a frame, and what was done to the frame for it.

    Args:
        frame: A file, or (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA of 8 or 16
            bits or floating point.
        what: How errors name an array, or a file that is missing.
        limits: Of a frame deeper than 8 bits, the values that become 0 and 255, those
            of its recording (:func:`.stretch.pooled_limits`); None takes the frame's
            own percentiles. Frames of 8 bits are as they are.

    Returns:
        (H, W) uint8, contiguous; and None for a frame that held just these (also in
        three equal channels), else a few words, such as ``'luma of colour'``.

    Raises:
        UserError: If the file is missing, cut short or no single image, the array has
            another shape or type, is infinite somewhere, mostly NaN, in a palette that
            cannot be undone, or smaller than 16x16.
    """
    name = what if isinstance(frame, np.ndarray) else str(frame)
    pixels, done = read_values(frame, what=what)
    if pixels.dtype != np.uint8:
        by = ' by its recording' if limits else ''
        done.append(f'{pixels.dtype} stretched to 8 bits{by}')
        filled, dead = fill_dead(pixels, name)
        done += [f'{dead} dead pixels (NaN) filled'] * bool(dead)
        pixels = stretch(filled, limits or limits_of(pixels))
    return np.ascontiguousarray(pixels), ', '.join(done) or None


def read_values(
    frame: Frame, *, what: str = 'the frame', colours: bool = True
) -> tuple[np.ndarray, list[str]]:
    """The values of a frame as it holds them, in one channel.

    Args:
        frame: As :func:`read_frame` takes it.
        what: Likewise.
        colours: Whether to look at a colour frame's palette.

    Returns:
        (H, W), 8 or 16 bits or floating point, and what was done so far.

    Raises:
        UserError: As :func:`read_frame`.
    """
    if isinstance(frame, np.ndarray):
        name, pixels = what, frame
    else:
        name, pixels = str(frame), read_pixels(frame, what=what)
    done = []
    if pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4):
        if not _equal_channels(pixels):
            looked_at = colours and pixels.dtype == np.uint8
            done = [describe_colours(pixels, name) if looked_at else 'luma of colour']
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
    return pixels, done


def read_pixels(path: str | Path, *, what: str = 'the frame') -> np.ndarray:
    """A file as it decodes, which :func:`read_frame` takes in place of the file.

    Returns:
        (H, W) or (H, W, C), BGR; the bits and channels of the file, without alpha; the
        raw counts of a radiometric file.

    Raises:
        UserError: If the file is missing, cut short or no single image.
    """
    data = _read(Path(path), what)
    counts = _flir_counts(data, str(path))
    return _decode(data, path) if counts is None else counts


def read_mask(path: str | Path, classes: Sequence[str] = SEG_CLASSES) -> np.ndarray:
    """A mask of class ids: by default 0 background, 1 tube, 2 gas; 255 unlabelled.

    Args:
        path: The mask.
        classes: Names of its values from 0, those of the campaign.

    Returns:
        (H, W) uint8.

    Raises:
        UserError: If the file is missing, cut short or no mask, or holds other values.
    """
    mask = read_mask_values(path)
    check_mask_values(mask, path, classes)
    return mask


def read_mask_values(path: str | Path) -> np.ndarray:
    """The values of a mask, (H, W) uint8, whatever they stand for.

    Raises:
        UserError: If the file is missing, cut short, of colours or of more than 8 bits.
    """
    mask = decode_mask(_read(Path(path), 'the mask'), path)
    if mask.ndim == 3:
        raise UserError(
            f'{path}: is a colour image, not a mask of one channel; save class ids '
            'as 8-bit gray or palette PNG.'
        )
    return mask


def decode_mask(
    data: bytes, name: str | Path, *, palette_colours: bool = False
) -> np.ndarray:
    """A mask as a labelling tool wrote it.

    Args:
        data: The content of a file.
        name: How errors name it.
        palette_colours: Take the colours of a palette, not its indices.

    Returns:
        (H, W) uint8 values, or (H, W, 3) uint8 RGB where the channels differ.

    Raises:
        UserError: If it is cut short, no image or of more than 8 bits.
    """
    if not palette_colours:
        data, scale = as_gray(data)
        mask = _decode(data, name)
        if scale > 1:
            mask = mask // scale
    else:
        mask = _decode(data, name)
    if mask.ndim == 3:
        indices = None if palette_colours else _palette_indices(data)
        if indices is not None:
            mask = indices
        elif _equal_channels(mask):
            mask = mask[..., 0]
        else:
            mask = mask[..., 2::-1]
    if mask.dtype.kind not in 'ui' or (mask.size and mask.max() > 255):
        raise UserError(
            f'{name}: holds {mask.dtype}, and a mask has 8 bits; save class ids as '
            '8-bit gray PNG.'
        )
    return np.ascontiguousarray(mask, np.uint8)


def decode_size(data: bytes, name: str | Path) -> tuple[int, int]:
    """(width, height) of a picture in memory, once it is decoded.

    Raises:
        UserError: If it is no image.
    """
    height, width = _decode(data, name).shape[:2]
    return width, height


def fourth_channel(path: str | Path) -> np.ndarray:
    """The fourth channel of an image, (H, W) uint8: alpha, or what stands for it.

    Raises:
        UserError: If the image has not four.
    """
    content = _read(Path(path), 'the image')
    refuse_bomb(content, path)
    data = np.frombuffer(content, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
        raise UserError(f'{path}: is no image of four channels; restore the file.')
    return np.ascontiguousarray(pixels[..., 3])


def orientation(image: Path | bytes) -> int:
    """The orientation in EXIF, 1 to 8; 1, upright, where there is none."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            source = io.BytesIO(image) if isinstance(image, bytes) else image
            with Image.open(source) as opened:
                return int(opened.getexif().get(0x0112, 1))
        except Exception:  # Pillow's plugins raise what they like
            return 1


def check_mask_values(
    mask: np.ndarray, name: str | Path, classes: Sequence[str] = SEG_CLASSES
) -> None:
    """Refuse a mask that is not one channel of class ids.

    Args:
        mask: (H, W), values from 0 by class, :data:`IGNORE` unlabelled.
        name: Where it was read from, for the message.
        classes: Names of the values.

    Raises:
        UserError: Naming ``name`` and the values that are no class.
    """
    if mask.ndim != 2:
        raise UserError(
            f'{name}: a mask has one channel, this one is of shape {mask.shape}; save '
            'it as 8-bit gray PNG.'
        )
    # Loading calls this for every mask, and the largest value is quick to find.
    if mask.size and mask.dtype == np.uint8 and mask.max() < len(classes):
        return
    values = np.unique(mask)
    wrong = values[~np.isin(values, [*range(len(classes)), IGNORE])]
    if len(wrong):
        named = ', '.join(str(value) for value in wrong[:8])
        more = f' and {len(wrong) - 8} more' if len(wrong) > 8 else ''
        legend = ', '.join(f'{i} {name}' for i, name in enumerate(classes))
        raise UserError(
            f'{name}: mask values {named}{more} are no class ({legend}, {IGNORE} '
            'unlabelled); save the mask as 8-bit gray PNG with these values.'
        )


def read_labelled(
    frame: str | Path,
    mask: str | Path | None,
    classes: Sequence[str] = SEG_CLASSES,
    *,
    limits: Limits | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A frame and its mask of ``classes``, (H, W) uint8; no mask is all unlabelled.

    Raises:
        UserError: As :func:`read_frame` and :func:`read_mask`, or if the sizes differ.
    """
    pixels = read_gray(frame, limits=limits)
    if mask is None:
        return pixels, np.full(pixels.shape, IGNORE, np.uint8)
    values = read_mask(mask, classes)
    check_same_size(values, mask, pixels.shape)
    return pixels, values


def check_same_size(mask: np.ndarray, name: str | Path, shape: tuple[int, ...]) -> None:
    """Refuse a mask that is not of its frame's shape (H, W)."""
    if mask.shape != shape:
        raise UserError(
            f'{name}: the mask is {mask.shape[1]}x{mask.shape[0]} pixels, its frame '
            f'{shape[1]}x{shape[0]}; export the mask again at the size of the frame.'
        )


def image_size(path: str | Path, *, what: str = 'the image') -> tuple[int, int]:
    """(width, height) in pixels as :func:`read_frame` gives them, from the header.

    A PNG's, JPEG's or TIFF's end is looked at, too, since copies that broke off are
    common.

    Raises:
        UserError: If the file is missing, empty, cut short, a video or no image, or has
            more pixels than a frame may have.
    """
    path = Path(path)
    width, height = _size(path, what)
    refuse_large(path, width, height)
    return width, height


def _size(path: Path, what: str) -> tuple[int, int]:
    refuse_special(path)
    if not path.is_file():
        _read(path, what)  # raises what is wrong
    try:
        # Unbuffered: at thousands of files, a buffer costs more than the read.
        with io.FileIO(path) as file:
            head = file.read(_PNG_HEAD)
            file.seek(-min(_TAIL, file.seek(0, io.SEEK_END)), io.SEEK_END)
            tail = file.read(_TAIL)
        ends = b'IEND' in tail or b'\xff\xd9' in tail or not head.startswith(_MARKED)
        if not ends and is_cut_short(_read(path, what)):
            raise undecodable(path)
    except OSError:
        head = _read(path, what)  # raises what is wrong
    # Orientation, if any, stands in a chunk before IDAT.
    if head.startswith(SIGNATURE) and head[12:16] + head[37:] == b'IHDRIDAT':
        width, height = (int.from_bytes(head[a : a + 4], 'big') for a in (16, 20))
        if width and height:
            return width, height

    if head.startswith((MAGIC, b'\xff\xd8')) and (size := _flir_size(path)):
        return size
    try:
        from PIL import Image  # a box that only runs models may lack it

        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(path) as image:
                width, height = image.size
                if image.format == 'TIFF' and lacks_pixels(image, path):
                    raise undecodable(path)
                # Pillow turns the size of a TIFF by itself.
                turned = image.format != 'TIFF' and image.getexif().get(0x0112, 1) > 4
                return (height, width) if turned else (width, height)
    except UserError:
        raise
    except Exception as error:
        if type(error).__name__ == 'DecompressionBombError':
            raise too_large(path, 'so many') from error
        # Pillow's plugins raise what they like, and do not know every TIFF.
        height, width = _decode(_read(path, what), path).shape[:2]
        return width, height


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: The file.
        image: (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB.
    """
    # imwrite cannot open every path on every system, and only returns False then.
    with write_whole(path) as part:
        part.write_bytes(encode_png(image))


def encode_png(image: np.ndarray) -> bytes:
    """A PNG in memory, of what :func:`write_png` takes."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode('.png', image)[1].tobytes()


def write_mask(
    path: str | Path,
    mask: np.ndarray,
    palette: Sequence[tuple[int, int, int]] = SEG_PALETTE,
) -> None:
    """Write a mask as a palette PNG, whole or not at all: ids, which viewers colour.

    OpenCV reads the colours, not the ids; Pillow and :func:`read_mask` read the ids.

    Args:
        path: The file.
        mask: (H, W) uint8 class ids, :data:`IGNORE` where unlabelled.
        palette: RGB by class id.
    """
    colours = list(palette)
    if mask.max(initial=0) >= len(colours):  # else the file need not hold 256 colours
        colours += [IGNORE_COLOUR] * (256 - len(colours))
    with write_whole(path) as part:
        png = cv2.imencode('.png', mask)[1].tobytes()
        part.write_bytes(with_palette(png, colours))


def _read(path: Path, what: str) -> bytes:
    if path.suffix.lower() in (*VIDEOS, *SEQUENCES):
        raise UserError(
            f'{path}: is a video; give it to demo/video_demo.py, or {_SPLIT}.'
        )
    refuse_special(path)
    try:
        return path.read_bytes()
    except OSError as error:
        problem, way_out = f'cannot be read ({error.strerror})', RESTORE
        if isinstance(error, FileNotFoundError) or path.is_dir():
            problem = f'there is no such {what.removeprefix("the ")}'
            way_out = 'give the path of one'
        raise UserError(f'{path}: {problem}; {way_out}.') from error


def _decode(data: bytes, path: str | Path) -> np.ndarray:
    refuse_bomb(data, path)
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
    if pixels is None or is_cut_short(data):
        raise undecodable(path)
    if pages > 1:
        raise UserError(
            f'{path}: holds several pages, and a frame is one; {_SPLIT}, which saves '
            'each page as a file of its own.'
        )
    return pixels


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


def _flir_counts(data: bytes, name: str | Path) -> np.ndarray | None:
    """The raw counts of an FFF frame or a radiometric JPEG; None of another file."""
    if data.startswith(MAGIC):
        spans, whole = frame_spans(data)
        if len(spans) > 1:
            raise UserError(
                f'{name}: holds {len(spans)} frames, and a frame is one; {_SPLIT}.'
            )
        if whole and spans:
            return decode_frame(data, name)
        raise UserError(f'{name}: its FLIR frame is cut short; {RESTORE}.')
    embedded = frame_in_jpeg(io.BytesIO(data))
    if embedded is None or parse_frame(embedded) is None:
        return None
    return upright(decode_frame(embedded, name), _orientation(io.BytesIO(data)))


def _orientation(file: BinaryIO) -> int:
    from PIL import Image  # a box that only runs models may lack it

    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with Image.open(file) as image:
            return image.getexif().get(0x0112, 1)


def _flir_size(path: Path) -> tuple[int, int] | None:
    """(width, height) of an FFF frame or of that in a JPEG; None of another file."""
    with path.open('rb') as file:
        if file.read(len(MAGIC)) == MAGIC:
            frame, turn = parse_frame(path.read_bytes()), 1
        else:
            file.seek(0)
            frame = parse_frame(frame_in_jpeg(file) or b'')
            turn = 1 if frame is None else _orientation(file)
    if frame is None:
        return None
    size = frame.width, frame.height
    return size[::-1] if turn > 4 else size
