"""The one reader of weights: nothing that stands in a file is run.

Checkpoints are pickles, and a pickle is a program. Here only tensors, numbers, text
and plain containers are read: torch's own list for ``weights_only``, without what other
libraries of the process added to it. This module also takes the place of MMEngine's
loaders (``load_from``, ``resume``, ``init_cfg``), which fall back to running the file.
"""

import io
import json
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader, get_torchvision_models
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fume_mm.errors import UserError

from .files import write_whole

#: Ending of files that hold weights and nothing else.
WEIGHTS_ONLY = '.safetensors'
#: What a checkpoint holds beside the weights if training can go on from it.
TRAINING_STATE = ('meta', 'message_hub', 'optimizer', 'param_schedulers')
#: Where weights stand in a checkpoint: MMEngine's, the original FUME's, timm's.
_WEIGHTS_KEYS = ('state_dict', 'model_state_dict', 'model')
#: Modules whose names in a pickle stand for tensors and plain containers.
_HARMLESS = ('torch.', 'collections.', '_codecs.')
_NAMED = 3
#: What stands in the place of a name in a pickle, and the name.
Reader = tuple[Callable[..., Any], str]


def read_checkpoint(
    path: str | Path, *, readers: Sequence[Reader] = ()
) -> dict[str, Any]:
    """A checkpoint's content on the CPU, tensors and plain values only.

    A ``.safetensors`` file gives ``state_dict``, in float32, and ``meta``.

    Args:
        path: A file; ``torchvision://<name>`` or an ``https://`` address is downloaded
            first, into torch's cache.
        readers: Functions of ours that are called for names that torch's list lacks;
            they must be harmless whatever a file hands them.

    Raises:
        UserError: If the file is missing, broken, holds no weights, or is a pickle
            that would run code.
    """
    address = str(path)
    path = _downloaded(address) if '://' in address else Path(path).expanduser()
    if not path.is_file():
        raise UserError(
            f'{path}: there is no such checkpoint; a run keeps its own in its work dir '
            '(best_*.pth, last.pth).'
        )
    if path.suffix == WEIGHTS_ONLY:
        return _read_weights(path)
    try:
        with _torchs_list_alone(readers):
            content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises whatever it stumbles on in the file
        names = _code_in(path)
        if not names:
            raise _unreadable(path, error) from error
        shown = ', '.join([*names[:_NAMED], *['...'] * (len(names) > _NAMED)])
        raise UserError(
            f'{path}: is a pickle that would run code ({shown}); nothing of it was run '
            'or loaded. Use a checkpoint that this version of fume_mm saved, or '
            'weights alone (.safetensors, or a state dict of tensors).'
        ) from None
    weights = weights_of(content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(x, Tensor) for x in weights.values()):
        raise UserError(
            f'{path}: holds no model; give a checkpoint that fume_mm saved, such as '
            'last.pth of a work dir.'
        )
    return content


@contextmanager
def _torchs_list_alone(readers: Sequence[Reader]) -> Iterator[None]:
    added = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(list(readers))
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(added)


def weights_of(content: dict[str, Any]) -> dict[str, Tensor]:
    """The weights by name in a checkpoint's content, which may be nothing else."""
    for key in _WEIGHTS_KEYS:
        if isinstance(content.get(key), dict):
            return content[key]
    return content


def _read_for_mmengine(filename: str, map_location: Any = None) -> dict[str, Any]:
    """A loader of MMEngine's, which finds weights under one name only."""
    content = read_checkpoint(filename)
    return {'state_dict': weights_of(content), **content}


CheckpointLoader.register_scheme(
    list(CheckpointLoader._schemes), _read_for_mmengine, force=True
)


def _downloaded(address: str) -> Path:
    scheme, _, name = address.partition('://')
    try:
        by_name = get_torchvision_models() if scheme == 'torchvision' else {}
    except ImportError as error:
        raise UserError(
            f'{address}: needs torchvision, which is not installed; pip install '
            "'fume_mm[pretrained]' (a torchvision that matches torch), or train from "
            'scratch with init_cfg=None.'
        ) from error
    url = by_name.get(name, address)
    if not url.startswith(('https://', 'http://')):
        raise UserError(
            f'{address}: is no address that weights are loaded from; give a file, '
            'https://... or torchvision://<name>, such as torchvision://resnet50.'
        )
    target = Path(torch.hub.get_dir(), 'checkpoints', url.rpartition('/')[2])
    try:
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(target), progress=False)
    except OSError as error:
        raise UserError(
            f'{address}: cannot be downloaded ({error}); give a file with the weights.'
        ) from error
    return target


def _code_in(path: Path) -> list[str]:
    """What unpickling a file would import beside tensors; nothing is imported."""
    data = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = [x for x in archive.namelist() if x.endswith('data.pkl')]
            data = b''.join(map(archive.read, members[:1]))
    stream, names, texts = io.BytesIO(data), [], ['', '']
    try:
        while True:  # older files are several pickles, one after the other
            for opcode, value, _ in pickletools.genops(stream):
                if opcode.name in ('GLOBAL', 'INST'):
                    names.append(str(value).replace(' ', '.'))
                elif opcode.name == 'STACK_GLOBAL':
                    names.append('.'.join(texts[-2:]))
                elif isinstance(value, str):
                    texts.append(value)
    except ValueError:  # the end, or no pickle
        pass
    names = [name for name in names if re.fullmatch(r'[\w.]+', name)]
    return [name for name in dict.fromkeys(names) if not name.startswith(_HARMLESS)]


def _read_weights(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework='pt') as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
            meta = json.loads((file.metadata() or {}).get('meta', '{}'))
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    for name in state:
        if state[name].is_floating_point():
            state[name] = state[name].float()
    return {'state_dict': state, 'meta': meta}


def write_weights(
    path: str | Path, state: dict[str, Tensor], meta: dict[str, Any]
) -> None:
    """Write a ``.safetensors`` file of half precision: three digits, half the size.

    Args:
        path: The file.
        state: The weights by name.
        meta: Plain values that say what they are.

    Raises:
        UserError: If a weight is not finite, or beyond 65504.
    """
    halved = {}
    for name, x in state.items():
        halved[name] = x.half().contiguous() if x.is_floating_point() else x
        if not halved[name].isfinite().all():
            raise UserError(f'{name} does not fit half precision; keep the checkpoint.')
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_file(halved, str(path), metadata={'meta': json.dumps(meta)})


def update_meta(path: str | Path, **values: Any) -> None:
    """Write plain values into a checkpoint's ``meta``; all else stays as it is.

    Args:
        path: A checkpoint (a bare state dict gets a ``meta``) or a weights file.
        values: By key.

    Raises:
        UserError: See :func:`read_checkpoint`.
    """
    path, content = Path(path), read_checkpoint(path)
    meta = {**content.get('meta', {}), **values}
    with write_whole(path, sync=True) as part:
        if path.suffix == WEIGHTS_ONLY:
            write_weights(part, content['state_dict'], meta)
        else:
            weights = weights_of(content)
            whole = {'state_dict': weights} if weights is content else content
            torch.save({**whole, 'meta': meta}, part)


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = (str(error).splitlines() or ['it ends early'])[0]
    return UserError(
        f'{path}: is not a readable checkpoint ({reason}); it may be incomplete, so '
        'copy it again or use another one of its work dir.'
    )


def require_match(
    model: torch.nn.Module, path: str | Path, *, resume: bool = False
) -> dict[str, Any]:
    """The content of the checkpoint at ``path``, which belongs to ``model``.

    Args:
        model: It may name in ``free_sizes`` entries whose size is the checkpoint's own,
            and have ``check_weights(state_dict)``, which raises a UserError if what is
            in them cannot be used.
        path: The checkpoint.
        resume: Whether it must also hold the state of training.

    Raises:
        UserError: Naming the first keys that are missing, left over or of another
            shape; see also :func:`read_checkpoint`.
    """
    content = read_checkpoint(path)
    absent = [key for key in TRAINING_STATE if key not in content]
    if resume and absent:
        raise UserError(
            f'{path}: has weights but no {", ".join(absent)}, so training cannot go on '
            'from it; start from its weights with --cfg-options load_from=... instead.'
        )
    theirs, ours = weights_of(content), model.state_dict()
    try:
        getattr(model, 'check_weights', lambda _: None)(theirs)
    except UserError as error:
        raise UserError(f'{path}: {error}') from error
    wrong = [f'{key} is missing' for key in ours if key not in theirs]
    wrong += [f'{key} is not in the model' for key in theirs if key not in ours]
    free = getattr(model, 'free_sizes', ())
    for key in (key for key in ours if key in theirs and key not in free):
        here, there = tuple(ours[key].shape), tuple(theirs[key].shape)
        if here != there:
            wrong.append(f'{key} is {there}, the model has {here}')
    if wrong:
        shown = '; '.join(wrong[:_NAMED])
        raise UserError(
            f'{path}: is a checkpoint of another architecture ({len(wrong)} keys '
            f'differ: {shown}); give the config it was trained with.'
        )
    return content
