"""Predicted masks in files, of any program's, scored against a campaign's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from fume_mm.datasets.annotations import is_simulated
from fume_mm.datasets.grouping import BY_FRAME
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.datasets.splitting import find_leaks
from fume_mm.errors import UserError
from fume_mm.evaluation import BoundaryMetric, DualGasEvaluator, SegmentationMetric
from fume_mm.io.files import file_name
from fume_mm.io.images import read_mask
from fume_mm.io.label_file import read_labels
from fume_mm.structures import GASES, SPLITS


def mask_name(sample_id: str, gas: str) -> str:
    """Name of the file that holds the mask of a sample's gas."""
    return f'{file_name(sample_id)}_{gas}.png'


def table_of_masks(folder: Path, ann: str, root: Path) -> pd.DataFrame:
    """The table of a campaign's split and a folder of predicted masks.

    Args:
        folder: Of the masks, see :func:`mask_name`.
        ann: Paired annotations of the samples, relative to the root; the other splits'
            lie beside them.
        root: The campaign's folder, which the paths in them are relative to.

    Raises:
        UserError: If the annotations, a mask of a frame or its size are not right.
    """
    if not folder.is_dir():
        raise UserError(f'{folder}: there is no such folder; name that of the masks.')
    samples = read_paired(root / ann, root=root)
    evaluator = DualGasEvaluator([SegmentationMetric(), BoundaryMetric()])
    labels = read_labels(root)
    evaluator.dataset_meta = labels.to_meta()
    for row in samples.to_dict('records'):
        evaluator.process([_with_masks(row, folder, root, labels.seg_classes)])
    evaluator.evaluate(len(samples))
    assert evaluator.scores.table is not None
    return evaluator.scores.table.assign(
        simulated=is_simulated(root),
        leakage=_shares_groups(root, root / ann),
        by_frame=bool((samples['grouped_by'] == BY_FRAME).any()),
    )


def _shares_groups(root: Path, ann: Path) -> bool:
    """Whether the split has a vessel (or run, or frame) of another split."""
    paths = {
        split: ann.with_name(f'paired_{split}_annotations.csv') for split in SPLITS
    }
    found = {
        split: read_paired(path, root=root, check_files=False)[['groups']]
        for split, path in paths.items()
        if path.exists() or path == ann
    }
    return bool(find_leaks(found))


def _with_masks(
    row: Mapping[Any, Any], folder: Path, root: Path, classes: Sequence[str]
) -> dict[str, Any]:
    """A row of the paired annotations as the sample that the evaluator takes."""
    sample = {key: row[key] for key in ('sample_id', 'groups', 'ph_value')}
    for gas in (gas for gas in GASES if row[f'{gas}_mask']):
        path = folder / mask_name(str(row['sample_id']), gas)
        if not path.is_file():
            raise UserError(
                f'{path}: there is no such mask; every annotated frame needs one.'
            )
        masks = {'gt_sem_seg': root / row[f'{gas}_mask'], 'pred_sem_seg': path}
        sample[gas] = {
            name: {'data': torch.from_numpy(read_mask(file, classes))[None]}
            for name, file in masks.items()
        }
    return sample
