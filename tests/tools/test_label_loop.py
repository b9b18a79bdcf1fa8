"""From frames without masks to a campaign: predict, review on the page, collect."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from demo import app, label_app
from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.reviewing import Review, open_review
from fume_mm.io.images import read_mask, write_mask
from tests.campaigns import draw, read_rows, write_rows
from tests.commands import run_tool
from tests.tools.test_app import browser_tab

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)
pytestmark = pytest.mark.slow


@pytest.fixture
def root(tmp_path):
    """Two frames, their CSV, and no masks."""
    (tmp_path / 'frames').mkdir()
    rows = []
    for i, gas in enumerate(('co2', 'ch4')):
        path = f'frames/clip_{i}.png'
        image, _ = draw(np.random.default_rng(i), 5.6, SIZE)
        cv2.imwrite(str(tmp_path / path), image)
        rows.append({'frame_path': path, 'gas_type': gas, 'recording': f'MOV000{i}'})
    write_rows(tmp_path / 'frames.csv', rows)
    return tmp_path


def run(tool, *arguments):
    done = run_tool(tool, *arguments)
    assert 'Traceback' not in done.stderr, done.stderr[-2000:]
    return done


def test_the_loop_on_the_command_line(root):
    prelabel = 'tools/dataset_converters/prelabel.py'
    collect = 'tools/dataset_converters/collect_reviewed.py'
    done = run(prelabel, root / 'frames.csv', '--out', root, '--unsure-below', 0.6)
    assert done.returncode == 0, done.stderr
    assert '2 masks predicted, 0 were there' in done.stdout
    assert 'trained on simulated frames' in done.stdout
    masks = [read_mask(root / f'masks/clip_{i}.png') for i in range(2)]
    assert all(mask.shape == SIZE[::-1] for mask in masks)
    done = run(prelabel, root / 'frames.csv', '--out', root)
    assert '0 masks predicted, 2 were there' in done.stdout
    assert (read_mask(root / 'masks/clip_0.png') == masks[0]).all()

    done = run(collect, root)
    assert done.returncode == 2
    assert 'no frame is accepted yet' in done.stderr
    Review(root).save(0, masks[0], 'accepted')
    done = run(collect, root / 'review.csv')
    assert done.returncode == 0, done.stderr
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()[:4]] == [
        ['1', 'new'],
        ['1', 'accepted'],
        ['0', 'no gas'],
        ['0', 'rejected'],
    ]
    frame = read_annotations(root / 'reviewed_annotations.csv', check_pixels=True)
    assert frame['group'].tolist() == ['MOV0000']


@pytest.fixture
def review(root):
    review, _ = open_review(root / 'frames.csv', root)
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[:10, :10], mask[30:40] = 1, 2
    for index in range(2):
        write_mask(review.mask_file(index), mask)
    return review


def test_the_page_in_a_browser(review, root):
    """A stroke of gas, accepted; no gas; back, undo; all is on the disk."""
    page = label_app.build(review)
    url = app.serve(page, host='127.0.0.1', port=None, block=False, css=label_app.CSS)
    before = review.read(0)[1]
    try:
        with browser_tab(url) as tab:
            tab.locator('#facts').get_by_text('frames/clip_0.png').wait_for()
            canvas = tab.locator('#editor canvas').first
            tab.wait_for_timeout(2000)
            box = canvas.bounding_box()
            x, y = box['x'] + box['width'] / 2, box['y'] + box['height'] * 0.4
            tab.mouse.move(x - 60, y)
            tab.mouse.down()
            tab.mouse.move(x + 60, y, steps=12)
            tab.mouse.up()
            tab.wait_for_timeout(500)
            tab.keyboard.press('a')
            tab.locator('#facts').get_by_text('frames/clip_1.png').wait_for()
            painted = read_mask(root / 'masks/clip_0.png')
            changed = painted != before
            assert changed.any()
            assert (painted[changed] == 2).all()
            assert not changed[:10].any()

            tab.click('#no-gas')
            tab.get_by_text('All frames are reviewed.').wait_for()
            assert [row['status'] for row in read_rows(review.path)] == [
                'accepted',
                'no gas',
            ]
            assert set(np.unique(read_mask(root / 'masks/clip_1.png'))) == {0, 1}
            tab.click('#undo')
            tab.get_by_text('1 new, 1 accepted, 0 no gas').wait_for()
            assert (read_mask(root / 'masks/clip_1.png') == before).all()
            tab.click('#back')
            tab.locator('#facts').get_by_text('frames/clip_0.png').wait_for()
    finally:
        page.close()
    assert Review(root).rows['status'].tolist() == ['accepted', 'new']
    assert (read_mask(root / 'masks/clip_0.png') == painted).all()
