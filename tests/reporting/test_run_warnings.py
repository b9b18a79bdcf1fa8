"""What is warned of, and what is not."""

from pathlib import Path

import numpy as np
import pytest

from fume_mm.engine.config import load_config
from fume_mm.evaluation import HealthMetric
from fume_mm.evaluation.table import make_table
from fume_mm.reporting.run_warnings import balanced_twice, presence_shortcut
from fume_mm.structures import AVAILABILITY, HEALTH_CLASSES

CONFIGS = Path(__file__).parents[2] / 'configs'


def table(rows, *, vessels=True):
    """Samples of (pattern, class), two of each vessel."""
    return make_table(
        [
            {
                'sample_id': f's{number}',
                'vessel': f'v{number // 2}' if vessels else '',
                'availability': pattern,
                'true_class': name,
                'predicted_class': name,
            }
            for number, (pattern, name) in enumerate(rows)
        ],
        HealthMetric.columns,
    )


def test_a_pattern_that_tells_the_class_is_found():
    pairs = list(zip(AVAILABILITY, HEALTH_CLASSES, strict=True))
    found = presence_shortcut(table([pair for pair in pairs for _ in range(8)]))
    assert found.value == pytest.approx(1)
    assert 1 / 3 < found.chance < found.most < 1
    assert found.found


def test_the_best_guess_is_that_of_the_larger_share():
    rows = [('both', 'Healthy')] * 6 + [('co2_only', 'Healthy')] * 2
    rows += [('both', 'Acidotic')] * 2 + [('co2_only', 'Acidotic')] * 2
    # both: 6/8 of the Healthy, 2/4 of the Acidotic; co2_only: 2/8, 2/4
    assert presence_shortcut(table(rows)).value == pytest.approx((6 / 8 + 2 / 4) / 2)


def test_chance_is_warned_of_as_seldom_as_it_should():
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        patterns = rng.choice(AVAILABILITY, size=30)
        names = rng.choice(HEALTH_CLASSES, size=30)
        # of a vessel both samples have one class and, as it happens, one pattern
        pairs = zip(patterns, names, strict=True)
        rows = [pair for pair in pairs for _ in range(2)]
        found += presence_shortcut(table(rows), shuffles=200).found
    assert found <= 6  # 2.5 of 100; more than 6 in one of 100 such tests


def test_few_vessels_do_not_prove_a_shortcut():
    rows = [('both', 'Healthy')] * 2 + [('co2_only', 'Acidotic')] * 2
    found = presence_shortcut(table(rows))
    assert found.value == found.most == 1
    assert not found.found


def test_samples_without_a_vessel_stand_for_themselves():
    rows = [('both', 'Healthy'), ('ch4_only', 'Acidotic')] * 10
    assert presence_shortcut(table(rows, vessels=False)).found


@pytest.mark.parametrize(
    'rows',
    [
        [('both', 'Healthy'), ('both', 'Acidotic')],
        [('both', 'Healthy'), ('ch4_only', 'Healthy')],
    ],
)
def test_one_pattern_or_one_class_tells_nothing(rows):
    assert presence_shortcut(table(rows)) is None
    assert presence_shortcut(table(rows).drop(columns='true_class')) is None


def test_classes_that_were_balanced_twice_are_told():
    twice, once = (
        load_config(str(CONFIGS / f'{name}.py'))
        for name in ('reproduction/original_fastscnn', 'fume/fume_fastscnn')
    )
    assert 'by ClassBalancedSampler and by weights' in balanced_twice(twice)
    assert '(1, 8, 1.2)' in balanced_twice(twice)
    assert balanced_twice(once) == ''
    once.model.health_head.loss.class_weight = [1.0, 1.0, 1.0]  # as a run leaves it
    assert balanced_twice(once) == ''
    twice.train_dataloader.sampler.type = 'DefaultSampler'
    assert balanced_twice(twice) == ''
    assert (
        balanced_twice(load_config(str(CONFIGS / 'baselines/random_forest.py'))) == ''
    )
