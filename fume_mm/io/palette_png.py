"""8-bit masks as palette PNGs, by their headers: OpenCV knows a palette's colours only.

A palette PNG and a gray one of the same values differ in a byte of the header and in a
palette of its own (PNG specification, 3rd edition, 11.2), so that OpenCV codes and
decodes the pixels of both, as fast as gray ones.
"""

import zlib
from collections.abc import Sequence

SIGNATURE = b'\x89PNG\r\n\x1a\n'
_HEADER = slice(8, 33)  # length, name, 13 bytes of fields, checksum
_BITS, _COLOUR_TYPE = 24, 25
_GRAY, _INDEXED = 0, 3
#: What a gray PNG takes over from a palette's; the other chunks are of its colours.
_KEPT = (b'IDAT', b'IEND', b'eXIf')


def with_palette(png: bytes, colours: Sequence[tuple[int, ...]]) -> bytes:
    """A gray PNG of 8 bits as one whose values are indices of ``colours`` (RGB)."""
    palette = bytes(level for colour in colours for level in colour)
    return (
        SIGNATURE
        + _header(png, _INDEXED)
        + _chunk(b'PLTE', palette)
        + png[_HEADER.stop :]
    )


def as_gray(png: bytes) -> tuple[bytes, int]:
    """A PNG of a palette, or gray, of 1 to 8 bits as a gray one that holds its values.

    Returns:
        The PNG, and what a decoder multiplies its values by to make 1, 2 and 4 bits 8;
        anything else as it is, and 1.
    """
    if not png.startswith(SIGNATURE) or png[12:16] != b'IHDR' or len(png) < 33:
        return png, 1
    bits, colour_type = png[_BITS], png[_COLOUR_TYPE]
    if colour_type not in (_GRAY, _INDEXED) or bits not in (1, 2, 4, 8):
        return png, 1
    if colour_type == _INDEXED:
        parts, at = [SIGNATURE, _header(png, _GRAY)], _HEADER.stop
        while at < len(png):
            end = at + 12 + int.from_bytes(png[at : at + 4], 'big')
            if png[at + 4 : at + 8] in _KEPT:
                parts.append(png[at:end])
            at = end
        png = b''.join(parts)
    return png, 255 // (2**bits - 1)


def _header(png: bytes, colour_type: int) -> bytes:
    fields = bytearray(png[_HEADER][8:-4])
    fields[_COLOUR_TYPE - 16] = colour_type
    return _chunk(b'IHDR', bytes(fields))


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return (
        len(content).to_bytes(4, 'big') + name + content + checksum.to_bytes(4, 'big')
    )
