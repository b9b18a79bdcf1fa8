"""The one composer: tiles at one scale, laid out in rows."""

import numpy as np
import pytest

from fume_mm.drawing.canvas import Canvas, draw_letters
from fume_mm.drawing.overlay import overlay
from fume_mm.drawing.tiles import (
    blank_tile,
    caption_tile,
    draw_tile,
    lay_out,
    tile_size,
)


@pytest.mark.parametrize(
    ('shape', 'size'),
    [((480, 640), (320, 240)), ((30, 40), (100, 75)), ((150, 200), (200, 150))],
)
def test_a_tile_keeps_the_proportions(shape, size):
    assert tile_size(shape, at_least=100, at_most=320) == size


def test_a_frame_of_the_size_of_its_tile_is_not_touched():
    frame = np.arange(48, dtype=np.uint8).reshape(6, 8)
    mask = np.eye(6, 8, dtype=np.int64)
    assert (draw_tile(frame, size=(8, 6)) == frame[:, :, None]).all()
    drawn = draw_tile(frame, mask, size=(8, 6), line_width=0)
    assert (drawn == overlay(frame, mask, line_width=0)).all()


def test_frames_are_averaged_and_masks_are_not():
    frame = np.tile(np.array([0, 100], np.uint8), (8, 8))
    assert (draw_tile(frame, size=(8, 4)) == 50).all()
    mask = np.zeros((8, 16), np.uint8)
    mask[:, 8:] = 2
    drawn = draw_tile(frame, mask, size=(8, 4), alpha=1, line_width=0)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 2
    # a mask need not have the size of the frame
    again = draw_tile(frame, mask[::2, ::2], size=(8, 4), alpha=1, line_width=0)
    assert (again == drawn).all()


def test_rows_are_as_high_as_their_highest_tile():
    tiles = [np.full((h, 10, 3), h, np.uint8) for h in (20, 30, 5)]
    sheet = lay_out(tiles, columns=2, gap=4)
    assert sheet.shape == (30 + 4 + 5, 24, 3)
    assert (sheet[:20, :10] == 20).all()
    assert (sheet[20:30, :14] == 255).all()
    assert (sheet[:30, 14:] == 30).all()
    assert (sheet[34:, :10] == 5).all()
    assert (sheet[34:, 10:] == 255).all()


def test_fewer_tiles_than_columns_leave_no_room():
    assert lay_out([blank_tile((10, 6))], columns=5, gap=3).shape == (6, 10, 3)


def test_a_caption_lies_below_its_tile_and_inside():
    tile = blank_tile((60, 40), (10, 20, 30))
    captioned = caption_tile(tile, 'a caption that is too long for it', height=20)
    assert captioned.shape == (60, 60, 3)
    assert (captioned[:40] == tile).all()
    assert (captioned[40:] != 255).any()
    assert (captioned[:, 56:][40:] == 255).all()


def test_a_line_that_is_too_long_is_cut_to_its_room():
    canvas = Canvas(300, 30)
    assert 80 < canvas.text((0, 15), 'x' * 500, max_width=100) <= 100
    assert (canvas.array[:, 100:] == 255).all()
    whole = draw_letters('short', 15, False).shape[1]
    assert canvas.text((0, 15), 'short', max_width=100) == whole


@pytest.mark.parametrize('align', ['left', 'middle', 'right'])
def test_text_lies_where_its_alignment_says(align):
    canvas = Canvas(300, 30)
    width = canvas.text((150, 15), 'mmmm', align=align)
    inked = np.flatnonzero((canvas.array != 255).any(axis=(0, 2)))
    shift = {'left': 0, 'middle': width // 2, 'right': width}[align]
    assert 150 - shift <= inked[0] < inked[-1] < 150 - shift + width


def test_text_beyond_the_picture_is_left_out():
    canvas = Canvas(20, 10)
    canvas.text((15, 9), 'much too long')
    canvas.text((0, 0), 'x' * 50, align='right')
    assert canvas.array.shape == (10, 20, 3)
