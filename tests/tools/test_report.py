"""The report of a run that was made without training."""

import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from fume_mm.datasets.data_card import keep_card
from fume_mm.evaluation.predictions import read_predictions, write_predictions
from fume_mm.reporting.page import data_card, report_html
from fume_mm.reporting.run_folder import RunFolder
from tests.commands import run_tool
from tests.runs import make_run

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def report(*words: object) -> subprocess.CompletedProcess[str]:
    return run_tool('tools/analysis_tools/report.py', *words)


class Page(html.parser.HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ''
        self.feed(page)
        self.text = re.sub(r'\s+', ' ', self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a leaked split, one of whose vessels has a hostile name."""
    run = make_run(tmp_path_factory.mktemp('report'), leakage=True)
    table = read_predictions(run / 'predictions.csv')
    table.loc[0, 'vessel'] = '<script>alert(1)</script>'
    write_predictions(table, run / 'predictions.csv')
    done = report(run)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == f'written: {run / "report.html"}'
    return run


@pytest.fixture(scope='module')
def page(run: Path) -> Page:
    return Page((run / 'report.html').read_text(encoding='utf-8'))


def test_nothing_is_fetched_and_nothing_runs(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert not tags & {'script', 'link', 'iframe', 'object', 'embed'}
    places = [
        attributes[key]
        for _, attributes in page.tags
        for key in ('src', 'href', 'srcset', 'action')
        if key in attributes
    ]
    assert places
    assert all(place.startswith('data:image/') for place in places)


def test_names_of_the_files_are_escaped(page: Page) -> None:
    assert '<script>alert(1)</script>' in page.text  # as text, not as a tag
    assert '# Card of the <tiny> campaign' in page.text


def test_the_data_card_is_of_the_data_that_the_run_was_trained_on(
    tmp_path: Path,
) -> None:
    run, campaign = make_run(tmp_path, masks=False), tmp_path / 'campaign'
    (campaign / 'pairing_statistics.json').write_text('{"pairs": 1}')
    keep_card(campaign, run, 'train')
    (campaign / 'README.md').write_text('# Another campaign')
    (campaign / 'pairing_statistics.json').write_text('{"pairs": 2}')
    keep_card(campaign, run, 'test')
    (campaign / 'README.md').write_text('# A third')
    card = data_card(RunFolder(run))
    assert [place for place, _ in card] == [
        'trained on: README.md',
        'trained on: pairing_statistics.json',
        'tested on: README.md',
        'tested on: pairing_statistics.json',
    ]
    assert card[0][1] == '# Card of the <tiny> campaign\n'
    assert card[2][1] == '# Another campaign'
    for split in ('train', 'test'):
        shutil.rmtree(run / 'data_card' / split)
    ((place, text), _) = data_card(RunFolder(run))
    assert text == '# A third' and 'as it is now; the run kept none' in place


def test_every_figure_is_there(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == 'img']
    assert len(pictures) == 8
    assert all('simulated, LEAKED SPLIT' in picture['alt'] for picture in pictures)
    assert 'Not shown' not in page.text


def test_scores_and_intervals_are_those_of_the_test(run: Path, page: Page) -> None:
    results = json.loads((run / 'test_results.json').read_text(encoding='utf-8'))
    for key in ('seg/mIoU', 'seg/ch4/gas_IoU', 'cls/balanced_accuracy'):
        low, high = (100 * bound for bound in results['intervals'][key])
        value = 100 * results['metrics'][key]
        assert f'{value:.1f} [{low:.1f}, {high:.1f}]' in page.text
    hd95 = results['metrics']['boundary/HD95/gas']
    assert re.search(rf'· gas\s*{hd95:.1f} ', page.text)


def test_warnings_stand_at_the_top(page: Page) -> None:
    top = page.text[: page.text.index('Headline')]
    assert 'Read this first' in top
    assert top.index('LEAKED SPLIT: vessels') < top.index('Simulated data')
    assert 'Few vessels: 6.' in top
    assert 'gas missed in 1 frames' in page.text


def test_config_and_provenance(page: Page) -> None:
    assert "type='DualGasModel'" in page.text
    assert 'commitabc123' in page.text.replace(' ', '')
    assert 'config SHA-256not recorded' in page.text


def test_a_shortcut_is_warned_of(tmp_path: Path) -> None:
    run = make_run(tmp_path, masks=False, simulated=False)
    table = read_predictions(run / 'predictions.csv')
    row = table[table['availability'] == 'co2_only']
    other = table[table['availability'] == 'ch4_only']
    parts = []
    for number in range(6):
        for part, name in ((row, 'Healthy'), (other, 'Acidotic')):
            parts.append(
                part.assign(
                    sample_id=f's{number}_{name}',
                    vessel=f'v{number}_{name}',
                    true_class=name,
                )
            )
    write_predictions(pd.concat(parts), run / 'predictions.csv')
    page = Page(report_html(RunFolder(run)))
    said = 'Presence shortcut: which gases were recorded alone tells the health class'
    assert f'{said}, with a balanced accuracy of 100.0 % where' in page.text
    assert 'predictions.csv has 12 samples, test_results.json is of 6' in page.text
    assert 'Simulated data' not in page.text
    assert 'Not shown: Examples' in page.text


def test_an_untested_run_is_one_line(tmp_path: Path) -> None:
    done = report(tmp_path)
    assert done.returncode == 2
    assert f'error: {tmp_path}/test_results.json: there is no such file' in done.stderr
    assert 'Traceback' not in done.stderr
