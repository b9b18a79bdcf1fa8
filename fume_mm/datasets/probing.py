"""The leak probes on a campaign: what they keep of a frame, and findings in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
import pandas as pd

from fume_mm.io.tables import NO_CLASS, Defect
from fume_mm.structures import GAS, GAS_LABELS, GASES

from .probes.gas_erased import background_features, classify_erased
from .probes.giveaways import border_of, find_giveaways, gases_by_class
from .probes.near_copies import find_near_copies, thumbnail
from .probes.painted import (
    READER_IOU,
    ReaderPixels,
    colour_follows_mask,
    draw_pixels,
    iou_of,
    read_painted,
)

#: Frames of each gas that the trivial reader is fitted and tried on.
READ_FRAMES = 120
#: Frames narrower than this have plumes as sharp as a drawn line.
_WIDTH_OF_LINES = 160
#: A single frame is read if its IoU is this; so many of them, at least, are no chance.
_FRAME_IOU, _FRAMES_READ, _SHARE_READ = 0.95, 3, 0.05
_NAMED = 3

_APART = (
    'if both are of one vessel or recording, name it in a column `recording` and split '
    'again by whole groups with `python tools/dataset_converters/split_by_group.py`'
)
_CLEAN = 'export the frames as the camera gave them, with nothing drawn on them'
_WAYS_OUT = {
    'size': 'bring the frames of all classes to one size in the same way',
    'mode': 'save the frames of all classes with the same channels and bits',
    'format': 'save the frames of all classes in one format, from the same originals',
    'border': 'cut the border off the frames of all classes, and off their masks',
}


@dataclass
class Trace:
    """What the probes keep of one frame.

    Attributes:
        thumb: (48, 64) uint8.
        gray: Its mean gray level.
        size: Such as ``640x480``.
        mode: Type and channels of the pixels, such as ``uint8, 1 channel``.
        format: Of the file, by its name.
        border: Sides with a border of one gray level.
        painted: Whether colour follows its mask.
        pixels: For the trivial reader; None in most frames.
        background: For the gas-erased classifier; None without ``deep``.
    """

    thumb: np.ndarray
    gray: float
    size: str
    mode: str
    format: str
    border: str
    painted: bool = False
    pixels: ReaderPixels | None = None
    background: np.ndarray | None = None


@dataclass
class Findings:
    """What the probes found: defects, warnings (of the campaign's nature) and notes."""

    defects: list[Defect] = field(default_factory=list)
    warnings: list[Defect] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def trace_frame(
    name: str,
    pixels: np.ndarray,
    gray: np.ndarray,
    mask: np.ndarray | None,
    *,
    gas: int = GAS,
    read: bool = False,
    deep: bool = False,
) -> Trace:
    """Keep of a decoded frame what the probes need.

    Args:
        name: Of its file.
        pixels: As decoded, (H, W) or (H, W, C).
        gray: (H, W) uint8, as training sees it.
        mask: (H, W) class ids of the same size; None if there is no sound one.
        gas: The class id of gas.
        read: Whether the trivial reader gets pixels of it.
        deep: Whether the gas-erased classifier gets its background.
    """
    height, width = gray.shape
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    trace = Trace(
        thumb=thumbnail(gray),
        gray=float(cv2.mean(gray)[0]),
        size=f'{width}x{height}',
        mode=f'{pixels.dtype}, {channels} channel' + 's' * (channels > 1),
        format=name.rpartition('.')[2].lower().replace('jpeg', 'jpg'),
        border=border_of(gray),
    )
    if mask is not None:
        trace.painted = colour_follows_mask(pixels, mask, gas=gas)
        if read:
            rng = np.random.default_rng(0)
            trace.pixels = draw_pixels(pixels, gray, mask, rng, gas=gas)
        if deep:
            trace.background = background_features(gray, mask)
    return trace


def frames_to_read(frames: pd.DataFrame) -> set[str]:
    """The frames that the trivial reader gets pixels of, drawn at random by gas."""
    return {
        name
        for gas in GASES
        for of_gas in [frames.loc[frames['gas_type'] == gas, 'frame_path']]
        for name in of_gas.sample(min(len(of_gas), READ_FRAMES), random_state=0)
    }


def probe(
    frames: pd.DataFrame,
    side: pd.DataFrame,
    traces: Mapping[str, Trace],
    digests: Mapping[str, bytes],
    *,
    root: object,
) -> Findings:
    """Run the probes on what was kept.

    Args:
        frames: Rows of the annotation CSVs: ``frame_path``, ``group``, ``gas_type``,
            ``class_id``, ``class_name``, ``csv``, ``line``.
        side: Rows whose splits are held against each other: ``frame_path``,
            ``split``, ``csv``, ``line``.
        traces: By frame; frames that could not be read are missing.
        digests: Of the pixels, by frame.
        root: The campaign, for what no one file is at fault of.
    """
    found = Findings()
    frames = frames[frames['frame_path'].isin(list(traces))]
    frames = frames.drop_duplicates('frame_path').reset_index(drop=True)
    _copies(side[side['frame_path'].isin(list(traces))], traces, digests, found)
    _painted(frames, traces, str(root), found)
    known = (frames['class_id'] != NO_CLASS) & frames['gas_type'].isin(GASES)
    labelled = frames[known].reset_index(drop=True)
    _file_traits(labelled, traces, str(root), found)
    _background(labelled, traces, str(root), found)
    return found


def _copies(
    side: pd.DataFrame,
    traces: Mapping[str, Trace],
    digests: Mapping[str, bytes],
    found: Findings,
) -> None:
    side = side.drop_duplicates('frame_path').reset_index(drop=True)
    if side['split'].nunique() < 2:
        return
    names = side['frame_path'].tolist()
    copies = find_near_copies(
        np.stack([traces[name].thumb for name in names]),
        side['split'].to_numpy(object).astype(str),
        np.array([digests[name].hex() for name in names]),
    )
    rows = side.to_dict('records')
    for copy in copies:
        row, other = rows[copy.frame], rows[copy.other]
        what = (
            'is nearly the same picture as'
            if copy.same_picture
            else ('shows the same scene as')
        )
        (found.defects if copy.same_picture else found.warnings).append(
            Defect(
                row['csv'],
                int(row['line']),
                f"'{row['frame_path']}', '{other['frame_path']}' of {other['split']}, "
                f'correlation {copy.correlation:.2f}',
                f'a frame {what} one of another split',
                _APART
                if copy.same_picture
                else f'{_APART}; if the camera stood still for all of them, test in '
                'another place too',
            )
        )


def _painted(
    frames: pd.DataFrame, traces: Mapping[str, Trace], root: str, found: Findings
) -> None:
    def add(row: pd.Series, shown: str, problem: str) -> None:
        place = (row['csv'], int(row['line']))
        found.defects.append(Defect(*place, shown, problem, _CLEAN))

    for _, row in frames.iterrows():
        if traces[row['frame_path']].painted:
            problem = 'the label is painted into the frame in colour'
            add(row, f"'{row['frame_path']}'", problem)
    for gas in GASES:
        read = [traces[n].pixels is not None for n in frames['frame_path']]
        rows = frames[np.array(read, bool) & (frames['gas_type'] == gas)]
        wide = [
            int(traces[name].size.partition('x')[0]) >= _WIDTH_OF_LINES
            for name in rows['frame_path']
        ]
        for label, least in READER_IOU.items():
            some = rows[np.array(wide, bool)] if label == 'outline' else rows
            pixels = [traces[name].pixels for name in some['frame_path']]
            counts = read_painted(
                [of for of in pixels if of is not None],
                some['group'].to_numpy(object).astype(str),
                label=label,
            )
            if counts is None:
                continue
            each = np.array([iou_of(count) for count in counts])
            order = np.argsort(-each, kind='stable')
            if iou_of(counts) > least:
                named = ', '.join(
                    f"'{some['frame_path'].iat[k]}'" for k in order[:_NAMED]
                )
                found.defects.append(
                    Defect(
                        root,
                        None,
                        f'{GAS_LABELS[gas]}, IoU {iou_of(counts):.2f}, most in {named}',
                        f'the label is painted into the frames: a trivial reader of '
                        f"3x3 gray levels finds the {label} in other groups' frames",
                        _CLEAN,
                    )
                )
                break
            told = [k for k in order if each[k] >= _FRAME_IOU]
            if len(told) >= max(_FRAMES_READ, _SHARE_READ * len(some)):
                for k in told:
                    shown = f"'{some['frame_path'].iat[k]}', IoU {each[k]:.2f}"
                    problem = (
                        'the label is painted into the frame: a trivial reader of 3x3 '
                        f'gray levels, fitted on other groups, finds the {label}'
                    )
                    add(some.iloc[k], shown, problem)
                break


def _file_traits(
    labelled: pd.DataFrame, traces: Mapping[str, Trace], root: str, found: Findings
) -> None:
    if labelled['class_id'].nunique() < 2:
        return
    of = [traces[name] for name in labelled['frame_path']]
    table = labelled.assign(
        **{
            trait: [getattr(trace, trait) for trace in of]
            for trait in (*_WAYS_OUT, 'gray')
        }
    )
    rows = table.to_dict('records')
    for giveaway in find_giveaways(table):
        row = rows[giveaway.frame]
        shown = (
            f'{GAS_LABELS.get(giveaway.gas, giveaway.gas)}, {giveaway.shown}; balanced '
            f'accuracy {giveaway.accuracy:.2f}, chance {giveaway.chance:.2f}'
        )
        if giveaway.trait == 'gray':
            found.warnings.append(
                Defect(
                    root,
                    None,
                    shown,
                    'the mean gray level of a frame alone tells the class',
                    'look whether the classes were recorded with other settings or '
                    'on other days, and test on recordings of a day with all classes',
                )
            )
            continue
        found.defects.append(
            Defect(
                row['csv'],
                int(row['line']),
                f"{shown}; such as '{row['frame_path']}'",
                f'the {giveaway.trait} of the file gives the class away',
                _WAYS_OUT[giveaway.trait],
            )
        )
    for gas, classes in gases_by_class(labelled).items():
        without = sorted(set(labelled['class_name']) - set(classes))
        first = labelled[labelled['gas_type'] == gas].iloc[0]
        found.warnings.append(
            Defect(
                root,
                None,
                f"{GAS_LABELS.get(gas, gas)} (as '{first['frame_path']}') is there "
                f'for {", ".join(classes)}, not for {", ".join(without)}',
                'which gas was recorded tells the class, without a look at it',
                'record the gas of all classes; until then give the figures of samples '
                'of one gas beside those of all',
            )
        )


def _background(
    labelled: pd.DataFrame, traces: Mapping[str, Trace], root: str, found: Findings
) -> None:
    """The gas-erased classifier, where backgrounds were kept."""
    for gas in GASES:
        rows = labelled[labelled['gas_type'] == gas]
        kept = [traces[name].background is not None for name in rows['frame_path']]
        rows = rows[np.array(kept, bool)]
        if rows.empty:
            continue
        backgrounds = [traces[name].background for name in rows['frame_path']]
        erased = classify_erased(
            np.array(backgrounds),
            rows['class_name'].to_numpy(object).astype(str),
            rows['group'].to_numpy(object).astype(str),
        )
        name = GAS_LABELS[gas]
        if erased is None:
            found.notes.append(
                f'{name} with the gas erased: not tried; it needs two classes of 5 '
                'groups each.'
            )
            continue
        text = (
            f'{name} with the gas erased: balanced accuracy {erased.accuracy:.2f} on '
            f'other groups ({erased.groups} in all), by chance {erased.chance[0]:.2f} '
            f'to {erased.chance[1]:.2f}'
        )
        if not erased.tells:
            found.notes.append(f'{text}: at chance.')
            continue
        found.warnings.append(
            Defect(
                root,
                None,
                text,
                'the background alone tells the class',
                'a model can learn places, days or settings in place of gas: record '
                'every class in each of them, and judge models on new ones',
            )
        )
