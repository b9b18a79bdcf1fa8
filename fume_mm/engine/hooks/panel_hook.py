"""Panels of validation samples to the loggers, and of test samples to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import get_world_size, is_main_process
from mmengine.runner import Runner

from fume_mm.drawing import draw_panel
from fume_mm.errors import UserError
from fume_mm.io.images import read_gray, write_png
from fume_mm.registry import HOOKS
from fume_mm.structures import DualGasDataSample
from fume_mm.structures.marks import dataset_note

from .sample_files import SampleFilesHook, sample_file_name


@HOOKS.register_module()
class PanelHook(SampleFilesHook):
    """Show what the model does with a few samples.

    Validation: the same ``num_val`` samples each time, evenly spaced over the dataset
    (over the main process's share of it, if there are several), go to the visualizer
    as ``val/panel_<i>`` at the current iteration. Test: each sample's panel is written
    to ``out_dir`` as ``<sample_id>.png``, by the process that has the sample; signs
    that cannot be in a file name are percent-encoded.

    Frames are read anew from the files that the sample names, at their own size, and
    only for samples that are drawn. If the dataset's metainfo says that it is
    ``simulated``, the panels say so.

    Args:
        num_val: How many validation samples to draw; 0 draws none.
        num_test: How many test samples to draw, evenly spaced; None draws all.
        out_dir: Folder for the test panels; ``panels`` in the run's log folder unless
            given.

    Raises:
        UserError: If a count is negative.
    """

    def __init__(
        self,
        *,
        num_val: int = 4,
        num_test: int | None = None,
        out_dir: str | None = None,
    ) -> None:
        for name, count in (('num_val', num_val), ('num_test', num_test)):
            if count is not None and count < 0:
                raise UserError(
                    f'PanelHook has {name}={count}; use 0 to draw none'
                    + (' or None to draw all.' if name == 'num_test' else '.')
                )
        self.num_val = num_val
        self.num_test = num_test
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
        outputs = outputs or []
        for position, sample in enumerate(outputs, start=self._position):
            if position in self._chosen:
                runner.visualizer.add_datasample(
                    f'val/panel_{self._chosen.index(position)}',
                    read_frames(sample),
                    sample,
                    step=_iteration(runner),
                    note=_note(runner.val_dataloader),
                )
        self._position += len(outputs)

    def before_test_epoch(self, runner: Runner) -> None:
        """Choose the samples to draw, by their position in the dataset."""
        super().before_test_epoch(runner)
        total = len(runner.test_dataloader.dataset)
        count = total if self.num_test is None else self.num_test
        self._chosen = evenly_spaced(count, total)

    def write_sample(
        self, runner: Runner, position: int, sample: DualGasDataSample
    ) -> None:
        """Draw a sample to a file, if it is a chosen one."""
        if position in self._chosen:
            folder = Path(self.out_dir or Path(runner.log_dir) / 'panels')
            folder.mkdir(parents=True, exist_ok=True)
            note = _note(runner.test_dataloader)
            panel = draw_panel(read_frames(sample), sample, note=note)
            write_png(folder / f'{sample_file_name(sample)}.png', panel)


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
    paths = sample.get('frame_paths', {})
    frames: dict[str, np.ndarray] = {}
    for gas in (gas for gas, here in sample.present.items() if here):
        if not paths.get(gas):
            raise UserError(
                f"{name} does not say where its {gas} frame is; keep 'frame_paths' "
                'among the meta keys that the pipeline packs, or take PanelHook out.'
            )
        try:
            frames[gas] = read_gray(paths[gas], what=f'the {gas} frame')
        except UserError as error:
            raise UserError(f'{name}: {error}') from None
    return frames


def _note(dataloader: Any) -> str | None:
    return dataset_note(getattr(dataloader.dataset, 'metainfo', None))


def _iteration(runner: Runner) -> int:
    # Asking for the iteration builds the training loop, which a run that only
    # validates does not have or want.
    loop = runner._train_loop
    return 0 if loop is None or isinstance(loop, dict) else runner.iter
