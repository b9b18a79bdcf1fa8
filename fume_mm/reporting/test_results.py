"""The content of a test_results.json and the table printed of it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fume_mm.errors import UserError
from fume_mm.evaluation.figures import (
    Intervals,
    confidence_intervals,
    undefined_reasons,
)

from .terminal import results_title, summary_table


def figures_content(
    metrics: dict[str, float],
    details: dict[str, Any],
    table: pd.DataFrame | None,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The part of a test_results.json that follows from the table.

    Args:
        metrics: Figures by key.
        details: What is no number.
        table: What they are of; without, no figure has an interval.
        resamples: Of the bootstrap; 0 for no intervals.
        seed: Of the bootstrap.

    Returns:
        ``metrics``, ``intervals`` ([low, high] or None by key), ``reasons`` (why a
        figure, or its interval, is undefined), ``bootstrap`` and ``details``.
    """
    found = Intervals({}, {}, {'resamples': 0})
    if table is not None and resamples:
        found = confidence_intervals(table, resamples=resamples, seed=seed)
    return {
        'metrics': metrics,
        'intervals': {
            key: None if bounds is None else list(bounds)
            for key, bounds in found.of.items()
        },
        'reasons': {**undefined_reasons(metrics, table), **found.reasons},
        'bootstrap': found.method,
        'details': details,
    }


def results_table(content: Mapping[str, Any]) -> str:
    """The table of a test_results.json, or of what will be written as one."""
    return summary_table(
        content['metrics'],
        content['details'],
        title=results_title(content),
        intervals=content.get('intervals'),
        reasons=content.get('reasons'),
    )


def write_results(content: dict[str, Any], path: str | Path) -> None:
    """Write a test_results.json; a number that is none becomes null.

    Raises:
        UserError: If the file cannot be written.
    """
    path = Path(path)
    text = json.dumps(_finite(content), indent=2, allow_nan=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + '\n', encoding='utf-8')
    except OSError as error:
        raise UserError(
            f'{path}: cannot be written ({error.strerror}); name another file.'
        ) from error


def read_results(path: str | Path) -> dict[str, Any]:
    """The content of a test_results.json; null scores are NaN again.

    Raises:
        UserError: If ``path`` is not such a file.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        scores = content['metrics']
        metrics = {k: math.nan if v is None else v for k, v in scores.items()}
        return {**content, 'metrics': metrics, 'details': dict(content['details'])}
    except OSError as error:
        raise UserError(
            f'{path}: cannot be read ({error.strerror}); tools/test.py writes '
            'test_results.json into its work dir.'
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f'{path}: is not what tools/test.py writes ({error!r}); test again.'
        ) from error


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
