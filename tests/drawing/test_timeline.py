import cv2
import numpy as np
import pytest

from fume_mm.drawing.timeline import draw_timeline, write_timeline

TIMES = np.arange(6) / 2


def series(**columns):
    base = dict.fromkeys(('p_healthy', 'p_transitional', 'p_acidotic'), [np.nan] * 6)
    return {name: np.array(values) for name, values in (base | columns).items()}


def health():
    return {
        'p_healthy': [0.5] * 6,
        'p_transitional': [0.3] * 6,
        'p_acidotic': [0.2] * 6,
    }


def test_lines_are_percent_of_the_frame():
    share = [0.1, 0.2, np.nan, np.nan, 0.3, 0.4]
    figure = draw_timeline(TIMES, series(co2_gas=share, **health()), title='T')
    areas = figure.axes[0]
    (line,) = areas.lines
    assert line.get_label() == 'CO2, gas'
    assert line.get_ydata() == pytest.approx(100 * np.array(share), nan_ok=True)
    assert areas.get_ylim()[0] == 0


def test_probabilities_are_stacked_to_one():
    figure = draw_timeline(TIMES, series(**health()), title='T')
    stack = figure.axes[1].collections
    tops = [part.get_paths()[0].vertices[:, 1].max() for part in stack]
    assert tops == pytest.approx([0.5, 0.8, 1.0])
    assert figure.axes[1].get_xlim() == (0.0, 3.0)


def test_gas_that_was_never_there_has_no_line():
    figure = draw_timeline(TIMES, series(ch4_gas=[np.nan] * 6), title='T')
    assert len(figure.axes[0].lines) == 0


def test_a_model_without_health_has_one_panel(tmp_path):
    figure = draw_timeline(TIMES, series(ch4_gas=[0.1] * 6), title='T')
    assert [axes.get_ylabel() for axes in figure.axes] == ['area, % of the frame']
    assert figure.axes[0].get_xlabel() == 'time, s'
    png, _ = write_timeline(figure, tmp_path / 'x')
    one = cv2.imread(str(png)).shape[0]
    both = draw_timeline(TIMES, series(**health()), title='T')
    png, _ = write_timeline(both, tmp_path / 'y')
    assert cv2.imread(str(png)).shape[0] > 1.5 * one


@pytest.mark.parametrize('count', [1, 6])
def test_files(tmp_path, count):
    values = {name: column[:count] for name, column in series(**health()).items()}
    figure = draw_timeline(TIMES[:count], values, title='T', note='simulated')
    png, svg = write_timeline(figure, tmp_path / 'x')
    assert cv2.imread(str(png)).shape[1] > 1000
    assert '<svg' in svg.read_text()
