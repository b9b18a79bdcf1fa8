"""The runs of a config over folds as one run, and beside a published split."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.evaluation.difference import differences
from fume_mm.evaluation.estimate import MISSING, Estimate
from fume_mm.evaluation.scores import Scores
from fume_mm.structures.marks import MARKS

from .rendering import Table
from .run_folder import RESULTS, RunFolder
from .score_tables import declared_rows, headline_rows

#: Figures that are set beside each other, of those that both tests have.
FIGURES = (
    'cls/accuracy',
    'cls/balanced_accuracy',
    'cls/macro_f1',
    'seg/mIoU',
    'seg/gas_IoU',
    'boundary/HD95',
    'joint/score',
)
#: What stands for what is another in each fold.
_EACH = 'of each fold'
PUBLISHED, APART = 'published split', 'recordings apart'


def fold_of(results: Mapping[str, Any]) -> str:
    """The fold that was tested; '' of a split that is none."""
    return (results.get('dataset') or {}).get('fold') or ''


def pool(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The predictions of all folds, one after the other.

    Raises:
        UserError: If a sample is tested in two folds, or their columns differ.
    """
    first, *others = tables
    for name in others:
        if set(tables[name]) != set(tables[first]):
            odd = ', '.join(sorted(map(str, set(tables[name]) ^ set(tables[first]))))
            raise UserError(
                f'the predictions of {first} and {name} have not the same columns '
                f'({odd}); test all folds with one version and config.'
            )
    pooled = pd.concat(
        [table.assign(fold=name) for name, table in tables.items()], ignore_index=True
    )
    twice = pooled[pooled['sample_id'].duplicated(keep=False)]
    if len(twice):
        sample = str(twice['sample_id'].iat[0])
        where = ' and '.join(twice[twice['sample_id'] == sample]['fold'].unique())
        raise UserError(
            f"sample '{sample}' is tested in {where}, which are no folds of one "
            'division; give the runs of one.'
        )
    return pooled.drop(columns='fold')


class CrossValidation(RunFolder):
    """The runs over folds read as one run, whose test is of the samples of all folds.

    Args:
        path: The folder that holds them.
        runs: By fold, in order.

    Raises:
        UserError: If there is no such folder.
    """

    is_tested = True

    def __init__(self, path: str | Path, runs: Mapping[str, RunFolder]) -> None:
        super().__init__(path)
        self.runs = dict(runs)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The predictions of all folds."""
        return pool({name: run.predictions for name, run in self.runs.items()})

    @cached_property
    def results(self) -> dict[str, Any]:
        """As of a test of all folds' samples, with intervals over their vessels."""
        contents = [run.results for run in self.runs.values()]
        datasets = [content.get('dataset') or {} for content in contents]
        scores = Scores.of_table(self.predictions).with_intervals()
        return {
            **_shared(contents),
            'dataset': {
                **_shared(datasets),
                'samples': len(self.predictions),
                'left_out': sum(dataset.get('left_out') or 0 for dataset in datasets),
            },
            **self.marks,
            **scores.to_json(),
        }

    @cached_property
    def marks(self) -> dict[str, bool | None]:
        """Those that any fold has."""
        marks = [run.marks for run in self.runs.values()]
        return {name: any(of_run[name] for of_run in marks) for name in MARKS}

    @property
    def config_path(self) -> Path:
        """That of the first fold; the others differ in ``ann_root``."""
        return next(iter(self.runs.values())).config_path

    @cached_property
    def data_root(self) -> Path:
        """The campaign's folder, which need not be there."""
        return next(iter(self.runs.values())).data_root

    @property
    def card_folder(self) -> Path:
        """That of the first fold; the campaign is one."""
        return next(iter(self.runs.values())).card_folder

    @property
    def scalars(self) -> list[dict[str, Any]]:
        """Each fold has a training of its own."""
        raise UserError(
            f'{self.path}: each fold has a training log of its own; draw those of one '
            f'fold, such as {next(iter(self.runs.values())).path}.'
        )

    @cached_property
    def samples(self) -> dict[str, dict[str, Any]]:
        """Frames and masks of the test samples of all folds, by id."""
        return {
            name: sample
            for run in self.runs.values()
            for name, sample in run.samples.items()
        }

    def read_example(self, sample_id: str, gas: str) -> tuple[np.ndarray, ...]:
        """See :meth:`RunFolder.read_example`, of the fold that tests the sample."""
        for run in self.runs.values():
            if (run.predictions['sample_id'] == sample_id).any():
                return run.read_example(sample_id, gas)
        raise UserError(f"{self.path}: no fold tests a sample '{sample_id}'.")

    def checkpoint(self) -> Path | None:
        """Each fold has its own."""
        return None


def _shared(contents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values that all have; :data:`_EACH` for words that differ."""
    keys = dict.fromkeys(key for content in contents for key in content)
    found = {}
    for key in keys:
        values = [content.get(key) for content in contents]
        if all(value == values[0] for value in values):
            found[key] = values[0]
        elif isinstance(values[0], str):
            found[key] = _EACH
    return found


def by_seed(runs: Iterable[RunFolder]) -> dict[Any, dict[str, RunFolder]]:
    """Runs over folds, by seed and fold.

    Raises:
        UserError: If there are two of one fold and seed.
    """
    found: dict[Any, dict[str, RunFolder]] = {}
    for run in runs:
        seed, fold = run.results.get('seed'), fold_of(run.results)
        other = found.setdefault(seed, {}).setdefault(fold, run)
        if other is not run:
            raise UserError(
                f'{other.path} and {run.path} are both of {fold or "no fold"} with '
                f'seed {seed}; give the runs of one division into folds.'
            )
    return found


def pooled_runs(
    seeds: Mapping[Any, Mapping[str, RunFolder]],
) -> list[CrossValidation]:
    """For each seed its runs over folds as one."""
    return [
        CrossValidation(
            next(iter(runs.values())).path.parent, dict(sorted(runs.items()))
        )
        for runs in seeds.values()
    ]


def open_run(path: str | Path, *, data_root: str | Path | None = None) -> RunFolder:
    """The run of a folder; where it holds runs over folds, all of these as one.

    Args:
        path: The work dir of a run, or of a config's runs over folds; of several seeds
            the first counts.
        data_root: The campaign's folder, if it is not where the config says.

    Raises:
        UserError: If there is no such folder, or it holds folds of several configs.
    """
    alone = RunFolder(path, data_root=data_root)
    if alone.is_tested:
        return alone
    found = [
        RunFolder(place, data_root=data_root)
        for place in sorted({x.parent for x in alone.path.rglob(RESULTS)})
    ]
    runs = [run for run in found if fold_of(run.results)]
    if not runs:
        return alone
    configs = sorted({Path(run.results['config']).stem for run in runs})
    if len(configs) > 1:
        raise UserError(
            f'{path}: holds runs of {", ".join(configs)}; name the folder of one, such '
            f'as {Path(path) / configs[0]}.'
        )
    return CrossValidation(path, next(iter(by_seed(runs).values())))


def folds_table(run: CrossValidation) -> Table:
    """The headline figures pooled, their mean and spread, and those of each fold."""
    rows = []
    of_fold = {name: one.scores for name, one in run.runs.items()}
    for key, row in headline_rows(run.scores).items():
        values = [scores.values.get(key, math.nan) for scores in of_fold.values()]
        pooled = run.scores.text(key, row.unit)
        cells = [pooled, mean_of_folds(values).text(row.unit)]
        cells += [Estimate(value).text(row.unit) for value in values]
        rows.append([row.label, *cells])
    notes = [
        'Pooled: of the test predictions of all folds put together, with intervals by '
        'bootstrap over all their vessels. Mean: over the folds that define the '
        'figure, ± standard deviation.'
    ]
    head = ['', 'pooled', 'mean', *of_fold]
    return Table(f'Over {len(of_fold)} folds', head, rows, notes)


def mean_of_folds(values: Iterable[float]) -> Estimate:
    """Mean and standard deviation of the figures that are defined."""
    defined = [value for value in values if not math.isnan(value)]
    if not defined:
        return Estimate(math.nan)
    spread = statistics.stdev(defined) if len(defined) > 1 else math.nan
    return Estimate(statistics.mean(defined), spread=spread)


def split_effect(
    pairs: Mapping[str, tuple[Sequence[RunFolder], Sequence[RunFolder]]],
    keys: Sequence[str] = FIGURES,
) -> Table:
    """Tests on a published split beside tests with recordings apart.

    Args:
        pairs: By model its runs of either kind, each of one seed; those over folds as
            :class:`CrossValidation`.
        keys: Which figures.

    Raises:
        UserError: If the runs with recordings apart share recordings.
    """
    declared = declared_rows()
    rows: list[list[str]] = []
    notes = [
        f'Difference: {APART} minus {PUBLISHED}. [95 % interval] by bootstrap over '
        'vessels (recordings), drawn once for both tests.'
    ]
    for name, (published, apart) in pairs.items():
        for run in apart:
            if run.marks['leakage'] or run.marks['by_frame']:
                raise UserError(
                    f'{run.path}: its training and its test may share recordings, so '
                    'it is no test with recordings apart; split by recordings with '
                    'tools/dataset_converters/split_by_group.py.'
                )
        if not any(run.marks['leakage'] or run.marks['by_frame'] for run in published):
            notes.append(f'{name}: the {PUBLISHED} shares no recordings either.')
        found = differences(
            [run.predictions for run in published], [run.predictions for run in apart]
        )
        for key in (key for key in keys if key in found and key in declared):
            row = declared[key]
            cells = [x.text(row.unit, undefined=MISSING) for x in found[key]]
            rows.append([name, row.label, *cells])
    return Table(
        f'{PUBLISHED.capitalize()} beside {APART}',
        ['model', 'figure', PUBLISHED, APART, 'difference'],
        rows,
        notes,
    )
