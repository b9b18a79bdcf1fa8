"""Masks by a model for frames that have none."""

import cv2
import numpy as np
import pytest

from fume_mm.apis import DualGasInferencer
from fume_mm.datasets.reviewing import open_review
from fume_mm.errors import UserError
from fume_mm.inference.predictor import read_frames
from fume_mm.inference.prelabelling import prelabel
from fume_mm.io.images import read_mask, write_mask
from fume_mm.structures.dual_gas_result import DualGasResult
from tests.campaigns import write_rows

LEVELS = np.uint8([[20] * 20 + [130] * 10 + [200] * 10] * 20)


class Bright:
    """Bright is gas: surely above 150, by 0.5 above 100."""

    def __init__(self, masks=True):
        self.masks, self.asked = masks, []

    def predict(self, samples, probabilities=False):
        return [self.result(sample, probabilities) for sample in samples]

    def result(self, sample, probabilities):
        self.asked.append(sample['name'])
        frames, _ = read_frames(sample)
        gas = {
            key: np.where(x > 150, 0.9, (x > 100) * 0.5) for key, x in frames.items()
        }
        masks = {key: np.uint8(p >= 0.5) * 2 for key, p in gas.items()}
        likely = {key: np.float32([1 - p, 0 * p, p]) for key, p in gas.items()}
        return DualGasResult(
            sample['name'], masks if self.masks else {}, likely if probabilities else {}
        )


@pytest.fixture
def review(tmp_path):
    for name in 'ab':
        cv2.imwrite(str(tmp_path / f'{name}.png'), LEVELS)
    return open_review(tmp_path, tmp_path, gas='ch4')[0]


@pytest.mark.parametrize('unsure_below', [0.0, 0.6])
def test_masks_are_the_models(review, unsure_below):
    inferencer = DualGasInferencer(Bright())
    assert list(prelabel(inferencer, review, unsure_below=unsure_below)) == [0, 1]
    middle = 255 if unsure_below else 2
    expected = np.uint8([[0] * 20 + [middle] * 10 + [2] * 10] * 20)
    for index in range(2):
        assert (read_mask(review.mask_file(index)) == expected).all()


def test_deep_frames_are_seen_by_the_limits_of_their_recording(tmp_path):
    counts = LEVELS.astype(np.uint16) * 100 + 1000
    for name in 'ab':
        cv2.imwrite(str(tmp_path / f'{name}.png'), counts)
    rows = [
        {'frame_path': f'{name}.png', 'gas_type': 'ch4', 'limits': '1000 26500'}
        for name in 'ab'
    ]
    write_rows(tmp_path / 'frames.csv', rows)
    review, _ = open_review(tmp_path / 'frames.csv', tmp_path)
    assert (review.read(0)[0] == LEVELS).all()
    # by its own percentiles the middle would be bright, and so surely gas
    assert list(prelabel(DualGasInferencer(Bright()), review, unsure_below=0.6)) == [
        0,
        1,
    ]
    expected = np.uint8([[0] * 20 + [255] * 10 + [2] * 10] * 20)
    assert (read_mask(review.mask_file(1)) == expected).all()


def test_what_is_there_is_not_replaced(review):
    drawn = np.full(LEVELS.shape, 1, np.uint8)
    write_mask(review.mask_file(0), drawn)
    model = Bright()
    assert list(prelabel(DualGasInferencer(model), review)) == [1]
    assert model.asked == ['b']
    assert (read_mask(review.mask_file(0)) == drawn).all()
    assert list(prelabel(DualGasInferencer(model), review)) == []


def test_a_run_that_stops_keeps_what_it_has(review):
    steps = prelabel(DualGasInferencer(Bright(), batch_size=1), review)
    assert next(steps) == 0
    steps.close()
    assert list(prelabel(DualGasInferencer(Bright()), review)) == [1]


def test_what_it_cannot_use(review):
    with pytest.raises(UserError, match='--unsure-below 2 is no probability'):
        list(prelabel(DualGasInferencer(Bright()), review, unsure_below=2))
    with pytest.raises(UserError, match='predicts no ch4 mask; give another model'):
        list(prelabel(DualGasInferencer(Bright(masks=False)), review))
