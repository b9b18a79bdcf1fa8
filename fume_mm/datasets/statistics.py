"""What a campaign holds, in numbers: counts, areas, gray levels, contrast.

Each frame and its mask are decoded once, in threads; of a frame, a few numbers are kept
and its histogram is added to that of its gas. Needs NumPy, pandas and OpenCV, no torch.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from fume_mm.io.images import read_labelled
from fume_mm.io.label_file import read_labels
from fume_mm.io.progress import ordered_map
from fume_mm.structures import (
    AVAILABILITY,
    BACKGROUND,
    GASES,
    SPLITS,
)
from fume_mm.structures.labels import FUME_LABELS, Labels

from .annotations import annotation_csvs, existing_root, read_annotations
from .frame_limits import frame_limits
from .paired_csv import read_paired
from .pairing import availability_of

#: ``health`` of a row that has masks only.
NO_HEALTH = 'no class'
#: What :func:`measure` says of a frame.
MEASURES = ('gas_share', 'tube_share', 'background_gray', 'contrast')
#: Width of the ring around the gas, as a share of the frame's width.
RING_SHARE = 0.02
LEVELS = 256


def health_groups(labels: Labels = FUME_LABELS) -> tuple[str, ...]:
    """Rows of the tables and groups of the figures, in this order."""
    return (*labels.health_classes, NO_HEALTH)


def measure(
    frame: np.ndarray,
    mask: np.ndarray,
    *,
    ring: int | None = None,
    labels: Labels = FUME_LABELS,
) -> tuple[dict[str, float], np.ndarray]:
    """Measure one frame; pixels of its mask that are unlabelled (255) count nowhere.

    Args:
        frame: (H, W) uint8.
        mask: (H, W) uint8, class ids, 255 unlabelled.
        ring: Pixels around the gas, diagonally too, whose background the gas is held
            against; by default :data:`RING_SHARE` of the frame's width, at least 1.
        labels: What the values of the mask are.

    Returns:
        The :data:`MEASURES` and a histogram, (classes, 256) int64: pixels by class and
        gray level. ``gas_share`` and ``tube_share`` are of the labelled pixels, 0 to 1,
        and NaN if there are none, or no such class. ``background_gray`` is the median
        gray level of the background. ``contrast`` is the mean gray level of the gas
        minus the median of the ring's background, in gray levels. Both are NaN where
        one of their parts has no pixel.
    """
    classes, gas = len(labels.seg_classes), labels.gas
    counts = cv2.calcHist(
        [frame, mask], [0, 1], None, [LEVELS, classes], [0, 256, 0, classes]
    )
    histogram = counts.reshape(LEVELS, -1).T.astype(np.int64)
    pixels = histogram.sum(axis=1)
    labelled = pixels.sum()
    contrast = np.nan
    if pixels[gas]:
        reach = ring or max(1, round(RING_SHARE * frame.shape[1]))
        kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        near = cv2.dilate((mask == gas).astype(np.uint8), kernel)
        near[mask != BACKGROUND] = 0
        around = cv2.calcHist([frame], [0], near, [LEVELS], [0, 256]).ravel()
        mean = histogram[gas] @ np.arange(LEVELS) / pixels[gas]
        contrast = float(mean) - histogram_median(around)
    shares = pixels / labelled if labelled else np.full(len(pixels), np.nan)
    measures = {
        'gas_share': shares[gas],
        'tube_share': np.nan if labels.tube is None else shares[labels.tube],
        'background_gray': histogram_median(histogram[BACKGROUND]),
        'contrast': contrast,
    }
    return {key: float(value) for key, value in measures.items()}, histogram


def histogram_median(counts: np.ndarray) -> float:
    """The median of the values 0, 1, ... that occur ``counts`` times.

    Args:
        counts: (n,), not negative.

    Returns:
        The mean of the two in the middle if they are an even number; NaN if there are
        none.
    """
    below = np.cumsum(counts, dtype=np.int64)
    total = int(below[-1])
    if not total:
        return float('nan')
    middle = np.searchsorted(below, [(total - 1) // 2, total // 2], side='right')
    return float(middle.mean())


def read_frames(
    root: str | Path,
    splits: Sequence[str] | None = None,
    *,
    ann_root: str | Path | None = None,
) -> pd.DataFrame:
    """The rows of a campaign's annotation CSVs.

    Args:
        root: The campaign's folder.
        splits: Those that must be there; None takes whichever are.
        ann_root: Where the CSVs lie, if not in the root.

    Returns:
        What :func:`~fume_mm.datasets.annotations.read_annotations` gives, one split
        after the other, ``split``, and ``health``, one of :func:`health_groups`.

    Raises:
        UserError: If there is no such folder or CSV, or on any invalid row.
    """
    root = existing_root(root)
    csvs = root if ann_root is None else Path(ann_root)
    if splits is None:
        splits = list(annotation_csvs(csvs))
    paths = {split: csvs / f'{split}_annotations.csv' for split in splits}
    rows = {s: read_annotations(paths[s], root=root, check_files=False) for s in splits}
    return _joined(rows, read_labels(root))


def read_samples(
    root: str | Path,
    splits: Sequence[str] = SPLITS,
    *,
    ann_root: str | Path | None = None,
) -> pd.DataFrame | None:
    """The rows of the paired CSVs that a campaign has; None if it has none.

    Args:
        root: The campaign's folder.
        splits: Whose.
        ann_root: Where the CSVs lie, if not in the root.

    Returns:
        What :func:`~fume_mm.datasets.paired_csv.read_paired` gives, ``split``,
        ``health`` and ``availability``, one of
        :data:`~fume_mm.structures.AVAILABILITY`.

    Raises:
        UserError: On any invalid row.
    """
    csvs = Path(root if ann_root is None else ann_root)
    paths = {split: csvs / f'paired_{split}_annotations.csv' for split in splits}
    rows = {
        split: read_paired(path, root=root, check_files=False, require_groups=False)
        for split, path in paths.items()
        if path.exists()
    }
    if not rows:
        return None
    samples = _joined(rows, read_labels(root))
    return samples.assign(availability=availability_of(samples))


def _joined(rows: dict[str, pd.DataFrame], labels: Labels) -> pd.DataFrame:
    parts = [part.assign(split=split) for split, part in rows.items()]
    joined = pd.concat(parts, ignore_index=True)
    names = dict(enumerate(labels.health_classes))
    return joined.assign(health=joined['class_id'].map(names).fillna(NO_HEALTH))


def measure_campaign(
    frames: pd.DataFrame,
    root: str | Path,
    *,
    workers: int | None = None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Decode and measure every frame and its mask, each once.

    Args:
        frames: As :func:`read_frames` gives them.
        root: The folder that their paths are relative to.
        workers: Threads; None is a few more than processors.

    Returns:
        ``frames`` with the columns :data:`MEASURES`, and by gas the sum of the
        histograms of its frames (see :func:`measure`), (classes, 256) int64.

    Raises:
        UserError: Naming the file that does not decode, the mask that is no mask or
            that has not its frame's size.
    """
    limits = frame_limits(frames, root, workers=workers)

    def look(pair: tuple[str, str]) -> tuple[dict[str, float], np.ndarray]:
        frame, mask = pair
        pixels = read_labelled(
            Path(root) / frame,
            Path(root) / mask if mask else None,
            labels.seg_classes,
            limits=limits.get(frame),
        )
        return measure(*pixels, labels=labels)

    labels = read_labels(root)
    none = np.zeros((len(labels.seg_classes), LEVELS), np.int64)
    histograms: dict[str, np.ndarray] = {gas: none.copy() for gas in GASES}
    measures = np.empty((len(frames), len(MEASURES)))
    files = zip(frames['frame_path'], frames['mask_path'], strict=True)
    found = ordered_map(look, files, workers, frames=len(frames))
    gases = frames['gas_type'].tolist()
    for row, (numbers, histogram) in enumerate(found):
        measures[row] = [numbers[key] for key in MEASURES]
        histograms[gases[row]] += histogram
    columns = pd.DataFrame(measures, frames.index, list(MEASURES))
    return pd.concat([frames, columns], axis=1), histograms


def count_by_class(frames: pd.DataFrame, labels: Labels = FUME_LABELS) -> pd.DataFrame:
    """Frames of each split and health class, by gas; in the order of ``labels``.

    Returns:
        Columns ``split``, ``health``, one for each gas, ``frames``; a row for each
        combination that there is.
    """
    keys = ['split', 'health']
    return _ordered(_count(frames, keys, 'gas_type', GASES, 'frames'), labels)


def count_by_ph(frames: pd.DataFrame) -> pd.DataFrame:
    """Frames of each pH, to a tenth, by gas.

    Returns:
        Columns ``ph``, one for each gas, ``frames``; from high to low pH, and last, as
        NaN, the frames that have none.
    """
    rounded = frames.assign(ph=frames['ph_value'].round(1))
    table = _count(rounded, ['ph'], 'gas_type', GASES, 'frames')
    return table.sort_values('ph', ascending=False, ignore_index=True)


def count_availability(
    samples: pd.DataFrame, labels: Labels = FUME_LABELS
) -> pd.DataFrame:
    """Samples of each split and health class, by the gases that they have.

    Args:
        samples: As :func:`read_samples` gives them.
        labels: In whose order.

    Returns:
        Columns ``split``, ``health``, ``both``, ``co2_only``, ``ch4_only``,
        ``samples``.
    """
    keys = ['split', 'health']
    return _ordered(
        _count(samples, keys, 'availability', AVAILABILITY, 'samples'), labels
    )


def count_pairing(samples: pd.DataFrame) -> pd.DataFrame:
    """Pairs of each split by what their two frames share.

    Args:
        samples: As :func:`read_samples` gives them.

    Returns:
        Columns ``split``, ``pairing`` (as in the paired CSV; ``not said`` where it does
        not) and ``pairs``; no row where no sample has both gases.
    """
    pairs = samples[samples['is_paired']].replace({'pairing': {'': 'not said'}})
    table = pairs.groupby(['split', 'pairing']).size().rename('pairs')
    return _ordered(table.reset_index(), FUME_LABELS)


def _count(
    rows: pd.DataFrame, keys: list[str], by: str, values: Sequence[str], total: str
) -> pd.DataFrame:
    table = rows.groupby([*keys, by], dropna=False).size().unstack(by, fill_value=0)
    table = table.reindex(columns=list(values), fill_value=0)
    table[total] = table.sum(axis=1)
    return table.rename_axis(columns=None).reset_index()


def _ordered(table: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """The rows in the order of the splits, the gases and the health classes."""
    groups = (*health_groups(labels), 'all')
    orders = {'split': SPLITS, 'gas_type': GASES, 'health': groups}
    keys = [column for column in orders if column in table]
    if not keys:
        return table
    return table.sort_values(
        keys,
        key=lambda column: column.map(orders[str(column.name)].index),
        ignore_index=True,
    )


def summarise(measured: pd.DataFrame, labels: Labels = FUME_LABELS) -> pd.DataFrame:
    """What the measures of the frames come to, by gas and health class.

    Percentages are of a frame's labelled pixels. A frame without gas counts as 0 in
    the areas and not at all in the contrast; one without labelled pixels counts in
    ``frames`` alone.

    Args:
        measured: As :func:`measure_campaign` gives it.
        labels: In whose order.

    Returns:
        A row for each gas and class that there is, and for a gas with several classes
        ``all``: ``gas_type``, ``health``, ``frames``, ``without_gas_percent`` (of the
        frames), mean, median and 90th percentile of ``gas_percent``, mean of
        ``tube_percent``, median of ``background_gray``, and 10th percentile, median
        and 90th percentile of ``contrast`` in gray levels.
    """
    rows = []
    for gas_type, of_gas in measured.groupby('gas_type'):
        groups = dict(iter(of_gas.groupby('health')))
        if len(groups) > 1:
            groups['all'] = of_gas
        for health, group in groups.items():
            gas, contrast = group['gas_share'].dropna(), group['contrast']
            rows.append(
                {
                    'gas_type': gas_type,
                    'health': health,
                    'frames': len(group),
                    'without_gas_percent': 100 * (gas == 0).mean(),
                    'gas_percent_mean': 100 * gas.mean(),
                    'gas_percent_median': 100 * gas.median(),
                    'gas_percent_p90': 100 * gas.quantile(0.9),
                    'tube_percent_mean': 100 * group['tube_share'].mean(),
                    'background_gray_median': group['background_gray'].median(),
                    'contrast_p10': contrast.quantile(0.1),
                    'contrast_median': contrast.median(),
                    'contrast_p90': contrast.quantile(0.9),
                }
            )
    return _ordered(pd.DataFrame(rows), labels)


def gray_table(
    histograms: dict[str, np.ndarray], labels: Labels = FUME_LABELS
) -> pd.DataFrame:
    """Pixels by gas, gray level and class of the mask: columns ``gas_type``, ``gray``,
    ``background``, ``tube``, ``gas`` or whatever the classes are.
    """
    parts = {
        gas: pd.DataFrame(histogram.T, columns=list(labels.seg_classes))
        for gas, histogram in histograms.items()
    }
    return pd.concat(parts, names=['gas_type', 'gray']).reset_index()
