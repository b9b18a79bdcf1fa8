import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fume_mm.drawing import draw_panel
from fume_mm.registry import VISUALIZERS


@pytest.fixture
def visualizer(tmp_path):
    visualizer = VISUALIZERS.build(
        {
            'type': 'fume_mm.DualGasVisualizer',
            'name': tmp_path.name,
            'save_dir': str(tmp_path),
            'vis_backends': [
                {'type': 'LocalVisBackend'},
                {'type': 'TensorboardVisBackend'},
            ],
        }
    )
    yield visualizer
    visualizer.close()


def read(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_panel_reaches_every_backend_and_the_file(
    visualizer, tmp_path, make_frames, make_sample
):
    out_file = tmp_path / 'out' / 'panel.png'
    visualizer.add_datasample(
        'val/panel_0', make_frames(), make_sample(), step=7, out_file=out_file
    )
    visualizer.close()
    panel = draw_panel(make_frames(), make_sample())
    assert (read(out_file) == panel).all()
    assert (read(tmp_path / 'vis_data/vis_image/val_panel_0_7.png') == panel).all()
    events = EventAccumulator(str(tmp_path / 'vis_data')).Reload()
    (image,) = events.Images('val/panel_0')
    assert image.step == 7
    data = np.frombuffer(image.encoded_image_string, np.uint8)
    drawn = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert (drawn == panel).all()


@pytest.mark.parametrize('simulated', [True, False])
def test_simulated_dataset_is_noted(
    visualizer, tmp_path, make_frames, make_sample, simulated
):
    visualizer.dataset_meta = {'simulated': simulated}
    out_file = tmp_path / 'panel.png'
    visualizer.add_datasample('x', make_frames(), make_sample(), out_file=out_file)
    note = 'simulated' if simulated else None
    assert (read(out_file) == draw_panel(make_frames(), make_sample(), note=note)).all()


def test_the_canvas_of_mmengine_is_there_when_it_is_used(visualizer):
    image = np.full((20, 30, 3), 50, np.uint8)
    visualizer.set_image(image)
    assert (visualizer.get_image() == image).all()
    visualizer.draw_bboxes(np.array([5, 5, 20, 15]), face_colors='r', alpha=1.0)
    assert (visualizer.get_image()[10, 10] == (255, 0, 0)).all()
