"""What a sample is called: the same in a paired CSV, in use and in what is written."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from fume_mm.structures import GASES

#: How cameras name recordings: FLIR's, the owners' CO2 camera's, and sequences.
RECORDING_PATTERN = r'(?<![A-Za-z])(?:FLIR|MOV|SEQ)_?\d{4}(?!\d)'
#: The key of ``co2.png`` and ``ch4.png``.
_BARE = 'frame'
_AFFIX = re.compile(
    r'(?:(?P<before>{0})[ ._-])?(?P<key>.*?)(?:[ ._-](?P<after>{0}))?'.format(
        '|'.join(GASES)
    ),
    re.IGNORECASE,
)


def recording_in(path: str | PurePath, pattern: str = RECORDING_PATTERN) -> str:
    """The recording that a path names, in its file or else its folders; '' if none.

    With groups in the pattern, they joined by ``_``.
    """
    text = str(path).replace('\\', '/')
    match = re.search(pattern, text.rpartition('/')[2]) or re.search(pattern, text)
    return '_'.join(filter(None, match.groups())) or match[0] if match else ''


def split_gas(stem: str) -> tuple[str, str | None]:
    """What two frames of a sample share of their names, and the gas the name tells.

    ``a_co2`` and ``co2_a`` give ``('a', 'co2')``, ``a`` gives ``('a', None)``.
    """
    if stem.lower() in GASES:
        return _BARE, stem.lower()
    match = _AFFIX.fullmatch(stem)
    gas = match and (match['after'] or match['before'])
    if not match or not gas:
        return stem, None
    # only one affix is the gas's; of a name with two, the end says it
    key = match['key'] if match['after'] is None else stem[: match.end('key')]
    return key, gas.lower()


def sample_names(samples: Sequence[Mapping[str, str | PurePath]]) -> list[str]:
    """A unique name for each sample, made of its frames' file names.

    The key that its frames share once the gas is taken off (:func:`split_gas`), if no
    other sample has this key; else the file names without ending, joined by ``+``; and
    a number (``~2``) where these are not unique either.

    Args:
        samples: By gas the path of each frame; a sample has one at least.
    """
    stems = [[PurePath(path).stem for path in sample.values()] for sample in samples]
    keys = [{split_gas(stem)[0] for stem in of_sample} for of_sample in stems]
    shared = [min(key) if len(key) == 1 else '' for key in keys]
    number = Counter(shared)
    return unique_names(
        [
            key if key and number[key] == 1 else '+'.join(dict.fromkeys(of_sample))
            for key, of_sample in zip(shared, stems, strict=True)
        ]
    )


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, those that come again with a number (``~2``)."""
    # a numbered name may be there too, hence the loop
    taken, used, unique = set(names), set(), []
    for name in names:
        numbered, copy = name, 1
        while numbered in used or (copy > 1 and numbered in taken):
            copy += 1
            numbered = f'{name}~{copy}'
        used.add(numbered)
        unique.append(numbered)
    return unique
