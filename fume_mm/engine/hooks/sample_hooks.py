"""Hooks that show what the model predicts: masks and panels of samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from fume_mm.drawing import draw_panel
from fume_mm.errors import UserError
from fume_mm.io.files import file_name
from fume_mm.io.images import read_gray, write_mask, write_png
from fume_mm.registry import HOOKS
from fume_mm.structures import DualGasDataSample
from fume_mm.structures.labels import Labels
from fume_mm.structures.marks import dataset_note

from ..saved_masks import mask_name


class SampleFilesHook(Hook):
    """Goes through the test split, each sample in one of the processes only.

    Files are named by ``sample_id``; signs that cannot be in a file name are
    percent-encoded.
    """

    _seen = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Start counting the samples of this process."""
        self._seen = 0

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[DualGasDataSample] | None = None,
    ) -> None:
        """Write the files of this batch."""
        total = len(runner.test_dataloader.dataset)
        for sample in outputs or ():
            # MMEngine's sampler deals the dataset out to the processes like cards;
            # samples that fill up the last round are another process's.
            if self._seen * get_world_size() + get_rank() < total:
                self.write_sample(runner, sample)
            self._seen += 1

    def write_sample(self, runner: Runner, sample: DualGasDataSample) -> None:
        """Write the files of a sample."""
        raise NotImplementedError


@HOOKS.register_module()
class MaskHook(SampleFilesHook):
    """Write each test sample's predicted masks, batch by batch.

    A mask is ``<sample_id>_<gas>.png``, a palette PNG of class ids (FUME's: 0
    background, 1 tube, 2 gas), at the size of its frame on disk.

    Args:
        out_dir: Folder of the masks; files of these names are replaced.

    Raises:
        UserError: In the test, if the model predicts no masks.
    """

    def __init__(self, *, out_dir: str) -> None:
        self.out_dir = Path(out_dir)

    def write_sample(self, runner: Runner, sample: DualGasDataSample) -> None:
        """Write the masks of a sample."""
        self.out_dir.mkdir(parents=True, exist_ok=True)
        name = str(sample.get('sample_id'))
        for gas in (gas for gas, here in sample.present.items() if here):
            if 'pred_sem_seg' not in sample.get(gas):
                raise UserError(
                    f"sample '{name}' has no predicted {gas} mask; give the model a "
                    'decode_head, or ask for no masks.'
                )
            mask = sample.get(gas).pred_sem_seg.data[0].to('cpu').numpy()
            path = self.out_dir / mask_name(name, gas)
            write_mask(path, mask.astype(np.uint8), _labels(runner).seg_palette)


@HOOKS.register_module()
class PanelHook(SampleFilesHook):
    """Show what the model does with a few validation samples, and all test samples.

    Validation: the same ``num_val`` samples each time, evenly spaced over the dataset
    (over the main process's share of it, if there are several), go to the visualizer
    as ``val/panel_<i>`` at the current iteration. Test: each sample's panel is written
    to ``out_dir`` as ``<sample_id>.png``.

    Frames are read anew from the files that the sample names, at their own size, and
    only for samples that are drawn. If the dataset's metainfo says that it is
    ``simulated``, the panels say so.

    Args:
        num_val: How many validation samples to draw; 0 draws none.
        out_dir: Folder for the test panels; ``panels`` in the run's log folder unless
            given.

    Raises:
        UserError: If the count is negative.
    """

    def __init__(self, *, num_val: int = 4, out_dir: str | None = None) -> None:
        if num_val < 0:
            raise UserError(f'PanelHook has num_val={num_val}; use 0 to draw none.')
        self.num_val = num_val
        self.out_dir = out_dir
        self._position = 0
        self._chosen: list[int] = []

    def before_val_epoch(self, runner: Runner) -> None:
        """Choose the samples to draw, by their position in the main process's share."""
        share = len(range(0, len(runner.val_dataloader.dataset), get_world_size()))
        self._position = 0
        self._chosen = evenly_spaced(self.num_val, share) if is_main_process() else []

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | tuple | list | None = None,
        outputs: Sequence[DualGasDataSample] | None = None,
    ) -> None:
        """Draw the chosen ones of this batch to the visualizer."""
        for sample in outputs or ():
            if self._position in self._chosen:
                # Asking for the iteration builds the training loop, which a run that
                # only validates does not have or want.
                trains = not isinstance(runner._train_loop, (dict, type(None)))
                runner.visualizer.add_datasample(
                    f'val/panel_{self._chosen.index(self._position)}',
                    read_frames(sample),
                    sample,
                    step=runner.iter if trains else 0,
                    note=_note(runner.val_dataloader),
                )
            self._position += 1

    def write_sample(self, runner: Runner, sample: DualGasDataSample) -> None:
        """Draw a sample to a file."""
        folder = Path(self.out_dir or Path(runner.log_dir) / 'panels')
        folder.mkdir(parents=True, exist_ok=True)
        note = _note(runner.test_dataloader)
        frames = read_frames(sample)
        panel = draw_panel(frames, sample, note=note, labels=_labels(runner))
        write_png(folder / f'{file_name(str(sample.get("sample_id")))}.png', panel)


def _labels(runner: Runner) -> Labels:
    return Labels.from_meta(getattr(runner.test_dataloader.dataset, 'metainfo', None))


def evenly_spaced(count: int, total: int) -> list[int]:
    """Up to ``count`` different positions from first to last of ``total``."""
    positions = np.linspace(0, total - 1, min(count, total)).round()
    return positions.astype(int).tolist()


def read_frames(sample: DualGasDataSample) -> dict[str, np.ndarray]:
    """Read the frames that a sample names.

    Args:
        sample: With the metainfo ``frame_paths``, by gas.

    Returns:
        (H, W) uint8 by gas, at the files' own size.

    Raises:
        UserError: If the sample names no file, or the file cannot be read.
    """
    name = f"sample '{sample.get('sample_id')}'"
    paths, limits = sample.get('frame_paths', {}), sample.get('limits', {})
    frames: dict[str, np.ndarray] = {}
    for gas in (gas for gas, here in sample.present.items() if here):
        if not paths.get(gas):
            raise UserError(
                f"{name} does not say where its {gas} frame is; keep 'frame_paths' "
                'among the meta keys that the pipeline packs, or take PanelHook out.'
            )
        try:
            frames[gas] = read_gray(
                paths[gas], what=f'the {gas} frame', limits=limits.get(gas)
            )
        except UserError as error:
            raise UserError(f'{name}: {error}') from None
    return frames


def _note(dataloader: Any) -> str | None:
    return dataset_note(getattr(dataloader.dataset, 'metainfo', None))
