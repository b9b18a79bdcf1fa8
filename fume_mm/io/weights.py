"""Reading checkpoints safely, and only into the model they were saved from."""

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import get_torch_safe_globals
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fume_mm.errors import UserError

#: Ending of files that hold weights and nothing else.
WEIGHTS_ONLY = '.safetensors'
#: What a checkpoint holds beside the weights if training can go on from it.
TRAINING_STATE = ('meta', 'message_hub', 'optimizer', 'param_schedulers')


def read_checkpoint(path: str, *, key: str = 'state_dict') -> dict[str, Any]:
    """A checkpoint's content on the CPU, reading tensors and plain values only.

    A ``.safetensors`` file gives ``state_dict``, in float32, and ``meta``.

    Args:
        path: The file.
        key: Where in it the weights are; without that key they are all of it.

    Raises:
        UserError: If the file is missing, broken, or holds Python objects whose loading
            would run their code.
    """
    if not Path(path).is_file():
        raise UserError(
            f'{path}: there is no such checkpoint; a run keeps its own in its work dir '
            '(best_*.pth, last.pth).'
        )
    if path.endswith(WEIGHTS_ONLY):
        return _read_weights(path)
    try:
        # beside tensors, what MMEngine's own training log is made of
        with torch.serialization.safe_globals(get_torch_safe_globals()):
            content = torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        if 'Unsupported' not in str(error):
            raise _unreadable(path, error) from error
        raise UserError(
            f'{path}: holds Python objects beside tensors, which loading would run; '
            f'use a checkpoint that fume_mm saved. ({str(error).splitlines()[0]})'
        ) from error
    except (EOFError, OSError, RuntimeError, ValueError) as error:
        raise _unreadable(path, error) from error
    weights = content.get(key, content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(x, torch.Tensor) for x in weights.values()):
        raise UserError(
            f'{path}: holds no model; give a checkpoint that fume_mm saved, such as '
            'last.pth of a work dir.'
        )
    return content


def _read_weights(path: str) -> dict[str, Any]:
    try:
        with safe_open(path, framework='pt') as file:
            state = {name: _widened(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (no dict)
            meta = json.loads((file.metadata() or {}).get('meta', '{}'))
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return {'state_dict': state, 'meta': meta}


def _widened(x: Tensor) -> Tensor:
    return x.float() if x.is_floating_point() else x


def write_weights(
    path: str | Path, state: dict[str, Tensor], meta: dict[str, Any]
) -> None:
    """Write a ``.safetensors`` file of half precision.

    Half precision keeps three digits of each weight at half the size; what does not
    fit its range is an error.

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


def _unreadable(path: str, error: Exception) -> UserError:
    reason = (str(error).splitlines() or ['it ends early'])[0]
    return UserError(
        f'{path}: is not a readable checkpoint ({reason}); it may be incomplete, so '
        'copy it again or use another one of its work dir.'
    )


def require_match(model: torch.nn.Module, path: str, *, resume: bool = False) -> None:
    """Check that the checkpoint at ``path`` belongs to ``model``.

    Args:
        model: What it is to be loaded into. It may name in ``free_sizes`` entries whose
            size is the checkpoint's own, and have ``check_weights(state_dict)``, which
            raises a UserError if what is in them cannot be used.
        path: The checkpoint.
        resume: Whether it must also hold the state of training.

    Raises:
        UserError: Naming the first keys that are missing, left over or of another
            shape.
    """
    content = read_checkpoint(path)
    absent = [key for key in TRAINING_STATE if key not in content]
    if resume and absent:
        raise UserError(
            f'{path}: has weights but no {", ".join(absent)}, so training cannot go on '
            'from it; start from its weights with --cfg-options load_from=... instead.'
        )
    theirs = content.get('state_dict', content)
    ours = model.state_dict()
    free = getattr(model, 'free_sizes', ())
    wrong = [f'{key} is missing' for key in ours if key not in theirs]
    wrong += [f'{key} is not in the model' for key in theirs if key not in ours]
    wrong += [
        f'{key} is {tuple(theirs[key].shape)}, the model has {tuple(ours[key].shape)}'
        for key in ours
        if key in theirs and ours[key].shape != theirs[key].shape and key not in free
    ]
    if wrong:
        shown = '; '.join(wrong[:3])
        raise UserError(
            f'{path}: is a checkpoint of another architecture ({len(wrong)} keys '
            f'differ: {shown}); give the config it was trained with.'
        )
    if hasattr(model, 'check_weights'):
        try:
            model.check_weights(theirs)  # type: ignore[operator]
        except UserError as error:
            raise UserError(f'{path}: {error}') from error
