import numpy as np
import pytest

from fume_mm.drawing import draw_panel, draw_result, overlay
from fume_mm.errors import UserError
from fume_mm.structures import HEALTH_PALETTE

BLUE, ORANGE = (0, 114, 178), (230, 159, 0)
# 0.55 · 100 + 0.45 · colour
BLUE_ON_100 = [55, 106, 135]
ORANGE_ON_100 = [158, 127, 55]


def shows(panel, colour):
    return bool((panel == colour).all(-1).any())


@pytest.fixture
def frame():
    return np.full((20, 30), 100, np.uint8)


@pytest.fixture
def mask():
    mask = np.zeros((20, 30), np.int64)
    mask[2:8, 2:8] = 1
    mask[10:18, 10:20] = 2
    return mask


def test_overlay_tints_inside_and_outlines_the_border(frame, mask):
    image = overlay(frame, mask)
    assert image.shape == (20, 30, 3)
    assert image.dtype == np.uint8
    assert image[5, 5].tolist() == BLUE_ON_100
    assert image[14, 15].tolist() == ORANGE_ON_100
    assert image[2, 5].tolist() == list(BLUE)
    assert image[17, 15].tolist() == list(ORANGE)
    assert (image[mask == 0] == 100).all()


def test_overlay_keeps_the_frame(frame, mask):
    overlay(frame, mask)
    assert (frame == 100).all()


def test_overlay_without_outline_and_with_full_tint(frame, mask):
    image = overlay(frame, mask, alpha=1, line_width=0)
    assert (image[mask == 1] == BLUE).all()
    assert (image[mask == 2] == ORANGE).all()


def test_faint_plume_is_visible_under_the_tint(frame, mask):
    frame[10:18, 14] = 110
    image = overlay(frame, mask)
    assert image[14, 14, 2] - image[14, 15, 2] == round(0.55 * 10)


def test_overlay_leaves_ids_that_are_no_class(frame, mask):
    mask[:] = 9
    assert (overlay(frame, mask) == 100).all()


def test_overlay_hatches_ignored_pixels_in_gray(frame, mask):
    mask[:, 20:28] = 255
    image = overlay(frame, mask)
    assert (image[:, 20:28] == 150).all(-1).mean() == 0.5
    assert (image[:, 28:] == 100).all()


def test_overlay_refuses_another_size(frame, mask):
    with pytest.raises(ValueError, match=r'\(20, 30\), its mask \(20, 29\)'):
        overlay(frame, mask[:, :-1])


# Height: head 44 + 26, two tile rows of 270 + 10 each or one of 34 + 10, legend 34,
# health 75 + 24. Width: 14 + 52 + n · 370 - 10 + 14.
@pytest.mark.parametrize(
    ('gases', 'truth', 'prediction', 'shape'),
    [
        (('co2', 'ch4'), True, True, (70 + 560 + 34 + 99, 1180, 3)),
        (('co2',), True, True, (70 + 280 + 44 + 34 + 99, 1180, 3)),
        (('ch4',), True, False, (70 + 280 + 44 + 34 + 56, 810, 3)),
        (('co2', 'ch4'), False, True, (70 + 560 + 34 + 99, 810, 3)),
        (('co2', 'ch4'), False, False, (70 + 560, 440, 3)),
    ],
)
@pytest.mark.parametrize('size', [(480, 640), (240, 320)])
def test_panel_size(make_frames, make_sample, gases, truth, prediction, shape, size):
    sample = make_sample(gases, truth=truth, prediction=prediction, size=size)
    panel = draw_panel(make_frames(gases, size=size), sample)
    assert panel.shape == shape
    assert panel.dtype == np.uint8


def test_frame_truth_and_prediction_lie_side_by_side(make_frames, make_sample):
    panel = draw_panel(make_frames(), make_sample())
    # tiles begin at x 66, 436, 806 and y 70 (CO2), 350 (CH4); the tube's middle is
    # 34 pixels down, the gas's 169
    for y in (70, 350):
        assert panel[y + 34, 66 + 180].tolist() == [100, 100, 100]
        for x in (436, 806):
            assert panel[y + 34, x + 180].tolist() == BLUE_ON_100
            assert panel[y + 169, x + 180].tolist() == ORANGE_ON_100
            assert panel[y + 100, x + 180].tolist() == [100, 100, 100]


def test_missing_gas_is_a_slim_grey_row_and_nothing_is_black(make_frames, make_sample):
    panel = draw_panel(make_frames(('co2',)), make_sample(('co2',)))
    grey = (panel[:, 70] == (232, 232, 232)).all(-1)
    assert np.flatnonzero(grey).tolist() == list(range(350, 384))
    assert panel.min(axis=-1).max() == 255
    assert not shows(panel, (0, 0, 0))


def test_gas_without_prediction_beside_one_with_has_a_grey_tile(
    make_frames, make_sample
):
    sample = make_sample()
    del sample.get('ch4').pred_sem_seg
    panel = draw_panel(make_frames(), sample)
    assert (panel[350:620, 806:1166] == (232, 232, 232)).all()
    assert panel[350 + 34, 436 + 180].tolist() == BLUE_ON_100


def test_health_strip_has_the_classes_and_bars(make_frames, make_sample):
    panel = draw_panel(make_frames(), make_sample())
    strip = panel[664:]
    bars = [
        (strip[:, 560:1090] == colour).all(-1).any(0).sum() for colour in HEALTH_PALETTE
    ]
    # the track is 540 px from x 554; a bar has an outline of 1 px
    assert bars == [554 + 135 - 1 - 560, 554 + 405 - 1 - 560, 0]
    swatches = [shows(strip[:, :300], colour) for colour in HEALTH_PALETTE]
    assert swatches == [False, True, False]


def test_health_bars_below_a_single_column(make_frames, make_sample):
    sample = make_sample(('co2',), truth=False)
    del sample.get('co2').pred_sem_seg
    panel = draw_panel(make_frames(('co2',)), sample)
    assert panel.shape == (70 + 280 + 44 + 32 + 75 + 24, 440, 3)
    assert shows(panel[-80:], HEALTH_PALETTE[0])
    assert shows(panel[-80:], HEALTH_PALETTE[1])


def test_note_is_drawn_in_a_box(make_frames, make_sample):
    warning = (178, 60, 0)
    assert not shows(draw_panel(make_frames(), make_sample()), warning)
    panel = draw_panel(make_frames(), make_sample(), note='simulated')
    assert shows(panel[:44, 1050:], warning)


def test_long_title_is_cut_before_the_note(make_frames, make_sample):
    frames, sample = make_frames(), make_sample()
    short = draw_panel(frames, sample, title='x', note='simulated')
    long = draw_panel(frames, sample, title='x' * 500, note='simulated')
    assert long.shape == short.shape
    assert (long[:44, 1055:] == short[:44, 1055:]).all()
    assert (long[:44, 100:1000] != short[:44, 100:1000]).any()


@pytest.mark.parametrize('gases', [('co2',), ('co2', 'ch4')])
def test_frames_must_be_those_of_the_sample(make_frames, make_sample, gases):
    other = {('co2',): ('co2', 'ch4'), ('co2', 'ch4'): ('co2',)}[gases]
    with pytest.raises(UserError, match="sample 's1' has"):
        draw_panel(make_frames(gases), make_sample(other))


def test_masks_must_have_the_size_of_the_frames(make_frames, make_sample):
    with pytest.raises(UserError, match=r"'s1': its CO2 frame .* truth \(240, 320\)"):
        draw_panel(make_frames(), make_sample(size=(240, 320)))


@pytest.mark.parametrize('gases', [('co2', 'ch4'), ('ch4',)])
def test_a_result_is_drawn_as_its_sample_is(make_frames, make_sample, gases):
    sample = make_sample(gases, truth=False)
    masks = {gas: sample.get(gas).pred_sem_seg.data[0].numpy() for gas in gases}
    scores = sample.health_scores.numpy()
    panel = draw_result(make_frames(gases), masks, scores, title='s1', note='n')
    assert (panel == draw_panel(make_frames(gases), sample, note='n')).all()


def test_a_result_without_masks_or_health(make_frames):
    panel = draw_result(make_frames(), {}, None, title='x')
    assert panel.shape == (70 + 560, 440, 3)
