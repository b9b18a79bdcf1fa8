"""The hook that holds the model against the dataset."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.engine.hooks.training_hooks import ConsistencyHook, disagreement
from fume_mm.errors import UserError
from fume_mm.structures import GASES


class Head(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes


class Model(nn.Module):
    def __init__(
        self, *, gases: tuple[str, ...] = GASES, classes: int = 3, health: int = 3
    ) -> None:
        super().__init__()
        self.decode_head = nn.ModuleDict({gas: Head(classes) for gas in gases})
        self.health_head = Head(health)


def runner(model: nn.Module, **metainfo: Any) -> SimpleNamespace:
    good, bad = (
        SimpleNamespace(
            dataset=SimpleNamespace(metainfo=DualGasDataset.METAINFO | changes)
        )
        for changes in ({}, metainfo)
    )
    return SimpleNamespace(
        model=model,
        val_loop=object(),
        train_dataloader=good,
        val_dataloader=bad,
        test_dataloader=good,
    )


def test_the_default_model_agrees() -> None:
    hook = ConsistencyHook()
    for when in ('before_train', 'before_val', 'before_test'):
        getattr(hook, when)(runner(Model()))


@pytest.mark.parametrize(
    ('model', 'said'),
    [
        (
            Model(classes=4),
            'the co2 decode_head 4; set model.decode_head.num_classes=3',
        ),
        (Model(health=2), 'the health_head 2; set model.health_head.num_classes=3'),
        (Model(gases=('co2',)), 'the gases co2, ch4, the model a decode_head for co2'),
    ],
)
@pytest.mark.parametrize('when', ['before_train', 'before_val', 'before_test'])
def test_a_model_that_does_not_fit_is_refused(
    model: nn.Module, said: str, when: str
) -> None:
    with pytest.raises(UserError, match=said):
        getattr(ConsistencyHook(), when)(runner(model))


def test_a_validation_set_is_checked_before_training() -> None:
    bad = runner(Model(), health_classes=('Well', 'Ill'))
    with pytest.raises(
        UserError, match=r'val_dataloader.*2 health_classes \(Well, Ill'
    ):
        ConsistencyHook().before_train(bad)


def test_a_palette_has_a_colour_for_each_class() -> None:
    metainfo = DualGasDataset.METAINFO | {'palette': [[0, 0, 0]]}
    assert '3 classes (background, tube, gas) and 1 colours' in str(
        disagreement(Model(), metainfo)
    )


def test_heads_that_a_model_lacks_are_not_checked() -> None:
    model = Model()
    model.decode_head = model.health_head = None
    assert disagreement(model, DualGasDataset.METAINFO) is None


@pytest.mark.parametrize(('classes', 'gas'), [(('background', 'gas'), 1), (None, 2)])
def test_a_head_that_reads_the_gas_reads_the_right_value(
    classes: tuple[str, ...] | None, gas: int
) -> None:
    model = Model(classes=len(classes or GASES) + (classes is None))
    metainfo = DualGasDataset.METAINFO | ({'classes': classes} if classes else {})
    metainfo.pop('palette')
    model.health_head.gas_class = 3 - gas
    said = f'the gas is {gas} in the masks .* set model.health_head.gas_class={gas}'
    assert re.search(said, str(disagreement(model, metainfo)))
    model.health_head.gas_class = gas
    assert disagreement(model, metainfo) is None
