"""Reading checkpoints safely, and only into the model they were saved from."""

import pickle
from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import get_torch_safe_globals

from fume_mm.errors import UserError


def read_checkpoint(path: str) -> dict[str, Any]:
    """A checkpoint's content on the CPU, reading tensors and plain values only.

    Raises:
        UserError: If the file is missing, broken, or holds Python objects whose loading
            would run their code.
    """
    if not Path(path).is_file():
        raise UserError(
            f'{path}: there is no such checkpoint; a run keeps its own in its work dir '
            '(best_*.pth, last.pth).'
        )
    try:
        # beside tensors, what MMEngine's own training log is made of
        with torch.serialization.safe_globals(get_torch_safe_globals()):
            return torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f'{path}: holds Python objects beside tensors, which loading would run; '
            f'use a checkpoint that fume_mm saved. ({str(error).splitlines()[0]})'
        ) from error
    except (RuntimeError, EOFError) as error:
        raise UserError(
            f'{path}: is not a readable checkpoint; it may be incomplete. '
            f'({str(error).splitlines()[0]})'
        ) from error


def require_match(model: torch.nn.Module, path: str) -> None:
    """Check that the checkpoint at ``path`` belongs to ``model``.

    Raises:
        UserError: Naming the first keys that are missing, left over or of another
            shape.
    """
    content = read_checkpoint(path)
    theirs = content.get('state_dict', content)
    ours = model.state_dict()
    wrong = [f'{key} is missing' for key in ours if key not in theirs]
    wrong += [f'{key} is not in the model' for key in theirs if key not in ours]
    wrong += [
        f'{key} is {tuple(theirs[key].shape)}, the model has {tuple(ours[key].shape)}'
        for key in ours
        if key in theirs and ours[key].shape != theirs[key].shape
    ]
    if wrong:
        shown = '; '.join(wrong[:3])
        raise UserError(
            f'{path}: is a checkpoint of another architecture ({len(wrong)} keys '
            f'differ: {shown}); give the config it was trained with.'
        )
