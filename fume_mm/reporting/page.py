"""The report of a run: one HTML page that needs no other file and no network."""

import base64
import contextlib
import inspect
import json
from pathlib import Path
from typing import NamedTuple

from fume_mm.datasets.data_card import descriptions
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.drawing.sheet import figure_bytes
from fume_mm.errors import UserError
from fume_mm.version import __version__

from .cross_validation import CrossValidation, folds_table, split_effect
from .plots import FIGURES
from .rendering import Table, templates
from .run_folder import RunFolder, note_of
from .run_plots import draw_figure
from .run_warnings import run_warnings
from .score_tables import headlines, results_title, score_tables, vessel_table

TEMPLATE = 'report.html.j2'
#: As SVG they would be megabytes of pixels.
PICTURES = ('grid', 'errors')
#: Those that have a row of the page to themselves.
WIDE_PICTURES = ('curves', 'confusion', 'bars', 'roc_pr', *PICTURES)


class Picture(NamedTuple):
    """A figure on the page: its data URI, or why there is none."""

    name: str
    title: str
    source: str = ''
    reason: str = ''


def report_html(run: RunFolder, *, published: RunFolder | None = None) -> str:
    """The page of a tested run.

    Everything that comes from a file is escaped. Figures that a run has no files for
    are named with the reason.

    Args:
        run: The run.
        published: A run of the same config on a published split, to be set beside it.

    Raises:
        UserError: If the run is not tested, or one of its files is broken.
    """
    scores, config = run.scores, run.config  # whose custom_imports have metrics
    template = templates().get_template(TEMPLATE)
    return template.render(
        name=run.name,
        title=results_title(run.marks),
        note=note_of([run]) or '',
        warnings=run_warnings(run),
        headlines=headlines(scores),
        tables=[
            *_fold_tables(run, published),
            *score_tables(scores),
            *cost_table(run),
        ],
        vessels=vessel_table(run.predictions, run.labels),
        pictures=pictures(run),
        wide_pictures=WIDE_PICTURES,
        card=data_card(run),
        circumstances=[provenance(run), versions(run)],
        config_path=str(run.config_path),
        config=config.pretty_text,
        program=f'fume_mm {__version__}',
    )


def pictures(run: RunFolder) -> list[Picture]:
    """Every figure of a run, in the order of the page."""
    found = []
    for kind, title in FIGURES.items():
        if kind == 'efficiency':  # compares runs; this one's cost is in a table
            continue
        try:
            figure = draw_figure(kind, [run])
        except UserError as error:
            found.append(Picture(kind, title, reason=str(error)))
            continue
        # as a picture of its own, so that the page's and the figures' ids never meet
        form, mime = ('png', 'png') if kind in PICTURES else ('svg', 'svg+xml')
        text = base64.b64encode(figure_bytes(figure, form)).decode()
        found.append(Picture(kind, title, f'data:image/{mime};base64,{text}'))
    return found


def data_card(run: RunFolder) -> list[tuple[str, str]]:
    """What is known of the campaign, (where it stands, text) each.

    What the run kept when it was trained, and of its test what differs from that. Of a
    run that kept nothing what lies in its campaign's folder now, which may be another.
    Without that, what the dataset's class says.
    """
    found: list[tuple[str, str]] = []
    for split, use in (('train', 'trained on'), ('test', 'tested on')):
        of_split = [(x, _card_text(x)) for x in descriptions(run.card_folder / split)]
        known = {text for _, text in found}
        found += [
            (f'{use}: {x.name}', text) for x, text in of_split if text not in known
        ]
    if not found and run.data_root != Path():
        now = 'as it is now; the run kept none'
        paths = descriptions(run.data_root)
        found += [(f'{path} ({now})', _card_text(path)) for path in paths]
    if not found:
        text = inspect.getdoc(DualGasDataset) or ''
        found.append((DualGasDataset.__name__, text.partition('\nArgs:')[0]))
    return found


def _card_text(path: Path) -> str:
    text = path.read_text('utf-8', errors='replace')
    with contextlib.suppress(ValueError):  # no JSON: shown as it is
        text = json.dumps(json.loads(text), indent=2)
    return text


def versions(run: RunFolder) -> Table:
    """The versions that the test noted."""
    found = run.results.get('versions') or {}
    return Table('Versions', [], [[name, str(text)] for name, text in found.items()])


def provenance(run: RunFolder) -> Table:
    """Where the numbers come from."""
    results = run.results
    dataset = results.get('dataset') or {}
    bootstrap = results.get('bootstrap') or {}
    rows = {
        'tested': results.get('date'),
        'run': str(run.path),
        'config': results.get('config'),
        'config SHA-256': results.get('config_sha256'),
        'checkpoint': results.get('checkpoint'),
        'checkpoint SHA-256': results.get('checkpoint_sha256'),
        'commit': results.get('commit'),
        'seed': (run.config.get('randomness') or {}).get('seed'),
        'test-time augmentation': 'yes' if results.get('tta') else 'no',
        'dataset': dataset.get('name'),
        'annotations': dataset.get('ann_file'),
        'annotations SHA-256': dataset.get('ann_file_sha256'),
        'samples': dataset.get('samples') or results['details'].get('num_samples'),
        'vessels': results['details'].get('vessels', {}).get('number'),
        'gases': ', '.join(dataset.get('gases') or []) or None,
        'pairs': ', '.join(
            f'{n} of the {words}' for words, n in (dataset.get('pairing') or {}).items()
        ),
        'intervals': ', '.join(f'{name} {value}' for name, value in bootstrap.items()),
    }
    texts = {n: 'not recorded' if x in (None, '') else str(x) for n, x in rows.items()}
    return Table('Test', [], [[name, text] for name, text in texts.items()])


def _fold_tables(run: RunFolder, published: RunFolder | None) -> list[Table]:
    """Over folds, and beside a published split; where there are any."""
    tables = [folds_table(run)] if isinstance(run, CrossValidation) else []
    if published is not None:
        tables.append(split_effect({run.name: ([published], [run])}))
    return tables


def cost_table(run: RunFolder) -> list[Table]:
    """Parameters and MACs by part; nothing for what is no network."""
    try:
        cost = run.cost
    except UserError:
        return []
    if not cost.parameters:
        return []
    parts = {**cost.by_part, 'model': (cost.parameters, cost.macs)}
    rows = [
        [name, f'{parameters:,}', f'{macs / 1e9:.3f}']
        for name, (parameters, macs) in parts.items()
    ]
    height, width = cost.size
    sample = f'{" and ".join(cost.gases)} at {width}x{height}'
    note = f'A sample with {sample}; counted by {cost.counter}.'
    return [Table('Cost', ['', 'parameters', 'GMACs'], rows, [note])]
