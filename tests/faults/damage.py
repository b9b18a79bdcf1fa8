"""Files of every kind that is written here, damaged: refused, or read as they were."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fume_mm.errors import UserError
from tests.campaigns import make_campaign, pair_campaign
from tests.checkpoints import make_checkpoint
from tests.clips import write_clip
from tests.exports import SCALE, small_model
from tests.runs import make_run

from .ledger import Fault

KINDS = ('truncated', 'bit flipped', 'page zeroed')
PAGE = 4096


def damaged(
    content: bytes, kind: str, chance: random.Random, *, page: int = PAGE
) -> bytes:
    """Content cut short, with one bit flipped, or with one page of zeros."""
    if kind == 'truncated':
        return content[: chance.randrange(len(content))]
    data = bytearray(content)
    if kind == 'bit flipped':
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    else:
        start = chance.randrange(len(data)) // page * page
        data[start : start + page] = bytes(len(data[start : start + page]))
    return bytes(data)


def said(value: Any) -> str:
    """A digest of what a reader gives."""
    if isinstance(value, dict):
        value = [(key, said(x)) for key, x in value.items()]
    if isinstance(value, pd.DataFrame):
        value = value.to_csv()
    if isinstance(value, np.ndarray):
        value = (value.shape, value.dtype.str, value.tobytes())
    elif hasattr(value, 'numpy'):
        return said(value.numpy())
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _weights(path: Path) -> Any:
    from fume_mm.io.weights import read_checkpoint

    return read_checkpoint(path)


def _exported(path: Path) -> Any:
    from fume_mm.inference.exported import ExportedModel

    frame = np.tile(np.arange(SCALE[0], dtype=np.uint8) * 2, (SCALE[1], 1))
    result = ExportedModel(path, threads=1)(co2=frame, ch4=frame.T.copy().T)
    return {**result.masks, 'health': result.health_scores}


def _program(path: Path) -> Any:
    from fume_mm.inference.export_check import open_exported
    from fume_mm.inference.graph import GraphInfo

    text = path.with_suffix('.json').read_text()
    info = GraphInfo.from_json(text, path=str(path))
    frame = torch.arange(SCALE[0], dtype=torch.uint8).expand(1, 1, *SCALE[::-1])
    return open_exported(path, info)((frame, frame.flip(3), torch.ones(1, 2) > 0))


def _frame(path: Path) -> Any:
    from fume_mm.io.images import read_gray

    return read_gray(path)


def _mask(path: Path) -> Any:
    from fume_mm.io.images import read_mask

    return read_mask(path)


def _video(path: Path) -> Any:
    from fume_mm.io.recordings import open_recording

    recording = open_recording(path)
    frames = [said(frame.values) for frame in recording]
    if recording.problem:
        raise UserError(recording.problem)
    return frames


def _annotations(path: Path) -> Any:
    from fume_mm.datasets.annotations import read_annotations

    return read_annotations(path, root=path.with_name('campaign'))


def _paired(path: Path) -> Any:
    from fume_mm.datasets.paired_csv import read_paired

    return read_paired(path, root=path.with_name('campaign'))


def _predictions(path: Path) -> Any:
    from fume_mm.evaluation.predictions import read_predictions

    return read_predictions(path)


def _results(path: Path) -> Any:
    from fume_mm.reporting.test_results import read_results

    return json.dumps(read_results(path))


#: What reads a file, by its name; the files lie in one folder.
READERS: dict[str, Callable[[Path], Any]] = {
    'checkpoint.pth': _weights,
    'weights.safetensors': _weights,
    'model.onnx': _exported,
    'model.xml': _exported,
    'model.bin': lambda path: _exported(path.with_suffix('.xml')),
    'model.pt2': _program,
    'frame.png': _frame,
    'mask.png': _mask,
    'video.avi': _video,
    'train_annotations.csv': _annotations,
    'paired_train_annotations.csv': _paired,
    'predictions.csv': _predictions,
    'predictions.parquet': _predictions,
    'test_results.json': _results,
}

#: Those that an export writes take half a minute to make.
EXPORTED = tuple(name for name in READERS if name.startswith('model.'))
#: Tables and videos hold nothing that would show a change.
UNSHOWN = ('.csv', '.avi')
UNNOTICED = 'other values, not noticed'


@cache
def sound(folder: Path, *, exported: bool) -> Path:
    """A folder with sound files of every kind; made if it is not there."""
    place = folder / f'sound_{exported}'
    if (place / 'made').is_file():
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    from fume_mm.evaluation.predictions import read_predictions, write_predictions
    from fume_mm.inference.export import FORMATS, export_model
    from fume_mm.io.weights import read_checkpoint, write_weights

    make_checkpoint(place / 'checkpoint.pth')
    content = read_checkpoint(place / 'checkpoint.pth')
    write_weights(place / 'weights.safetensors', content['state_dict'], {})
    for form, ending in FORMATS.items() if exported else ():
        path = place / f'model{ending}'
        info = export_model(small_model(), path, form=form, scale=SCALE)
        path.with_suffix('.json').write_text(info.to_json())
    root = pair_campaign(make_campaign(place / 'campaign', size=(64, 64)))
    for name in ('train_annotations.csv', 'paired_train_annotations.csv'):
        shutil.copy(root / name, place / name)
    shutil.copy(next(root.glob('images/train/*.png')), place / 'frame.png')
    shutil.copy(next(root.glob('masks/train/*.png')), place / 'mask.png')
    write_clip(place / 'video.avi', 20, 25.0, codec='MJPG')
    run = make_run(place / 'run')
    for name in ('predictions.csv', 'test_results.json'):
        shutil.copy(run / name, place / name)
    rows = read_predictions(place / 'predictions.csv')
    write_predictions(rows, place / 'predictions.parquet')
    (place / 'made').touch()
    return place


@cache
def expected(folder: Path, name: str) -> str:
    """What the sound file says."""
    return said(READERS[name](sound(folder, exported=name in EXPORTED) / name))


def damage(name: str, number: int, folder: Path, *, count: int = 30) -> list[str]:
    """Damage a file so often, and read it."""
    right = expected(folder, name)
    path = sound(folder, exported=name in EXPORTED) / name
    content = path.read_bytes()
    results = []
    for i in range(count * number, count * (number + 1)):
        kind = KINDS[i % len(KINDS)]
        broken = damaged(content, kind, random.Random(i))
        path.write_bytes(broken)
        try:
            found = said(READERS[name](path))
            same = found == right or broken == content
            results.append('' if same else f'{kind}: {UNNOTICED}')
        except UserError:
            results.append('')
        except Exception as error:
            results.append(f'{kind}: {type(error).__name__}: {error}'[:150])
        finally:
            path.write_bytes(content)
    return results


def _inject(name: str) -> Callable[[int, Path], list[str]]:
    count = 3 if name.endswith('.pt2') else 30  # which takes seconds to open
    return lambda number, folder: damage(name, number, folder, count=count)


FAULTS = [
    Fault(
        f'{name}: cut short, a bit flipped, a page zeroed',
        30 if name.endswith('.pt2') else 300,
        'refused, or read as it was',
        _inject(name),
    )
    for name in READERS
]
