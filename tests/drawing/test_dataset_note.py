"""What a panel says of its dataset."""

import pytest

from fume_mm.drawing import dataset_note


@pytest.mark.parametrize(
    ('metainfo', 'note'),
    [
        (None, None),
        ({'simulated': False, 'leakage': False}, None),
        ({'simulated': True, 'leakage': False}, 'simulated'),
        ({'simulated': False, 'leakage': True}, 'leaked split'),
        ({'simulated': True, 'leakage': True}, 'simulated, leaked split'),
    ],
)
def test_note(metainfo: dict | None, note: str | None) -> None:
    assert dataset_note(metainfo) == note
