"""Pictures of classes that are not FUME's: their names, number and colours."""

import numpy as np

from fume_mm.drawing import draw_result
from fume_mm.drawing.panel import SCORE_HEIGHT
from fume_mm.drawing.side_by_side import SideBySide
from fume_mm.drawing.timeline import draw_timeline
from fume_mm.inference.video.tally import Tally, values_of
from fume_mm.structures.dual_gas_result import DualGasResult
from fume_mm.structures.labels import Labels

FIVE = Labels(
    ('f1', 'f2', 'f3', 'f4', 'f5'),
    None,
    ('background', 'gas'),
    seg_palette=((0, 0, 0), (1, 200, 3)),
)
FRAME = np.full((24, 32), 100, np.uint8)
MASK = np.zeros((24, 32), np.uint8)
MASK[:, 16:] = 1
SCORES = np.array([0.1, 0.2, 0.4, 0.2, 0.1], np.float32)
RESULT = DualGasResult('a', {'co2': MASK}, health_scores=SCORES, labels=FIVE)


def shows(picture: np.ndarray, colour: tuple[int, ...]) -> bool:
    return bool((picture == colour).all(axis=-1).any())


def test_a_result_names_its_classes() -> None:
    assert RESULT.health_class == 'f3'
    assert RESULT.shares() == {'co2': {'background': 0.5, 'gas': 0.5}}
    assert list(RESULT.row()) == [
        *('name', 'co2_gas_px', 'ch4_gas_px', 'verdict', 'health_class'),
        *(f'p_f{number}' for number in range(1, 6)),
    ]


def test_a_panel_has_the_colours_of_the_classes() -> None:
    panel = draw_result({'co2': FRAME}, {'co2': MASK}, SCORES, title='t', labels=FIVE)
    assert all(shows(panel, colour) for colour in FIVE.health_palette)
    assert shows(panel, (1, 200, 3))


def test_a_video_has_room_for_every_class() -> None:
    three, five = (
        SideBySide({'co2': (32, 24)}),
        SideBySide({'co2': (32, 24)}, labels=FIVE),
    )
    assert five.size[1] - three.size[1] == 2 * SCORE_HEIGHT
    picture = five.draw({'co2': FRAME}, {'co2': MASK}, SCORES, title='t')
    assert picture.shape[1::-1] == five.size
    assert all(shows(picture, colour) for colour in FIVE.health_palette)


def test_a_clip_is_told_in_the_classes() -> None:
    tally = Tally(1.0, labels=FIVE)
    tally.add(0.0, values_of(RESULT))
    verdict = tally.verdict()
    assert verdict is not None and verdict['class'] == 'f3'
    assert list(verdict['probabilities']) == list(FIVE.health_classes)
    assert tally.mean_areas('co2') == {'gas': 0.5}
    figure = draw_timeline(*tally.series(), title='t', labels=FIVE)
    legends = [axes.get_legend().get_texts() for axes in figure.axes]
    named = [[text.get_text() for text in legend] for legend in legends]
    assert named == [['CO2, gas'], ['f5', 'f4', 'f3', 'f2', 'f1']]
