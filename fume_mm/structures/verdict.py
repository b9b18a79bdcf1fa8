"""What may be said of a rumen's health, with its doubt, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Record:
    """How often one kind of verdict was right on vessels that training did not see.

    Attributes:
        right: Share of these vessels whose class was in the verdict.
        vessels: How many got it.
        chance: Share of all vessels whose class is in it: what a guess would reach.
    """

    right: float
    vessels: float
    chance: float


@dataclass(frozen=True)
class Verdict:
    """A set of classes, or why there is none.

    Attributes:
        names: All health classes.
        best: The most probable one.
        score: Its probability.
        reasons: Why nothing can be said; empty where something can.
        classes: Those that cannot be ruled out at ``level``.
        level: In how many of 100 vessels of the calibration's kind the class is in the
            set, as a share; None if the model is not calibrated for such a sample.
        sets: Likewise at other levels, by percent.
        record: Of such verdicts; of ``best`` alone where the set is everything.
        note: What the data are marked with, such as ``'simulated'``.
        pattern: Which gases it rests on, see :data:`fume_mm.structures.AVAILABILITY`.
    """

    names: tuple[str, ...]
    best: str
    score: float
    reasons: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    level: float | None = None
    sets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    record: Record | None = None
    note: str | None = None
    pattern: str = 'both'

    @property
    def undecided(self) -> bool:
        """Whether no class can be ruled out."""
        return not self.reasons and len(self.classes) == len(self.names)

    @property
    def text(self) -> str:
        """One line: what is to be shown first."""
        if self.reasons:
            return 'no verdict'
        if self.level is None:
            return f'uncalibrated: {self.best} ({_percent(self.score)})'
        words = _either(self.classes)
        words = f'undecided: {words}' if self.undecided else words
        return f'{words} ({_percent(self.level)})'

    @property
    def short(self) -> str:
        """:attr:`text`, with the reasons but for their figures."""
        reasons = [reason.partition(' (')[0] for reason in self.reasons]
        return ': '.join([self.text, *reasons])

    @property
    def notes(self) -> list[str]:
        """Sentences to be shown beside :attr:`text`."""
        notes = [f'{reason}.' for reason in self.reasons]
        of = 'simulated vessels' if self.simulated else 'vessels'
        if not self.reasons and self.level is None:
            notes.append(
                'Nobody has measured how often such a verdict is right; calibrate the '
                'model (tools/calibrate.py).'
            )
        elif not self.reasons:
            said = f'The class is among those named for {_percent(self.level)} of {of}.'
            if self.undecided:
                said = 'The model rules no class out here.'
            notes.append(said)
            if self.record is not None:
                what = f'The most probable class, {self.best},'
                if not self.undecided:
                    what = 'Such a verdict'
                notes.append(
                    f'{what} was right for {_percent(self.record.right)} of '
                    f'{self.record.vessels:.0f} {of}; chance is '
                    f'{_percent(self.record.chance)}.'
                )
        if self.simulated:
            notes.append('Learned from simulated frames: no finding about animals.')
        return notes

    @property
    def simulated(self) -> bool:
        """Whether the training data are."""
        return 'simulated' in (self.note or '')

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        record = self.record
        return {
            'text': self.text,
            'notes': self.notes,
            'reasons': list(self.reasons),
            'calibrated': self.level is not None,
            'level': self.level,
            'classes': list(self.classes),
            'sets': {level: list(names) for level, names in self.sets.items()},
            'record': None if record is None else dict(vars(record)),
            'training_data': self.note,
        }


def _percent(share: float) -> str:
    return f'{100 * share:.0f} %'


def _either(names: Sequence[str]) -> str:
    *first, last = names
    return f'{", ".join(first)} or {last}' if first else last
