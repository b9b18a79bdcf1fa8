"""What a campaign's labels mean: health classes, their pH limits, classes of masks."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fume_mm.errors import UserError

from . import (
    ACIDOTIC_BELOW_PH,
    HEALTH_CLASSES,
    HEALTH_PALETTE,
    HEALTHY_ABOVE_PH,
    IGNORE,
    IGNORE_COLOUR,
    PH_RANGE,
    SEG_CLASSES,
    SEG_PALETTE,
)

Colour = tuple[int, int, int]

GAS_NAME, TUBE_NAME = 'gas', 'tube'
#: Colours of further classes, RGB: those of Okabe and Ito (Color Universal Design,
#: 2008) that FUME's do not use, then paler ones.
_SPARE: tuple[Colour, ...] = (
    (204, 121, 167),
    (86, 180, 233),
    (0, 114, 178),
    (230, 159, 0),
    (150, 150, 150),
    (170, 68, 153),
    (51, 34, 136),
    (136, 204, 238),
    (153, 153, 51),
)
#: Mask colours by name, the same whichever classes stand beside it.
_BY_NAME = dict(zip(SEG_CLASSES, SEG_PALETTE, strict=True))
#: Keys of labels.json and of a dataset's metainfo, by attribute.
KEYS = {
    'health_classes': 'health_classes',
    'ph_limits': 'ph_limits',
    'seg_classes': 'classes',
    'seg_palette': 'palette',
    'health_palette': 'health_palette',
}


@dataclass(frozen=True)
class Labels:
    """The classes of a campaign; FUME's unless given.

    Examples:
        >>> Labels(('Healthy', 'Acidotic'), (5.8,)).health_class(5.5)
        1
        >>> Labels(('low', 'high'), None, ('background', 'gas')).gas
        1

    Args:
        health_classes: Names by class id, two or more. Any classes of whole samples:
            flow rates, diets.
        ph_limits: Falling limits between neighbouring classes, one fewer than they
            are. A rumen exactly at one is of the class below it, at the last one of
            the class above it. None where pH says nothing of the class.
        seg_classes: Names of the values of a mask. The first is the background,
            ``'gas'`` is among the others, ``'tube'`` may be.
        seg_palette: RGB, 0 to 255, by class; by default FUME's by name, then others.
        health_palette: Likewise.

    Raises:
        UserError: Naming the key and what is wrong with it.
    """

    health_classes: tuple[str, ...] = HEALTH_CLASSES
    ph_limits: tuple[float, ...] | None = (HEALTHY_ABOVE_PH, ACIDOTIC_BELOW_PH)
    seg_classes: tuple[str, ...] = SEG_CLASSES
    seg_palette: tuple[Colour, ...] = ()
    health_palette: tuple[Colour, ...] = ()

    def __post_init__(self) -> None:
        set_ = object.__setattr__  # frozen
        for key in ('health_classes', 'seg_classes'):
            set_(self, key, _names(getattr(self, key), KEYS[key]))
        if len(self.seg_classes) > IGNORE:
            raise UserError(f'classes: {len(self.seg_classes)} are too many; 255 is.')
        if GAS_NAME not in self.seg_classes[1:]:
            raise UserError(
                f'classes are {", ".join(self.seg_classes)}; the first is the '
                f"background, and '{GAS_NAME}' must be among the others."
            )
        set_(self, 'ph_limits', _limits(self.ph_limits, self.health_classes))
        others = [c for c in _SPARE if c not in (*SEG_PALETTE, IGNORE_COLOUR)]
        spare = iter(others * len(self.seg_classes))
        default: tuple[Colour, ...] = tuple(
            SEG_PALETTE[0] if not i else _BY_NAME.get(name) or next(spare)
            for i, name in enumerate(self.seg_classes)
        )
        colours = _colours(self.seg_palette, default, KEYS['seg_palette'])
        set_(self, 'seg_palette', colours)
        number = len(self.health_classes)
        first, *middle, last = HEALTH_PALETTE
        between = [*middle, *(c for c in _SPARE if c not in HEALTH_PALETTE)] * number
        default = (first, *between[: number - 2], last)
        colours = _colours(self.health_palette, default, KEYS['health_palette'])
        set_(self, 'health_palette', colours)

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any] | None) -> 'Labels':
        """The labels of a dataset's metainfo; what it lacks is FUME's.

        Classes of others than FUME without ``ph_limits`` have none.

        Raises:
            UserError: If they are none.
        """
        meta = meta or {}
        found = {a: meta[key] for a, key in KEYS.items() if meta.get(key) is not None}
        given = found.get('health_classes', HEALTH_CLASSES)
        ours = isinstance(given, (list, tuple)) and tuple(given) == HEALTH_CLASSES
        if 'ph_limits' not in found and ('ph_limits' in meta or not ours):
            found['ph_limits'] = None
        return cls(**found)

    def to_meta(self) -> dict[str, Any]:
        """As a dataset's metainfo, and labels.json, hold them: plain values."""
        palettes = ('seg_palette', 'health_palette')
        return {
            key: [list(colour) for colour in getattr(self, attribute)]
            if attribute in palettes
            else getattr(self, attribute)
            for attribute, key in KEYS.items()
        }

    def health_class(self, ph: float) -> int:
        """Class id of a rumen at ``ph``; only with :attr:`ph_limits`.

        Raises:
            UserError: If ``ph`` is not a number in :data:`PH_RANGE`.
        """
        assert self.ph_limits is not None
        low, high = PH_RANGE
        if not low <= ph <= high:  # also refuses NaN
            raise UserError(
                f'pH {ph} is outside the range {low} to {high} of a rumen; '
                'correct the value at its source.'
            )
        *upper, last = self.ph_limits
        return sum(ph <= limit for limit in upper) + (ph < last)

    @property
    def gas(self) -> int:
        """Value of the gas in a mask."""
        return self.seg_classes.index(GAS_NAME)

    @property
    def tube(self) -> int | None:
        """Value of the tube in a mask; None where it is no class of its own."""
        names = self.seg_classes
        return names.index(TUBE_NAME) if TUBE_NAME in names else None

    @property
    def foreground(self) -> tuple[str, ...]:
        """The mask classes but for the background."""
        return self.seg_classes[1:]

    @property
    def score_columns(self) -> tuple[str, ...]:
        """Columns of the health classes' probabilities, ``p_<class>``."""
        return tuple(f'p_{name.lower()}' for name in self.health_classes)

    @property
    def health_legend(self) -> str:
        """The health classes and their ids, for messages."""
        return ', '.join(f'{i} {name}' for i, name in enumerate(self.health_classes))

    @property
    def seg_legend(self) -> str:
        """The mask classes and their values, for messages."""
        return ', '.join(f'{i} {name}' for i, name in enumerate(self.seg_classes))


def _names(given: Any, key: str) -> tuple[str, ...]:
    names = tuple(given) if isinstance(given, (list, tuple)) else ()
    problem = None
    if len(names) < 2:
        problem = 'give two or more'
    elif not all(isinstance(n, str) and n and n == n.strip() for n in names):
        problem = 'a class has a name, without blanks around it'
    elif any(sign in name for name in names for sign in '/;,\n'):
        problem = "a name has no '/', ';' or ','"
    elif len({name.lower() for name in names}) < len(names):
        problem = 'no two may be the same, in upper or lower case'
    if problem:
        raise UserError(f'{key} is {given!r}: {problem}.')
    return names


def _limits(given: Any, classes: Sequence[str]) -> tuple[float, ...] | None:
    if given is None:
        return None
    try:
        limits = tuple(float(limit) for limit in given)
    except (TypeError, ValueError):
        limits = ()
    low, high = PH_RANGE
    falling = all(a > b for a, b in itertools.pairwise(limits))
    inside = all(low < limit < high for limit in limits)
    if len(limits) != len(classes) - 1 or not falling or not inside:
        raise UserError(
            f'ph_limits is {given!r}: {len(classes)} health classes '
            f'({", ".join(classes)}) have {len(classes) - 1} falling limits between '
            f'them, within {low} and {high}; or none (null) where classes have no pH.'
        )
    return limits


def _colours(
    given: Sequence[Sequence[int]], default: tuple[Colour, ...], key: str
) -> tuple[Colour, ...]:
    if not given:
        return default
    try:
        colours = tuple((int(r), int(g), int(b)) for r, g, b in given)
    except (TypeError, ValueError):
        colours = ()
    good = all(0 <= value <= 255 for colour in colours for value in colour)
    if len(colours) != len(default) or not good:
        raise UserError(
            f'{key} is {given!r}: give [red, green, blue], each 0 to 255, for each of '
            f'the {len(default)} classes.'
        )
    return colours


#: FUME's, which every default is.
FUME_LABELS = Labels()
