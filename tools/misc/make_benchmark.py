r"""Write docs/benchmark.json, its tables in docs/benchmark.md and its picture.

From the runs of a suite (tools/analysis_tools/run_suite.py) their figures, intervals
and circumstances go into the JSON, which is committed; without runs, page and picture
are made again from the JSON that is there. What stands between the page's markers
(`<!-- SUITE: TABLE -->` ... `<!-- end -->`) is replaced, the rest is written by hand.
`--check` writes nothing and fails if the page is not what the JSON says.

Example:
    python tools/misc/make_benchmark.py published=work_dirs/benchmark \
        plain=work_dirs/benchmark_plain
"""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fume_mm.apis.comparison import Cell, Model, best_rows, cell_of, read_runs
from fume_mm.errors import UserError, run_cli
from fume_mm.evaluation.paper_tables import Column
from fume_mm.provenance import machine

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
        Column('HD95 (px)', 'boundary/HD95', 1.0, True),
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
#: What model_zoo.md shows.
ZOO = {'mIoU': 'seg/mIoU', 'balanced_accuracy': 'cls/balanced_accuracy'}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'suites', nargs='*', metavar='SUITE=FOLDER', help='folders of runs, with names'
    )
    parser.add_argument(
        '--check', action='store_true', help='only say whether the page is up to date'
    )
    return parser.parse_args()


def collect(folder: str) -> dict[str, Any]:
    """What docs/benchmark.json holds of a suite's models."""
    keys = sorted({c.key for columns in TABLES.values() for c in columns})
    found: dict[str, Any] = {}
    for model in read_runs([folder]):
        runs = []
        for result in model.results:
            path = Path(result['folder'], 'run.json')
            note = json.loads(path.read_text(encoding='utf-8'))
            intervals = result.get('intervals') or {}
            runs.append(
                {
                    'seed': note['seed'],
                    'minutes': round(note['seconds'] / 60, 1),
                    'options': note['options'],
                    'commit': result['commit'],
                    'simulated': result['simulated'],
                    'leakage': result['leakage'],
                    'dataset': result['dataset'],
                    'metrics': {k: result['metrics'].get(k) for k in keys},
                    'intervals': {k: intervals[k] for k in keys if k in intervals},
                }
            )
        found[model.name] = {
            'config': model.config,
            'runs': runs,
            'left_out': model.diverged,
            **{name: text(cell(runs, Column(name, key))) for name, key in ZOO.items()},
        }
    return found


def cell(runs: list[dict[str, Any]], column: Column) -> Cell:
    """The figure of a model's runs in a column."""
    return cell_of(Model('', '', runs), column, {})


def text(cell: Cell) -> str:
    """A figure as the tables write it."""
    if cell.value is None:
        return '-'
    if cell.spread is not None:
        return f'{cell.value:.1f} ± {cell.spread:.1f}'
    if cell.low is None:
        return f'{cell.value:.1f}'
    return f'{cell.value:.1f} [{cell.low:.1f}, {cell.high:.1f}]'


def table(models: dict[str, Any], columns: tuple[Column, ...]) -> str:
    """Models by columns, the best marked where its interval overlaps no other."""
    grid = [[cell(model['runs'], c) for c in columns] for model in models.values()]
    best = [best_rows([row[i] for row in grid], c) for i, c in enumerate(columns)]
    head = ['model', 'seeds', *(c.title for c in columns)]
    lines = ['| ' + ' | '.join(head) + ' |', '|---' + '|---:' * (len(head) - 1) + '|']
    for i, (name, model) in enumerate(models.items()):
        cells = [
            f'**{text(x)}**' if best[j] == i else text(x) for j, x in enumerate(grid[i])
        ]
        link = f'[{name}](../{model["config"]})'
        seeds = ', '.join(str(run['seed']) for run in model['runs'])
        lines.append(f'| {link} | {seeds} | {" | ".join(cells)} |')
    left = [
        f'{n}: {", ".join(m["left_out"])}' for n, m in models.items() if m['left_out']
    ]
    return '\n'.join([*lines, *(f'\nLeft out: {"; ".join(left)}.' for _ in left[:1])])


def page(results: dict[str, Any], old: str) -> str:
    """The page with its tables as the results say.

    Raises:
        UserError: If a marker is missing.
    """
    for suite, models in results['suites'].items():
        for name, columns in TABLES.items():
            place = f'<!-- {suite}: {name} -->'
            marked = re.compile(rf'({place}\n).*?(<!-- end -->)', re.DOTALL)
            if not marked.search(old):
                raise UserError(f'{PAGE}: has no {place} ... <!-- end --> for a table.')
            old = marked.sub(_between(f'\n{table(models, columns)}\n\n'), old)
    return old


def _between(made: str) -> Callable[[re.Match[str]], str]:
    return lambda match: f'{match[1]}{made}{match[2]}'


def draw(results: dict[str, Any]) -> None:
    """Both headline figures of every model of every suite, with their intervals."""
    from matplotlib.figure import Figure

    panels = [
        (Column('mIoU, %', 'seg/mIoU'), None),
        (Column('balanced accuracy, %', 'cls/balanced_accuracy'), 100 / 3),
    ]
    rows = [
        (f'{name} ({suite})' if i else name, model['runs'])
        for i, (suite, models) in enumerate(results['suites'].items())
        for name, model in models.items()
    ][::-1]
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(rows)), dpi=120, layout='constrained')
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (column, chance) in zip(axes, panels, strict=True):
        for i, (_, runs) in enumerate(rows):
            found = cell(runs, column)
            if found.value is None:
                continue
            if found.low is not None:
                axis.plot([found.low, found.high], [i, i], color='0.6', linewidth=2)
            axis.plot(found.value, i, 'o', color='#0072b2')
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
            raise UserError(f'{word}: write SUITE=FOLDER, e.g. published=work_dirs/x.')
        suites[name] = folder
    return suites


def main() -> int:
    """Write or check."""
    args = parse_args()
    folders = parse_suites(args.suites)
    if folders:
        suites = {name: collect(folder) for name, folder in folders.items()}
        about = {key: x for key, x in machine().items() if key != 'load_average'}
        lines = json.dumps({'machine': about, 'suites': suites}, indent=1) + '\n'
        RESULTS.write_text(lines, encoding='utf-8')
    if not RESULTS.is_file():
        raise UserError(f'{RESULTS}: is not there yet; give the runs to make it from.')
    results = json.loads(RESULTS.read_text(encoding='utf-8'))
    old = PAGE.read_text(encoding='utf-8')
    new = page(results, old)
    if args.check:
        if new != old:
            print('docs/benchmark.md is not what docs/benchmark.json says')
        return int(new != old)
    PAGE.write_text(new, encoding='utf-8')
    draw(results)
    return 0


if __name__ == '__main__':
    run_cli(main)
