"""Inputs that Hypothesis mutates: each ends in a result or in a message to the user."""

import contextlib
import dataclasses
import io
import json
import resource
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fume_mm.errors import UserError
from tests.campaigns import make_campaign, pair_campaign
from tests.commands import processes
from tests.exports import write_graph

from .ledger import Fault
from .pickles import TINY, call

#: What one input may cost: processor seconds, and bytes beside what the process has.
SECONDS = 20.0
MEMORY = 2 << 30
#: Inputs of a call of the long form.
BATCH = 500
#: What does not belong into a field.
NASTY = (
    *(
        '',
        ' ',
        'nan',
        'NaN',
        'inf',
        '-inf',
        '1e999',
        '-1',
        '0',
        '1e-320',
        '0x10',
        '1_0',
    ),
    *('99999999999999999999', '5.9.1', '5,9', 'None', 'null', 'True', '[]', '{}', "'"),
    *('"', '""', ',', ';', '\t', '\n', '\r\n', '\0', '\ufeff', '\u202e', '\U0001f404'),
    *('../../etc/passwd', '/dev/zero', '/dev/full', 'C:\\x', '=1+1', '%s%n', '${HOME}'),
    *(
        '.',
        '..',
        'a' * 5000,
        'images',
        'co2',
        'ch4',
        'Healthy',
        '(64,64)',
        '1:2',
        '\ud800',
    ),
)
Edit = tuple[str, float, int]
EDITS = ('flip', 'set', 'cut', 'zero', 'insert', 'repeat', 'word')
WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x10000)


def edited(content: bytes, edits: Sequence[Edit]) -> bytes:
    """Bytes after some edits, each at a place between 0 and 1 of their length."""
    data = bytearray(content)
    for kind, where, value in edits:
        at = int(where * max(len(data) - 1, 0))
        if kind == 'flip' and data:
            data[at] ^= 1 << value % 8
        elif kind == 'set' and data:
            data[at] = value % 256
        elif kind == 'cut':
            del data[at : at + 1 + value % 5000]
        elif kind == 'zero':
            data[at : at + 64] = bytes(len(data[at : at + 64]))
        elif kind == 'insert':
            data[at:at] = NASTY[value % len(NASTY)].encode('utf-8', 'surrogatepass')
        elif kind == 'repeat':
            data[at:at] = data[at : at + 1 + value % 200] * (1 + value % 20)
        elif kind == 'word':
            word = WORDS[value % len(WORDS)]
            data[at : at + 4] = word.to_bytes(4, 'big' if value % 2 else 'little')
    return bytes(data)


def edits() -> Any:
    """A strategy of edits."""
    place = st.floats(0, 1, allow_nan=False)
    one = st.tuples(st.sampled_from(EDITS), place, st.integers(0, 2**16))
    return st.lists(one, min_size=1, max_size=5)


nasty = st.sampled_from(NASTY) | st.text(max_size=8) | st.floats().map(str)


@cache
def bases() -> dict[str, Path]:
    """Sound files of every kind, written once."""
    folder = Path(tempfile.mkdtemp(prefix='fume_mm_bases_'))
    root = pair_campaign(make_campaign(folder / 'campaign', size=(32, 24), vessels=3))
    gray = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    files = {'campaign': root, 'folder': folder}
    for ending, pixels in {
        'png': gray,
        'jpg': gray,
        'bmp': gray,
        'tiff': gray.astype(np.uint16) * 200,
        'pgm': gray,
        'webp': np.stack([gray] * 3, -1),
        'deep.png': gray.astype(np.uint16) * 250,
        'float.tiff': gray.astype(np.float32) / 7,
    }.items():
        files[ending] = folder / f'frame.{ending}'
        cv2.imwrite(str(files[ending]), pixels)
    files['mask.png'] = next(root.glob('masks/train/*.png'))
    model = torch.nn.Linear(4, 3)
    state = {'state_dict': model.state_dict(), 'meta': {'epoch': 1}}
    files['pth'], files['legacy.pth'] = folder / 'x.pth', folder / 'y.pth'
    torch.save(state, files['pth'])
    torch.save(state, files['legacy.pth'], _use_new_zipfile_serialization=False)
    from fume_mm.io.weights import write_weights

    files['safetensors'] = folder / 'x.safetensors'
    write_weights(files['safetensors'], model.state_dict(), {})
    files['onnx'] = write_graph(folder / 'x.onnx')
    return files


def csv_check(example: Any, folder: Path) -> None:
    """Annotations and paired CSVs, by the reader, the pairing and the dataset."""
    from fume_mm.datasets.annotations import read_annotations
    from fume_mm.datasets.dual_gas_dataset import DualGasDataset
    from fume_mm.datasets.paired_csv import read_paired
    from fume_mm.datasets.pairing import pair_gases

    kind, changes, fields = example
    root = bases()['campaign']
    source = root / f'{"paired_" * (kind > 0)}train_annotations.csv'
    lines = [x.split(',') for x in source.read_text().splitlines()]
    for row, column, text in fields:
        line = lines[row % len(lines)]
        line[column % len(line)] = text
    content = '\n'.join(map(','.join, lines)).encode('utf-8', 'surrogatepass')
    path = folder / f'{"paired_" * (kind > 0)}train_annotations.csv'
    path.write_bytes(edited(content, changes))
    if kind == 0:
        pair_gases(read_annotations(path, root=root))
    elif kind == 1:
        read_paired(path, root=root)
        DualGasDataset(path.name, data_root=str(root), ann_root=str(folder))
    else:
        read_paired(path, root=root, labelled=False)


def image_check(example: Any, folder: Path) -> None:
    """Frames and masks."""
    from fume_mm.io.images import image_size, read_gray, read_mask

    kind, changes = example
    source = bases()[kind]
    path = folder / f'x{source.suffix}'
    path.write_bytes(edited(source.read_bytes(), changes))
    with contextlib.suppress(UserError):
        image_size(path)
    if kind == 'mask.png':
        read_mask(path)
    else:
        frame = read_gray(path)
        assert frame.dtype == np.uint8 and frame.ndim == 2


def checkpoint_check(example: Any, folder: Path) -> None:
    """Checkpoints of three formats."""
    from fume_mm.io.weights import require_match

    kind, changes = example
    source = bases()[kind]
    path = folder / f'x{source.suffix}'
    path.write_bytes(edited(source.read_bytes(), changes))
    require_match(torch.nn.Linear(4, 3), path)


def description_check(example: Any, folder: Path) -> None:
    """What an exported file says of itself, up to a result on a frame."""
    from fume_mm.inference.exported import ExportedModel
    from fume_mm.inference.graph import METADATA_KEY

    changes, text_edits = example
    model = onnx.load(str(bases()['onnx']))
    (entry,) = [x for x in model.metadata_props if x.key == METADATA_KEY]
    said = json.loads(entry.value) | changes
    content = edited(json.dumps(said).encode(), text_edits)
    entry.value = content.decode('utf-8', 'replace')
    path = folder / 'x.onnx'
    onnx.save(model, str(path))
    frame = np.full((64, 96), 60, np.uint8)
    result = ExportedModel(path, threads=1)(co2=frame, ch4=frame)
    # scores by the classes' names; a verdict of so flat a frame is not to be had
    assert [*result.health_by_class()] == [*result.labels.health_classes]


@cache
def keys() -> tuple[str, ...]:
    """Keys of a config, with those of its parts."""
    from fume_mm.engine.config import _items, load_config

    return tuple(key for key, _ in _items(load_config(TINY)))


def options_check(example: Any, folder: Path) -> None:
    """``--cfg-options``, up to a model whose parts fit together."""
    from fume_mm.engine.config import load_config
    from fume_mm.engine.fitting import shape_model
    from fume_mm.engine.options import make_parser

    words = [f'{keys()[x % len(keys())]}{tail}={text}' for x, tail, text in example]
    parser = make_parser('', 'config', '--cfg-options')
    with contextlib.redirect_stderr(io.StringIO()):
        args = parser.parse_args([TINY, '--cfg-options', *words])
    shape_model(load_config(args.config, args.cfg_options))


def simulator_check(example: Any, folder: Path) -> None:
    """The simulator's options: what it would write is planned, and some written."""
    from fume_mm.simulation import adapt_preset, plan_vessels

    preset, options, write = example
    words = [x for name, text in options.items() for x in (name, text)]
    out = folder / 'campaign'
    if write:
        words = ['--vessels', '6', '--frames-per-vessel', '1', *words]
        if {'--vessels', '--frames-per-vessel', '--copies', '--preset'} & {*options}:
            return  # may be a lot
        preset = 'smoke'
        command = ['tools/dataset_converters/simulate_ogi.py', str(out)]
        code, said = call([*command, '--workers=1', f'--preset={preset}', *words])
        assert code in (0, 2) and 'Traceback' not in said, said[-300:]
        return
    changes: dict[str, Any] = {}
    for name, text in options.items():
        key = name.strip('-').replace('-', '_')
        if key in ('preset', 'seed', 'size'):  # the tool's own
            continue
        kind: Any = float if 'missing' in key else int
        with contextlib.suppress(ValueError):  # argparse would say so
            changes[key] = kind(text)
    plan_vessels(adapt_preset(preset, **changes), seed=0)


values = (
    nasty
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.lists(st.integers(-1, 2**40) | nasty, max_size=4)
    | st.lists(st.sampled_from(('co2', 'ch4', 'health', 'n2o')), max_size=3)
)
numbers = st.integers(-3, 6).map(str) | st.floats().map(str) | nasty


@dataclasses.dataclass(frozen=True)
class Target:
    """What is mutated, and what is done with it."""

    about: str
    goal: int
    strategy: Callable[[], Any]
    check: Callable[[Any, Path], None]


TARGETS = {
    'csv': Target(
        'CSVs',
        1500,
        lambda: st.tuples(
            st.integers(0, 2),
            st.just([]) | edits(),
            st.lists(
                st.tuples(st.integers(0, 9), st.integers(0, 9), nasty), max_size=3
            ),
        ),
        csv_check,
    ),
    'images': Target(
        'images of nine kinds',
        3500,
        lambda: st.tuples(
            st.sampled_from(
                [x for x in bases() if x.endswith(('png', 'jpg', 'bmp', 'tiff'))]
                + ['pgm', 'webp']
            ),
            edits(),
        ),
        image_check,
    ),
    'checkpoints': Target(
        'checkpoints of three formats',
        3500,
        lambda: st.tuples(
            st.sampled_from(['pth', 'legacy.pth', 'safetensors']), edits()
        ),
        checkpoint_check,
    ),
    'descriptions': Target(
        "exported files' descriptions",
        2500,
        lambda: st.tuples(
            st.dictionaries(st.sampled_from(description_keys()), values, max_size=3),
            st.just([]) | edits(),
        ),
        description_check,
    ),
    'options': Target(
        '`--cfg-options`',
        500,
        lambda: st.lists(
            st.tuples(
                st.integers(0, 10**4), st.just('') | nasty.map(lambda x: f'.{x}'), nasty
            ),
            min_size=1,
            max_size=3,
        ),
        options_check,
    ),
    'simulator': Target(
        "the simulator's options",
        500,
        lambda: st.tuples(
            st.sampled_from(('smoke', 'demo', 'paper', 'x')),
            st.dictionaries(
                st.sampled_from(
                    (
                        *('--vessels', '--frames-per-vessel', '--missing-co2'),
                        *('--missing-ch4', '--copies', '--seed', '--size'),
                        *('--label-every', '--preset'),
                    )
                ),
                numbers,
                max_size=3,
            ),
            st.integers(0, 9).map(lambda x: x == 0),
        ),
        simulator_check,
    ),
}


def description_keys() -> list[str]:
    """Of what an exported file says of itself."""
    from fume_mm.inference.graph import GraphInfo

    return [x.name for x in dataclasses.fields(GraphInfo)]


class TooSlowError(Exception):
    """An input took longer than it may."""


@contextlib.contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """At most so much processor time."""

    def stop(*_: object) -> None:
        raise TooSlowError(f'more than {seconds:.0f} s of the processor')

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def hold(target: Target, example: Any) -> None:
    """Raise what is neither a result nor a message."""
    with tempfile.TemporaryDirectory() as folder, limited():
        try:
            target.check(example, Path(folder))
        except UserError as error:
            assert str(error), 'a message without words'
        except SystemExit as done:
            assert done.code == 2, f'exit status {done.code}'


def mutate(target: Target, count: int, number: int, each: Callable[..., None]) -> None:
    """Call ``each(example)`` with so many; the same number gives the same ones."""
    phases = (Phase.generate,)
    options = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(options(given(target.strategy())(each)))()


def _batch(name: str, number: int, count: int, out: Path) -> None:
    """In a process of its own, whose memory is limited."""
    target = TARGETS[name]
    bases()
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    with out.open('w', encoding='utf-8') as file:

        def each(example: Any) -> None:
            result = ''
            file.write(f'{json.dumps(repr(example)[:500])}\n')
            file.flush()
            try:
                hold(target, example)
            except BaseException as error:
                result = f'{type(error).__name__}: {error}'[:150]
                result = f'{result} <- {example!r}'[:300]
            file.write(f'{json.dumps(["done", result])}\n')

        mutate(target, count, number, each)


def batch(name: str, number: int, folder: Path) -> list[str]:
    """So many mutated inputs of a target."""
    out = folder / f'mutations_{name}.jsonl'
    process = processes.Process(target=_batch, args=(name, number, BATCH, out))
    process.start()
    process.join(BATCH * 3)
    process.kill()
    process.join()
    lines = [json.loads(x) for x in out.read_text(encoding='utf-8').splitlines()]
    results = [x[1] for x in lines if isinstance(x, list)]
    if process.exitcode:
        results.append(
            f'{name}: the process ended with {process.exitcode}: {lines[-1]}'
        )
    return results


def _inject(name: str) -> Callable[[int, Path], list[str]]:
    return lambda number, folder: batch(name, number, folder)


FAULTS = [
    Fault(
        f'mutated {target.about}',
        target.goal,
        f'a result or one message, at most {SECONDS:.0f} s and {MEMORY >> 30} GiB',
        _inject(name),
        weight=3,
    )
    for name, target in TARGETS.items()
]
