"""Masks by a model for the frames of a review that have none."""

from collections.abc import Iterator

import numpy as np

from fume_mm.datasets.reviewing import Review
from fume_mm.errors import UserError
from fume_mm.io.files import disk_errors
from fume_mm.io.images import write_mask
from fume_mm.io.label_file import LABELS_FILE
from fume_mm.structures import IGNORE

from .inferencer import DualGasInferencer


def prelabel(
    inferencer: DualGasInferencer, review: Review, *, unsure_below: float = 0.0
) -> Iterator[int]:
    """Predict and write the masks that are not there yet, one after the other.

    What is there is never replaced, so a run that was stopped goes on where it was.

    Args:
        inferencer: A model with masks.
        review: Frames, and where their masks belong.
        unsure_below: Pixels whose most probable class has less become
            :data:`~fume_mm.structures.IGNORE`.

    Yields:
        The index of each frame whose mask has been written.

    Raises:
        UserError: If the probability is none, the model predicts no masks, or their
            classes are not the campaign's.
    """
    theirs, ours = inferencer.labels, review.labels
    if theirs.seg_classes != ours.seg_classes:
        raise UserError(
            f'{inferencer.model_name}: its masks have the classes {theirs.seg_legend}, '
            f'those of {review.folder} are {ours.seg_legend}; give another model, or '
            f'say its classes in {review.folder / LABELS_FILE}.'
        )
    if not 0 <= unsure_below <= 1:
        raise UserError(
            f'--unsure-below {unsure_below} is no probability; give 0 to 1.'
        )
    missing = [i for i in range(len(review)) if not review.mask_file(i).exists()]
    if not missing:
        return
    gases = review.rows['gas_type']
    stream = inferencer.stream(
        [
            {
                gases[i]: review.frame_file(i),
                'name': review.mask_file(i).stem,
                'limits': {gases[i]: x} if (x := review.limits(i)) else {},
            }
            for i in missing
        ],
        probabilities=unsure_below > 0,
    )
    for index, prediction in zip(missing, stream, strict=True):
        gas, result = gases[index], prediction.result
        if gas not in result.masks:
            raise UserError(
                f'{inferencer.model_name}: predicts no {gas} mask; give another model.'
            )
        mask = result.masks[gas]
        if unsure_below:
            unsure = result.probabilities[gas].max(axis=0) < unsure_below
            mask = np.where(unsure, np.uint8(IGNORE), mask)
        path = review.mask_file(index)
        with disk_errors(review.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, mask, review.labels.seg_palette)
        yield index
