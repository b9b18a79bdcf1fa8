"""The commands of docs/your_data.md, from recordings to a tested model."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.datasets.reviewing import Review
from tests.campaigns import draw, read_rows, write_rows
from tests.commands import ROOT, run_tool
from tests.recordings import write_16_bit_clip
from tests.test_docs import commands

SIZE, EVERY = (64, 48), 25
PH = (6.5, 5.9, 5.3)
#: Two of each class: the least that three splits by vessel can have.
VESSELS = 9
SMALL = [
    'scale=(64,64)',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'test_dataloader.num_workers=0',
    'train_cfg.max_epochs=1',
]
pytestmark = pytest.mark.slow


def record(folder: Path) -> dict[str, list[np.ndarray]]:
    """A CO2 clip of 8 bits and a CH4 clip of 16 of each vessel; the masks by clip."""
    folder.mkdir()
    rows, masks = [], {}
    for vessel in range(VESSELS):
        ph = PH[vessel % len(PH)]
        for name, gas in ((f'MOV{vessel:04d}', 'co2'), (f'FLIR{vessel:04d}', 'ch4')):
            rng = np.random.default_rng([vessel, gas == 'co2'])
            kept = [draw(rng, ph, SIZE) for _ in range(2)]
            masks[name] = [mask for _, mask in kept]
            frames = [kept[number // EVERY][0] for number in range(EVERY + 1)]
            if gas == 'co2':
                codec = cv2.VideoWriter.fourcc(*'MJPG')
                video = cv2.VideoWriter(str(folder / f'{name}.avi'), codec, 25, SIZE)
                for frame in frames:
                    video.write(cv2.merge([frame] * 3))
                video.release()
            else:
                deep = [frame.astype(np.uint16) * 7 + 3000 for frame in frames]
                write_16_bit_clip(folder / f'{name}.mkv', deep, 25)
            known = {'recording': name, 'gas_type': gas, 'vessel_id': f'v{vessel:02d}'}
            rows.append(known | {'ph_value': str(ph)})
    write_rows(folder.with_suffix('.csv'), rows)
    return masks


def review(path: Path, masks: dict[str, list[np.ndarray]]) -> None:
    """What a reviewer does on the page of demo/label_app.py: repaints and accepts."""
    opened = Review(path)
    for i, row in opened.rows.iterrows():
        assert opened.mask_file(i).exists()
        opened.save(i, masks[row['recording']][int(row['frame']) // EVERY], 'accepted')


def run(lines: list[list[str]]) -> None:
    for words in lines:
        done = run_tool(*words)
        assert done.returncode == 0, f'{words}\n{done.stderr}'


def expand(word: str) -> list[str]:
    """What the shell makes of a word."""
    folder, star, _ = word.partition('*')
    return sorted(map(str, Path(folder).iterdir())) if star else [word]


def test_the_page_from_recordings_to_a_tested_model(tmp_path):
    masks = record(tmp_path / 'recordings')
    places = {
        'data/mine': tmp_path / 'mine',
        'work_dirs': tmp_path / 'runs',
        'recordings/MOV0001.mp4': tmp_path / 'recordings/MOV0001.avi',
        'recordings': tmp_path / 'recordings',
    }
    lines = []
    for words in commands((ROOT / 'docs/your_data.md').read_text(encoding='utf-8')):
        assert words.pop(0) == 'python'
        for place, here in places.items():
            words = [
                word.replace(place, str(here), 1)
                if word.startswith((place, f'data_root={place}', f'load_from={place}'))
                else word
                for word in words
            ]
        words = [path for word in words for path in expand(word)]
        if words[0] in ('tools/train.py', 'tools/test.py'):
            words += SMALL
        lines.append(words)
    assert len(lines) == 11  # the ten, and the use of the model
    (at,) = (i for i, words in enumerate(lines) if words[0] == 'demo/label_app.py')
    run(lines[:at])
    review(Path(lines[at][1]), masks)
    run(lines[at + 1 :])

    samples = [
        row
        for split in ('train', 'val', 'test')
        for row in read_rows(tmp_path / f'mine/paired_{split}_annotations.csv')
    ]
    assert len(samples) == VESSELS * 2
    assert all(row['co2_frame'] and row['ch4_frame'] for row in samples)
    assert {row['grouped_by'] for row in samples} == {'vessel_id'}
    results = json.loads((tmp_path / 'runs/mine_health/test_results.json').read_text())
    assert {'seg/mIoU', 'cls/balanced_accuracy'} <= set(results['metrics'])
    assert (tmp_path / 'runs/mine_video/verdict.json').is_file()
