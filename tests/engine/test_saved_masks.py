"""Masks that the inferencer wrote of a CSV are scored against the same CSV."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.engine.saved_masks import table_of_masks
from fume_mm.errors import UserError
from fume_mm.evaluation import Scores
from fume_mm.inference.samples import gather
from fume_mm.inference.writer import Prediction, ResultWriter
from fume_mm.io.images import read_mask
from fume_mm.io.tables import write_table
from fume_mm.structures.dual_gas_result import DualGasResult
from tests.campaigns import make_campaign

ANN = 'paired_test_annotations.csv'


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Three samples whose names need escaping in those of files."""
    root = make_campaign(
        tmp_path / 'campaign', vessels=3, frames=1, size=(32, 24), splits=('test',)
    )
    paired = pair_gases(read_annotations(root / 'test_annotations.csv'))
    paired['sample_id'] = [f'run 1/{name}: %' for name in paired['sample_id']]
    write_table(paired, root / ANN)
    return root


def write_true_masks(root: Path, out: Path) -> None:
    """As demo/image_demo.py --inputs CSV writes results, with the true masks."""
    table = pd.read_csv(root / ANN, keep_default_na=False)
    samples = gather(root / ANN)
    writer = ResultWriter(out, samples=samples, about={}, panels=False)
    for row, sample in zip(table.to_dict('records'), samples, strict=True):
        masks = {gas: read_mask(root / row[f'{gas}_mask']) for gas in sample.frames}
        writer.write(Prediction(sample, DualGasResult(sample.name, masks)))
    writer.close()


@pytest.mark.parametrize('named', [True, False])
def test_what_the_inferencer_wrote_is_found(
    campaign: Path, tmp_path: Path, named: bool
) -> None:
    if not named:  # the owners' CSVs have no such column
        table = pd.read_csv(campaign / ANN, keep_default_na=False)
        table.drop(columns='sample_id').to_csv(campaign / ANN, index=False)
    write_true_masks(campaign, tmp_path / 'out')
    scores = Scores.of_table(table_of_masks(tmp_path / 'out/masks', ANN, campaign))
    assert scores.details['num_samples'] == 3
    assert scores.values['seg/mIoU'] == 1
    assert scores.values['boundary/HD95'] == 0


def test_a_mask_that_is_not_there_is_named(campaign: Path, tmp_path: Path) -> None:
    write_true_masks(campaign, tmp_path / 'out')
    mask = sorted((tmp_path / 'out/masks').iterdir())[0]
    mask.unlink()
    with pytest.raises(UserError, match='there is no such mask') as caught:
        table_of_masks(tmp_path / 'out/masks', ANN, campaign)
    assert str(mask) in str(caught.value)


def test_the_other_splits_lie_beside_the_samples(
    campaign: Path, tmp_path: Path
) -> None:
    write_true_masks(campaign, tmp_path / 'out')
    fold = campaign / 'cv_fold0'
    fold.mkdir()
    for split in ('train', 'test'):  # the fold leaks, the campaign does not
        shutil.copy(campaign / ANN, fold / f'paired_{split}_annotations.csv')
    for ann, leaks in ((ANN, False), (f'cv_fold0/{ANN}', True)):
        table = table_of_masks(tmp_path / 'out/masks', ann, campaign)
        assert table['leakage'].tolist() == [leaks] * 3
