"""The dataset of paired CO2 and CH4 frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from fume_mm.errors import UserError
from fume_mm.registry import DATASETS
from fume_mm.structures import (
    GASES,
    HEALTH_CLASSES,
    SEG_CLASSES,
    SEG_PALETTE,
    SPLITS,
)

from .annotations import existing_root, is_simulated
from .pairing import read_paired
from .sample_table import SampleTable
from .splitting import check_leaks, find_leaks


@DATASETS.register_module()
class DualGasDataset(BaseDataset):
    """Paired CO2 and CH4 frames of rumen vessels, with masks and health classes.

    Sensors: one optical gas imaging camera per gas (CO2 about 4.3 µm, CH4 about 3.3 or
    7.7 µm), 640×480, 8 bits. Masks: 0 background, 1 tube, 2 gas. Classes by pH: Healthy
    (6.5, 6.2), Transitional (5.9), Acidotic (5.6, 5.3, 5.0). Layout, as FUME's owners
    hold it (arXiv 2601.08205; their data are private)::

        data_root/
          paired_{train,val,test}_annotations.csv   written by pair_gases.py
          {train,val,test}_annotations.csv
          campaign.json                             only where the data are simulated

    On loading, the split is held against the other splits in ``data_root``: a vessel
    (or run, or original frame) on two sides is an error.

    Args:
        ann_file: Paired CSV, relative to ``data_root``.
        data_root: The campaign's folder.
        pipeline: Transforms; see :mod:`fume_mm.datasets.transforms` for the keys.
        gases: Keep the frames of these gases only, for a model of one gas; the others
            are absent, as if they had not been recorded. Samples left without a frame
            are left out; ``metainfo`` says how many as ``left_out``, and ``gases``.
        per_frame: Make each frame a sample of its own, ``<sample_id>_<gas>`` with the
            groups of this frame, for models that look at one frame at a time.
        allow_leakage: Load splits that share groups all the same; ``metainfo`` then
            says ``leakage=True`` and every result is marked.
        check_files: Look at every file's header on loading.
        indices: Only these samples, or the first (if negative: the last) so many.
        lazy_init: Read nothing before the first use; ``leakage`` in ``metainfo`` is
            known from then on.
        test_mode: MMEngine's: an item that fails is an error, not replaced.

    Raises:
        UserError: Naming file, line and column for whatever is wrong with the CSV or
            the files, or the groups that splits share; or ``gases`` that are none, or
            that no sample has.
    """

    data_list: SampleTable
    METAINFO = {
        'classes': SEG_CLASSES,
        'palette': [list(colour) for colour in SEG_PALETTE],
        'health_classes': HEALTH_CLASSES,
        'gases': GASES,
    }

    def __init__(
        self,
        ann_file: str,
        *,
        data_root: str,
        pipeline: Sequence[Any] = (),
        gases: Sequence[str] = GASES,
        per_frame: bool = False,
        allow_leakage: bool = False,
        check_files: bool = True,
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
        test_mode: bool = False,
    ) -> None:
        self.gases = _known_gases(gases)
        self.per_frame = per_frame
        self.allow_leakage = allow_leakage
        self.check_files = check_files
        root = existing_root(data_root)
        self.root = root
        super().__init__(
            ann_file=ann_file,
            data_root=str(root),
            pipeline=list(pipeline),
            indices=indices,
            serialize_data=False,  # the table is the sharper tool
            lazy_init=lazy_init,
            test_mode=test_mode,
            metainfo={
                'simulated': is_simulated(root),
                'leakage': False,
                'gases': self.gases,
                'left_out': 0,
            },
        )

    def load_data_list(self) -> SampleTable:
        """The samples as the transforms expect them, a dict each, made on demand."""
        paired = read_paired(
            Path(self.ann_file), root=self.root, check_files=self.check_files
        )
        self._check_splits(paired)
        table = SampleTable.from_frame(paired, root=self.root)
        if len(self.gases) < len(GASES):
            table = self._of_gases(table)
        return table.per_frame() if self.per_frame else table

    def _of_gases(self, table: SampleTable) -> SampleTable:
        kept = table.of_gases(self.gases)
        names = ' or '.join(self.gases)
        left_out = len(table) - len(kept)
        if not len(kept):
            raise UserError(
                f'{self.ann_file}: none of its {len(table)} samples has a {names} '
                f'frame; set gases={GASES!r} in the dataset config.'
            )
        if left_out:
            print_log(
                f'{self.ann_file}: {left_out} of {len(table)} samples have no {names} '
                'frame and are left out.',
                'current',
            )
        self._metainfo['left_out'] = left_out
        return kept

    def _get_unserialized_subset(self, indices: int | Sequence[int]) -> SampleTable:
        """MMEngine's, which would make a list of dicts."""
        if isinstance(indices, int):
            return (
                self.data_list[:indices] if indices >= 0 else self.data_list[indices:]
            )
        return self.data_list.take(indices)

    def _check_splits(self, paired: Any) -> None:
        splits = {}
        own = Path(self.ann_file).name
        for split in SPLITS:
            path = self.root / f'paired_{split}_annotations.csv'
            if path.name == own:
                splits[split] = paired
            elif path.exists():
                other = read_paired(path, root=self.root, check_files=False)
                splits[split] = other[['groups']]
        if self.allow_leakage:
            self._metainfo['leakage'] = bool(find_leaks(splits, column='groups'))
        else:
            check_leaks(splits, self.root, column='groups')

    @property
    def health_labels(self) -> np.ndarray:
        """Class id of every sample, (len,) int."""
        self.full_init()
        return self.data_list.class_ids

    def prepare_data(self, idx: int) -> Any:
        """The item ``idx``; whatever is wrong with it is raised, never skipped."""
        return self.pipeline(self.get_data_info(idx))


def _known_gases(gases: Sequence[str]) -> tuple[str, ...]:
    unknown = [gas for gas in gases if gas not in GASES]
    twice = len(set(gases)) < len(gases)
    if isinstance(gases, str) or unknown or twice or not gases:
        raise UserError(
            f'dataset.gases is {gases!r}; name some of {", ".join(GASES)}, each once, '
            "as in gases=('co2',)."
        )
    return tuple(gas for gas in GASES if gas in gases)
