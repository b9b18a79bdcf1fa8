"""What a format hands the writer: frames, their masks, and what is known of both."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fume_mm.errors import UserError

#: A picture's file, or what gives the content of one.
Encoded = Path | Callable[[], bytes]
#: What stands for a class in a source: a gray value or index, a colour, or a name.
Value = int | tuple[int, int, int] | str
_NAMED = 3


@dataclass(frozen=True)
class Shapes:
    """A mask that was drawn: later parts lie over earlier ones.

    Attributes:
        parts: The label of each, and what gives its pixels, (H, W) bool, on a picture
            of that shape.
        size: (width, height) of the picture that it was drawn on; None if the source
            does not say.
    """

    parts: Sequence[tuple[str, Callable[[tuple[int, int]], np.ndarray]]]
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Item:
    """A frame and its mask.

    Attributes:
        name: Path without ending, the same for both gases of a sample.
        frame: The picture.
        mask: Its mask; None if it has none.
        gas: The gas; empty if the source does not say.
        suffix: Ending of the frame's file name, where ``frame`` is no file.
        recording: What was recorded together; empty if the source does not say.
        split: The split it is published in, in the source's word; empty if in none.
        ph: pH, as text; empty if unknown.
        class_name: Health class, likewise.
        extra: Further columns of the annotation CSV.
    """

    name: str
    frame: Encoded
    mask: Encoded | Shapes | None
    gas: str = ''
    suffix: str = '.png'
    recording: str = ''
    split: str = ''
    ph: str = ''
    class_name: str = ''
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def ending(self) -> str:
        """What the frame's copy is called after its name."""
        return self.frame.suffix if isinstance(self.frame, Path) else self.suffix


@dataclass(frozen=True)
class Source:
    """What a format found.

    Attributes:
        items: The frames.
        legend: Names of the masks' values, if the source has a legend.
        missing_mask: What a frame without a mask means where the user does not say.
        remarks: What the user should know.
    """

    items: Sequence[Item]
    legend: Mapping[Value, str] = field(default_factory=dict)
    missing_mask: str = 'error'
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Options:
    """What a user says of the source's files.

    Attributes:
        gases: The gases there are.
        frames: Folder of the frames below the source, ``{gas}`` standing for the gas;
            empty: the format's own.
        masks: The same of the masks.
        mask_name: Found in the whole name of a mask's file, without ending; its group
            ``name``, or the first, is the frame's, its group ``label`` the class.
    """

    gases: Sequence[str]
    frames: str = ''
    masks: str = ''
    mask_name: re.Pattern[str] | None = None


def refuse(names: Sequence[object], problem: str) -> None:
    """Raise one error for all of ``names``, if there are any."""
    if names:
        text = '; '.join(map(str, names[:_NAMED]))
        more = f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''
        raise UserError(f'{len(names)} {problem}: {text}{more}.')


def counted(number: int, what: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f'{number} {what}' + ('' if number == 1 else 's')
