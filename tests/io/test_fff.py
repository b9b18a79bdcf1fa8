"""Raw counts of FLIR's files, from made-up ones."""

import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from fume_mm.errors import UserError
from fume_mm.io.fff import decode_frame, frame_spans, parse_frame
from fume_mm.io.images import image_size, read_frame, read_values
from tests.recordings import counts, fff, jpeg_ls, png, radiometric_jpeg

COUNTS = counts()


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize(
    'pack',
    [
        lambda x: None,
        png,
        lambda x: png(x.byteswap()),  # as most of FLIR's cameras do
        jpeg_ls,
    ],
    ids=['rows', 'PNG', 'PNG, bytes swapped', 'JPEG-LS'],
)
def test_counts_of_an_fff_frame(tmp_path, pack, order):
    path = tmp_path / 'ä b.fff'
    path.write_bytes(fff(COUNTS, packed=pack(COUNTS), order=order))
    values, done = read_values(path)
    assert values.dtype == np.uint16
    assert (values == COUNTS).all()
    assert done == []
    assert image_size(path) == (64, 48)
    gray, said = read_frame(path)
    assert (gray == read_frame(COUNTS)[0]).all()
    assert said == 'uint16 stretched to 8 bits'


def test_jpeg_ls_of_14_bits_gives_the_counts():
    # one pixel of 3000, coded by hand (ITU-T T.87, an interrupted run); FFmpeg gives
    # 12000, four times as much
    coded = bytes.fromhex(
        'ffd8fff7000b0e0001000101011100ffda0008010100000000000000b7800000ffd9'
    )
    pixel = np.array([[3000]], np.uint16)
    assert (decode_frame(fff(pixel, packed=coded), 'a') == pixel).all()


def test_a_radiometric_jpeg_is_its_counts_not_its_picture(tmp_path):
    # the picture is larger, in rainbow, and shows something else
    picture = cv2.applyColorMap(np.full((96, 128), 9, np.uint8), cv2.COLORMAP_JET)
    path = tmp_path / 'a.jpg'
    path.write_bytes(radiometric_jpeg(picture, fff(COUNTS, order='>')))
    assert (read_values(path)[0] == COUNTS).all()
    assert image_size(path) == (64, 48)


@pytest.mark.parametrize('turn', range(1, 9))
def test_orientation_turns_the_counts_too(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    content = exif.tobytes()
    segment = b'\xff\xe1' + struct.pack('>H', len(content) + 2) + content
    path = tmp_path / 'a.jpg'
    jpeg = radiometric_jpeg(COUNTS.astype(np.uint8), fff(COUNTS), exif=segment)
    path.write_bytes(jpeg)
    # the turns as EXIF 2.3 describes them
    upright = {
        1: COUNTS,
        2: COUNTS[:, ::-1],
        3: COUNTS[::-1, ::-1],
        4: COUNTS[::-1],
        5: COUNTS.T,
        6: np.rot90(COUNTS, -1),
        7: COUNTS[::-1, ::-1].T,
        8: np.rot90(COUNTS),
    }[turn]
    values, _ = read_values(path)
    assert values.shape == upright.shape
    assert (values == upright).all()
    assert image_size(path) == upright.shape[::-1]


def test_a_jpeg_whose_counts_are_not_whole_is_its_picture(tmp_path):
    picture = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64) // 2
    data = radiometric_jpeg(picture, fff(COUNTS), part=3000)
    last = data.rindex(b'FLIR\0\1') - 4
    size = struct.unpack_from('>H', data, last + 2)[0]
    path = tmp_path / 'a.jpg'
    path.write_bytes(data[:last] + data[last + 2 + size :])
    decoded = cv2.imdecode(cv2.imencode('.jpg', picture)[1], -1)
    gray, done = read_frame(path)
    assert done is None
    assert (gray == decoded).all()


def test_what_of_an_fff_frame_cannot_be_read_is_named(tmp_path):
    path = tmp_path / 'a.fff'
    data = fff(COUNTS)
    for content, message in (
        (data[:-1], 'cut short'),
        (data[:5000], 'cut short'),
        (fff(COUNTS, packed=b'\x89PNG' + bytes(300)), 'no raw counts'),
        (fff(COUNTS, packed=b'\xff\xd8\xff\xf7' + bytes(300)), 'no raw counts'),
        (fff(COUNTS, packed=bytes(100)), 'no raw counts'),
        (fff(COUNTS, packed=png(COUNTS[:20])), 'no raw counts'),
        (data + data, r'holds 2 frames.*clip_to_frames'),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf'a\.fff: .*{message}'):
            read_frame(path)


def test_magic_bytes_among_the_counts_begin_no_frame():
    confusing = COUNTS.copy()
    confusing[3, :2] = struct.unpack('<2H', b'FFF\0')
    one = fff(confusing)
    spans, whole = frame_spans(b'junk' + one + one + one[:99])
    assert spans == [(4, 4 + len(one)), (4 + len(one), 4 + 2 * len(one))]
    assert not whole
    assert frame_spans(one) == ([(0, len(one))], True)


def test_time_rate_and_camera():
    frame = parse_frame(fff(COUNTS, time=1234.25))
    assert (frame.time, frame.rate) == (1234.25, 15.0)
    assert frame.camera == 'FLIR GF343 S12345'
    assert parse_frame(fff(COUNTS, time=None)).time is None
