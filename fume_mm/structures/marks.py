"""What results of simulated data and of doubtful splits are marked with."""

from collections.abc import Mapping
from typing import Any

#: By the key in a dataset's metainfo and in test_results.json.
MARKS = {
    'simulated': 'simulated',
    'leakage': 'LEAKED SPLIT',
    'by_frame': 'SPLIT BY FRAME',
}


def dataset_note(metainfo: Mapping[str, Any] | None) -> str | None:
    """What is to be said beside results, such as ``'simulated, LEAKED SPLIT'``."""
    return ', '.join(MARKS[key] for key in MARKS if (metainfo or {}).get(key)) or None
