"""Variables of a config that --cfg-options may set reach what was made of them."""

from pathlib import Path

import pytest

from fume_mm.engine.config import load_config
from fume_mm.errors import UserError

CONFIGS = Path(__file__).parents[2] / 'configs'
FUME = str(CONFIGS / 'fume/fume_fastscnn.py')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def test_data_root_reaches_every_dataset() -> None:
    cfg = load_config(FUME, {'data_root': 'data/fume'})
    assert [cfg[name].dataset.data_root for name in LOADERS] == ['data/fume'] * 3


def test_scale_reaches_every_resizing_and_nothing_else() -> None:
    before, cfg = load_config(FUME), load_config(FUME, {'scale': [320, 240]})
    for name in LOADERS:
        steps = cfg[name].dataset.pipeline
        scales = [s.scale for s in steps if s.type == 'ResizeDualGas']
        assert [tuple(scale) for scale in scales] == [(320, 240)]
    loader = cfg.train_dataloader.to_dict()
    for step in loader['dataset']['pipeline']:
        if step['type'] == 'ResizeDualGas':
            step['scale'] = (640, 480)
    assert loader == before.train_dataloader.to_dict()


def test_max_epochs_reaches_the_schedule() -> None:
    cfg = load_config(FUME, {'max_epochs': 7})
    assert (cfg.train_cfg.max_epochs, cfg.param_scheduler[0].T_max) == (7, 7)
    demo = load_config(str(CONFIGS / 'fume/fume_fastscnn_demo.py'), {'max_epochs': 7})
    assert [s.get('T_max') for s in demo.param_scheduler] == [None, 7]
    assert demo.param_scheduler[0].end == 40


def test_what_is_said_of_a_place_goes_first() -> None:
    options = {'max_epochs': 7, 'param_scheduler.0.T_max': 9}
    cfg = load_config(FUME, options)
    assert (cfg.train_cfg.max_epochs, cfg.param_scheduler[0].T_max) == (7, 9)


def test_a_variable_that_would_reach_a_part_only_is_refused() -> None:
    """The benchmark's training crops to a size of its own."""
    with pytest.raises(UserError, match='scale is a variable that'):
        load_config(
            str(CONFIGS / 'fume/fume_fastscnn_benchmark.py'), {'scale': [320, 240]}
        )
