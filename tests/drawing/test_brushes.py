"""Strokes on a mask become the classes of their colours."""

import numpy as np
import pytest

from fume_mm.drawing.brushes import brushes, legend, paint
from fume_mm.structures.labels import Labels

SIZE = (20, 30)  # height, width
MASK = np.zeros(SIZE, np.uint8)
MASK[:3], MASK[5:10] = 1, 2


def stroke(value, where, *, alpha=255, times=1):
    layer = np.zeros((SIZE[0] * times, SIZE[1] * times, 4), np.uint8)
    rows, columns = (slice(a * times, b * times) for a, b in where)
    layer[rows, columns] = (*brushes()[value], alpha)
    return layer


@pytest.mark.parametrize('times', [1, 3])
def test_strokes_become_classes_and_the_rest_stays(times):
    layers = [
        stroke(value, ((row, row + 2), (4, 9)), times=times)
        for row, value in ((0, 0), (6, 1), (12, 2), (17, 255))
    ]
    expected = MASK.copy()
    for row, value in ((0, 0), (6, 1), (12, 2), (17, 255)):
        expected[row : row + 2, 4:9] = value
    before = MASK.copy()
    assert (paint(MASK, layers) == expected).all()
    assert (before == MASK).all()
    assert (paint(MASK, []) == before).all()


def test_soft_edges_and_near_colours():
    faint = stroke(2, ((0, 5), (0, 5)), alpha=127)
    assert not paint(np.zeros(SIZE, np.uint8), [faint]).any()
    near = stroke(2, ((0, 5), (0, 5)), alpha=200)
    near[..., :3] -= near[..., :3] // 10  # as a codec may leave it
    assert (paint(np.zeros(SIZE, np.uint8), [near]) == 2).sum() == 25
    both = [stroke(2, ((0, 5), (0, 5))), stroke(1, ((0, 5), (0, 3)))]
    assert np.bincount(paint(np.zeros(SIZE, np.uint8), both).ravel(), minlength=3)[
        1:
    ].tolist() == [
        15,
        10,
    ]


def test_the_brushes_are_the_campaigns_classes():
    labels = Labels(seg_classes=('background', 'gas', 'tank'))
    assert list(legend(labels)) == ['background', 'gas', 'tank', 'unsure']
    layer = np.zeros((*SIZE, 4), np.uint8)
    for row, colour in enumerate(brushes(labels).values()):
        layer[row, :5] = (*colour, 255)
    painted = paint(np.zeros(SIZE, np.uint8), [layer], labels)
    assert painted[:5, 0].tolist() == [0, 1, 2, 255, 0]
