r"""Train and test a list of configs with one or several seeds, one after another.

With --folds each config is trained and tested on every fold that split_by_group.py (or
somebody else) has written and pair_gases.py has paired, with each seed.

On a machine with GPUs, --gpus runs one on each; without, --jobs runs some side by side,
which share out the cores and use them better than one run with all of them.

Each run has the folder WORK_DIR/<config>/seed_<seed>, or with folds
WORK_DIR/<config>/<fold>/seed_<seed>. What is finished is not run again, what was
stopped goes on, a run that fails or diverges is noted and the next one begins; so the
same command takes a suite up where it was left. A table of all runs is
printed after each, and written to WORK_DIR/suite.json.

Example:
    python tools/analysis_tools/run_suite.py configs/fume/fume_fastscnn.py \
        configs/baselines/*_fastscnn.py --seeds 0 1 2 --work-dir work_dirs/suite
    python tools/analysis_tools/run_suite.py configs/fume/fume_fastscnn.py \
        --folds data/fume/cv_fold* --work-dir work_dirs/folds \
        --cfg-options data_root=data/fume
"""

import argparse
import itertools
import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fume_mm.engine.options import CfgOptions, make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.bundled import ROOT, bundled
from fume_mm.structures import SPLITS

#: A run's own note of how it went.
NOTE = 'run.json'
STATES = ('waiting', 'training', 'testing', 'done', 'diverged', 'failed')
#: Seconds between two words on how far a run is.
HEARTBEAT = 60.0


@dataclass
class Run:
    """One config with one seed, on one fold if there are any.

    Attributes:
        config: Path of the config.
        seed: Of everything random.
        work_dir: Its folder.
        state: One of STATES.
        seconds: Wall-clock time of training and testing, over all attempts.
        error: Why it failed or diverged.
        options: What was overridden.
        fold: Folder of the fold's CSVs; '' where there are no folds.
    """

    config: str
    seed: int
    work_dir: str
    state: str = 'waiting'
    seconds: float = 0.0
    error: str | None = None
    options: list[str] = field(default_factory=list)
    fold: str = ''

    @property
    def folder(self) -> Path:
        """:attr:`work_dir` as a path."""
        return Path(self.work_dir)

    def save(self) -> None:
        """Write the run's note."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), indent=2) + '\n'
        (self.folder / NOTE).write_text(text, encoding='utf-8')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('configs', metavar='CONFIG', nargs='+', help='config files')
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[42], help='seeds (default: 42)'
    )
    parser.add_argument(
        '--folds',
        type=Path,
        nargs='+',
        metavar='DIR',
        help='folders of folds, each with the paired CSVs of train, val and test; the '
        'frames lie where data_root of the config or of --cfg-options says',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/suite'),
        help='where the runs go (default: %(default)s)',
    )
    parser.add_argument(
        '--gpus',
        type=int,
        nargs='+',
        metavar='ID',
        help='run one after another on each of these GPUs (default: one at a time, on '
        'whatever a single training would use)',
    )
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        metavar='N',
        help='without --gpus: runs side by side (default: %(default)s)',
    )
    parser.add_argument(
        '--again',
        action='store_true',
        help='also repeat runs that failed or diverged',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        default=[],
        help='override keys of every config, e.g. data_root=data/fume',
    )
    args = parser.parse_args()
    if args.folds and any(x.startswith('ann_root=') for x in args.cfg_options):
        parser.error('--folds sets ann_root; leave it out of --cfg-options')
    if args.jobs < 1 or (args.gpus and args.jobs > 1):
        parser.error('--jobs takes 1 or more, and goes without --gpus')
    # only to refuse what is no key=value; the tools get the words as they are
    CfgOptions([], 'cfg_options')(parser, argparse.Namespace(), args.cfg_options)
    return args


def plan(args: argparse.Namespace) -> list[Run]:
    """All runs, with the state that an earlier call left.

    Raises:
        UserError: If a config or a fold is not there, two have one name, or a folder
            holds a run of other options.
    """
    folds = named_folds(args.folds or ())
    runs = []
    stems: dict[str, str] = {}
    for config in args.configs:
        if not Path(bundled(config)).is_file():
            raise UserError(f'{config}: there is no such config.')
        stem = Path(config).stem
        if stems.setdefault(stem, config) != config:
            raise UserError(
                f'{config} and {stems[stem]} have one name, so their runs would share '
                'a folder; run them with different --work-dir.'
            )
        for (name, fold), seed in itertools.product(folds.items(), args.seeds):
            folder = args.work_dir / stem / name / f'seed_{seed}'
            run = Run(config, seed, str(folder), fold=fold)
            run.options = list(args.cfg_options)
            note = run.folder / NOTE
            if note.is_file():
                before = json.loads(note.read_text(encoding='utf-8'))
                if before['options'] != run.options:
                    raise UserError(
                        f'{run.folder}: was run with --cfg-options '
                        f'{" ".join(before["options"]) or "(none)"}; give the same, or '
                        'another --work-dir.'
                    )
                if before.get('fold', '') != run.fold:
                    raise UserError(
                        f'{run.folder}: was run on the fold {before.get("fold")}; give '
                        'the same, or another --work-dir.'
                    )
                run.seconds = before['seconds']
                if before['state'] in ('testing', 'done', 'diverged', 'failed'):
                    run.state, run.error = before['state'], before['error']
                if args.again and run.state in ('diverged', 'failed'):
                    run.state, run.error = 'waiting', None
            runs.append(run)
    return runs


def named_folds(paths: Sequence[Path]) -> dict[str, str]:
    """The folder of each fold by its name; one without a name if there are none.

    Raises:
        UserError: If a fold is not there or not paired, or two have one name.
    """
    found: dict[str, str] = {}
    for path in paths:
        for split in SPLITS:
            csv = path / f'paired_{split}_annotations.csv'
            if not csv.is_file():
                raise UserError(
                    f'{csv}: there is no such file; pair the folds with '
                    'tools/dataset_converters/pair_gases.py ROOT --folds.'
                )
        place = str(path.resolve())
        if found.setdefault(path.resolve().name, place) != place:
            raise UserError(
                f'{path} and {found[path.resolve().name]} have one name, so their runs '
                'would share a folder; run them with different --work-dir.'
            )
    return found or {'': ''}


def execute(run: Run, environment: dict[str, str]) -> None:
    """Train and test; the note says how it went."""
    from fume_mm.reporting.run_folder import RunFolder  # seconds to import

    folder = run.folder
    options = ['--cfg-options', f'randomness.seed={run.seed}', *run.options]
    options += [f'ann_root={run.fold}'] * bool(run.fold)
    if run.state != 'testing':
        run.state = 'training'
        resume = ['--resume'] if (folder / 'last.pth').is_file() else []
        words = ['tools/train.py', run.config, f'--work-dir={folder}', *resume]
        if not call(run, [*words, *options], environment):
            return
    run.state = 'testing'
    words = ['tools/test.py', run.config, str(RunFolder(folder).checkpoint())]
    if call(run, [*words, f'--work-dir={folder}', *options], environment):
        run.state = 'done'
        run.save()


def call(run: Run, words: list[str], environment: dict[str, str]) -> bool:
    """Run a tool, its output going to the run's log; whether it ended well."""
    run.save()
    path = run.folder / f'{run.state}.log'
    start = time.monotonic()
    with path.open('wb') as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / words[0]), *words[1:]],
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        while True:
            try:
                process.wait(timeout=HEARTBEAT)
                break
            except subprocess.TimeoutExpired:
                print(f'{run.folder}: {last_line(path)}', flush=True)
    run.seconds += time.monotonic() - start
    if process.returncode:
        run.error = last_error(path.read_text(errors='replace'))
        run.state = 'diverged' if 'diverged' in run.error else 'failed'
        run.save()
    return process.returncode == 0


def last_line(log: Path) -> str:
    """What a tool said last, without the time before it."""
    lines = log.read_text(errors='replace').replace('\r', '\n').split('\n')
    lines = [line for line in lines if line.strip()]
    return lines[-1].partition(' - INFO - ')[2] or lines[-1] if lines else 'starting'


def last_error(log: str) -> str:
    """The line that says why a tool ended."""
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith('error: ')]
    return (errors or lines or ['it said nothing'])[-1].removeprefix('error: ')


def table(runs: list[Run]) -> str:
    """All runs as text, with the headline figures of those that are done."""
    from fume_mm.evaluation.estimate import MISSING, Estimate
    from fume_mm.reporting.rendering import Table, render
    from fume_mm.reporting.run_folder import RunFolder
    from fume_mm.reporting.score_tables import headline_rows

    done = {
        run.work_dir: RunFolder(run.folder).scores
        for run in runs
        if run.state == 'done'
    }
    columns = {
        key: row
        for scores in done.values()
        for key, row in headline_rows(scores).items()
    }
    rows = []
    folds = any(run.fold for run in runs)
    for run in runs:
        figures = [MISSING] * len(columns)
        if run.work_dir in done:
            values = done[run.work_dir].values
            figures = [
                Estimate(values.get(key, math.nan)).text(row.unit, undefined=MISSING)
                for key, row in columns.items()
            ]
        minutes = f'{run.seconds / 60:.1f}'
        name = Path(run.config).stem
        place = [Path(run.fold).name] * folds
        rows.append([name, *place, str(run.seed), run.state, minutes, *figures])
    errors = [f'{run.folder}: {run.error}' for run in runs if run.error]
    head = ['config', *['fold'] * folds, 'seed', 'state', 'minutes', *columns]
    return render(Table('', head, rows, errors))


def main() -> int:
    """Run the suite."""
    args = parse_args()
    runs = plan(args)
    work = queue.Queue[Run]()
    for run in runs:
        if run.state in ('waiting', 'testing'):
            work.put(run)
    print(f'{work.qsize()} of {len(runs)} runs to do', flush=True)
    args.work_dir.mkdir(parents=True, exist_ok=True)
    lock = threading.Lock()

    def report() -> None:
        with lock:
            text = json.dumps([asdict(run) for run in runs], indent=2) + '\n'
            (args.work_dir / 'suite.json').write_text(text, encoding='utf-8')
            print(f'\n{table(runs)}', flush=True)

    def worker(environment: dict[str, str]) -> None:
        while True:
            try:
                run = work.get_nowait()
            except queue.Empty:
                return
            where = ''.join(f', {key}={value}' for key, value in environment.items())
            fold = f', {Path(run.fold).name}' if run.fold else ''
            print(
                f'{run.config}{fold}, seed {run.seed}{where}: {run.folder}', flush=True
            )
            execute(run, environment)
            report()

    environments = [{'CUDA_VISIBLE_DEVICES': str(gpu)} for gpu in args.gpus or ()]
    if args.jobs > 1:
        share = max(1, (os.cpu_count() or 1) // args.jobs)
        environments = [{'OMP_NUM_THREADS': str(share)}] * args.jobs
    threads = [
        threading.Thread(target=worker, args=(environment,), daemon=True)
        for environment in environments or [{}]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report()
    return 0 if all(run.state == 'done' for run in runs) else 1


if __name__ == '__main__':
    run_cli(main)
