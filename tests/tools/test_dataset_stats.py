"""The command line that counts and measures a campaign."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.campaigns import (
    annotations,
    make_campaign,
    pair_campaign,
    read_rows,
    write_rows,
)

TOOL = Path(__file__).parents[2] / 'tools/analysis_tools/dataset_stats.py'
CSVS = ('counts_by_class', 'counts_by_ph', 'availability', 'pairing', 'measures')
FIGURES = ('areas', 'availability', 'counts', 'gray_levels', 'intensity', 'ph')
WARNING = (178, 60, 0)
Tool = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.slow


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Run the tool in this process; returns exit status, output and errors."""

    def run(*options: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, options)])
        with pytest.raises(SystemExit) as exited:
            runpy.run_path(str(TOOL), run_name='__main__')
        return int(exited.value.code or 0), *capsys.readouterr()

    return run


def names(folder: Path, kind: str) -> list[str]:
    return sorted(path.stem for path in folder.glob(f'*.{kind}'))


def marked(path: Path) -> bool:
    image = cv2.imread(str(path))[:50, :, ::-1]
    return bool((image == WARNING).all(-1).any())


@pytest.mark.parametrize('simulated', [True, False])
def test_tables_and_figures_of_a_campaign(
    stats: Tool, tmp_path: Path, simulated: bool
) -> None:
    root = make_campaign(tmp_path / 'data')
    pair_campaign(root)
    if simulated:
        (root / 'campaign.json').write_text(json.dumps({'simulated': True}))
    out = tmp_path / 'new/out'
    status, output, errors = stats(root, '--out', out, '--workers', 2)
    assert (status, errors) == (0, '')
    assert ('simulated' in output) == simulated
    lines = [line.split() for line in output.splitlines()]
    assert ['train', 'Healthy', '4', '2', '6'] in lines  # vessel 3 has no CH4
    assert ['5.3', '0', '6', '6'] in lines
    assert ['val', 'Acidotic', '4', '0', '2', '6'] in lines  # vessel 4 has no CO2
    assert ['split', 'health', 'both', 'co2_only', 'ch4_only', 'samples'] in lines
    assert output.endswith(f'wrote CSVs and figures to {out}\n')

    assert names(out, 'csv') == sorted([*CSVS, 'gray_levels', 'frames'])
    assert names(out, 'png') == sorted(FIGURES)
    for name in CSVS:
        assert all(
            row.get('simulated') == ('True' if simulated else None)
            for row in read_rows(out / f'{name}.csv')
        )
    assert all(marked(out / f'{name}.png') == simulated for name in FIGURES)


def test_what_the_csvs_say_is_in_the_masks(stats: Tool, tmp_path: Path) -> None:
    root = make_campaign(tmp_path / 'data', splits=['test'], vessels=2)
    assert stats(root, '--out', tmp_path / 'out')[0] == 0
    rows = read_rows(tmp_path / 'out/frames.csv')
    annotated = read_rows(annotations(root, 'test'))
    assert [row['frame_path'] for row in rows] == [r['frame_path'] for r in annotated]
    shares = {'co2': [], 'ch4': []}
    for row, source in zip(rows, annotated, strict=True):
        mask = cv2.imread(str(root / source['mask_path']), cv2.IMREAD_UNCHANGED)
        assert float(row['gas_share']) == pytest.approx((mask == 2).mean(), rel=1e-5)
        frame = cv2.imread(str(root / source['frame_path']), cv2.IMREAD_UNCHANGED)
        gas, background = mask == 2, mask == 0
        ring = cv2.dilate(gas.astype(np.uint8), np.ones((3, 3))) > gas
        around = np.median(frame[ring & background])
        contrast = frame[gas].mean() - around
        assert float(row['contrast']) == pytest.approx(contrast, abs=0.01)
        assert float(row['background_gray']) == np.median(frame[background])
        shares[source['gas_type']].append((mask == 2).mean())
    measures = read_rows(tmp_path / 'out/measures.csv')
    for gas, of_gas in shares.items():
        (row,) = [r for r in measures if (r['gas_type'], r['health']) == (gas, 'all')]
        assert float(row['gas_percent_mean']) == pytest.approx(
            100 * np.mean(of_gas), rel=1e-5
        )
    gray = read_rows(tmp_path / 'out/gray_levels.csv')
    total = sum(
        int(row[name]) for row in gray for name in ('background', 'tube', 'gas')
    )
    assert total == len(rows) * 64 * 48


def test_masks_without_health_labels_are_no_class(stats: Tool, tmp_path: Path) -> None:
    root = make_campaign(tmp_path / 'data', splits=['train'], vessels=2)
    empty = {'ph_value': '', 'class_id': '', 'class_name': ''}
    write_rows(annotations(root), [r | empty for r in read_rows(annotations(root))])
    out = tmp_path / 'out'
    status, output, _ = stats(root, '--out', out)
    assert status == 0
    lines = [line.split() for line in output.splitlines()]
    assert ['train', 'no', 'class', '4', '4', '8'] in lines
    assert ['none', '4', '4', '8'] in lines
    assert 'no paired CSVs' in output
    assert 'nan' not in output.lower()
    # without a pH and without samples, there is nothing to draw of them
    assert names(out, 'png') == ['areas', 'counts', 'gray_levels', 'intensity']


def test_frames_without_gas_have_no_contrast(stats: Tool, tmp_path: Path) -> None:
    root = make_campaign(
        tmp_path / 'data', splits=['train'], vessels=1, ch4_only=[], co2_only=[0]
    )
    for row in read_rows(annotations(root)):
        path = str(root / row['mask_path'])
        mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        cv2.imwrite(path, np.where(mask == 2, 0, mask))
    status, output, _ = stats(root)
    assert status == 0
    (line,) = [li.split() for li in output.splitlines() if li.startswith('co2')]
    assert line[:7] == ['co2', 'Healthy', '2', '100.0', '0.0', '0.0', '0.0']
    assert line[-3:] == ['-', '-', '-']


def test_without_out_nothing_is_written(stats: Tool, tmp_path: Path) -> None:
    root = make_campaign(tmp_path, vessels=3)
    before = sorted(tmp_path.rglob('*'))
    status, output, _ = stats(root, '--splits', 'val', 'train')
    assert status == 0
    assert sorted(tmp_path.rglob('*')) == before
    splits = [line.split()[0] for line in output.splitlines() if 'Acidotic' in line]
    assert splits[:2] == ['train', 'val']  # of three vessels, each class has one
    assert 'test' not in splits


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['missing'], 'data root missing does not exist'),
        (['.'], 'has none of train_annotations.csv'),
        (['a', '--workers=0'], '--workers 0 is too few'),
        (['a', '--splits', 'val'], 'a/val_annotations.csv does not exist'),
        (['a', '--out=a/train_annotations.csv'], 'cannot be made'),
        (['b'], 'b/masks/train/train_v0_f0_a0_ch4.png: mask values 100, 200'),
    ],
)
def test_a_mistake_is_one_line(
    stats: Tool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    make_campaign(tmp_path / 'a', splits=['train'], vessels=1)
    make_campaign(tmp_path / 'b', splits=['train'], vessels=1, broken='mask_values')
    monkeypatch.chdir(tmp_path)
    status, output, errors = stats(*options)
    assert (status, output) == (2, '')
    assert said in errors
    assert len(errors.splitlines()) == 1
