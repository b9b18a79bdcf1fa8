"""Every number that training uses stands in the resolved config and in its hash."""

import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmseg.models.decode_heads.decode_head import BaseDecodeHead

from fume_mm.datasets.transforms import ModalityDropout
from fume_mm.engine.config import load_config
from fume_mm.io.provenance import config_sha256
from fume_mm.models import losses
from fume_mm.registry import MODELS, TRANSFORMS, register_all_modules
from tests import objective

ROOT = Path(__file__).parents[2]
FUME = ROOT / 'configs/fume/fume_fastscnn.py'
CONFIGS = sorted(
    [*ROOT.glob('configs/[!_]*/*.py'), *ROOT.glob('projects/*/configs/*.py')]
)
BASES = sorted(ROOT.glob('configs/_base_/**/*.py'))
#: Arguments that are numbers of the training, or hold some.
NUMBERS = re.compile(
    r'drop.*|(focal|dice|seg|health|loss|class|auxiliary)_weight|gamma|smooth|mean|std'
    r'|prob|loss|loss_decode|data_preprocessor'
)
register_all_modules()
# configs may import projects, whose parts are registered then
LOADED = {path: load_config(str(path)) for path in CONFIGS}


def poisoned(make: Callable) -> Callable:
    """``make``, which fails where it would use a default for a number of training."""
    signature = inspect.signature(make)

    @functools.wraps(make)
    def checked(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        for name, parameter in signature.parameters.items():
            if parameter.default is not parameter.empty and NUMBERS.fullmatch(name):
                where = f'{make.__qualname__} takes its default for {name}'
                assert name in given, where
        return make(*args, **kwargs)

    return checked


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = {BaseDecodeHead}  # of mmseg's heads, named by their full types
    for registered in (*MODELS.module_dict.values(), ModalityDropout):
        classes |= {
            base
            for base in inspect.getmro(registered)
            if base.__module__.startswith(('fume_mm.', 'projects.'))
        }
    for kind in classes:
        if '__init__' in vars(kind):
            monkeypatch.setattr(kind, '__init__', poisoned(vars(kind)['__init__']))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_no_default_is_a_number_of_the_training(path: Path, poison: None) -> None:
    cfg = LOADED[path]
    with torch.device('meta'):
        try:
            MODELS.build(cfg.model)
        except RuntimeError as error:  # some encoders read numbers as they are built
            if not re.search('[Mm]eta|data-dependent', str(error)):
                raise
            with torch.device('cpu'):
                MODELS.build(cfg.model)
    for step in cfg.train_dataloader.dataset.pipeline:
        TRANSFORMS.build(step)


def test_the_poison_works(poison: None) -> None:
    cfg = load_config(str(FUME))
    for part, number in (
        (cfg.model, 'health_weight'),
        (cfg.model.health_head, 'dropout'),
        (cfg.model.decode_head, 'dropout_ratio'),
        (cfg.model.data_preprocessor, 'std'),
        (cfg.model.decode_head.loss_decode, 'loss_weight'),
        (cfg.model.health_head.loss, 'class_weight'),
    ):
        value = part.pop(number)
        with pytest.raises((AssertionError, TypeError), match=number):
            MODELS.build(cfg.model)
        part[number] = value
    MODELS.build(cfg.model)


def test_a_default_of_a_loss_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    init = losses.SoftmaxFocalLoss.__init__

    def forgetful(self: Any, *, gamma: float = 2.0, **options: Any) -> None:
        init(self, gamma=gamma, **options)

    monkeypatch.setattr(losses.SoftmaxFocalLoss, '__init__', forgetful)
    request.getfixturevalue('poison')
    cfg = load_config(str(FUME))
    MODELS.build(cfg.model)
    del cfg.model.health_head.loss['gamma']
    with pytest.raises(AssertionError, match='takes its default for gamma'):
        MODELS.build(cfg.model)


# Where the objective is not FUME's, because the config's header says so.
MASK_LOSS = {
    'loss_ce': [{'gamma': 0.0}],
    'fume_efficientnet_lite0_benchmark': {'gamma': 1.0},
    'fume_efficientnet_lite0_benchmark_masks': {'gamma': 1.0},
    'fume_fastscnn_benchmark': {'gamma': 1.0},
    'fume_fastscnn_benchmark_health': {'gamma': 1.0},
    'fume_fastscnn_demo': {'gamma': 1.0},
    'fume_fastscnn_finetune': {'gamma': 1.0},
    'ddrnet_slim': [{}, {'loss_weight': 0.4}],
}
MASKS_FIRST = ('fume_efficientnet_lite0_benchmark', 'fume_fastscnn_benchmark')
CROSS_ENTROPY = ('fume_fastscnn_demo', 'fume_fastscnn_benchmark_health')


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_the_objective_is_fume_s_unless_the_header_says_otherwise(path: Path) -> None:
    model, name = LOADED[path].model, path.stem
    if model.type == 'RandomForestModel':
        return
    fume = objective.FOCAL_DICE | objective.WEIGHTS
    if model.get('decode_head'):
        stated = model.decode_head.loss_decode
        changes = MASK_LOSS.get(name, {})
        stated = stated if isinstance(stated, list) else [stated]
        changes = changes if isinstance(changes, list) else [changes]
        for loss, change in zip(stated, changes, strict=True):
            numbers = {k: x for k, x in loss.items() if k not in ('type', 'loss_name')}
            expected = fume | change
            assert numbers == {key: expected[key] for key in numbers}
            assert set(numbers) == set(expected) or loss.type == 'SoftmaxFocalLoss'
    if name == 'health_ordinal':
        (loss,) = model.health_head.loss
        numbers = {'sharpness': 3.0, 'class_weight': 'auto', 'loss_weight': 1.0}
        assert loss == {'type': 'OrdinalLoss', **numbers}
    elif model.get('health_head'):
        loss = model.health_head.loss
        gamma = 0.0 if name in CROSS_ENTROPY else 2.0
        published = path.parent.name == 'reproduction' or name == 'loss_fume_published'
        weights = [1.0, 8.0, 1.2] if published else 'auto'
        assert (loss.type, loss.gamma, loss.loss_weight) == (
            'SoftmaxFocalLoss',
            gamma,
            1.0,
        )
        assert loss.class_weight == weights
    assert (model.data_preprocessor.mean, model.data_preprocessor.std) == (127.5, 127.5)
    health_weight = 0.1 if name in MASKS_FIRST else 1.0
    assert (model.seg_weight, model.health_weight) == (1.0, health_weight)


OPTIONS = {
    'model.decode_head.loss_decode.gamma': 1.0,
    'model.decode_head.loss_decode.focal_weight': 0.7,
    'model.health_head.loss.class_weight': [1.0, 1.0, 1.0],
    'model.health_head.loss.gamma': 0.0,
    'model.health_head.dropout': 0.0,
    'model.data_preprocessor.mean': 0.0,
    'train_dataloader.dataset.pipeline.0.prob': 0.0,
    'model.health_weight': 0.5,
}


def test_one_number_is_one_option_and_another_hash() -> None:
    hashes = {config_sha256(load_config(str(FUME)).to_dict())}
    for option, value in OPTIONS.items():
        cfg = load_config(str(FUME), {option: value})
        hashes.add(config_sha256(cfg.to_dict()))
    assert len(hashes) == 1 + len(OPTIONS)
    model = MODELS.build(load_config(str(FUME), OPTIONS).model)
    loss = model.decode_head['co2'].loss_decode
    assert (loss.gamma, loss.focal_weight, loss.dice_weight) == (1.0, 0.7, 0.5)
    assert model.health_head.loss_health.class_weight.tolist() == [1.0, 1.0, 1.0]
    assert model.health_head.loss_health.gamma == 0.0


def test_a_child_changes_one_number(tmp_path: Path) -> None:
    child = tmp_path / 'child.py'
    child.write_text(
        f'_base_ = {str(FUME)!r}\n'
        'model = dict(decode_head=dict(loss_decode=dict(gamma=1.0)))\n'
    )
    base, cfg = load_config(str(FUME)), load_config(str(child))
    stated = base.model.decode_head.loss_decode
    assert cfg.model.decode_head.loss_decode == {**stated, 'gamma': 1.0}
    cfg.model.decode_head.loss_decode.gamma = 2.0
    assert cfg.to_dict() == base.to_dict()


def depth(path: Path) -> int:
    """Files on the longest way from a config to the last it inherits, itself one."""
    names = Config._get_base_files(str(path))
    bases = [names] if isinstance(names, str) else names
    return 1 + max((depth(path.parent / name) for name in bases), default=0)


@pytest.mark.parametrize('path', [*CONFIGS, *BASES], ids=lambda path: path.stem)
def test_configs_are_at_most_three_files_deep(path: Path) -> None:
    # a leaf stands on a base
    assert depth(path) <= (2 if path in BASES else 3)
    assert '_delete_' not in path.read_text()


def test_real_data_have_a_base_of_their_own(tmp_path: Path) -> None:
    names = (
        'datasets/fume',
        'models/fume_fastscnn',
        'schedules/fume',
        'runtime/default',
    )
    bases = [str(ROOT / f'configs/_base_/{name}.py') for name in names]
    leaf = tmp_path / 'real.py'
    leaf.write_text(f'_base_ = {bases}\n')
    cfg = load_config(str(leaf))
    assert depth(leaf) == 3
    assert cfg.to_dict() == load_config(str(FUME), {'data_root': 'data/fume'}).to_dict()


def test_a_folder_of_another_run_is_made_by_a_command_in_the_header() -> None:
    for path in CONFIGS:
        load_from = LOADED[path].get('load_from')
        if load_from is not None and load_from.startswith('demo/'):
            assert (ROOT / load_from).is_file(), path  # comes with the repository
        elif load_from is not None:
            run = Path(load_from).parent.name
            header = path.read_text().partition('_base_')[0]
            assert f'`python tools/train.py configs/fume/{run}.py`' in header, path
