"""The health head on plume sizes."""

import math

import pytest
import torch

from fume_mm.errors import UserError
from fume_mm.models.heads import PlumeHealthHead
from fume_mm.models.heads.plume_health_head import plume_sizes
from fume_mm.models.rows import CompactRows
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import DualGasDataSample
from tests.objective import HEALTH, PREPROCESSOR

register_all_modules()
BOTH = CompactRows(torch.tensor([[True, True]]))


def masks_as_logits(*areas: int) -> torch.Tensor:
    """(N, 3, 10, 10) sure logits; the plume of sample n covers ``areas[n]`` pixels."""
    logits = torch.zeros(len(areas), 3, 100)
    logits[:, 0] = 20
    for row, area in zip(logits, areas, strict=True):
        row[2, :area] = 40
    return logits.reshape(len(areas), 3, 10, 10)


def head() -> PlumeHealthHead:
    torch.manual_seed(0)
    return PlumeHealthHead(4, hidden_channels=(5,), **HEALTH | {'dropout': 0.0})


def samples(*classes: int) -> list[DualGasDataSample]:
    return [DualGasDataSample().set_gt_health(c) for c in classes]


def test_sizes_are_logs_of_the_area() -> None:
    logits = {'co2': masks_as_logits(10), 'ch4': masks_as_logits(0)}
    sizes = plume_sizes(logits, BOTH)[0].tolist()
    expected = [(math.log(s + 1e-3) + 2) / 2 for s in (0.1, 0.0)]
    assert sizes == pytest.approx([expected[0], 1, expected[1], 1], abs=1e-4)


def test_a_missing_gas_is_zeros_in_its_own_row() -> None:
    present = torch.tensor([[True, False], [True, True], [False, True]])
    logits = {'co2': masks_as_logits(10, 20), 'ch4': masks_as_logits(30, 40)}
    sizes = plume_sizes(logits, CompactRows(present))
    assert sizes[:, 1].tolist() == [1, 1, 0]
    assert sizes[:, 3].tolist() == [0, 1, 1]
    assert sizes[0, 2] == 0 == sizes[2, 0]
    alone = plume_sizes(
        {'ch4': masks_as_logits(40)}, CompactRows(torch.tensor([[False, True]]))
    )
    assert torch.equal(alone[0], sizes[2])


def test_position_does_not_count() -> None:
    logits = masks_as_logits(30)
    here = plume_sizes({'co2': logits, 'ch4': logits}, BOTH)
    moved = logits.flip(2, 3)
    there = plume_sizes({'co2': moved, 'ch4': moved}, BOTH)
    torch.testing.assert_close(here, there)


def test_the_gate_starts_closed() -> None:
    logits = {'co2': masks_as_logits(10), 'ch4': masks_as_logits(0)}
    built = head().eval()
    one, other = (built(torch.full((1, 4, 2, 2), v), logits, BOTH) for v in (0.0, 9.0))
    assert torch.equal(one, other)
    torch.nn.init.ones_(built.gamma)
    assert not torch.equal(built(torch.full((1, 4, 2, 2), 9.0), logits, BOTH), one)


def test_every_parameter_learns_and_the_masks_do_not() -> None:
    built = head()
    torch.nn.init.ones_(built.gamma)
    masks = masks_as_logits(10, 50).requires_grad_()
    fused = torch.randn(2, 4, 3, 3, requires_grad=True)
    present = torch.tensor([[True, False], [True, False]])
    losses = built.loss(fused, samples(0, 2), {'co2': masks}, CompactRows(present))
    assert set(losses) == {'loss_health', 'loss_health_fused'}
    sum(losses.values()).backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name
    assert masks.grad is None
    assert fused.grad is not None and fused.grad.any()


def test_the_sum_does_not_bend_the_fused_classifier() -> None:
    built = head()
    torch.nn.init.ones_(built.gamma)
    fused = torch.randn(1, 4, 3, 3, requires_grad=True)
    logits = {'co2': masks_as_logits(10), 'ch4': masks_as_logits(0)}
    built.loss(fused, samples(1), logits, BOTH)['loss_health'].backward()
    assert fused.grad is None
    assert built.mlp[0].weight.grad is None


def test_without_a_decode_head_it_is_refused() -> None:
    cfg = {
        'type': 'DualGasModel',
        'data_preprocessor': PREPROCESSOR,
        'backbone': {
            'type': 'DualStreamBackbone',
            'encoder': {'type': 'FastSCNNEncoder'},
        },
        'neck': {'type': 'ConcatFusion', 'in_channels': 128},
        'health_head': {'type': 'PlumeHealthHead', 'in_channels': 128, **HEALTH},
    }
    with pytest.raises(UserError, match='PlumeHealthHead reads the masks'):
        MODELS.build(cfg)
