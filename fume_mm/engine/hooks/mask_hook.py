"""Predicted masks of the test samples to files."""

from pathlib import Path

import numpy as np
from mmengine.runner import Runner

from fume_mm.errors import UserError
from fume_mm.io.images import write_png
from fume_mm.registry import HOOKS
from fume_mm.structures import GASES, DualGasDataSample

from .sample_files import SampleFilesHook, sample_file_name


@HOOKS.register_module()
class MaskHook(SampleFilesHook):
    """Write each test sample's predicted masks, batch by batch.

    A mask is ``<sample_id>_<gas>.png`` in ``out_dir``, one channel, 0 background, 1
    tube, 2 gas, at the size of its frame on disk; written by the process that has the
    sample. Signs that cannot be in a file name are percent-encoded.

    Args:
        out_dir: Folder of the masks; files of these names are replaced.

    Raises:
        UserError: In the test, if the model predicts no masks.
    """

    def __init__(self, *, out_dir: str) -> None:
        self.out_dir = Path(out_dir)

    def before_test_epoch(self, runner: Runner) -> None:
        """Make the folder."""
        super().before_test_epoch(runner)
        self.out_dir.mkdir(parents=True, exist_ok=True)

    def write_sample(
        self, runner: Runner, position: int, sample: DualGasDataSample
    ) -> None:
        """Write the masks of a sample."""
        for gas, mask in predicted_masks(sample).items():
            write_png(self.out_dir / f'{sample_file_name(sample)}_{gas}.png', mask)


def predicted_masks(sample: DualGasDataSample) -> dict[str, np.ndarray]:
    """The predicted masks of a sample, (H, W) uint8 by gas.

    Raises:
        UserError: If a gas that the sample has was given no mask.
    """
    masks: dict[str, np.ndarray] = {}
    for gas in (gas for gas in GASES if gas in sample):
        if 'pred_sem_seg' not in sample.get(gas):
            raise UserError(
                f"sample '{sample.get('sample_id')}' has no predicted {gas} mask; give "
                'the model a decode_head, or ask for no masks.'
            )
        mask = sample.get(gas).pred_sem_seg.data[0]
        masks[gas] = mask.to('cpu').numpy().astype(np.uint8)
    return masks
