"""The command line that shows samples after a config's pipeline."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fume_mm.drawing import draw_panel
from fume_mm.structures import GASES, SPLITS, DualGasDataSample
from tests.campaigns import (
    annotations,
    make_campaign,
    pair_campaign,
    read_rows,
    write_rows,
)

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/analysis_tools/browse_dataset.py'
CONFIG = ROOT / 'configs/fume/fume_fastscnn.py'
SMALL = [
    f'{split}_dataloader.dataset.pipeline.{step}.scale=(96,64)'
    for split, step in (('train', 3), ('val', 1))
]
DROPOUT = 'train_dataloader.dataset.pipeline.0.prob'
# Heights and width of panels: a tile of 96x64 is drawn 360x240, with a gap of 10.
BOTH, SINGLE = 70 + 2 * 250 + 34 + 56, 70 + 250 + 44 + 34 + 56
WIDTH = 810
Tool = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.slow


@pytest.fixture
def browse(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], campaign: Path
) -> Tool:
    """Run the tool in this process; returns exit status, output and errors."""

    def run(
        *options: object,
        config: Path = CONFIG,
        overrides: tuple[str, ...] = (),
        root: Path = campaign,
    ) -> tuple[int, str, str]:
        command = [TOOL, config, *options, '--cfg-options', f'data_root={root}']
        monkeypatch.setattr(sys, 'argv', [*map(str, command), *SMALL, *overrides])
        with pytest.raises(SystemExit) as exited:
            runpy.run_path(str(TOOL), run_name='__main__')
        return int(exited.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture(scope='module')
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six vessels a split, one frame each: 4 samples of both gases, 2 of one."""
    return pair_campaign(
        make_campaign(tmp_path_factory.mktemp('campaign'), frames=1, vessel_id=True)
    )


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def panels(folder: Path) -> dict[str, np.ndarray]:
    """By sample id, in the order in which they were drawn."""
    paths = sorted(folder.glob('[0-9]*.png'))
    assert [path.name[:4] for path in paths] == [f'{i:03}_' for i in range(len(paths))]
    return {path.stem[4:]: read(path) for path in paths}


def expected_panel(root: Path, row: dict[str, str], note: str | None) -> np.ndarray:
    """The panel of a row of a paired CSV, resized but not augmented."""
    sample = DualGasDataSample(metainfo={'sample_id': row['sample_id']})
    frames = {}
    for gas in (gas for gas in GASES if row[f'{gas}_frame']):
        frame = cv2.imread(str(root / row[f'{gas}_frame']), cv2.IMREAD_GRAYSCALE)
        mask = cv2.imread(str(root / row[f'{gas}_mask']), cv2.IMREAD_UNCHANGED)
        frames[gas] = cv2.resize(frame, (96, 64))
        mask = cv2.resize(mask, (96, 64), interpolation=cv2.INTER_NEAREST_EXACT)
        data = torch.from_numpy(mask)[None].long()
        sample.set_gas(gas, SegDataSample(gt_sem_seg=PixelData(data=data)))
    if row['ph_value']:
        sample.set_metainfo({'ph_value': float(row['ph_value'])})
    if row['class_id']:
        sample.set_gt_health(int(row['class_id']))
    return draw_panel(frames, sample, note=note)


@pytest.mark.parametrize('simulated', [True, False])
def test_validation_is_shown_at_the_size_that_the_model_gets(
    browse: Tool, campaign: Path, tmp_path: Path, simulated: bool
) -> None:
    card = campaign / 'campaign.json'
    card.write_text('{"simulated": true}' if simulated else '{}')
    status, output, _ = browse('--split=val', '--out', tmp_path)
    card.unlink()
    assert status == 0
    said = f'wrote 6 of 6 samples of val and contact_sheet.png to {tmp_path}'
    assert said in output
    drawn = panels(tmp_path)
    rows = read_rows(campaign / 'paired_val_annotations.csv')
    assert sorted(drawn) == sorted(row['sample_id'] for row in rows)
    note = 'simulated' if simulated else None
    for row in rows:
        expected = expected_panel(campaign, row, note)
        assert np.array_equal(drawn[row['sample_id']], expected), row['sample_id']


def test_a_seed_draws_and_augments_the_same_and_a_number_only_adds(
    browse: Tool, tmp_path: Path
) -> None:
    def files(name: str, *options: str) -> list[tuple[str, bytes]]:
        assert browse(*options, '--out', tmp_path / name)[0] == 0
        paths = sorted((tmp_path / name).glob('[0-9]*.png'))
        return [(path.name, path.read_bytes()) for path in paths]

    five = files('a', '--number=5', '--seed=3')
    assert len(five) == 5
    assert files('b', '--number=3', '--seed=3') == five[:3]
    other = dict(files('c', '--number=6', '--seed=4'))
    names = {name.partition('_')[2]: data for name, data in other.items()}
    assert len(other) == 6
    # every sample is there, in other pictures
    assert all(names[name.partition('_')[2]] != data for name, data in five)


def test_train_panels_are_augmented(
    browse: Tool, campaign: Path, tmp_path: Path
) -> None:
    assert browse('--out', tmp_path, overrides=(f'{DROPOUT}=0',))[0] == 0
    drawn = panels(tmp_path)
    rows = read_rows(campaign / 'paired_train_annotations.csv')
    for row in rows:
        expected = expected_panel(campaign, row, None)
        panel = drawn[row['sample_id']]
        assert panel.shape == expected.shape
        assert np.array_equal(panel[:70], expected[:70])  # the headline is the same
    same = [
        np.array_equal(drawn[r['sample_id']], expected_panel(campaign, r, None))
        for r in rows
    ]
    assert not all(same)


def test_a_gas_that_the_pipeline_leaves_out_is_missing_and_named(
    browse: Tool, campaign: Path, tmp_path: Path
) -> None:
    for prob in (0, 1):
        options = (f'{DROPOUT}={prob}',)
        assert browse('--out', tmp_path / str(prob), overrides=options)[0] == 0
    rows = read_rows(campaign / 'paired_train_annotations.csv')
    paired = [row['sample_id'] for row in rows if row['is_paired'] == 'True']
    assert len(paired) == 4
    whole, dropped = (panels(tmp_path / str(prob)) for prob in (0, 1))
    for name in whole:
        assert whole[name].shape == ((BOTH if name in paired else SINGLE), WIDTH, 3)
        assert dropped[name].shape == (SINGLE, WIDTH, 3)
        for prob, drawn in enumerate((whole, dropped)):
            boxed = (drawn[name][:44] == (178, 60, 0)).all(-1).any()
            assert boxed == (prob == 1 and name in paired)


def test_each_sample_is_augmented_in_its_own_way(
    browse: Tool, campaign: Path, tmp_path: Path
) -> None:
    assert browse('--out', tmp_path, overrides=(f'{DROPOUT}=0.5',))[0] == 0
    rows = read_rows(campaign / 'paired_train_annotations.csv')
    drawn = panels(tmp_path)
    heights = {
        len(drawn[row['sample_id']]) for row in rows if row['is_paired'] == 'True'
    }
    assert heights == {BOTH, SINGLE}  # some are left whole, some not


def test_the_contact_sheet_has_up_to_twelve_panels(
    browse: Tool, tmp_path: Path
) -> None:
    root = pair_campaign(
        make_campaign(
            tmp_path / 'data',
            vessels=7,
            frames=2,
            co2_only=[],
            ch4_only=range(7),
            vessel_id=True,
        )
    )
    status, *_ = browse('--out', tmp_path / 'out', '--number=13', root=root)
    assert status == 0
    drawn = list(panels(tmp_path / 'out').values())
    assert len(drawn) == 13
    sheet = read(tmp_path / 'out/contact_sheet.png')
    assert sheet.shape == (3 * SINGLE, 4 * WIDTH, 3)
    for place, panel in enumerate(drawn[:12]):
        top, left = SINGLE * (place // 4), WIDTH * (place % 4)
        assert np.array_equal(sheet[top : top + SINGLE, left : left + WIDTH], panel)


def test_samples_without_a_health_label_have_no_caption(
    browse: Tool, tmp_path: Path
) -> None:
    root = make_campaign(tmp_path / 'data', vessels=1, frames=1, vessel_id=True)
    for split in SPLITS:
        path = annotations(root, split)
        empty = {'ph_value': '', 'class_id': '', 'class_name': ''}
        write_rows(path, [row | empty for row in read_rows(path)])
    pair_campaign(root)
    assert browse('--split=val', '--out', tmp_path / 'out', root=root)[0] == 0
    (panel,) = panels(tmp_path / 'out').values()
    (row,) = read_rows(root / 'paired_val_annotations.csv')
    assert row['class_id'] == ''
    assert panel.shape == (BOTH - 56, WIDTH, 3)
    assert np.array_equal(panel, expected_panel(root, row, None))


def test_a_class_without_a_ph_is_shown_without_one(
    browse: Tool, tmp_path: Path
) -> None:
    root = make_campaign(tmp_path / 'data', vessels=1, frames=1, vessel_id=True)
    for split in SPLITS:
        path = annotations(root, split)
        write_rows(path, [row | {'ph_value': ''} for row in read_rows(path)])
    pair_campaign(root)
    assert browse('--split=val', '--out', tmp_path / 'out', root=root)[0] == 0
    (panel,) = panels(tmp_path / 'out').values()
    (row,) = read_rows(root / 'paired_val_annotations.csv')
    assert (row['class_id'], row['ph_value']) == ('0', '')
    assert np.array_equal(panel, expected_panel(root, row, None))


NO_TEST = f"_base_ = '{CONFIG}'\ntest_dataloader = test_cfg = test_evaluator = None\n"
# Options, overrides, the config's text unless it is a config of ours, what is said.
MISTAKES = {
    'number': (['--number=0'], [], None, '--number 0 is too few'),
    'seed': (['--seed=-1'], [], None, '--seed -1 is negative'),
    'out': ([f'--out={TOOL}'], [], None, 'cannot be made'),
    'no config': ([], [], '', 'there is no such config'),
    'syntax': ([], [], 'model = dict(\n', 'cannot be read as a config: SyntaxError'),
    'no loader': (['--split=test'], [], NO_TEST, 'has no test_dataloader'),
    'no root': ([], ['data_root=none'], None, 'data root none does not exist'),
    'unknown key': ([], ['trian_dataloader=1'], None, 'has no trian_dataloader'),
    'transform': (
        [],
        ['train_dataloader.dataset.pipeline.1.type=Lode'],
        None,
        '(train_dataloader.dataset.pipeline.1.type)',
    ),
    'no packing': (
        [],
        ['train_dataloader.dataset.pipeline.5.type=LoadDualGasFrames'],
        None,
        'does not give inputs and data_samples',
    ),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_mistake_is_one_line(browse: Tool, tmp_path: Path, mistake: str) -> None:
    options, overrides, text, said = MISTAKES[mistake]
    config = CONFIG
    if text is not None:
        config = tmp_path / 'own.py'
        if text:
            config.write_text(text)
    out = [] if mistake == 'out' else ['--out', tmp_path / 'out']
    status, output, errors = browse(
        *out, *options, config=config, overrides=tuple(overrides)
    )
    assert (status, output) == (2, '')
    (line,) = [li for li in errors.splitlines() if li.startswith('error: ')]
    assert errors.endswith(f'{line}\n')
    assert said in line
    assert 'Traceback' not in errors
    assert not list(tmp_path.rglob('*.png'))
