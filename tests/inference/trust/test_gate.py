import json

import cv2
import numpy as np
import pytest

from fume_mm.inference.trust.calibrating import Observation, fit_gate
from fume_mm.inference.trust.frame_statistics import NAMES, frame_statistics
from fume_mm.inference.trust.gate import Gate
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult
from fume_mm.structures.labels import FUME_LABELS
from tests.campaigns import draw

SIZE = (96, 72)


def picture(gas, seed):
    """A frame and its mask; CH4's are inverted and smoother."""
    frame, mask = draw(np.random.default_rng([seed, gas == 'ch4']), 5.6, SIZE)
    if gas == 'ch4':
        frame = cv2.GaussianBlur(255 - frame, (5, 5), 0)
    return frame, mask


def result(frames, masks=None, **options):
    masks = {g: picture(g, 0)[1] for g in frames} if masks is None else masks
    return DualGasResult('x', masks, frames=frames, **options)


def observation(seed):
    shown = {gas: picture(gas, seed) for gas in GASES}
    statistics = {g: frame_statistics(*shown[g], FUME_LABELS) for g in GASES}
    return Observation(str(seed), 0, {}, statistics, palette=False)


@pytest.fixture(scope='module')
def gate():
    fitted = fit_gate([observation(seed) for seed in range(120)])
    return Gate.from_dict(json.loads(json.dumps(fitted.to_dict())))


@pytest.fixture
def pair():
    return {gas: picture(gas, 1000)[0] for gas in GASES}


@pytest.mark.parametrize('size', [(16, 16), (640, 480)])
@pytest.mark.parametrize('level', [0, 255])
def test_statistics_of_any_frame_are_numbers(size, level):
    frame = np.full(size[::-1], level, np.uint8)
    for mask in (None, np.zeros_like(frame), np.full_like(frame, 2)):
        found = frame_statistics(frame, mask, FUME_LABELS)
        assert found.shape == (len(NAMES),)
        assert np.isfinite(found).all()


def test_what_passes_without_calibration(pair):
    assert Gate().reasons(result(pair), pair) == []
    assert Gate().reasons(result({'ch4': pair['ch4']}), {'ch4': pair['ch4']}) == []


def test_neither_tube_nor_gas_in_sight(pair):
    empty = {gas: np.zeros(SIZE[::-1], np.uint8) for gas in GASES}
    found = Gate().reasons(result(pair, empty), pair)
    assert found == ['the model sees no tube or gas']
    # one that shows it is enough
    empty['co2'][3:6] = 2
    assert Gate().reasons(result(pair, empty), pair) == []
    # a model without masks sees none either, but is not asked
    assert Gate().reasons(result(pair, {}), pair) == []


@pytest.mark.parametrize('again', ['same', 'jpeg', 'larger'])
def test_one_picture_given_as_both_gases(pair, again):
    frame = pair['co2']
    if again == 'jpeg':
        data = cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
        other = cv2.imdecode(data, 0)
    else:
        other = cv2.resize(frame, None, fx=2, fy=2) if again == 'larger' else frame
    frames = {'co2': frame, 'ch4': other}
    (reason,) = Gate().reasons(result(frames), frames)
    assert 'one and the same picture' in reason


def test_a_palette_where_gray_is_expected(pair):
    done = {'co2': 'iron-like palette, luma'}
    shown = result(pair, read_as=done)
    (reason,) = Gate().reasons(shown, pair)
    assert 'CO2 frame was given as a colour palette' in reason
    assert Gate(palettes=True).reasons(shown, pair) == []
    marks = result(pair, read_as={'co2': 'luma of colour'})
    assert Gate().reasons(marks, pair) == []


def test_a_file_that_is_named_after_the_other_gas(pair):
    given = {'co2': 'rumen/a_ch4.png', 'ch4': 'rumen/a_co2.png'}
    found = Gate().reasons(result(pair), given)
    assert found == [
        'the file given as CO2 is named a_ch4.png',
        'the file given as CH4 is named a_co2.png',
    ]


def test_frames_of_the_same_kind_pass(gate):
    refused = 0
    for seed in range(2000, 2050):
        frames, masks = {}, {}
        for gas in GASES:
            frames[gas], masks[gas] = picture(gas, seed)
        refused += bool(gate.reasons(result(frames, masks), frames))
    assert refused <= 2


@pytest.mark.parametrize('kind', ['noise', 'text', 'flat'])
def test_what_is_no_such_frame_is_named(gate, pair, kind):
    frame = np.full(SIZE[::-1], 250, np.uint8)
    if kind == 'noise':
        frame = np.random.default_rng(0).integers(0, 256, frame.shape).astype(np.uint8)
    elif kind == 'text':
        for y in range(12, 70, 12):
            cv2.putText(frame, 'the quick brown', (2, y), 0, 0.35, 10, 1, cv2.LINE_AA)
    frames = {**pair, 'ch4': frame}
    found = gate.reasons(result(frames), frames)
    assert any('CH4 frame is unlike those of training' in reason for reason in found)
    assert not any('CO2' in reason for reason in found)


def test_swapped_gases(gate, pair):
    turned = {'co2': pair['ch4'], 'ch4': pair['co2']}
    found = gate.reasons(result(turned), turned)
    assert found == ['the two frames look as if CO2 and CH4 were swapped']
    alone = {'co2': pair['ch4']}
    (reason,) = gate.reasons(result(alone), alone)
    assert reason.startswith('the CO2 frame looks like one of the other gas')


def test_statistics_of_another_version_are_not_compared(gate, pair):
    content = {**gate.to_dict(), 'statistics': ['mean']}
    old = Gate.from_dict(content)
    assert old.normals == {}
    assert old.reasons(result(pair), pair) == []


def test_few_frames_make_no_statistics():
    few = fit_gate([observation(seed) for seed in range(20)])
    assert few.normals == {}
