"""What is imported follows the campaign's own classes."""

import json

import numpy as np
import pytest

from fume_mm.errors import UserError
from tests.campaigns import write_rows
from tests.imports import assert_campaign, classes, convert, rows, save


def labelled(out, **labels):
    out.mkdir()
    (out / 'labels.json').write_text(json.dumps(labels))
    return out


def folders(source, value, number=6):
    """Masks with gas alone, of that value, of recordings MOV0000, ..."""
    expected = {}
    for i in range(number):
        name = f'MOV000{i}_0001'
        expected[name] = (classes(i) == 2).astype(np.uint8)
        save(source / f'frames/{name}.png', np.full((48, 64), 40 + i, np.uint8))
        save(source / f'masks/{name}.png', expected[name] * np.uint8(value))
    return expected


@pytest.mark.parametrize('value', [1, 255])
def test_two_classes_of_masks_and_flow_classes(tmp_path, value):
    out = labelled(
        tmp_path / 'out',
        classes=['background', 'gas'],
        health_classes=['flow1', 'flow2'],
        ph_limits=None,
    )
    expected = folders(tmp_path / 'in', value)
    said = tmp_path / 'labels.csv'
    named = [
        {'stem': name, 'class_name': f'Flow{i % 2 + 1}', 'ph_value': '5.6'}
        for i, name in enumerate(expected)
    ]
    write_rows(said, named)
    lines = convert('folders', tmp_path / 'in', out, labels=said)
    assert f'mask values: 0 is background, {value} is gas (inferred)' in lines
    assert_campaign(out, expected)
    assert {(row['class_id'], row['class_name']) for row in rows(out)} == {
        ('0', 'flow1'),
        ('1', 'flow2'),
    }


def test_a_further_class_by_its_number_name_and_map(tmp_path):
    out = labelled(tmp_path / 'out', classes=['background', 'tube', 'gas', 'tank'])
    expected = folders(tmp_path / 'in', 3)
    for name, mask in expected.items():
        mask *= 3
        mask[:4] = 2
        save(tmp_path / f'in/masks/{name}.png', mask)
    lines = convert('folders', tmp_path / 'in', out)
    assert any('3 is tank' in line for line in lines)
    assert_campaign(out, expected)
    lines = convert(
        'folders', tmp_path / 'in', out, mask_map='2=tank 3=gas', force=True
    )
    swapped = {n: np.array([0, 0, 3, 2], np.uint8)[m] for n, m in expected.items()}
    assert_campaign(out, swapped)


def test_a_class_that_the_campaign_has_not(tmp_path):
    out = labelled(tmp_path / 'out', classes=['background', 'gas'])
    folders(tmp_path / 'in', 1)
    with pytest.raises(UserError, match=r'127=tube: .*one of background, gas, unlab'):
        convert('folders', tmp_path / 'in', out, mask_map='127=tube')
    save(tmp_path / 'in/masks/MOV0000_0001.png', classes())
    with pytest.raises(UserError, match=r'masks hold .*2.*classes: background, gas'):
        convert('folders', tmp_path / 'in', out)
