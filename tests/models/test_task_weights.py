"""Weights of the tasks: their mathematics, and what a checkpoint keeps of them."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from fume_mm.errors import UserError
from fume_mm.models import DualGasModel
from fume_mm.models.task_weights import (
    ConstantTaskWeights,
    DWATaskWeights,
    ScheduledTaskWeights,
    TaskWeights,
    UncertaintyTaskWeights,
)
from tests.batches import batch
from tests.objective import HEALTH, MASKS, PREPROCESSOR

#: Losses of one iteration: 0.5 of the masks, 2 of health.
LOSSES = {
    'seg': {'co2.loss_a': 0.2, 'co2.acc': 7.0, 'ch4.loss_a': 0.3},
    'health': {'loss_health': 2.0},
}


def parts(scale: float = 1.0) -> dict[str, dict[str, torch.Tensor]]:
    return {
        task: {name: torch.tensor(scale * x) for name, x in losses.items()}
        for task, losses in LOSSES.items()
    }


def shown(losses: dict[str, torch.Tensor]) -> tuple[float, float]:
    return losses['weight_seg'].item(), losses['weight_health'].item()


def test_losses_are_multiplied_and_nothing_else() -> None:
    found = ConstantTaskWeights(seg=2.0, health=3.0)(parts())
    assert {name: round(x.item(), 6) for name, x in found.items()} == {
        'co2.loss_a': 0.4,
        'co2.acc': 7.0,
        'ch4.loss_a': 0.6,
        'loss_health': 6.0,
        'weight_seg': 2.0,
        'weight_health': 3.0,
    }
    # only what has 'loss' in its name is summed
    assert [name for name in found if 'loss' not in name and 'acc' not in name] == [
        'weight_seg',
        'weight_health',
    ]


def test_a_schedule_goes_straight_from_point_to_point() -> None:
    points = [(2, 1.0, 0.1), (6, 1.0, 0.9), (8, 0.5, 0.9)]
    for by, order in (('epoch', 1), ('iter', -1)):
        weights = ScheduledTaskWeights(points=points, by=by)
        for when, expected in ((0, (1, 0.1)), (4, (1, 0.5)), (7, (0.75, 0.9))):
            weights.begin_iteration(*(when, 99)[::order])
            assert shown(weights(parts())) == pytest.approx(expected)
        weights.begin_iteration(*(50, 0)[::order])
        assert shown(weights(parts())) == pytest.approx((0.5, 0.9))


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'points': [(0, 1, 1)], 'by': 'step'}, "by is 'step'"),
        ({'points': [(3, 1, 1), (3, 1, 2)], 'by': 'iter'}, 'in order of time'),
        ({'points': [(0, 1)], 'by': 'iter'}, r'\(when, seg, health\)'),
    ],
)
def test_a_schedule_that_is_none_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        ScheduledTaskWeights(**options)


def test_uncertainty_has_the_gradient_of_its_closed_form() -> None:
    weights = UncertaintyTaskWeights(log_variance=0.0).double()
    with torch.no_grad():
        weights.log_variance.copy_(torch.tensor([0.3, -0.7]))
    s = weights.log_variance
    losses = weights(parts())
    total = sum(x for name, x in losses.items() if 'loss' in name)
    raw = torch.tensor([0.5, 2.0], dtype=torch.float64)
    torch.testing.assert_close(total, ((-s).exp() * raw).sum() + s.sum() / 2)
    total.backward()
    torch.testing.assert_close(s.grad, 0.5 - (-s.detach()).exp() * raw)
    with torch.no_grad():  # no gradient where σ² is twice the loss
        s.copy_((2 * raw).log())
    s.grad = None
    losses = weights(parts())
    sum(x for name, x in losses.items() if 'loss' in name).backward()
    assert s.grad.abs().max() < 1e-7
    assert shown(losses) == pytest.approx((1 / (2 * 0.5), 1 / (2 * 2.0)))


#: Means of (masks, health) in four epochs, each of two iterations.
EPOCHS = ((0.9, 1.1), (0.6, 1.0), (0.5, 0.4), (0.45, 0.3))


def run(weights: TaskWeights, epochs: range) -> list[tuple[float, float]]:
    found = []
    for epoch in epochs:
        seg, health = EPOCHS[epoch]
        for iteration, shift in enumerate((-0.1, 0.1)):
            weights.begin_iteration(epoch, 2 * epoch + iteration)
            losses = {
                'seg': {'loss_a': torch.tensor(seg + shift)},
                'health': {'loss_b': torch.tensor(health - shift)},
            }
            found.append(shown(weights(losses)))
    return found


def test_dwa_is_the_softmax_of_the_losses_ratios() -> None:
    found = run(DWATaskWeights(temperature=2.0), range(4))
    assert found[:4] == [(1.0, 1.0)] * 4
    for epoch in (2, 3):
        ratios = torch.tensor(EPOCHS[epoch - 1]) / torch.tensor(EPOCHS[epoch - 2])
        expected = (2 * torch.softmax(ratios / 2.0, dim=0)).tolist()
        for pair in found[2 * epoch : 2 * epoch + 2]:
            assert pair == pytest.approx(expected)
    assert found[4][0] < 1 < found[4][1]  # health fell less


@pytest.mark.parametrize('stop', [1, 2, 3])
def test_dwa_goes_on_from_a_checkpoint_as_if_not_stopped(stop: int) -> None:
    whole = run(DWATaskWeights(temperature=1.0), range(4))
    first = DWATaskWeights(temperature=1.0)
    run(first, range(stop))
    second = DWATaskWeights(temperature=1.0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert run(second, range(stop, 4)) == whole[2 * stop :]


def test_dwa_notes_nothing_outside_of_training() -> None:
    weights = DWATaskWeights(temperature=2.0).eval()
    weights(parts(100.0))
    assert weights.count.item() == 0
    with pytest.raises(UserError, match='temperature is 0'):
        DWATaskWeights(temperature=0)


def model(**options: Any) -> DualGasModel:
    torch.manual_seed(0)
    encoder = {'type': 'FastSCNNEncoder', 'stage_blocks': (1, 1, 1)}
    return DualGasModel(
        {'type': 'DualStreamBackbone', 'shared': True, 'encoder': encoder},
        data_preprocessor=PREPROCESSOR,
        neck={'type': 'AddFusion', 'in_channels': 128},
        decode_head={'type': 'FastSCNNHead', **MASKS},
        health_head={'type': 'HealthHead', 'in_channels': 128, **HEALTH},
        **options,
    )


def losses_of(net: nn.Module) -> dict[str, torch.Tensor]:
    data = net.data_preprocessor(batch('co2 ch4', 'co2', size=(32, 64)), True)
    torch.manual_seed(1)  # dropout
    return net(**data, mode='loss')


def test_without_task_weights_losses_are_those_of_the_constants() -> None:
    plain = losses_of(model(seg_weight=0.7, health_weight=0.3))
    assert not [name for name in plain if name.startswith('weight_')]
    ones = {'type': 'ConstantTaskWeights', 'seg': 1.0, 'health': 1.0}
    same = losses_of(model(seg_weight=0.7, health_weight=0.3, task_weights=ones))
    assert same.keys() - plain.keys() == {'weight_seg', 'weight_health'}
    for name, value in plain.items():
        assert torch.equal(same[name], value), name


def test_two_tasks_are_needed() -> None:
    ones = {'type': 'ConstantTaskWeights', 'seg': 1.0, 'health': 1.0}
    with pytest.raises(UserError, match='task_weights weigh two tasks'):
        DualGasModel(
            {'type': 'DualStreamBackbone', 'encoder': {'type': 'FastSCNNEncoder'}},
            data_preprocessor=PREPROCESSOR,
            decode_head={'type': 'FastSCNNHead', **MASKS},
            task_weights=ones,
        )
