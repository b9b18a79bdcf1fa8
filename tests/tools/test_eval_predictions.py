"""Mistakes in what is scored again; test_test.py scores what a test wrote."""

import re
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.io.tables import write_table
from fume_mm.structures import GASES
from tests.campaigns import make_campaign
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
ANN = 'paired_test_annotations.csv'
pytestmark = pytest.mark.slow


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_tool('tools/analysis_tools/eval_predictions.py', *arguments)


def refused(*arguments: object) -> str:
    done = run(*arguments)
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    return done.stderr


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Three samples, and in ``masks`` their true masks as if predicted."""
    root = make_campaign(
        tmp_path / 'campaign', vessels=3, frames=1, size=(32, 24), splits=('test',)
    )
    paired = pair_gases(read_annotations(root / 'test_annotations.csv'))
    write_table(paired, root / ANN)
    (tmp_path / 'masks').mkdir()
    for row in paired.to_dict('records'):
        for gas in GASES:
            mask = cv2.imread(str(root / row[f'{gas}_mask']), cv2.IMREAD_UNCHANGED)
            cv2.imwrite(str(mask_path(tmp_path, row['sample_id'], gas)), mask)
    return root


def mask_path(folder: Path, sample: str, gas: str) -> Path:
    return folder / f'masks/{sample}_{gas}.png'


def arguments(campaign: Path) -> list[str]:
    masks = f'--masks={campaign.parent}/masks'
    return [masks, f'--ann={ANN}', f'--data-root={campaign}']


def test_true_masks_are_perfect(campaign: Path) -> None:
    done = run(*arguments(campaign))
    assert done.returncode == 0, done.stderr
    assert re.search(r'mIoU +100\.0 \[100\.0, 100\.0\]', done.stdout)
    assert re.search(r'HD95 \(px\) +0\.0 \[0\.0, 0\.0\]', done.stdout)
    assert 'Health' not in done.stdout


def test_wrong_masks_are_named(campaign: Path) -> None:
    masks = sorted((campaign.parent / 'masks').iterdir())
    good = masks[0].read_bytes()
    cv2.imwrite(str(masks[0]), np.zeros((5, 5), np.uint8))
    assert 'frame: the truth has the shape' in refused(*arguments(campaign))
    cv2.imwrite(str(masks[0]), np.full((24, 32), 7, np.uint8))
    assert f'{masks[0]}: ' in (error := refused(*arguments(campaign)))
    assert 'values 7 are no class' in error
    masks[0].write_bytes(b'text')
    assert f'{masks[0]}: is not an image' in refused(*arguments(campaign))
    masks[0].unlink()
    assert f'{masks[0]}: there is no such mask' in refused(*arguments(campaign))
    masks[0].write_bytes(good)
    assert 'there is no such folder' in refused(
        '--masks=nowhere', f'--ann={ANN}', f'--data-root={campaign}'
    )


def test_arguments_must_be_one_of_both(tmp_path: Path) -> None:
    assert 'either a file of predictions or --masks' in refused()
    assert 'either a file' in refused('a.csv', '--masks=b')
    assert 'needs --ann and --data-root' in refused('--masks=b')
    assert 'give 0, or 2 and more' in refused('a.csv', '--resamples=1')
    assert f'{tmp_path}/a.csv: cannot be read' in refused(tmp_path / 'a.csv')
