"""Class weights that follow from counts: the formulas, and who may ask for them."""

import numpy as np
import pytest
import torch

from fume_mm.errors import UserError
from fume_mm.models.heads import FastSCNNHead, HealthHead
from fume_mm.models.losses import SoftmaxFocalLoss, WeightRule
from tests.objective import HEALTH, HEALTH_LOSS, LOSS_DECODE, MASKS

COUNTS = (900, 26, 74)


def rule(*words: str | float) -> WeightRule:
    found = WeightRule.parse(words)
    assert found is not None
    return found


def test_inverse_frequency_is_n_over_classes_times_count() -> None:
    expected = [1000 / (3 * n) for n in COUNTS]
    assert rule('inverse_frequency').weights(COUNTS) == pytest.approx(expected)


@pytest.mark.parametrize('beta', [0.0, 0.9, 0.999, 1 - 1e-9])
def test_the_effective_number_is_a_geometric_sum(beta: float) -> None:
    effective = [sum(beta**k for k in range(n)) for n in COUNTS]  # (1-β^n)/(1-β)
    weights = np.array(rule('effective_number', beta).weights(COUNTS))
    products = weights * effective
    assert products == pytest.approx(products[0], rel=1e-6)
    assert (weights * COUNTS).sum() == pytest.approx(1000)
    if beta == 0:  # one sample tells all
        assert weights == pytest.approx(1.0)
    if beta > 0.9999:  # each tells as much as the first
        inverse = rule('inverse_frequency').weights(COUNTS)
        assert weights == pytest.approx(inverse, rel=1e-5)


def test_auto_is_the_effective_number() -> None:
    found = WeightRule.parse('auto')
    assert found is not None
    expected = rule('effective_number', 0.999).weights(COUNTS)
    assert found.weights(COUNTS) == expected
    assert expected[1] > expected[2] > 1 > expected[0]


def test_what_the_sampler_balances_is_not_weighed_again() -> None:
    assert rule('inverse_frequency').weights(COUNTS, balanced=True) == [1.0] * 3


def test_a_class_without_samples_has_weight_1_and_changes_no_other() -> None:
    weights = rule('inverse_frequency').weights((30, 0, 10))
    assert weights == pytest.approx([40 / 60, 1, 40 / 20])


@pytest.mark.parametrize('value', [None, (1.0, 8.0, 1.2), [1, 8], ()])
def test_numbers_are_no_rule(value: object) -> None:
    assert WeightRule.parse(value) is None


@pytest.mark.parametrize(
    'value',
    ['balanced', ('effective_number', 1.0), ('inverse_frequency', 0.9), ('auto', 'x')],
)
def test_what_is_no_rule_names_those_there_are(value: object) -> None:
    with pytest.raises(UserError, match=r"class_weight=.*'auto', 'inverse_frequency'"):
        WeightRule.parse(value)


def test_a_loss_counts_all_alike_until_the_weights_are_chosen() -> None:
    logits, target = torch.tensor([[1.0, 0.0]]), torch.tensor([1])
    options = {'gamma': 2.0, 'loss_weight': 1.0}
    loss = SoftmaxFocalLoss(class_weight='auto', **options)
    plain = SoftmaxFocalLoss(class_weight=None, **options)(logits, target)
    assert torch.equal(loss(logits, target), plain)
    loss.set_class_weight([1.0, 3.0])
    torch.testing.assert_close(loss(logits, target), 3 * plain)
    assert 'class_weight' not in loss.state_dict()


def test_pixels_are_not_counted() -> None:
    loss = {**LOSS_DECODE, 'class_weight': 'auto'}
    with pytest.raises(UserError, match=r"decode_head: class_weight .* is 'auto'"):
        FastSCNNHead(**{**MASKS, 'loss_decode': loss})
    loss = {**HEALTH_LOSS, 'class_weight': 'auto'}
    HealthHead(8, **{**HEALTH, 'loss': loss})
