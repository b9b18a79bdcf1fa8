"""The table as a file: back to the digit, and refused where it is not right."""

import sys

import numpy as np
import pytest

from fume_mm.errors import UserError
from fume_mm.evaluation import (
    BoundaryMetric,
    DualGasEvaluator,
    HealthMetric,
    SegmentationMetric,
    compute_figures,
)
from fume_mm.evaluation.predictions import (
    check_path,
    read_predictions,
    write_predictions,
)
from fume_mm.evaluation.table import marks_of

SUFFIXES = ['.csv', '.parquet']


@pytest.fixture
def table(random_samples):
    evaluator = DualGasEvaluator(
        [SegmentationMetric(), BoundaryMetric(), HealthMetric()]
    )
    samples = random_samples(30)
    samples[3].set_metainfo({'sample_id': 'NA', 'groups': ('1, "2"', 'v\n3')})
    samples[4].set_metainfo({'sample_id': '007 '})
    samples[5].set_metainfo({'sample_id': "=cmd|'/c calc'!A1"})
    evaluator.process(samples)
    evaluator.evaluate(30)
    return evaluator.scores.table


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_read_back_to_the_digit(table, tmp_path, suffix):
    path = tmp_path / f'predictions{suffix}'
    write_predictions(table.assign(simulated=True, leakage=False), path)
    again = read_predictions(path)
    marks = {'simulated': True, 'leakage': False, 'by_frame': False}
    assert marks_of(again) == marks
    assert again[list(table)].equals(table)
    assert suffix != '.csv' or "\n'=cmd|" in path.read_text(encoding='utf-8')
    assert compute_figures(again) == pytest.approx(
        compute_figures(table), rel=0, abs=0, nan_ok=True
    )
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize('part', [SegmentationMetric, BoundaryMetric, HealthMetric])
def test_a_part_of_the_columns_is_enough(random_samples, tmp_path, part):
    evaluator = DualGasEvaluator(part())
    samples = random_samples(8)
    evaluator.process(samples)
    metrics = evaluator.evaluate(8)
    write_predictions(evaluator.scores.table, tmp_path / 'a.csv')
    again = compute_figures(read_predictions(tmp_path / 'a.csv'))
    assert again == pytest.approx(metrics, rel=0, abs=0, nan_ok=True)


def test_columns_of_a_users_own_are_left_out(table, tmp_path):
    write_predictions(table.assign(note='odd'), tmp_path / 'a.csv')
    assert 'note' not in read_predictions(tmp_path / 'a.csv')


def change(column, value, row=2):
    def edit(table):
        table = table.astype({column: object})
        table.loc[row, column] = value
        return table

    return edit


CO2_ROW = {'availability': 'co2_only'}
WRONG = {
    'no rows': (lambda t: t.iloc[:0], 'has no rows'),
    'no vessel column': (lambda t: t.drop(columns='vessel'), 'has no column vessel'),
    'a column less': (
        lambda t: t.drop(columns='co2_gas_as_tube'),
        'has no column co2_gas_as_tube',
    ),
    'no predictions': (lambda t: t[list(t)[:5]], 'no column of a prediction'),
    'another class': (lambda t: t.assign(p_ill=0.0), 'p_ill are of other classes'),
    'another mask class': (
        lambda t: t.assign(co2_cow_as_gas=0),
        'co2_cow_as_gas are of other classes',
    ),
    'sample twice': (change('sample_id', 's1'), "sample 's1' is in more than one row"),
    'unknown pattern': (change('availability', 'co'), "availability is 'co', not one"),
    'unknown class': (change('true_class', 'Ill'), "true_class is 'Ill', not one"),
    'no number': (change('p_healthy', 'high'), "sample 's2': p_healthy is 'high'"),
    'NaN': (change('p_healthy', ''), "sample 's2': .* scores are NaN"),
    'no probabilities': (change('p_healthy', 7.0), "'s2': .* are no probabilities"),
    'half a pixel': (change('co2_gas_as_gas', '0.5', 0), "co2_gas_as_gas is '0.5'"),
}


@pytest.mark.parametrize('name', WRONG)
def test_what_is_wrong_is_named(table, tmp_path, name):
    edit, message = WRONG[name]
    path = tmp_path / 'a.csv'
    edit(table).to_csv(path, index=False)
    with pytest.raises(UserError, match=message) as caught:
        read_predictions(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ('column', 'value', 'message'),
    [
        ('{gas}_gas_as_gas', -1, 'less than 0'),
        ('{gas}_gas_as_gas', '', 'exactly where availability has the gas'),
        ('{gas}_gas_in', '', 'exactly where availability has the gas'),
        ('{gas}_gas_in', 'all', 'not one of both, truth'),
        ('{gas}_gas_hd95', -2.0, 'not from 0 to inf'),
        ('{gas}_gas_hd95', 'inf', 'not from 0 to inf'),
        ('{gas}_gas_asd', '', 'not from 0 to inf'),
        ('{gas}_gas_f1', 1.5, 'not from 0 to 1'),
        ('availability', '{other}_only', 'exactly where availability has the gas'),
    ],
)
def test_gas_columns_must_fit_the_sample(table, tmp_path, column, value, message):
    single = table['availability'] == 'co2_only'
    drawn = single & (table['co2_gas_in'] == 'both')
    row = int(np.flatnonzero(drawn)[0])
    if isinstance(value, str):
        value = value.format(other='ch4')
    edited = change(column.format(gas='co2'), value, row)(table)
    edited.to_csv(tmp_path / 'a.csv', index=False)
    with pytest.raises(UserError, match=message):
        read_predictions(tmp_path / 'a.csv')


def test_files_that_are_none(tmp_path, table):
    with pytest.raises(UserError, match='cannot be read'):
        read_predictions(tmp_path / 'none.csv')
    for content in (b'', b'\x89PNG\xff\xfe'):
        (tmp_path / 'a.csv').write_bytes(content)
        with pytest.raises(UserError, match=r'is no table|has no'):
            read_predictions(tmp_path / 'a.csv')
    with pytest.raises(UserError, match=r'name a \.csv or a \.parquet'):
        check_path('predictions.xlsx')
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='cannot be written'):
        write_predictions(table, tmp_path / 'file/a.csv')


def test_parquet_needs_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    with pytest.raises(UserError, match='Parquet needs pyarrow'):
        check_path('predictions.parquet')
