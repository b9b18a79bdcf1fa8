"""The one place where a prediction becomes a verdict, for every way in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fume_mm.structures import GASES, availability
from fume_mm.structures.dual_gas_result import DualGasResult
from fume_mm.structures.labels import FUME_LABELS, Labels
from fume_mm.structures.verdict import Record, Verdict

from .conformal import LEVEL, class_set
from .gate import Gate

#: Key of the calibration in a checkpoint's meta; :func:`.calibrating.calibrated` says
#: what is in it.
TRUST = 'trust'
FRAME, VESSEL = 'frame', 'vessel'


@dataclass(frozen=True)
class Trust:
    """What a model's file knows of how far its verdicts go.

    Args:
        content: As the file holds it; empty for a model that is not calibrated.
        note: What its training data are marked with, such as ``'simulated'``.
        labels: What its classes are.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    labels: Labels = FUME_LABELS

    def __post_init__(self) -> None:
        object.__setattr__(self, 'gate', Gate.from_dict(self.content.get('gate')))

    gate: Gate = field(init=False)

    def verdict(
        self,
        scores: Sequence[float] | np.ndarray,
        pattern: str,
        *,
        reasons: Sequence[str] = (),
        unit: str = FRAME,
    ) -> Verdict:
        """What class probabilities say.

        Args:
            scores: (C,), of a frame or the mean over many of one vessel.
            pattern: Which gases they are of, see
                :data:`fume_mm.structures.AVAILABILITY`.
            reasons: Why they say nothing.
            unit: :data:`FRAME` or :data:`VESSEL`.
        """
        names = self.labels.health_classes
        best = int(np.argmax(scores))
        verdict = Verdict(
            names,
            names[best],
            float(scores[best]),
            tuple(reasons),
            note=self.note,
            pattern=pattern,
        )
        table = self.content.get(unit, {}).get(pattern)
        if reasons or table is None or list(names) != self.content['classes']:
            return verdict
        sets = {
            percent: _named(class_set(np.asarray(scores), limit), names)
            for percent, limit in table['limits'].items()
        }
        classes = sets[f'{LEVEL:.0%}']
        if len(classes) < len(names):
            record = table['records'].get('/'.join(classes))
        else:
            record = table['undecided'].get(names[best])
        return replace(
            verdict,
            classes=classes,
            level=LEVEL,
            sets=sets,
            record=record and Record(*record),
        )


def _named(inside: np.ndarray, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, x in zip(names, inside, strict=True) if x)


def trust_of(predictor: Any) -> Trust:
    """How far a predictor's verdicts go; one that does not say is not calibrated."""
    note = getattr(predictor, 'training_data', None)
    labels = getattr(predictor, 'labels', FUME_LABELS)
    return getattr(predictor, 'trust', None) or Trust({}, note, labels)


def with_verdict(
    result: DualGasResult,
    trust: Trust,
    *,
    given: Mapping[str, Any],
    gases: Sequence[str] = GASES,
) -> DualGasResult:
    """A result with its verdict; as it is if it has one, or no health.

    Args:
        result: Of the model.
        trust: Of the model.
        given: By gas the frame as it was given.
        gases: Those the model looks at.
    """
    if result.health_scores is None or result.verdict is not None:
        return result
    present: dict[str, bool] = {
        gas: gas in gases and given.get(gas) is not None for gas in GASES
    }
    verdict = trust.verdict(
        result.health_scores,
        availability(present),
        reasons=trust.gate.reasons(result, {g: given[g] for g in GASES if present[g]}),
    )
    return replace(result, verdict=verdict)
