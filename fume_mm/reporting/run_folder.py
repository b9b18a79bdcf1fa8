"""The folder of a run, read in one place: scores, predictions, config, log, frames.

What a run leaves there: ``test_results.json`` and ``predictions.csv`` of the test, the
resolved config, ``<time>/vis_data/scalars.json`` of each training, checkpoints, and
``masks`` where the test was asked for them. What is missing ends in one UserError with
the command that makes it.
"""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mmengine.config import Config

from fume_mm.datasets.annotations import is_simulated
from fume_mm.datasets.data_card import FOLDER as CARD_FOLDER
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.engine.config import config_errors, frame_scale, load_config
from fume_mm.engine.saved_masks import mask_name
from fume_mm.errors import UserError
from fume_mm.evaluation.predictions import read_predictions
from fume_mm.evaluation.scores import Scores
from fume_mm.evaluation.table import marks_of
from fume_mm.io.images import read_gray, read_mask
from fume_mm.io.weights import read_checkpoint
from fume_mm.structures import GAS_LABELS
from fume_mm.structures.labels import FUME_LABELS, Labels
from fume_mm.structures.marks import MARKS

from .test_results import read_results

if TYPE_CHECKING:
    from fume_mm.engine.complexity import Complexity

RESULTS, PREDICTIONS, MASKS = 'test_results.json', 'predictions.csv', 'masks'
_BELOW = re.compile(r'seed_\d+|cv_fold\d+|fold_.+')
#: Why a run's figures must be marked, by its mark.
UNKNOWN = 'origin of the data unknown'


class RunFolder:
    """A run's folder; each file is read when it is first asked for.

    Args:
        path: The work dir of the run.
        data_root: The campaign's folder, if it is not where the config says.

    Raises:
        UserError: If there is no such folder.
    """

    def __init__(
        self, path: str | Path, *, data_root: str | Path | None = None
    ) -> None:
        self.path = Path(path)
        #: What figures call it; see :func:`name_runs`.
        parts = self.path.resolve().parts
        self.name = '/'.join(parts[-_least(parts) :])
        self._data_root = data_root
        if not self.path.is_dir():
            raise UserError(
                f'{path}: there is no such folder; name the work dir of a run, which '
                'tools/train.py makes.'
            )

    @cached_property
    def results(self) -> dict[str, Any]:
        """The content of test_results.json; scores that are null are NaN."""
        path = self.path / RESULTS
        if not path.is_file():
            raise self._missing(path)
        return read_results(path)

    @cached_property
    def scores(self) -> Scores:
        """The scores of the test, with intervals and reasons."""
        return Scores.from_json(self.results)

    @property
    def labels(self) -> Labels:
        """What the classes of the test are; FUME's without a test."""
        return self.scores.labels if self.is_tested else FUME_LABELS

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """A row per test sample, see :mod:`fume_mm.evaluation.table`."""
        path = self.path / PREDICTIONS
        named = self.results.get('predictions') if self.is_tested else None
        if not path.is_file() and named and Path(named).is_file():
            path = Path(named)  # --predictions put it elsewhere
        if not path.is_file():
            raise self._missing(path)
        return read_predictions(path, self.labels)

    @property
    def is_tested(self) -> bool:
        """Whether there is a test_results.json."""
        return (self.path / RESULTS).is_file()

    @cached_property
    def config_path(self) -> Path:
        """The resolved config that training and test leave.

        Raises:
            UserError: If there is none, or it is not clear which of several.
        """
        found = sorted(self.path.glob('*.py'))
        if len(found) > 1 and self.is_tested:
            name = Path(str(self.results.get('config', ''))).name
            found = [path for path in found if path.name == name] or found
        if not found:
            raise self._missing(self.path / '<config>.py', test=False)
        if len(found) > 1:
            names = ', '.join(path.name for path in found)
            raise UserError(
                f'{self.path}: holds several configs ({names}); keep the one of this '
                'run.'
            )
        return found[0]

    @cached_property
    def config(self) -> Config:
        """:attr:`config_path`, loaded."""
        return load_config(str(self.config_path))

    @cached_property
    def data_root(self) -> Path:
        """The campaign's folder, which need not be there."""
        if self._data_root is not None:
            return Path(self._data_root)
        loader = self.config.get('test_dataloader') or {}
        return Path((loader.get('dataset') or {}).get('data_root', ''))

    @cached_property
    def scalars(self) -> list[dict[str, Any]]:
        """What the training logged, by step; of a resumed one all parts in a row.

        Raises:
            UserError: If there is no log, or it cannot be read.
        """
        rows: list[dict[str, Any]] = []
        for path in sorted(self.path.glob('*/vis_data/scalars.json')):
            if part := _read_lines(path):
                # what was logged after the checkpoint that this went on from is undone
                start = part[0]['step']
                rows = [row for row in rows if row['step'] < start] + part
        if not rows:
            raise self._missing(self.path / '<time>/vis_data/scalars.json', test=False)
        return rows

    @cached_property
    def marks(self) -> dict[str, bool | None]:
        """Whether the data are ``simulated`` and the split has ``leakage``.

        None where nothing in the folder or the campaign tells.
        """
        meta: dict[str, Any] = {}
        if self.is_tested:
            found = (self.path / PREDICTIONS).is_file()
            of_rows = marks_of(self.predictions) if found else {}
            return {n: bool(self.results.get(n) or of_rows.get(n)) for n in MARKS}
        if checkpoint := self.checkpoint():
            content = read_checkpoint(checkpoint).get('meta') or {}
            meta = content.get('dataset_meta') or {}
        elif self.data_root != Path() and self.data_root.is_dir():
            meta = {'simulated': is_simulated(self.data_root)}
        return {name: meta.get(name) for name in MARKS}

    @cached_property
    def samples(self) -> dict[str, dict[str, Any]]:
        """Frames and masks of the test samples, by id; see DualGasDataset.

        Raises:
            UserError: If the campaign is not there or is another one than was tested.
        """
        dataset = dict(self.config.test_dataloader.dataset)
        kind = dataset.pop('type')
        if str(kind).rpartition('.')[2] != DualGasDataset.__name__:
            raise UserError(
                f'{self.config_path}: its test dataset is a {kind}; frames can be '
                'shown of a DualGasDataset.'
            )
        dataset |= {'pipeline': [], 'ann_root': self._ann_root(dataset)}
        dataset |= {'data_root': str(self.data_root)}
        dataset |= {'test_mode': True, 'check_files': False}
        with config_errors(self.config):
            built = DualGasDataset(**dataset)
        infos = (built.get_data_info(index) for index in range(len(built)))
        found = {str(info['sample_id']): info for info in infos}
        absent = [x for x in self.predictions['sample_id'] if x not in found]
        if absent:
            raise UserError(
                f"{self.path / PREDICTIONS}: sample '{absent[0]}' is not in "
                f'{built.ann_file}; give the campaign that was tested with '
                '--data-root.'
            )
        return found

    def _ann_root(self, dataset: Mapping[str, Any]) -> str | None:
        """Where the CSVs lie; with the campaign, where it was moved to."""
        ann_root = dataset.get('ann_root')
        if ann_root is None:
            return None
        with contextlib.suppress(ValueError):  # lies elsewhere
            below = Path(ann_root).relative_to(dataset['data_root'])
            return str(self.data_root / below)
        return str(ann_root)

    @property
    def has_masks(self) -> bool:
        """Whether the model predicts masks at all."""
        return 'seg' in self.results['details']

    def read_example(self, sample_id: str, gas: str) -> tuple[np.ndarray, ...]:
        """Frame, true mask and predicted mask of a test sample's gas, (H, W) uint8.

        Without the last for a model that predicts none.

        Raises:
            UserError: If one of them is missing or they differ in size.
        """
        sample = self.samples[sample_id]
        paths = [Path(sample[f'{part}_paths'][gas]) for part in ('frame', 'mask')]
        if self.has_masks:
            paths.append(self.path / MASKS / mask_name(sample_id, gas))
            if not paths[-1].is_file():
                raise self._missing(paths[-1], f' --out {self.path / MASKS}')
        for path in paths:
            if not path.is_file():
                raise UserError(
                    f'{path}: there is no such file; give the campaign that was tested '
                    'with --data-root.'
                )
        frame = read_gray(paths[0], limits=sample.get('limits', {}).get(gas))
        names = self.labels.seg_classes
        pictures = (frame, *(read_mask(path, names) for path in paths[1:]))
        if len({picture.shape for picture in pictures}) > 1:
            shapes = ', '.join(str(picture.shape) for picture in pictures)
            raise UserError(
                f"sample '{sample_id}', {GAS_LABELS[gas]}: frame and masks differ in "
                f'size ({shapes}); give the campaign that was tested with --data-root.'
            )
        return pictures

    @cached_property
    def cost(self) -> 'Complexity':
        """Parameters and MACs of a sample with all gases of the model.

        Of the config that the run leaves or, where it left none, names; at the size of
        its frames, 640x480 if they are not resized.

        Raises:
            UserError: If there is no config, or its model cannot be built.
        """
        from fume_mm.engine.complexity import complexity  # builds a model: seconds

        named = str(self.results.get('config', '')) if self.is_tested else ''
        alone = not any(self.path.glob('*.py')) and Path(named).is_file()
        config = load_config(named) if alone else self.config
        try:
            width, height = frame_scale(config)
        except UserError:
            width, height = 640, 480
        return complexity(config, size=(height, width))

    @property
    def card_folder(self) -> Path:
        """Where the run keeps what describes its data, if it does."""
        return self.path / CARD_FOLDER

    def checkpoint(self) -> Path | None:
        """The checkpoint to test: the best, else the last; None without any."""
        by_time = sorted(self.path.glob('best_*.pth'), key=lambda p: p.stat().st_mtime)
        found = [*self.path.glob('last.pth'), *by_time]
        return found[-1] if found else None

    def _missing(
        self, path: Path, options: str = '', *, test: bool = True
    ) -> UserError:
        """No ``path``, and the command that writes it."""
        words = [next(iter(sorted(self.path.glob('*.py'))), 'CONFIG')]
        words += [self.checkpoint() or 'CHECKPOINT'] if test else []
        tool = f'python tools/{"test" if test else "train"}.py'
        command = f'{tool} {" ".join(map(str, words))} --work-dir {self.path}{options}'
        return UserError(f'{path}: there is no such file; `{command}` writes it.')


def name_runs(runs: Sequence[RunFolder]) -> None:
    """Give each run the shortest end of its path that no other run has.

    Raises:
        UserError: If a run is given twice.
    """
    parts = [run.path.resolve().parts for run in runs]
    if len(set(parts)) < len(parts):
        twice = next(run.path for i, run in enumerate(runs) if parts[i] in parts[:i])
        raise UserError(f'{twice}: is given twice; give each run once.')
    for run, part in zip(runs, parts, strict=True):
        length = _least(part)
        while sum(other[-length:] == part[-length:] for other in parts) > 1:
            length += 1
        run.name = '/'.join(part[-length:])


def _least(parts: Sequence[str]) -> int:
    """How many parts of a path name a run: up to the config's, whatever lies below.

    A suite's folders are <config>/seed_<n>, over folds <config>/<fold>/seed_<n>.
    """
    least = 1
    while least < len(parts) and _BELOW.fullmatch(parts[-least]):
        least += 1
    return least


def note_of(runs: Sequence[RunFolder]) -> str | None:
    """What figures of these runs must say of their data, in a few words."""
    words = [
        text for name, text in MARKS.items() if any(run.marks[name] for run in runs)
    ]
    if any(run.marks['simulated'] is None for run in runs):
        words.append(UNKNOWN)
    tested = [run.results.get('dataset') or {} for run in runs if run.is_tested]
    hashes = {identity.get('ann_file_sha256') for identity in tested}
    if len(hashes - {None}) > 1:
        words.append('DIFFERENT TEST DATA')
    return ', '.join(words) or None


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a scalars.json; a last one that was cut short is left out."""
    rows = []
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            row['step'] = int(row['step'])
        except (KeyError, TypeError, ValueError) as error:
            if number == len(lines):
                break
            raise UserError(
                f'{path}, line {number}: is no entry of a training log ({error!r}); '
                'restore the file or remove it.'
            ) from error
        rows.append(row)
    return rows
