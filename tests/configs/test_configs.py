"""Every config builds its true model, trains and predicts with any gas missing."""

from pathlib import Path
from typing import Any

import pytest
import torch

from fume_mm.engine.config import load_config
from fume_mm.models.rows import DenseRows
from fume_mm.registry import EVALUATOR, MODELS, TRANSFORMS, register_all_modules
from fume_mm.structures import GASES
from tests.batches import batch

CONFIGS = sorted(Path(__file__).parents[2].glob('configs/*/*.py'))
PARAMETERS = {
    'fume_fastscnn': 1_656_236,
    'fume_fastscnn_benchmark': 1_656_236,
    'fume_fastscnn_concat': 1_278_681,
    'fume_fastscnn_separate': 2_728_124,
    'fume_r50': 89_017_964,
    'fume_r50_original': 175_209_388,
}
#: ResNet-50 as the original has it: parts of other configs, held by golden outputs.
ORIGINAL_R50 = {
    'fume_r50_original': 175_209_388,
    'fume_r50_original_pretrained': 175_209_388,
    'fume_r50_original_shared': 151_707_628,
    'fume_r50_original_concat': 90_262_697,
    'original_r50': 175_209_388,
    'original_r50_shared': 151_707_628,
    'original_r50_concat': 90_262_697,
}
SIZE = (64, 96)
assert CONFIGS, 'no configs found'
register_all_modules()
LEARNING = [
    path
    for path in CONFIGS
    if load_config(str(path)).model.type != 'RandomForestModel'
    and path.stem not in ORIGINAL_R50.keys() - {'fume_r50_original'}
]


def patterns_of(cfg: Any) -> tuple[str, ...]:
    """Samples with both gases, CO2 only and CH4 only, as far as a model takes them."""
    gases = cfg.model.get('gases', GASES)
    if len(gases) == 1:
        return (gases[0],) * 3
    return ('co2 ch4', 'co2', 'ch4', 'co2 ch4')


@pytest.mark.slow
@pytest.mark.parametrize(
    'path',
    [
        # 175 M parameters; the others of its kind differ in a width
        pytest.param(x, marks=[pytest.mark.long] * (x.stem == 'fume_r50_original'))
        for x in LEARNING
    ],
    ids=lambda path: path.stem,
)
def test_config(path: Path) -> None:
    cfg = load_config(str(path))
    model = MODELS.build(cfg.model)
    if path.stem in PARAMETERS:
        assert sum(p.numel() for p in model.parameters()) == PARAMETERS[path.stem]
    for split in ('train', 'val', 'test'):
        for transform in cfg[f'{split}_dataloader'].dataset.pipeline:
            TRANSFORMS.build(transform)
        if split != 'train':
            EVALUATOR.build(cfg[f'{split}_evaluator'])

    torch.manual_seed(0)
    if 'GrayPretrained' not in cfg.dump():  # its weights are not here
        model.init_weights()
    patterns = patterns_of(cfg)
    check_gradients(model, patterns)
    check_predictions(model, patterns)
    check_dense(model, patterns)


def test_the_original_s_large_nets_have_its_parameters() -> None:
    for name, expected in ORIGINAL_R50.items():
        (path,) = (path for path in CONFIGS if path.stem == name)
        with torch.device('meta'):
            model = MODELS.build(load_config(str(path)).model)
        assert sum(p.numel() for p in model.parameters()) == expected, name


def check_gradients(model: Any, patterns: tuple[str, ...]) -> None:
    """One backward pass reaches every parameter, by every gas's own loss."""
    model.train()
    heads = model.decode_head or {}
    numbers = {
        'classes': next((head.num_classes for head in heads.values()), 3),
        'health': getattr(model.health_head, 'num_classes', 3),
    }
    data = batch(*patterns, size=SIZE, **numbers)
    data = model.data_preprocessor(data, training=True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    total.backward()
    learned = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    without = [n for n, p in learned if p.grad is None]
    assert without == []
    broken = [n for n, p in learned if not p.grad.isfinite().all()]
    assert broken == []
    if model.decode_head is not None:
        gases = {gas for pattern in patterns for gas in pattern.split()}
        assert {key.split('.')[0] for key in losses if '.loss' in key} == gases
    model.zero_grad(set_to_none=True)


def check_predictions(model: Any, patterns: tuple[str, ...]) -> None:
    """A mask at the size on disk for each gas that is there, a class for each sample.

    Frames come at the size of the cameras and at an odd one.
    """
    model.eval()
    for pattern, size in zip(patterns[:2], ((480, 640), (237, 315)), strict=True):
        data = model.data_preprocessor(batch(pattern, size=size, ori_shape=(50, 70)))
        with torch.no_grad():
            (sample,) = model(**data, mode='predict')
        assert sample.present == {gas: gas in pattern for gas in GASES}
        if model.decode_head is not None:
            for gas in pattern.split():
                assert sample.get(gas).pred_sem_seg.data.shape == (1, 50, 70)
                assert sample.get(gas).seg_logits.data.isfinite().all()
        if model.health_head is not None:
            assert sample.health_scores.sum().item() == pytest.approx(1, abs=1e-5)


def check_dense(model: Any, patterns: tuple[str, ...]) -> None:
    """What export traces says the same, whatever stands in for a missing frame."""
    model.eval()
    data = model.data_preprocessor(batch(*patterns, size=SIZE))
    present = data['inputs']['present']
    frames = {gas: torch.randn(len(patterns), 1, *SIZE) for gas in model.gases}
    for i, gas in enumerate(GASES):
        if gas in model.gases:
            frames[gas][present[:, i]] = data['inputs'][gas]
    with torch.no_grad():
        expected = model(data['inputs'], mode='tensor')
        found = model.tensor(frames, DenseRows(present))
    assert set(found) == set(expected)
    for key, value in expected.items():
        scale = value.abs().max().clamp(min=1)
        assert (found[key] - value).abs().max() / scale < 1e-4, key


@pytest.fixture(scope='module')
def fastscnn() -> Any:
    path = next(path for path in CONFIGS if path.stem == 'fume_fastscnn')
    return MODELS.build(load_config(str(path)).model)


@pytest.mark.parametrize('patterns', [('co2', 'co2'), ('ch4', 'co2'), ('ch4',)])
def test_one_frame_of_a_gas_or_none_trains(
    patterns: tuple[str, ...], fastscnn: Any
) -> None:
    model = fastscnn.train()
    data = model.data_preprocessor(batch(*patterns, size=SIZE), training=True)
    losses = model(**data, mode='loss')
    gases = {gas for pattern in patterns for gas in pattern.split()}
    assert {key.split('.')[0] for key in losses if '.' in key} == gases
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)


def test_dense_frames_of_missing_gases_are_not_read(fastscnn: Any) -> None:
    model = fastscnn.eval()
    present = torch.tensor([[True, True], [True, False]])
    frames = torch.randn(2, 1, 64, 96)
    poisoned = frames.clone()
    poisoned[1] = float('nan')
    with torch.no_grad():
        a = model({'co2': frames, 'ch4': frames, 'present': present})
        b = model({'co2': frames, 'ch4': poisoned, 'present': present})
    assert a['ch4'].shape == (2, 3, 64, 96)
    assert torch.equal(a['ch4'], b['ch4'])
    assert torch.equal(a['health'], b['health'])
    assert a['ch4'][1].abs().max() == 0
