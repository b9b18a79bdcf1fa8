"""The command lines that check, split and import campaigns, and their docs."""

import csv
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.splitting import check_leaks
from fume_mm.structures import SPLITS
from tests.campaigns import annotations, draw, make_campaign, read_rows

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / 'docs/datasets.md').read_text(encoding='utf-8')
CHECK = 'tools/misc/check_dataset.py'
SPLIT = 'tools/dataset_converters/split_by_group.py'
IMPORT = 'tools/dataset_converters/import_dataset.py'
Tool = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.slow


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Run a tool in this process; returns exit status, output and errors."""

    def run(path: str, *options: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, 'argv', [path, *map(str, options)])
        with pytest.raises(SystemExit) as exited:
            runpy.run_path(str(ROOT / path), run_name='__main__')
        return int(exited.value.code or 0), *capsys.readouterr()

    return run


def folders(root: Path, clips: int = 6, frames: int = 2) -> Path:
    """Plain folders of 0/255 masks, in clips."""
    for kind in ('frames', 'masks'):
        (root / kind).mkdir(parents=True)
    for clip in range(clips):
        for frame in range(frames):
            image, mask = draw(np.random.default_rng([clip, frame]), 5.6, (64, 48))
            name = f'clip{clip:02}_{frame:04}.png'
            cv2.imwrite(str(root / 'frames' / name), image)
            cv2.imwrite(str(root / 'masks' / name), np.uint8(mask == 2) * 255)
    return root


def test_an_intact_campaign_is_status_0_with_its_counts(
    tool: Tool, tmp_path: Path
) -> None:
    root = make_campaign(tmp_path)
    status, output, _ = tool(CHECK, root)
    assert status == 0
    assert output.rstrip().endswith(f'{root}: no defects')
    lines = [line.split() for line in output.splitlines()]
    # Vessel 3 (pH 6.2) has no CH4, vessel 4 (pH 5.3) no CO2; 2 frames, 3 splits.
    assert ['train', 'Healthy', '4', '2', '6'] in lines
    assert ['5.3', '0', '6', '6'] in lines
    assert ['all', '30', '30', '60'] in lines


def test_defects_are_status_1_and_rows_of_a_csv(tool: Tool, tmp_path: Path) -> None:
    root = make_campaign(tmp_path / 'data', broken='unknown_gas')
    (root / read_rows(annotations(root))[4]['frame_path']).unlink()
    out = tmp_path / 'defects.csv'
    status, output, _ = tool(CHECK, root, '--out', out)
    assert status == 1
    assert output.rstrip().endswith(f'{root}: 2 defects')
    assert f"{annotations(root)}, line 3 ('n2o'): gas_type must be one of" in output
    with out.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(row['file'], row['line']) for row in rows] == [
        (str(annotations(root)), '3'),
        (str(annotations(root)), '6'),
    ]
    assert rows[1]['problem'] == 'the frame does not exist'
    assert [row['kind'] for row in rows] == ['defect', 'defect']


def test_warnings_are_shown_and_leave_status_0(tool: Tool, tmp_path: Path) -> None:
    root = make_campaign(tmp_path / 'data', co2_only=(1,), ch4_only=())
    out = tmp_path / 'found.csv'
    status, output, _ = tool(CHECK, root, '--out', out)
    assert status == 0
    assert output.rstrip().endswith(f'{root}: no defects, 1 warnings')
    assert f'warning: {root} (CH4 (as ' in output
    with out.open(newline='') as file:
        (row,) = csv.DictReader(file)
    assert row['kind'] == 'warning'
    assert 'not for Transitional' in row['shown']


def test_alike_defects_are_one_line(tool: Tool, tmp_path: Path) -> None:
    root = make_campaign(tmp_path)
    for row in read_rows(annotations(root))[:5]:
        (root / row['mask_path']).unlink()
    _, output, _ = tool(CHECK, root)
    assert output.count('the mask does not exist') == 1
    assert 'line 2 ' in output and ' and 4 more: the mask does not exist' in output


def test_only_the_splits_that_are_asked_for_must_be_there(
    tool: Tool, tmp_path: Path
) -> None:
    root = make_campaign(tmp_path, splits=['test'])
    assert tool(CHECK, root)[0] == 1
    assert tool(CHECK, root, '--splits', 'test')[0] == 0


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['missing'], 'data root missing does not exist'),
        (['.'], 'has none of train_annotations.csv'),
        (['.', '--workers=0'], '--workers 0 is too few'),
        (['.', '--out=missing/a.csv'], 'missing is no folder'),
    ],
)
def test_a_wrong_check_command_is_status_2_and_one_line(
    tool: Tool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, output, errors = tool(CHECK, *options)
    assert (status, output) == (2, '')
    assert said in errors
    assert len(errors.splitlines()) == 1


def test_a_split_keeps_groups_whole_and_loses_no_row(
    tool: Tool, tmp_path: Path
) -> None:
    root = make_campaign(tmp_path / 'a', vessels=12, vessel_id=True)
    status, output, _ = tool(SPLIT, root, '--out', tmp_path, '--shares', 2, 1, 1)
    assert status == 0
    assert '36 groups' in output
    splits = {s: read_annotations(annotations(tmp_path, s)) for s in SPLITS}
    check_leaks(splits, tmp_path)
    paths = [path for rows in splits.values() for path in rows['frame_path']]
    assert sorted(paths) == sorted(
        f'a/{row["frame_path"]}'
        for s in SPLITS
        for row in read_rows(annotations(root, s))
    )
    lines = {line.split()[0]: line for line in output.splitlines() if '%' in line}
    for name in ('Healthy', 'Transitional', 'Acidotic', 'all'):
        shares = [float(share) for share in re.findall(r'([\d.]+) %', lines[name])]
        assert np.allclose(shares, [50, 25, 25], atol=10)


def test_a_split_in_place_asks_for_force(tool: Tool, tmp_path: Path) -> None:
    root = make_campaign(tmp_path, broken='leak')
    before = annotations(root).read_bytes()
    status, _, errors = tool(SPLIT, root, '--out', root)
    assert status == 2
    assert 'would be replaced; add --force' in errors
    assert annotations(root).read_bytes() == before
    assert tool(SPLIT, root, '--out', root, '--force')[0] == 0
    assert tool(CHECK, root)[0] == 0


def test_folds_are_written_beside_a_campaign_that_stays_as_it_is(
    tool: Tool, tmp_path: Path
) -> None:
    root = make_campaign(tmp_path / 'data', size=(16, 12), vessel_id=True)
    before = {path: path.read_bytes() for path in root.rglob('*') if path.is_file()}
    out = tmp_path / 'lists'
    options = ('--out', out, '--data-root', root)
    status, output, _ = tool(SPLIT, root, *options, '--folds', 3)
    assert status == 0
    assert '18 groups' in output and f'wrote 3 folds to {out}' in output
    tested = []
    for k in range(3):
        fold = out / f'cv_fold{k}'
        splits = {s: read_annotations(annotations(fold, s), root=root) for s in SPLITS}
        check_leaks(splits, root)
        tested += splits['test']['frame_path'].tolist()
    rows = [row for s in SPLITS for row in read_rows(annotations(root, s))]
    assert sorted(tested) == sorted(row['frame_path'] for row in rows)
    assert before == {x: x.read_bytes() for x in root.rglob('*') if x.is_file()}

    status, _, errors = tool(SPLIT, root, *options, '--folds', 3)
    assert status == 2 and 'cv_fold0 and its siblings would be replaced' in errors
    pairs = out / 'cv_fold2/paired_val_annotations.csv'
    pairs.touch()  # of the fold as it was
    assert tool(SPLIT, root, *options, '--folds', 3, '--seed', 1, '--force')[0] == 0
    assert not pairs.exists()
    status, _, errors = tool(SPLIT, root, *options, '--folds', 2, '--force')
    assert status == 2 and 'cv_fold2 and 0 more folders are folds of another' in errors
    status, _, errors = tool(SPLIT, root, *options, '--folds', 19)
    assert status == 2 and '19 folds of 18 groups' in errors


@pytest.mark.parametrize(
    ('form', 'names'),
    [
        ('--owners-loso', ['fold_AtoB', 'fold_BtoA']),
        ('--leave-one-out', [f'fold_{s}_v{i}' for s in SPLITS for i in range(6)]),
    ],
)
def test_folds_of_recordings(
    tool: Tool, tmp_path: Path, form: str, names: list[str]
) -> None:
    root = make_campaign(tmp_path, size=(16, 12), vessel_id=True)
    assert tool(SPLIT, root, '--out', root, form)[0] == 0
    assert sorted(x.name for x in (root / 'loso').iterdir()) == sorted(names)


def test_splits_of_a_seed_are_the_same_bytes(tool: Tool, tmp_path: Path) -> None:
    make_campaign(tmp_path / 'a', vessels=9)

    def split(seed: int) -> list[bytes]:
        tool(SPLIT, tmp_path / 'a', '--out', tmp_path, '--force', '--seed', seed)
        return [annotations(tmp_path, s).read_bytes() for s in SPLITS]

    first = split(1)
    assert split(2) != first
    assert split(1) == first


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['a', '--out', 'b'], 'does not hold the frames'),
        (['a', 'a', '--out', '.'], 'is annotated more than once'),
        (['a', 'v', '--out', '.'], 'name groups in different columns'),
        (['b', '--out', '.'], 'has no annotation CSV'),
        (['c.csv', '--out', '.'], 'c.csv does not exist'),
        (['a', '--out', 'a', '--force', '--shares', '1', '0', '1'], 'above 0'),
        (['a', '--out', '.', '--seed=-1'], '--seed -1 is negative'),
    ],
)
def test_a_wrong_split_command_is_one_line_and_writes_nothing(
    tool: Tool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    make_campaign(tmp_path / 'a')
    make_campaign(tmp_path / 'v', vessel_id=True)
    (tmp_path / 'b').mkdir()
    monkeypatch.chdir(tmp_path)
    status, output, errors = tool(SPLIT, *options)
    assert (status, output) == (2, '')
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert not list(tmp_path.glob('*.csv'))


def test_imported_folders_pass_the_check(tool: Tool, tmp_path: Path) -> None:
    root = folders(tmp_path)
    options = ('folders', root, root, '--gas', 'ch4')
    status, output, _ = tool(IMPORT, *options)
    assert status == 0
    assert 'mask values: 0 is background, 255 is gas (inferred)' in output
    assert '6 recordings, by the names without the number of the frame' in output
    assert '12 frames have no pH: they serve segmentation only' in output
    assert tool('tools/dataset_converters/pair_gases.py', root)[0] == 0
    assert tool(CHECK, root)[0] == 0
    groups = {
        s: {r['recording'] for r in read_rows(annotations(root, s))} for s in SPLITS
    }
    assert sorted(set.union(*groups.values())) == [f'clip{i:02}' for i in range(6)]
    assert sum(map(len, groups.values())) == 6
    assert tool(IMPORT, *options)[0] == 2  # would replace the CSVs


def test_an_import_may_fill_one_split(tool: Tool, tmp_path: Path) -> None:
    root = folders(tmp_path / 'in', clips=1)
    out = tmp_path / 'out'
    status, output, _ = tool(
        IMPORT, 'folders', root, out, '--gas=co2', '--split=test', '--ph=6.5', '--link'
    )
    assert status == 0
    assert 'split: all in test, as asked for' in output
    rows = read_rows(annotations(out, 'test'))
    assert [row['class_name'] for row in rows] == ['Healthy', 'Healthy']
    assert all((out / row['frame_path']).is_symlink() for row in rows)
    assert not annotations(out, 'train').exists()


def test_a_zip_is_imported_as_its_folder(tool: Tool, tmp_path: Path) -> None:
    root = folders(tmp_path / 'in')
    (root / 'masks').rename(root / 'SegmentationClass')
    for mask in (root / 'SegmentationClass').iterdir():
        gas = cv2.imread(str(mask), -1)
        cv2.imwrite(str(mask), np.dstack([gas, gas // 2, gas // 3]))
    legend = 'background:0,0,0::\ngas:85,127,255::\n'
    (root / 'labelmap.txt').write_text(legend)
    archive = shutil.make_archive(str(tmp_path / 'export'), 'zip', root)
    status, output, _ = tool(IMPORT, 'cvat', archive, tmp_path / 'out', '--gas=ch4')
    assert status == 0
    assert '85,127,255 is gas (by the legend)' in output
    assert tool(CHECK, tmp_path / 'out')[0] == 0


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['folders', '.', 'out'], 'say which gas the cameras saw'),
        (['folders', 'no', 'out', '--gas=ch4'], 'no does not exist'),
        (['folders', '.', 'out', '--gas=ch4'], 'out lies in .'),
        (['folders', '.', '.', '--gas=ch4', '--seed=-1'], '--seed -1 is negative'),
        (['folders', '.', '.', '--gas=ch4', '--mask-map', '1=x'], 'VALUE=CLASS'),
        (['folders', '.', '.', '--gas=ch4', '--mask-pattern=x'], 'has no group'),
        (['folders', '.', '.', '--gas=ch4', '--mask-pattern=('], 'no regular'),
        (['folders', '.', '.', '--gas=ch4', '--mask-suffix=_m'], 'no mask whose name'),
        (['coco', '.', '.', '--gas=ch4'], 'holds no COCO file'),
        (['labelme', '.', '.', '--gas=ch4'], 'holds no JSON of labelme'),
        (['label_studio', '.', '.', '--gas=ch4'], 'holds no JSON or JSON-MIN'),
        (['gasformer', '.', '.', '--gas=ch4'], 'holds no Parquet file'),
        (['gas_ground', '.', '.', '--gas=ch4'], 'holds no tar'),
        (['owners', '.', '.'], 'annotations.csv does not exist'),
        (['trace', '.', '.', '--gas=ch4'], 'no folder of a scene'),
        (['gas_twin_former', '.', '.', '--gas=ch4'], 'has no combined_*.csv'),
    ],
)
def test_a_wrong_import_is_one_line_and_writes_nothing(
    tool: Tool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob('*'))
    status, output, errors = tool(IMPORT, *options)
    assert (status, output) == (2, '')
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.parametrize('page', ['datasets.md', 'import.md'])
def test_the_commands_of_the_docs_run(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folders(tmp_path / 'data/release')
    commands = [
        shlex.split(line)
        for block in re.findall(
            r'```bash\n(.*?)```', (ROOT / 'docs' / page).read_text('utf-8'), re.DOTALL
        )
        for line in block.splitlines()
    ]
    assert len(commands) >= 4
    for python, path, *options in commands:
        assert python == 'python'
        if path == 'tools/dataset_converters/simulate_ogi.py':  # slow; tested elsewhere
            make_campaign(tmp_path / options[0])
            continue
        assert tool(path, *options)[0] == 0, path


def test_the_config_of_the_docs_trains_on_imported_masks(
    tool: Tool, tmp_path: Path
) -> None:
    import torch
    from mmengine.config import Config

    from fume_mm.registry import DATA_SAMPLERS, DATASETS, MODELS, register_all_modules

    root = folders(tmp_path)
    tool(IMPORT, 'folders', root, root, '--gas', 'ch4')
    tool('tools/dataset_converters/pair_gases.py', root)
    register_all_modules()
    config = Config.fromfile(ROOT / 'configs/fume/fume_fastscnn_masks.py')
    assert config.custom_hooks[-1].monitor == 'seg/mIoU'
    dataset_config = {**config.train_dataloader.dataset, 'data_root': str(root)}
    dataset = DATASETS.build(dataset_config)
    sampler = DATA_SAMPLERS.build(
        config.train_dataloader.sampler, default_args={'dataset': dataset}
    )
    items = [dataset[i] for i in list(sampler)[:2]]
    model = MODELS.build(config.model)
    batch = model.data_preprocessor(
        {key: [item[key] for item in items] for key in items[0]}, training=True
    )
    losses = model(**batch, mode='loss')
    assert {name.split('.')[0] for name in losses} == {'ch4'}
    assert all(bool(torch.isfinite(loss).all()) for loss in losses.values())
