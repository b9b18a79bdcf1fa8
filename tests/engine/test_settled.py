"""What a run settles before its first iteration, and what its validations add."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.hooks import CheckpointHook
from torch import nn

from fume_mm.datasets.samplers import ClassBalancedSampler, DefaultSampler
from fume_mm.drawing.matrix import ABOVE, CELL, LEFT, draw_matrix
from fume_mm.engine import objective
from fume_mm.engine.hooks.training_hooks import ResumableEarlyStoppingHook
from fume_mm.engine.hooks.validation_hooks import ConfusionHook, ValidationLossHook
from fume_mm.errors import UserError
from fume_mm.evaluation import (
    BoundaryMetric,
    DualGasEvaluator,
    HealthMetric,
    SegmentationMetric,
)
from fume_mm.models.heads import HealthHead
from fume_mm.models.task_weights import ScheduledTaskWeights
from fume_mm.structures import GASES
from tests.objective import HEALTH, HEALTH_LOSS

COUNTS = (9, 1, 2)


class Campaign(list):
    metainfo = {'health_classes': ('Healthy', 'Transitional', 'Acidotic')}
    health_labels = np.repeat((0, 1, 2, -1), (*COUNTS, 3))

    def __init__(self) -> None:
        super().__init__(range(12))

    def get_data_info(self, index: int) -> dict[str, Any]:
        gases = GASES if index % 3 else ('ch4',)
        return {'frame_paths': dict.fromkeys(gases, 'x.png')}


def weighing(class_weight: Any, sampler: Any) -> SimpleNamespace:
    loss = {**HEALTH_LOSS, 'class_weight': class_weight}
    model = nn.Module()
    model.health_head = HealthHead(4, **{**HEALTH, 'loss': loss})
    saved: list[dict] = []
    cfg = ConfigDict(model={'health_head': {'loss': {'class_weight': class_weight}}})
    data = Campaign()
    data.health_labels = data.health_labels[:12]
    loader = SimpleNamespace(dataset=data, sampler=sampler(data, seed=0))
    return SimpleNamespace(
        model=model,
        train_dataloader=loader,
        cfg=cfg,
        saved=saved,
        dump_config=lambda: saved.append(cfg.to_dict()),
    )


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(objective, 'print_log', lambda text, *_: said.append(text))
    return said


@pytest.mark.parametrize(
    ('sampler', 'expected'),
    [
        (DefaultSampler, [12 / 27, 12 / 3, 12 / 6]),
        (ClassBalancedSampler, [1.0, 1.0, 1.0]),
    ],
)
def test_the_weights_chosen_are_in_the_loss_the_config_and_the_log(
    sampler: Any, expected: list[float], log: list[str]
) -> None:
    run = weighing('inverse_frequency', sampler)
    objective.settle_class_weights(run)
    loss = run.model.health_head.loss_health
    assert loss.class_weight.tolist() == pytest.approx(expected)
    (saved,) = run.saved
    stated = saved['model']['health_head']['loss']['class_weight']
    assert stated == pytest.approx(expected)
    (said,) = log
    assert f"'inverse_frequency' is Healthy {expected[0]:.4g} (9 samples)" in said
    # a run of the saved config has the same objective
    again = weighing(stated, sampler)
    objective.settle_class_weights(again)
    weights = again.model.health_head.loss_health.class_weight
    assert torch.equal(weights, loss.class_weight)
    assert again.saved == []


def test_balancing_twice_is_said_and_balancing_once_is_not(log: list[str]) -> None:
    for weights, sampler, twice in (
        ([1.0, 8.0, 1.2], ClassBalancedSampler, True),
        ([1.0, 1.0, 1.0], ClassBalancedSampler, False),
        (None, ClassBalancedSampler, False),
        ([1.0, 8.0, 1.2], DefaultSampler, False),
    ):
        objective.settle_class_weights(weighing(weights, sampler))
        said = [text for text in log if 'balanced twice: by ClassBalanced' in text]
        assert len(said) == twice
        log.clear()


def test_a_dataset_that_tells_no_classes_needs_numbers() -> None:
    run = weighing('auto', DefaultSampler)
    run.train_dataloader.dataset = [0]
    with pytest.raises(UserError, match=r'\(list\) has no health_labels'):
        objective.settle_class_weights(run)


def watching(*hooks: Any, metrics: Any = None) -> SimpleNamespace:
    if metrics is None:
        metrics = [SegmentationMetric(), HealthMetric()]
    return SimpleNamespace(
        val_loop=SimpleNamespace(evaluator=DualGasEvaluator(metrics)),
        val_dataloader=SimpleNamespace(dataset=Campaign()),
        hooks=list(hooks),
    )


def saving(key: str, rule: str = 'greater') -> CheckpointHook:
    return CheckpointHook(save_best=key, rule=rule)


@pytest.mark.parametrize(
    'hooks',
    [
        (saving('joint/score'),),
        (saving('cls/f1/Transitional'), saving('seg/ch4_only/gas_IoU')),
        (saving('cls/ece', 'less'),),
        (ResumableEarlyStoppingHook(monitor='cls/recall/Acidotic', rule='greater'),),
        (ValidationLossHook(), saving('val/loss_health', 'less')),
    ],
)
def test_what_will_be_measured_may_be_watched(hooks: Any) -> None:
    objective.check_watched(watching(*hooks))


@pytest.mark.parametrize(
    ('hook', 'said'),
    [
        (
            saving('cls/f1/transitional'),
            r"checkpoint.save_best='cls/f1/transitional': .* no such figure; did you "
            r'mean cls/f1/Transitional\? its figures are cls/accuracy, .*, seg/recall',
        ),
        (saving('seg/co2_only/mIoU'), 'no such figure'),  # no sample is
        (saving('boundary/HD95', 'less'), 'no such figure'),
        (
            ResumableEarlyStoppingHook(monitor='cls/f1', rule='greater'),
            r"ResumableEarlyStoppingHook\.monitor='cls/f1'",
        ),
        (saving('val/loss', 'less'), r'turn it on by default_hooks\.val_loss'),
        (saving('cls/brier'), "'greater' would keep the worst; set rule='less'"),
        (saving('joint/score', 'less'), "set rule='greater'"),
    ],
)
def test_what_will_not_be_measured_is_refused_with_all_that_is(
    hook: Any, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        objective.check_watched(watching(hook))


def sample(number: int, *gases: str) -> dict[str, Any]:
    mask = torch.arange(36).reshape(1, 6, 6) % 3
    frames = {
        gas: {'gt_sem_seg': {'data': mask}, 'pred_sem_seg': {'data': mask.flip(1)}}
        for gas in gases
    }
    return {
        'sample_id': str(number),
        'groups': ('v',),
        'ph_value': 6.0,
        'gt_health': torch.tensor([number % 3]),
        'pred_health': torch.tensor([0]),
        'health_scores': torch.tensor([0.6, 0.2, 0.2]),
        **frames,
    }


def test_the_keys_foretold_are_those_of_an_evaluation() -> None:
    evaluator = DualGasEvaluator(
        [SegmentationMetric(), BoundaryMetric(), HealthMetric()]
    )
    found = evaluator.directions({'both', 'ch4_only'})
    evaluator.process([sample(0, *GASES), sample(1, 'ch4'), sample(2, 'ch4')])
    assert found.keys() == evaluator.evaluate(3).keys()
    assert not evaluator.unknown_keys
    assert found['boundary/HD95'] and not found['seg/co2/mIoU']


def test_task_weights_are_told_the_time() -> None:
    weights = ScheduledTaskWeights(points=[(0, 1.0, 0.0), (4, 1.0, 1.0)], by='iter')
    run = SimpleNamespace(model=SimpleNamespace(task_weights=weights), epoch=9, iter=3)
    objective.TaskWeightsHook().before_train_iter(run, 0)
    assert weights.now == 3


class Net(nn.Module):
    """Losses that are the numbers of the samples."""

    decode_head = health_head = object()

    @staticmethod
    def data_preprocessor(data: Any, training: bool) -> Any:
        assert not training
        return data

    def forward(self, inputs: Any, data_samples: Any, mode: str) -> Any:
        assert mode == 'loss' and not torch.is_grad_enabled()
        (value,) = inputs
        health = {'loss_health': value * 1.0, 'loss_health_fused': value * 2.0}
        return {'co2.loss_dice': value * 10.0, 'co2.acc': value * 99.0, **health}


@pytest.mark.parametrize('batches', [[[1, 2, 3, 4]], [[1, 2, 3], [4]]])
def test_the_validation_loss_is_the_mean_over_samples_however_batched(
    batches: list[list[int]],
) -> None:
    hook, run = ValidationLossHook(), SimpleNamespace(model=Net())
    for _ in range(2):  # the second validation starts anew
        metrics: dict[str, float] = {'joint/score': 0.5}
        hook.before_val_epoch(run)
        for i, numbers in enumerate(batches):
            data = {'inputs': torch.tensor(numbers), 'data_samples': [None] * 9}
            hook.after_val_iter(run, i, data, None)
        hook.after_val_epoch(run, metrics)
        assert metrics == {
            'joint/score': 0.5,
            'val/loss': 2.5 * 13,
            'val/loss_masks': 2.5 * 10,
            'val/loss_health': 2.5 * 3,
        }


def test_the_confusion_goes_to_every_backend_after_a_validation() -> None:
    drawn: list[tuple[str, np.ndarray, int]] = []
    details = {'cls': {'confusion': {'all': [[4, 0], [1, 3]]}, 'classes': ['a', 'b']}}
    evaluator = SimpleNamespace(scores=SimpleNamespace(details=details))
    run = SimpleNamespace(
        val_loop=SimpleNamespace(evaluator=evaluator),
        visualizer=SimpleNamespace(add_image=lambda *args: drawn.append(args)),
        _train_loop=object(),
        iter=7,
    )
    ConfusionHook().after_val_epoch(run)
    ((name, picture, step),) = drawn
    assert (name, step) == ('val/confusion', 7)
    assert np.array_equal(picture, draw_matrix(np.array([[4, 0], [1, 3]]), ['a', 'b']))
    corners = [
        picture[ABOVE + i * CELL + 3, LEFT + j * CELL + 3].sum()
        for i, j in ((0, 0), (1, 1), (1, 0), (0, 1))
    ]
    assert corners == sorted(set(corners))  # the darker, the more of the row
    evaluator.scores.details = {}
    ConfusionHook().after_val_epoch(run)
    assert len(drawn) == 1  # a model without health has none
