"""Files that run code when they are unpickled, at every place that reads weights."""

import contextlib
import io
import os
import pickle
import runpy
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import HistoryBuffer

from fume_mm.errors import UserError

from .kills import campaign
from .ledger import Fault

ROOT = Path(__file__).parents[2]
STATE = {'state_dict': {'a': torch.ones(2)}, 'meta': {}}
TINY = 'tests/faults/tiny.py'
PROTO = b'\x80\x04'


def text(word: str) -> bytes:
    """A string, pushed."""
    return b'X' + len(word).to_bytes(4, 'little') + word.encode()


def shell(canary: Path) -> str:
    """What makes the canary."""
    return f'touch "{canary}"'


class Reduced:
    """Calls something when it is unpickled."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def touching(canary: Path) -> Reduced:
    """Makes the canary when it is unpickled."""
    return Reduced(os.system, shell(canary))


def getattr_chain(canary: Path) -> bytes:
    """Names that all stand on MMEngine's list of safe ones.

    ``getattr`` climbs from the log's method to its module's globals, then to ``open``.
    """
    steps = b'cbuiltins\ngetattr\n' * 4
    program = PROTO + steps + b'cmmengine.logging.history_buffer\nHistoryBuffer\n'
    program += text('update') + b'\x86R' + text('__globals__') + b'\x86R'
    program += text('__getitem__') + b'\x86R' + text('__builtins__') + b'\x85R'
    program += text('__getitem__') + b'\x86R' + text('open') + b'\x85R'
    return program + text(str(canary)) + text('w') + b'\x86R.'


def build(canary: Path) -> bytes:
    """An object is given a ``__setstate__`` of the file's choice, and then a state."""
    program = PROTO + b'ctypes\nSimpleNamespace\n)\x81'
    program += b'}' + text('__setstate__') + b'cos\nsystem\nsb'
    return program + text(shell(canary)) + b'b.'


def memo(canary: Path) -> bytes:
    """What is called is put aside, covered by something harmless, and fetched."""
    program = PROTO + b'cos\nsystem\nq\x070ccollections\nOrderedDict\n0h\x07'
    return program + text(shell(canary)) + b'\x85R.'


def stack_global(canary: Path) -> bytes:
    """The name is put together on the stack, of texts from the memo."""
    program = PROTO + text('system') + b'q\x010' + text('os') + b'q\x020h\x02h\x01\x93'
    return program + text(shell(canary)) + b'\x85R.'


def dotted(canary: Path) -> bytes:
    """A name within torch that is another module's."""
    program = PROTO + text('torch.serialization') + text('os.system') + b'\x93'
    return program + text(shell(canary)) + b'\x85R.'


def of_opcode(opcode: str) -> Callable[[Path], bytes]:
    """The old opcodes that call a class with what lies above a mark."""

    def program(canary: Path) -> bytes:
        if opcode == 'INST':
            return b'(' + text(shell(canary)) + b'ios\nsystem\n.'
        return b'(cos\nsystem\n' + text(shell(canary)) + b'o.'

    return program


def in_archive(program: bytes, path: Path, *, second: bool = False) -> None:
    """``program`` in the place of a checkpoint's own pickle, or beside it."""
    torch.save(STATE, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in parts.items():
            if name.endswith('data.pkl') and not second:
                content = program
            archive.writestr(name, content)
        if second:
            archive.writestr('other/data.pkl', program)
            archive.writestr('data.pkl', program)


def legacy_tar(path: Path, canary: Path) -> None:
    """The format before 0.1.1: a tar of pickles."""
    with tarfile.open(path, 'w') as archive:
        for name in ('sys_info', 'pickle', 'storages', 'tensors'):
            content = pickle.dumps(touching(canary), 2)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def legacy_header(path: Path, canary: Path) -> None:
    """The format before 1.6: several pickles, of which an early one is hostile."""
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    assert whole.startswith(head)
    path.write_bytes(head + pickle.dumps(touching(canary), 2) + whole[len(head) :])


def scripted(path: Path, canary: Path) -> None:
    """A TorchScript archive; torch.load would hand it to an interpreter."""
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), str(path))


def _program(make: Callable[[Path], bytes]) -> Callable[[Path, Path], None]:
    return lambda path, canary: in_archive(make(canary), path)


def _content(make: Callable[[Path], Any], **options: Any) -> Callable[..., None]:
    return lambda path, canary: torch.save(
        {**STATE, 'x': make(canary)}, path, **options
    )


#: ``write(path, canary)`` by the form's name.
FORMS: dict[str, Callable[[Path, Path], None]] = {
    'reduce': _content(touching),
    'eval': _content(lambda x: Reduced(eval, f'open({str(x)!r}, "w")')),
    'exec': _content(lambda x: Reduced(exec, f'open({str(x)!r}, "w")')),
    'key': _content(lambda x: {touching(x): 1}),
    'pickle in a pickle': _content(
        lambda x: Reduced(pickle.loads, pickle.dumps(touching(x)))
    ),
    'build': _program(build),
    'getattr chain': _program(getattr_chain),
    'memo': _program(memo),
    'stack global': _program(stack_global),
    'dotted name': _program(dotted),
    'INST': _program(of_opcode('INST')),
    'OBJ': _program(of_opcode('OBJ')),
    'bare pickle': lambda path, canary: path.write_bytes(
        pickle.dumps({**STATE, 'x': touching(canary)}, 4)
    ),
    'second stream': lambda path, canary: path.write_bytes(
        pickle.dumps({}, 4) + pickle.dumps(touching(canary), 4)
    ),
    'legacy stream': _content(touching, _use_new_zipfile_serialization=False),
    'legacy header': legacy_header,
    'legacy tar': legacy_tar,
    'second data.pkl': lambda path, canary: in_archive(
        pickle.dumps(touching(canary), 2), path, second=True
    ),
    'TorchScript': scripted,
    'log': lambda path, canary: torch.save(
        {**STATE, 'message_hub': HistoryBuffer([1.0], [1])}, path
    ),
}
#: Those that plain unpickling does not run either; they are refused, or read as data.
TAME = ('second stream', 'second data.pkl', 'TorchScript', 'log')

#: Of a file that is not said to run code.
DAMAGED = 'is taken for a damaged one'
MODEL = 'configs/fume/fume_fastscnn.py'
EXAMPLE = 'demo/examples/simulated_acidotic_co2.png'
#: Command lines by what reads the weights; ``{}`` is the file, ``<>`` a folder.
COMMANDS = {
    'test.py': f'tools/test.py {TINY} {{}} --work-dir=<>',
    'train.py --resume': f'tools/train.py {TINY} --resume={{}} --work-dir=<>',
    'load_from': f'tools/train.py {TINY} --work-dir=<> --cfg-options load_from={{}}',
    'resume=True': f'tools/train.py {TINY} --work-dir=<> --cfg-options resume=True '
    'load_from={}',
    'Pretrained': f'tools/train.py {TINY} --work-dir=<> --cfg-options '
    'model.init_cfg.type=Pretrained model.init_cfg.checkpoint={}',
    'GrayPretrained': f'tools/train.py {TINY} --work-dir=<> --cfg-options '
    'model.backbone.encoder.init_cfg.type=GrayPretrained '
    'model.backbone.encoder.init_cfg.checkpoint={}',
    'image_demo.py': f'demo/image_demo.py {MODEL} {{}} --co2 {EXAMPLE} --out-dir <>',
    'video_demo.py': f'demo/video_demo.py {MODEL} {{}} --co2 demo/examples '
    '--fps 25 --out-dir <>',
    'prelabel.py': f'tools/dataset_converters/prelabel.py demo/examples {MODEL} {{}} '
    '--gas co2 --out <>',
    'export.py': f'tools/deployment/export.py {MODEL} {{}}',
    'pack_weights.py': f'tools/model_converters/pack_weights.py {MODEL} {{}} '
    '<>/x.safetensors',
    'fume_to_fume_mm.py': 'tools/model_converters/fume_to_fume_mm.py {} <>/x.pth '
    f'--config {MODEL}',
}


def unpickle(path: Path) -> None:
    """What MMEngine falls back to, and this program never does."""
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.load(path, weights_only=False)


def functions() -> dict[str, Callable[[str], Any]]:
    """What reads weights in Python, by its name."""
    from mmengine.runner.checkpoint import CheckpointLoader
    from mmseg.models.backbones import ResNet

    from fume_mm.apis import DualGasInferencer, init_model
    from fume_mm.models.pretrained import GrayPretrained

    def pretrained(path: str, **options: str) -> None:
        init = {'type': 'Pretrained', 'checkpoint': path, **options}
        ResNet(18, init_cfg=init).init_weights()

    return {
        'init_model': lambda path: init_model(MODEL, path),
        'DualGasInferencer': lambda path: DualGasInferencer(MODEL, path),
        'GrayPretrained()': lambda path: GrayPretrained(path)(
            ResNet(18, in_channels=1)
        ),
        "MMEngine's loader": CheckpointLoader.load_checkpoint,
        'init_cfg': pretrained,
        'init_cfg of a part': lambda path: pretrained(path, prefix='backbone.'),
    }


@cache
def entries() -> tuple[str, ...]:
    """Names of all that reads weights."""
    return (*functions(), *COMMANDS)


def call(words: list[str]) -> tuple[Any, str]:
    """Exit code and errors of a command line, run in this process."""
    errors = io.StringIO()
    before, sys.argv = sys.argv, words
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
            runpy.run_path(str(ROOT / words[0]), run_name='__main__')
    except SystemExit as done:
        return done.code, errors.getvalue()
    finally:
        sys.argv = before
    return 0, errors.getvalue()


def read(entry: str, path: Path, folder: Path, root: Path) -> str:
    """Let ``entry`` read a file; what is wrong with its answer, '' if nothing is."""
    try:
        if entry in COMMANDS:
            line = COMMANDS[entry].replace('{}', str(path)).replace('<>', str(folder))
            words = line.split()
            if words[0] in ('tools/test.py', 'tools/train.py'):
                words += [] if '--cfg-options' in words else ['--cfg-options']
                words.append(f'data_root={root}')
            code, said = call(words)
            if code != 2:
                return f'{entry} ended with {code}'
            said = said.rpartition('error: ')[2]
        else:
            functions()[entry](str(path))
            return f'{entry} took it'
    except UserError as error:
        said = str(error)
    except Exception as error:
        return f'{entry}: {type(error).__name__}: {error}'[:200]
    if path.name not in said:
        return f'{entry} does not name the file: {said[:150]}'
    told = 'is a pickle that would run code' in said
    return '' if told else f'{entry}: {DAMAGED}: {said[:150]}'


def offer(number: int, folder: Path) -> list[str]:
    """A hostile file of one form at one entry point."""
    form = [*FORMS][number % len(FORMS)]
    entry = entries()[number // len(FORMS) % len(entries())]
    place = folder / 'pickles'
    place.mkdir(exist_ok=True)
    path, canary = place / 'given.pth', place / 'canary'
    canary.unlink(missing_ok=True)
    FORMS[form](path, canary)
    found = read(entry, path, place / 'out', campaign(folder))
    if canary.exists():
        return [f'{form} at {entry}: code was run']
    if form in TAME and DAMAGED in found:
        found = ''
    return [f'{form}: {found}' if found else '']


FAULTS = [
    Fault(
        f'hostile pickles, {len(FORMS)} forms at {len(entries())} entry points',
        len(FORMS) * len(entries()),
        'nothing is run; one message that names the file',
        offer,
    )
]
