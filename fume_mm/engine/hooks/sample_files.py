"""What the hooks that write a file for each sample of the test share."""

from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from fume_mm.io.files import file_name
from fume_mm.structures import DualGasDataSample


class SampleFilesHook(Hook):
    """Goes through the test split, each sample in one of the processes only."""

    priority = 'NORMAL'
    _place = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Start counting the samples of this process."""
        self._place = 0

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
            position = self._place * get_world_size() + get_rank()
            if position < total:
                self.write_sample(runner, position, sample)
            self._place += 1

    def write_sample(
        self, runner: Runner, position: int, sample: DualGasDataSample
    ) -> None:
        """Write the files of the sample at a position in the dataset."""
        raise NotImplementedError


def sample_file_name(sample: DualGasDataSample) -> str:
    """What a sample's files are called."""
    return file_name(str(sample.get('sample_id')))
