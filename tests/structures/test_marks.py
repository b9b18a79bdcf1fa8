"""What pictures and tables say of its dataset."""

import pytest

from fume_mm.structures.marks import dataset_note


@pytest.mark.parametrize(
    ('metainfo', 'note'),
    [
        (None, None),
        ({'simulated': False, 'leakage': False}, None),
        ({'simulated': True, 'leakage': False}, 'simulated'),
        ({'simulated': False, 'leakage': True}, 'LEAKED SPLIT'),
        ({'simulated': True, 'leakage': True}, 'simulated, LEAKED SPLIT'),
        ({'by_frame': True}, 'SPLIT BY FRAME'),
    ],
)
def test_note(metainfo: dict | None, note: str | None) -> None:
    assert dataset_note(metainfo) == note
