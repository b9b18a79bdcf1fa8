"""Which frames are shown, and what is said of them."""

import math

import pandas as pd
import pytest

from fume_mm.evaluation import HealthMetric, SegmentationMetric
from fume_mm.evaluation.segmentation_metric import count_columns
from fume_mm.evaluation.table import make_table
from fume_mm.reporting.examples import (
    ANY_CLASS,
    choose_examples,
    describe,
    frame_table,
    worst_frames,
)

SCHEMA = {**HealthMetric.columns, **SegmentationMetric.columns}


def row(name, *, co2=None, ch4=None, true='Healthy', said='Healthy', scores=None):
    """A sample; a gas is (hits, true, predicted) pixels of gas out of 100."""
    values = {'sample_id': name, 'true_class': true, 'predicted_class': said}
    here = [gas for gas, given in (('co2', co2), ('ch4', ch4)) if given]
    values['availability'] = 'both' if len(here) == 2 else f'{here[0]}_only'
    for gas, pixels in (('co2', co2), ('ch4', ch4)):
        if pixels:
            hits, truth, predicted = pixels
            counts = [0] * 9
            counts[8], counts[6], counts[2] = hits, truth - hits, predicted - hits
            counts[0] = 100 - sum(counts)
            values |= dict(zip(count_columns(gas), counts, strict=True))
    names = ('p_healthy', 'p_transitional', 'p_acidotic')
    return values | (dict(zip(names, scores, strict=True)) if scores else {})


def table(*rows):
    return make_table(rows, SCHEMA)


def test_a_row_per_frame_with_its_iou():
    frames = frame_table(table(row('a', co2=(5, 10, 15), ch4=(0, 0, 0))))
    assert frames[['sample_id', 'gas']].to_numpy().tolist() == [
        ['a', 'co2'],
        ['a', 'ch4'],
    ]
    assert frames['gas_iou'][0] == pytest.approx(5 / 20)
    assert math.isnan(frames['gas_iou'][1])
    assert frames[['gas_true', 'gas_predicted']].to_numpy().tolist() == [
        [10, 15],
        [0, 0],
    ]
    assert math.isnan(frames['p_true'][0])


def test_median_best_and_worst_of_each_gas_and_class():
    rows = [row(f's{hits}', co2=(hits, 10, 10)) for hits in (8, 2, 6, 4)]
    rows.append(row('ill', ch4=(3, 10, 10), true='Acidotic'))
    rows.append(row('empty', co2=(0, 0, 0)))
    chosen = choose_examples(frame_table(table(*rows)))
    names = {
        (gas, *of): frame['sample_id']
        for gas, by_row in chosen.items()
        for of, frame in by_row.items()
    }
    assert names == {
        ('co2', 'Healthy', 'median'): 's4',  # the lower of s4 and s6
        ('co2', 'Healthy', 'best'): 's8',
        ('co2', 'Healthy', 'worst'): 's2',
        ('ch4', 'Acidotic', 'median'): 'ill',
    }


def test_the_choice_does_not_depend_on_the_order_of_equal_ones():
    rows = [row(name, co2=(5, 10, 10)) for name in 'cbad']
    one, other = (
        choose_examples(frame_table(table(*part))) for part in (rows, rows[::-1])
    )
    names = [frame['sample_id'] for frame in one['co2'].values()]
    assert names == [frame['sample_id'] for frame in other['co2'].values()]
    assert names[1:] == ['a', 'a']  # best and worst are equal, and a the first by name


def test_two_frames_are_best_and_worst():
    rows = [row('a', co2=(5, 10, 10)), row('b', co2=(5, 10, 10))]
    chosen = choose_examples(frame_table(table(*rows)))['co2']
    names = {choice: frame['sample_id'] for (_, choice), frame in chosen.items()}
    assert names == {'best': 'b', 'worst': 'a'}


def test_without_health_classes_there_is_one_group():
    columns = {name: kind for name, kind in SCHEMA.items() if '_class' not in name}
    bare = make_table([row('a', co2=(5, 10, 10))], columns)
    assert list(choose_examples(frame_table(bare))['co2']) == [(ANY_CLASS, 'median')]


def test_the_worst_come_first():
    rows = [
        row('fine', co2=(10, 10, 10), scores=(1, 0, 0)),
        row('half', co2=(5, 10, 10), scores=(1, 0, 0)),
        row('ill', co2=(10, 10, 10), said='Acidotic', scores=(0.1, 0, 0.9)),
        row('both', co2=(0, 10, 0), said='Acidotic', scores=(0.1, 0, 0.9)),
    ]
    worst = worst_frames(frame_table(table(*rows)), count=3)
    assert worst['sample_id'].tolist() == ['both', 'ill', 'half']
    assert worst['error'].tolist() == pytest.approx([1.9, 0.9, 1 - 5 / 15])


def test_without_probabilities_a_wrong_class_counts_1():
    rows = [row('a', co2=(10, 10, 10)), row('b', co2=(10, 10, 10), said='Acidotic')]
    worst = worst_frames(frame_table(table(*rows)), count=9)
    assert worst['error'].tolist() == [1, 0]
    assert worst['words'].iloc[0][-1] == 'Healthy taken for Acidotic'


@pytest.mark.parametrize(
    ('pixels', 'words'),
    [
        ((0, 9, 0), 'gas missed (9 px)'),
        ((0, 0, 7), 'gas made up (7 px)'),
        ((0, 0, 0), 'no gas, and none predicted'),
        ((2, 10, 4), 'gas IoU 0.17, area 0.40 times the true one'),
        ((8, 10, 8), 'gas IoU 0.80'),
    ],
)
def test_what_went_wrong_in_words(pixels, words):
    scores = (0.25, 0.05, 0.7)
    rows = table(row('a', co2=pixels, said='Acidotic', scores=scores))
    (_, frame) = next(frame_table(rows).iterrows())
    assert describe(frame) == [
        words,
        'Healthy taken for Acidotic (p 0.70; true class 0.25)',
    ]


def test_nothing_is_said_of_what_was_not_predicted():
    columns = {name: kind for name, kind in SCHEMA.items() if '_as_' not in name}
    bare = make_table([row('a', co2=(1, 2, 3), scores=(0.6, 0.4, 0))], columns)
    (_, frame) = next(frame_table(bare).iterrows())
    assert describe(frame) == ['Healthy, right (p 0.60)']
    assert isinstance(worst_frames(frame_table(bare), count=1), pd.DataFrame)
