"""Which vessel has which pH, split, gases and copies."""

import itertools
from dataclasses import dataclass

from fume_mm.errors import UserError
from fume_mm.structures import GASES, HEALTH_CLASSES, NOMINAL_PH, SPLITS, Gas

from .parameters import FRAMES_PER_SECOND
from .presets import CampaignParameters
from .seeding import stream

#: Of each sample of a vessel: how many copies of each gas's frame, 0 where missing.
Samples = list[dict[Gas, int]]


@dataclass(frozen=True)
class Vessel:
    """A vessel of the plan."""

    index: int  #: its place in the plan, from 0
    ph: float  #: its pH
    split: str  #: where its frames go
    copies: Samples  #: for each sample, copies of each gas's frame

    @property
    def vessel_id(self) -> str:
        """``v0001`` for the first."""
        return f'v{self.index + 1:04d}'


def plan_vessels(parameters: CampaignParameters, *, seed: int) -> list[Vessel]:
    """Give every vessel its pH, its split and its samples their gases.

    Without ``counts``, classes get equal numbers of vessels, and so do the pH values
    within a class. Splits are of vessels, with the shares of every stretch of the pH
    scale, to a vessel or two; from 18 vessels on, every split has every class. With
    ``counts``, the shares hold at each pH.

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
    """Samples pair as many originals of both gases as there are, the rest is alone."""
    vessels: list[tuple[float, str, Samples]] = []
    for number, (ph, by_gas) in enumerate(sorted(counts.items())):
        each, n = parameters.copies, max(by_gas.values())
        samples: Samples = [
            {gas: min(max(by_gas.get(gas, 0) - done, 0), each) for gas in GASES}
            for done in range(0, n, each)
        ]
        order = stream(seed, 'missing', vessel=number).permutation(len(samples))
        step = parameters.frames_per_vessel
        groups = [order[start : start + step] for start in range(0, len(order), step)]
        splits = _splits(parameters, len(groups))
        for group, split in zip(groups, splits, strict=True):
            vessels.append((float(ph), split, [samples[index] for index in group]))
    missing = set(SPLITS) - {split for _, split, _ in vessels}
    if missing:
        raise UserError(
            f'counts make {len(vessels)} vessels, which leaves {missing.pop()} empty; '
            'raise counts or lower frames_per_vessel.'
        )
    mixed = stream(seed, 'vessels').permutation(len(vessels)).tolist()
    return [Vessel(index, *vessels[number]) for index, number in enumerate(mixed)]
