"""Values that cannot be simulated are refused by name."""

import json
from typing import Any

import pytest

from fume_mm.errors import UserError
from fume_mm.simulation import PRESETS, CampaignParameters


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'vessels': 5}, 'vessels is 5, outside 6 to'),
        ({'vessels': 100_000}, 'vessels is 100000'),
        ({'frames_per_vessel': 0}, 'frames_per_vessel is 0'),
        ({'size': (640, 512)}, 'size 640x512'),
        ({'missing_co2': -0.1}, 'missing_co2 is -0.1'),
        ({'missing_ch4': float('nan')}, 'missing_ch4 is nan'),
        ({'missing_co2': 0.6, 'missing_ch4': 0.5}, 'sum to more than 1'),
    ],
)
def test_an_impossible_value_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        CampaignParameters(**changes)


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_bears_its_name_and_survives_json(name: str) -> None:
    as_dict = PRESETS[name].as_dict()
    assert as_dict['name'] == name
    assert json.loads(json.dumps(as_dict)) == as_dict
