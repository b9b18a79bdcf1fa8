"""The file test_results.json: written by a test, read by everything after it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fume_mm.errors import UserError
from fume_mm.evaluation.scores import Scores
from fume_mm.io.digests import UNSEALED, is_sealed, sealed
from fume_mm.io.files import read_json, written_file
from fume_mm.structures.labels import FUME_LABELS, Labels

from .score_tables import results_text, results_title

_DIGEST = 'digest'


def content_text(content: Mapping[str, Any]) -> str:
    """The tables of a test_results.json, or of what will be written as one."""
    return results_text(Scores.from_json(content), title=results_title(content))


def write_results(content: dict[str, Any], path: str | Path) -> None:
    """Write a test_results.json; a number that is none becomes null.

    Its digest is in it, as in model files.

    Raises:
        UserError: If the file cannot be written.
    """
    given = {**_finite(content), _DIGEST: UNSEALED}
    text = json.dumps(given, indent=2, allow_nan=False)
    with written_file(path) as part:
        part.write_bytes(sealed(text.encode() + b'\n'))


def read_results(path: str | Path) -> dict[str, Any]:
    """The content of a test_results.json; null scores are NaN again.

    Raises:
        UserError: If ``path`` is not such a file, or not as it was written.
    """
    content = read_json(path, what='test_results.json, which tools/test.py writes')
    is_sealed(Path(path).read_bytes(), Path(path))
    try:
        content.pop(_DIGEST, None)
        return content | Scores.from_json(content).to_json()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f'{path}: is not what tools/test.py writes ({error!r}); test again.'
        ) from error


def labels_beside(predictions: str | Path) -> Labels:
    """The classes of a predictions.csv, by the test_results.json beside it."""
    path = Path(predictions).with_name('test_results.json')
    return (
        Scores.from_json(read_results(path)).labels if path.is_file() else FUME_LABELS
    )


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
