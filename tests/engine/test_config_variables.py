"""What of a config options may set, and which of its names outlive it."""

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from fume_mm.datasets.transforms import ResizeDualGas
from fume_mm.engine.config import config_errors, frame_scale, load_config
from fume_mm.errors import UserError
from fume_mm.io.provenance import config_sha256
from fume_mm.registry import MODELS, register_all_modules

CONFIGS = Path(__file__).parents[2] / 'configs'
FUME = str(CONFIGS / 'fume/fume_fastscnn.py')
DEMO = str(CONFIGS / 'fume/fume_fastscnn_demo.py')
BENCHMARK = str(CONFIGS / 'fume/fume_fastscnn_benchmark.py')
FOREST = str(CONFIGS / 'baselines/random_forest.py')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
register_all_modules()


def test_data_root_reaches_every_dataset() -> None:
    cfg = load_config(FUME, {'data_root': 'data/fume'})
    assert [cfg[name].dataset.data_root for name in LOADERS] == ['data/fume'] * 3


@pytest.mark.parametrize(
    'path', sorted(CONFIGS.glob('[!_]*/*.py')), ids=lambda p: p.stem
)
def test_a_fold_is_two_options_of_every_config(path: Path) -> None:
    assert [load_config(str(path))[x].dataset.ann_root for x in LOADERS] == [None] * 3
    cfg = load_config(str(path), {'data_root': 'data/d', 'ann_root': 'data/d/cv_fold0'})
    for name in LOADERS:
        assert cfg[name].dataset.data_root == 'data/d'
        assert cfg[name].dataset.ann_root == 'data/d/cv_fold0'


@pytest.mark.parametrize('path', [FUME, DEMO, BENCHMARK])
def test_scale_reaches_every_dataset_and_nothing_else(path: str) -> None:
    before, cfg = load_config(path), load_config(path, {'scale': [320, 240]})
    assert frame_scale(cfg) == (320, 240) != frame_scale(before)
    for name in LOADERS:
        steps = cfg[name].dataset.pipeline
        # the datasets' scale is the only one
        assert [
            step.get('scale') for step in steps if step.type == 'ResizeDualGas'
        ] == [None]
        cfg[name].dataset.scale = before[name].dataset.scale
    assert cfg.to_dict() == before.to_dict()


def test_one_test_pipeline_serves_every_campaign() -> None:
    pipelines = [
        load_config(path)[name].dataset.pipeline
        for path in (FUME, DEMO, BENCHMARK)
        for name in LOADERS[1:]
    ]
    assert all(pipeline == pipelines[0] for pipeline in pipelines)
    scales = [frame_scale(load_config(path)) for path in (FUME, DEMO, BENCHMARK)]
    assert scales == [(640, 480), (256, 192), (560, 420)]


def test_frames_without_a_scale_have_no_size() -> None:
    forest = load_config(FOREST)
    assert 'ResizeDualGas' not in str(forest.test_dataloader)
    with pytest.raises(UserError, match=r'random_forest\.py: test_dataloader\.dataset'):
        frame_scale(forest)
    with pytest.raises(UserError, match='scale is a variable that'):
        load_config(FOREST, {'scale': [320, 240]})
    with pytest.raises(UserError, match=r'set dataset\.scale=\(width, height\)'):
        ResizeDualGas()({'frames': {}})


def test_max_epochs_reaches_the_schedule() -> None:
    cfg = load_config(FUME, {'max_epochs': 7})
    assert (cfg.train_cfg.max_epochs, cfg.param_scheduler[0].T_max) == (7, 7)
    demo = load_config(DEMO, {'max_epochs': 7})
    assert [s.get('T_max') for s in demo.param_scheduler] == [None, 7]
    assert demo.param_scheduler[0].end == 40


def test_an_option_that_names_a_place_goes_first() -> None:
    options = {'max_epochs': 7, 'param_scheduler.0.T_max': 9}
    for given in (options, dict(reversed(options.items()))):
        cfg = load_config(FUME, given)
        assert (cfg.train_cfg.max_epochs, cfg.param_scheduler[0].T_max) == (7, 9)


SCRATCH = {'modality_dropout', 'load', 'load_resized', 'augment', 'pack', 'collate'}
SCRATCH |= {'tta_views', 'hooks', 'early_stopping', 'vis_backends', 'channels', 'head'}
SCRATCH |= {
    'data_root',
    'ann_root',
    'scale',
    'max_epochs',
    'norm_cfg',
    'boosters',
    'loss',
}


@pytest.mark.parametrize(
    'name', ['fume/fume_fastscnn_benchmark_health', 'fume/fume_r50', 'peers/bisenetv2']
)
def test_names_that_nothing_reads_are_not_in_the_saved_config(
    name: str, tmp_path: Path
) -> None:
    path = CONFIGS / f'{name}.py'
    assert SCRATCH & set(Config.fromfile(path))
    cfg = load_config(str(path))
    assert not SCRATCH & set(cfg)
    out = tmp_path / path.name
    cfg.dump(out)
    assert set(Config.fromfile(out)) == set(cfg)
    again = load_config(str(out))
    assert again.to_dict() == cfg.to_dict()
    assert config_sha256(again.to_dict()) == config_sha256(cfg.to_dict())


def test_a_saved_config_takes_the_variables_still(tmp_path: Path) -> None:
    load_config(FUME).dump(tmp_path / 'saved.py')
    options = {'data_root': 'data/fume', 'ann_root': 'data/fume/cv_fold1'}
    options |= {'scale': (320, 240), 'max_epochs': 7}
    saved = load_config(str(tmp_path / 'saved.py'), options)
    assert saved.to_dict() == load_config(FUME, options).to_dict()


def test_a_name_that_is_used_up_is_refused() -> None:
    with pytest.raises(UserError, match=r'already used.*train_dataloader\.dataset'):
        load_config(FUME, {'modality_dropout': 1})
    with pytest.raises(UserError, match=r'has no data_rot; did you mean data_root\?'):
        load_config(FUME, {'data_rot': 1})


# What is set of a model without masks, or without the key, and what the error names.
WRONG = {
    'model.decode_head.loss_decode.gamma': 'decode_head is None in .*tasks_cls_only',
    'model.health_head.loss.gama': r'\(model\.health_head\.loss\.gama\).*mean gamma\?',
    'model.neck.loss.gamma': r"\(model\.neck\.loss\): .*'loss'",
    'model.auxiliary_head.loss_decode.gamma': 'auxiliary_head comes with a decode_head',
    'model.health_head.loss.gamma': 'gamma=-1.0 of a loss',
    'model.health_head.nothing.gamma': r'\(model\.health_head\.nothing\)',
}


@pytest.mark.parametrize('option', WRONG)
def test_a_key_that_is_no_key_of_a_loss_is_one_error(option: str) -> None:
    def build() -> Any:
        path = str(CONFIGS / 'ablations/tasks_cls_only.py')
        cfg = load_config(path, {option: -1.0})
        with config_errors(cfg):
            return MODELS.build(cfg.model)

    with pytest.raises(UserError, match=WRONG[option]):
        build()


def test_a_number_that_a_loss_lacks_is_named() -> None:
    cfg = load_config(FUME)
    del cfg.model.decode_head.loss_decode['smooth']
    named = r"model\.decode_head\.loss_decode.*'smooth'"
    with pytest.raises(UserError, match=named), config_errors(cfg):
        MODELS.build(cfg.model)
