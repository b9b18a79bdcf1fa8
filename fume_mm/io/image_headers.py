"""What the file of a picture shows before its pixels are decoded."""

import io
import math
import warnings
from pathlib import Path
from typing import Any

from fume_mm.errors import UserError

from .palette_png import SIGNATURE

#: The way out of most errors.
RESTORE = 'restore the file, save it again as PNG, or delete its row'
#: Pixels of a frame; a small file can say that it has so many that they fill memory.
LARGEST = 2**26
#: A JPEG of fewer bytes has no more pixels: two bits of each block of 8x8, or nearly.
_SMALL_JPEG = 2**16


def is_cut_short(data: bytes) -> bool:
    """Whether the end mark is missing: older releases of OpenCV fill such files up."""
    if data.startswith(SIGNATURE):
        return data.rfind(b'IEND') < 0
    if data.startswith(b'\xff\xd8'):  # a JPEG; the mark after its last scan
        return data.find(b'\xff\xd9', data.rfind(b'\xff\xda')) < 0
    return False


def lacks_pixels(tiff: Any, path: Path) -> bool:
    """Whether a TIFF, opened by Pillow, has strips or tiles beyond the file's end."""
    tags, size = tiff.tag_v2, path.stat().st_size
    places = [
        (tags.get(starts, ()), tags.get(lengths, ()))
        for starts, lengths in ((273, 279), (324, 325))  # of strips, of tiles
    ]
    return any(a + b > size for x, y in places for a, b in zip(x, y, strict=False))


def undecodable(path: str | Path) -> UserError:
    """The error for it."""
    return UserError(
        f'{path}: is not an image that can be decoded, perhaps empty or cut short; '
        f'{RESTORE}.'
    )


def refuse_bomb(data: bytes, path: str | Path) -> None:
    """Refuse, by its header, the content of a file whose pixels would fill memory."""
    if data.startswith(SIGNATURE):
        width, height = (int.from_bytes(data[a : a + 4], 'big') for a in (16, 20))
    elif data.startswith(b'\xff\xd8') and len(data) < _SMALL_JPEG:
        return
    else:
        try:
            from PIL import Image  # a box that only runs models may lack it

            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                with Image.open(io.BytesIO(data)) as image:
                    width, height = image.size
        except Exception as error:  # Pillow's plugins raise what they like
            if type(error).__name__ == 'DecompressionBombError':
                raise too_large(path, 'so many') from error
            return
    refuse_large(path, width, height)


def refuse_large(path: str | Path, width: int, height: int) -> None:
    """Refuse a picture of more than :data:`LARGEST` pixels."""
    if width * height > LARGEST:
        raise too_large(path, f'{width}x{height}')


def too_large(path: str | Path, pixels: str) -> UserError:
    """The error for it."""
    side = math.isqrt(LARGEST)
    return UserError(
        f'{path}: says that it has {pixels} pixels, and at most {side}x{side} are '
        'read; make it smaller.'
    )
