"""Training goes as the original's does, iteration by iteration."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from fume_mm.engine.config import load_config
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES, DualGasDataSample
from tests.models import golden

CONFIGS = Path(__file__).parents[2] / 'configs/reproduction'
#: Iterations where the full record is not beside the repository.
QUICK = 2
NETS = ('fume_fastscnn', 'fume_fastscnn_separate', 'fume_fastscnn_concat')
register_all_modules()


@pytest.fixture
def float64() -> Iterator[None]:
    """What is built and drawn is float64, as where the record was made."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def start(name: str) -> Any:
    """The record's net: the original's weights, no dropout."""
    config = CONFIGS / f'{name.replace("fume", "original")}.py'
    model = MODELS.build(load_config(str(config)).model)
    model.load_state_dict(golden.model_state(name, model))
    for module in model.modules():
        if isinstance(module, (nn.Dropout, nn.Dropout2d)):
            module.p = 0.0
    return model


def samples(masks: dict[str, Tensor], classes: Tensor) -> list[DualGasDataSample]:
    made = []
    for i, health in enumerate(classes.tolist()):
        sample = DualGasDataSample()
        for gas in GASES:
            part = SegDataSample()
            part.gt_sem_seg = PixelData(data=masks[gas][i : i + 1])
            sample.set_gas(gas, part)
        sample.set_gt_health(health)
        made.append(sample)
    return made


def train(model: Any, iterations: int) -> Tensor:
    """(iterations, 4): total, masks', health's loss, gradient norm before clipping."""
    model.train()
    cfg = load_config(str(CONFIGS / 'original_fastscnn.py')).optim_wrapper
    options = dict(cfg.optimizer)
    assert options.pop('type') == 'AdamW'
    optimizer = torch.optim.AdamW(model.parameters(), **options)
    rows = []
    for i in range(iterations):
        frames, masks, classes = golden.training_batch(i)
        present = torch.ones(len(classes), 2, dtype=torch.bool)
        inputs = frames | {'present': present}
        losses = model(inputs, samples(masks, classes), mode='loss')
        total, _ = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), **cfg.clip_grad)
        optimizer.step()
        of_masks = sum(losses[f'{gas}.loss_focal_dice'] for gas in GASES)
        rows.append(
            torch.stack([total, of_masks, losses['loss_health'], norm]).detach()
        )
    return torch.stack(rows)


@pytest.mark.parametrize('name', NETS)
def test_losses_gradients_and_outputs_are_the_original_s(
    name: str, float64: None
) -> None:
    record = golden.Outputs('training')
    expected = record.small[f'{name}.losses']
    model = start(name)
    found = train(model, len(expected) if record.full else QUICK)
    torch.testing.assert_close(found, expected[: len(found)], rtol=1e-6, atol=0)
    if not record.full:
        return
    frames = dict(zip(GASES, golden.model_inputs(), strict=True))
    with torch.no_grad():
        out = model.eval()(frames | {'present': torch.ones(2, 2, dtype=torch.bool)})
    logits = {'cls': out['health']}
    logits |= {f'{gas}_seg': out[gas][..., ::8, ::8] for gas in GASES}
    for key, value in logits.items():
        after = record.full[f'{name}.{key}_logits']
        golden.assert_parity(value, after, tolerance=1e-6)
