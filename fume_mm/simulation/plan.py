"""Which vessel has which pH, split, gases and copies."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from fume_mm.errors import UserError
from fume_mm.structures import (
    GASES,
    HEALTH_CLASSES,
    NOMINAL_PH,
    SPLITS,
    Gas,
    health_class,
)

from .parameters import FRAMES_PER_SECOND
from .presets import CampaignParameters
from .seeding import stream

#: Of each sample of a vessel: how many copies of each gas's frame, 0 where missing.
Samples = list[dict[Gas, int]]
#: How the owners' cameras name recordings, before a number of four digits.
RECORDINGS: dict[Gas, str] = {'co2': 'MOV', 'ch4': 'FLIR'}


@dataclass(frozen=True)
class Vessel:
    """A vessel of the plan; in the owners' form, a recording of one gas."""

    index: int  #: its place in the plan, from 0
    ph: float  #: its pH
    split: str  #: where its frames go; '' in the owners' form
    copies: Samples  #: for each sample, copies of each gas's frame
    recording: str = ''  #: the owners' name of it, such as ``MOV0001``
    first: int = 0  #: in the owners' form, originals of the recordings before
    #: in the owners' form, the split of each sample's copies
    splits: tuple[tuple[str, ...], ...] = ()

    @property
    def vessel_id(self) -> str:
        """``v0001`` for the first, or the recording."""
        return self.recording or f'v{self.index + 1:04d}'


def plan_vessels(parameters: CampaignParameters, *, seed: int) -> list[Vessel]:
    """Give every vessel its pH, its split and its samples their gases.

    Without ``counts``, classes get equal numbers of vessels, and so do the pH values
    within a class. Splits are of vessels, with the shares of every stretch of the pH
    scale, to a vessel or two; from 18 vessels on, every split has every class.

    With ``counts`` the plan is the owners': recordings of one gas and a few originals
    each, three at least of a pH and gas, and splits at random over all frames after
    copying, with the shares within each class and gas. So a recording is in all splits.

    Raises:
        UserError: If ``seed`` is negative, or ``counts`` leave a split empty.
    """
    if seed < 0:
        raise UserError(f'seed is {seed}; choose 0 or more.')
    if parameters.counts is None:
        return _plan_balanced(parameters, seed)
    return _plan_counts(parameters, parameters.counts, seed)


def frames_of(vessel: Vessel, parameters: CampaignParameters) -> int:
    """How many frames a vessel has on disk."""
    each = clip_frames(parameters.video_seconds)
    return each * sum(n for sample in vessel.copies for n in sample.values())


def clip_frames(seconds: float) -> int:
    """Frames of a clip; one of 0 seconds is a still frame."""
    return max(round(FRAMES_PER_SECOND * seconds), 1)


def _plan_balanced(parameters: CampaignParameters, seed: int) -> list[Vessel]:
    # Of each class its pH values in turn, and of the classes in turn.
    choices = [
        itertools.cycle([ph for ph, name in NOMINAL_PH.items() if name == class_id])
        for class_id in range(len(HEALTH_CLASSES))
    ]
    values = [next(choices[i % len(choices)]) for i in range(parameters.vessels)]
    phs = stream(seed, 'vessels').permutation(values).tolist()

    # Along the vessels in order of pH (at random within), each goes to the split
    # that is furthest behind its share.
    shuffled = stream(seed, 'splits').permutation(parameters.vessels).tolist()
    order = sorted(shuffled, key=lambda index: phs[index])
    split_of = dict(zip(order, _splits(parameters, len(order)), strict=True))
    return [
        Vessel(i, phs[i], split_of[i], _draw_present(parameters, seed=seed, vessel=i))
        for i in range(parameters.vessels)
    ]


def _splits(parameters: CampaignParameters, vessels: int) -> list[str]:
    """The split of each vessel in turn: the one furthest behind its share."""
    shares = parameters.split_shares
    counts = dict.fromkeys(SPLITS, 0)
    chosen = []
    for done in range(1, vessels + 1):
        split = max(SPLITS, key=lambda s: done * shares[s] - counts[s])
        counts[split] += 1
        chosen.append(split)
    return chosen


def _draw_present(parameters: CampaignParameters, *, seed: int, vessel: int) -> Samples:
    draws = stream(seed, 'missing', vessel=vessel).random(parameters.frames_per_vessel)
    no_co2 = draws < parameters.missing_co2
    no_ch4 = draws >= 1 - parameters.missing_ch4
    return [
        {'co2': 0 if co2 else parameters.copies, 'ch4': 0 if ch4 else parameters.copies}
        for co2, ch4 in zip(no_co2.tolist(), no_ch4.tolist(), strict=True)
    ]


def _plan_counts(
    parameters: CampaignParameters, counts: dict[str, dict[str, int]], seed: int
) -> list[Vessel]:
    recordings: list[tuple[float, Gas, list[int]]] = []
    for ph, by_gas in sorted(counts.items()):
        for gas in GASES:
            each, n = parameters.copies, by_gas.get(gas, 0)
            copies = [min(n - done, each) for done in range(0, n, each)]
            number = max(
                math.ceil(len(copies) / parameters.frames_per_vessel),
                min(len(copies), len(SPLITS)),
            )
            parts = np.array_split(copies, number) if number else []
            recordings += [(float(ph), gas, part.tolist()) for part in parts]
    mixed = stream(seed, 'vessels').permutation(len(recordings)).tolist()
    recordings = [recordings[number] for number in mixed]
    splits = _splits_of_rows(parameters, recordings, seed)
    plan, first = [], 0
    numbers = {gas: itertools.count(1) for gas in GASES}
    for index, (ph_value, gas, copies) in enumerate(recordings):
        samples: Samples = [{g: n if g == gas else 0 for g in GASES} for n in copies]
        name = f'{RECORDINGS[gas]}{next(numbers[gas]):04d}'
        plan.append(Vessel(index, ph_value, '', samples, name, first, splits[index]))
        first += len(copies)
    return plan


def _splits_of_rows(
    parameters: CampaignParameters,
    recordings: list[tuple[float, Gas, list[int]]],
    seed: int,
) -> list[tuple[tuple[str, ...], ...]]:
    """Of each recording, original and copy the split, drawn by class and gas."""
    strata: dict[tuple[int, Gas], list[tuple[int, int, int]]] = {}
    for index, (ph, gas, copies) in enumerate(recordings):
        strata.setdefault((health_class(ph), gas), []).extend(
            (index, sample, copy)
            for sample, n in enumerate(copies)
            for copy in range(n)
        )
    split_of: dict[tuple[int, int, int], str] = {}
    for number, (_, rows) in enumerate(sorted(strata.items())):
        order = stream(seed, 'splits', vessel=number).permutation(len(rows)).tolist()
        names = _splits(parameters, len(rows))
        split_of |= {rows[row]: name for row, name in zip(order, names, strict=True)}
    if missing := set(SPLITS) - set(split_of.values()):
        raise UserError(
            f'counts make {len(split_of)} frames, which leaves {missing.pop()} empty; '
            'raise counts.'
        )
    return [
        tuple(
            tuple(split_of[index, sample, copy] for copy in range(n))
            for sample, n in enumerate(copies)
        )
        for index, (_, _, copies) in enumerate(recordings)
    ]
