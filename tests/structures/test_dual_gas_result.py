import json
import subprocess
import sys

import numpy as np
import pytest

from fume_mm.errors import UserError
from fume_mm.structures.dual_gas_result import DualGasResult


@pytest.fixture
def result() -> DualGasResult:
    mask = np.zeros((4, 5), np.uint8)
    mask[0, :2] = 1
    mask[1, :] = 2
    return DualGasResult(
        'a', {'ch4': mask}, {}, np.array([0.25, 0.5, 0.25], np.float32), {'infer': 0.5}
    )


def test_areas_count_pixels_of_each_class(result):
    assert result.areas() == {'ch4': {'background': 13, 'tube': 2, 'gas': 5}}


def test_health_is_the_most_probable_class(result):
    assert result.health_class == 'Transitional'
    assert result.confidence == 0.5


def test_dict_is_json_and_tells_shares(result):
    told = json.loads(json.dumps(result.to_dict()))
    assert told['masks']['ch4']['share'] == {
        'background': 13 / 20,
        'tube': 2 / 20,
        'gas': 5 / 20,
    }
    assert (told['masks']['ch4']['width'], told['masks']['ch4']['height']) == (5, 4)
    assert told['health']['probabilities']['Healthy'] == 0.25
    assert told['seconds'] == {'infer': 0.5}


def test_row_of_a_missing_gas_is_empty_not_zero(result):
    row = result.row()
    assert row['co2_gas_px'] is None
    assert row['ch4_gas_px'] == 5
    assert row['p_acidotic'] == 0.25


def test_a_model_without_health_or_masks():
    bare = DualGasResult('a', {})
    assert bare.health_class is None
    assert bare.confidence is None
    assert bare.to_dict() == {'name': 'a', 'masks': {}, 'health': None, 'seconds': {}}
    assert list(bare.row()) == list(DualGasResult('b', {}).row())


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_no_result(value):
    with pytest.raises(UserError, match=r'^a, health: .*no numbers'):
        DualGasResult('a', {}, {}, np.array([value, 0, 0], np.float32))
    with pytest.raises(UserError, match=r'^a, co2: .*no numbers'):
        DualGasResult('a', {}, {'co2': np.full((3, 2, 2), value)})


def test_the_package_is_light():
    heavy = ('torch', 'mmengine', 'mmcv', 'matplotlib', 'PIL', 'pandas')
    code = f"""
import sys
import fume_mm.apis
import fume_mm.inference.inferencer
import fume_mm.inference.video.annotate
import fume_mm.drawing.side_by_side
print([name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == '[]'
