r"""Write docs/benchmark.json, its tables in docs/benchmark.md and its picture.

From the runs of a suite (tools/analysis_tools/run_suite.py) their figures, intervals
and circumstances go into the JSON, which is committed; without runs, page and picture
are made again from the JSON that is there. What stands between the page's markers
(`<!-- SUITE: TABLE -->` ... `<!-- end -->`) is replaced, the rest is written by hand.
`--check` writes nothing and fails if the page is not what the JSON says.

Example:
    python tools/misc/make_benchmark.py simulated=work_dirs/benchmark
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.evaluation.estimate import PIXELS
from fume_mm.io.files import read_json
from fume_mm.io.provenance import machine
from fume_mm.reporting.comparison import Model, figure_texts, read_runs
from fume_mm.reporting.paper_tables import Column
from fume_mm.reporting.rendering import Table, render
from fume_mm.structures.marks import MARKS

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / 'docs/benchmark.json'
PAGE = ROOT / 'docs/benchmark.md'
PICTURE = ROOT / 'docs/images/benchmark.png'
PATTERNS = {'both': 'both gases', 'co2_only': 'CO2 only', 'ch4_only': 'CH4 only'}
#: Tables of the page: their columns.
TABLES: dict[str, tuple[Column, ...]] = {
    'all samples': (
        Column('mIoU', 'seg/mIoU'),
        Column('gas IoU', 'seg/gas_IoU'),
        Column('HD95 (px)', 'boundary/HD95', PIXELS, True),
        Column('balanced accuracy', 'cls/balanced_accuracy'),
        Column('ROC-AUC', 'cls/roc_auc'),
    ),
    'by availability': (
        *(Column(f'mIoU, {name}', f'seg/{key}/mIoU') for key, name in PATTERNS.items()),
        *(
            Column(f'balanced accuracy, {name}', f'cls/{key}/balanced_accuracy')
            for key, name in PATTERNS.items()
        ),
    ),
}
#: What is kept of test_results.json beside figures.
KEPT = ('commit', *MARKS, 'dataset')
#: What run_suite.py leaves in a run's folder.
NOTE = 'run.json'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        'suites', nargs='*', metavar='SUITE=FOLDER', help='folders of runs, with names'
    )
    parser.add_argument(
        '--check', action='store_true', help='only say whether the page is up to date'
    )
    return parser.parse_args()


def collect(folder: str) -> list[Model]:
    """A suite's models, with no more of their results than the page needs."""
    keys = sorted({c.key for columns in TABLES.values() for c in columns})
    return [
        Model(
            model.name,
            model.config,
            [slim(result, keys) for result in model.results],
            model.diverged,
        )
        for model in read_runs([folder])
    ]


def slim(result: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """What of a run's test is kept.

    Raises:
        UserError: If it is no run of a suite, which alone notes seed and options.
    """
    path = Path(result['folder'], NOTE)
    if not path.is_file():
        raise UserError(f'{path}: is not there; make the run by run_suite.py.')
    note = read_json(path, what='note of run_suite.py')
    intervals = result.get('intervals') or {}
    return {
        'seed': note['seed'],
        'minutes': round(note['seconds'] / 60, 1),
        'options': note['options'],
        **{key: result[key] for key in KEPT},
        'metrics': {key: result['metrics'].get(key) for key in keys},
        'intervals': {key: intervals[key] for key in keys if key in intervals},
    }


def table(models: list[Model], columns: tuple[Column, ...]) -> str:
    """Models by columns, and below them what was left out."""
    rows = [
        [
            f'[{model.name}](../{model.config})',
            ', '.join(str(result['seed']) for result in model.results),
            *texts,
        ]
        for model, texts in zip(
            models, figure_texts(models, columns, costs={}, digits=1), strict=True
        )
    ]
    head = ['model', 'seeds', *(c.title for c in columns)]
    lines = [render(Table('', head, rows), 'md')]
    left = [f'{m.name}: {", ".join(m.diverged)}' for m in models if m.diverged]
    if left:
        lines += ['', f'Left out: {"; ".join(left)}.']
    return '\n'.join(lines)


def page(suites: dict[str, list[Model]], old: str) -> str:
    """The page with its tables as the results say.

    Raises:
        UserError: If a marker is missing.
    """
    for suite, models in suites.items():
        for name, columns in TABLES.items():
            before, place, rest = old.partition(f'<!-- {suite}: {name} -->\n')
            _, end, after = rest.partition('<!-- end -->')
            if not (place and end):
                raise UserError(
                    f'{PAGE}: has no <!-- {suite}: {name} --> ... <!-- end --> for a '
                    'table.'
                )
            old = f'{before}{place}\n{table(models, columns)}\n\n{end}{after}'
    return old


def draw(suites: dict[str, list[Model]]) -> None:
    """Both headline figures of every model of every suite, with their intervals."""
    from matplotlib.figure import Figure

    panels = [
        (Column('mIoU, %', 'seg/mIoU'), None),
        (Column('balanced accuracy, %', 'cls/balanced_accuracy'), 100 / 3),
    ]
    rows = [
        (f'{model.name} ({suite})' if i else model.name, model)
        for i, (suite, models) in enumerate(suites.items())
        for model in models
    ][::-1]
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(rows)), dpi=120, layout='constrained')
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (column, chance) in zip(axes, panels, strict=True):
        for i, (_, model) in enumerate(rows):
            value, low, high, _ = (100 * x for x in model.estimate(column, {}))
            # NaN draws nothing
            axis.plot([low, high], [i, i], color='0.6', linewidth=2)
            axis.plot(value, i, 'o', color='#0072b2')
        if chance is not None:
            axis.axvline(chance, color='0.4', linestyle=':')
            axis.set_title('dotted: chance', fontsize=9, loc='right')
        axis.set_xlabel(column.title)
        axis.grid(axis='x', color='0.92')
        axis.spines[['top', 'right']].set_visible(False)
    axes[0].set_yticks(range(len(rows)), [name for name, _ in rows])
    figure.savefig(PICTURE)


def parse_suites(words: list[str]) -> dict[str, str]:
    """Folders by suite.

    Raises:
        UserError: If a word is no SUITE=FOLDER.
    """
    suites = {}
    for word in words:
        name, equals, folder = word.partition('=')
        if not (name and equals and folder):
            raise UserError(f'{word}: write SUITE=FOLDER, e.g. simulated=work_dirs/x.')
        suites[name] = folder
    return suites


def main() -> int:
    """Write or check."""
    args = parse_args()
    folders = parse_suites(args.suites)
    if folders:
        content = {
            'machine': {k: x for k, x in machine().items() if k != 'load_average'},
            'suites': {
                name: [asdict(model) for model in collect(folder)]
                for name, folder in folders.items()
            },
        }
        lines = json.dumps(content, indent=1) + '\n'
        RESULTS.write_text(lines, encoding='utf-8')
    if not RESULTS.is_file():
        raise UserError(f'{RESULTS}: is not there yet; give the runs to make it from.')
    content = json.loads(RESULTS.read_text(encoding='utf-8'))
    suites = {
        name: [Model(**entry) for entry in entries]
        for name, entries in content['suites'].items()
    }
    old = PAGE.read_text(encoding='utf-8')
    new = page(suites, old)
    if args.check:
        if new != old:
            print('docs/benchmark.md is not what docs/benchmark.json says')
        return int(new != old)
    PAGE.write_text(new, encoding='utf-8')
    draw(suites)
    return 0


if __name__ == '__main__':
    run_cli(main)
