"""Every config builds its true model, trains and predicts with any gas missing."""

from pathlib import Path

import pytest
import torch

from fume_mm.apis.config import load_config
from fume_mm.datasets.samplers import collate_samples
from fume_mm.registry import MODELS, TRANSFORMS, register_all_modules
from fume_mm.structures import GASES, DualGasDataSample

CONFIGS = sorted(
    path
    for path in Path(__file__).parents[2].glob('configs/*/*.py')
    if path.parent.name != '_base_'
)
PARAMETERS = {
    'fume_fastscnn': 1_656_236,
    'fume_fastscnn_benchmark': 1_656_236,
    'fume_fastscnn_concat': 1_278_681,
    'fume_r50': 89_017_964,
    'fume_r50_original': 175_209_388,
}
assert CONFIGS, 'no configs found'
register_all_modules()


def batch(*patterns: str) -> dict:
    """A collated batch of 64×96 frames; a pattern names the gases of a sample."""
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    generator = torch.Generator().manual_seed(0)
    items = []
    for number, pattern in enumerate(patterns):
        sample = DualGasDataSample(metainfo={'sample_id': str(number)})
        frames = {}
        for gas in GASES:
            if gas in pattern:
                frames[gas] = torch.randint(
                    256, (1, 64, 96), generator=generator, dtype=torch.uint8
                )
                mask = torch.randint(3, (1, 64, 96), generator=generator)
                part = SegDataSample(metainfo={'ori_shape': (50, 70)})
                part.gt_sem_seg = PixelData(data=mask)
                sample.set_gas(gas, part)
        sample.set_gt_health(number % 3)
        items.append({'inputs': frames, 'data_samples': sample})
    return collate_samples(items)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config(path: Path) -> None:
    cfg = load_config(str(path))
    model = MODELS.build(cfg.model)
    if path.stem in PARAMETERS:
        assert sum(p.numel() for p in model.parameters()) == PARAMETERS[path.stem]
    for transform in cfg.train_pipeline + cfg.test_pipeline:
        TRANSFORMS.build(transform)

    model.train()
    data = model.data_preprocessor(batch('co2 ch4', 'co2', 'co2 ch4'), training=True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == []

    model.eval()
    data = model.data_preprocessor(batch('co2 ch4', 'ch4'))
    with torch.no_grad():
        both, alone = model(**data, mode='predict')
    assert both.present == {'co2': True, 'ch4': True}
    assert alone.present == {'co2': False, 'ch4': True}
    assert both.co2.pred_sem_seg.data.shape == (1, 50, 70)
    assert alone.health_scores.sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize('patterns', [('co2', 'co2'), ('ch4', 'co2'), ('ch4',)])
def test_one_frame_of_a_gas_or_none_trains(patterns: tuple[str, ...]) -> None:
    model = MODELS.build(load_config(str(CONFIGS[0])).model).train()
    data = model.data_preprocessor(batch(*patterns), training=True)
    losses = model(**data, mode='loss')
    gases = {gas for pattern in patterns for gas in pattern.split()}
    assert {key.split('.')[0] for key in losses if '.' in key} == gases
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)


def test_dense_frames_of_missing_gases_are_not_read() -> None:
    model = MODELS.build(load_config(str(CONFIGS[0])).model).eval()
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
