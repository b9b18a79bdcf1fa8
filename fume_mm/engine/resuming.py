"""Which checkpoint of a work dir a training goes on from, and what may have changed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint

_NAMES = re.compile(r'last\.pth|(epoch|iter)_\d+\.pth')
#: In a checkpoint's ``meta``: the config and the number of processes, as JSON.
SETTINGS = 'settings'
#: Keys that change no number of a run.
_FREE = re.compile(
    r'(work_dir|resume|load_from|launcher|log_level|log_processor|default_scope|env_cfg'
    r'|visualizer|vis_backends|model_wrapper_cfg|find_unused_parameters|test_\w+|tta\w*'
    r'|default_hooks\.(logger|timer|checkpoint))(\..*)?'
    r'|(train|val)_dataloader\.(num_workers|persistent_workers|pin_memory'
    r'|prefetch_factor|timeout)'
    r'|.*\.(decoded|check_files|recompute|init_cfg(\..*)?)'
)
#: Keys whose values the checkpoint's state would replace.
_HELD = re.compile(
    r'optim_wrapper\.(optimizer|paramwise_cfg|constructor)(\..*)?'
    r'|param_scheduler(\..*)?|randomness\.seed'
)
_NOTHING = 'not there'


def checkpoint_to_resume(
    work_dir: str | Path, asked: str
) -> tuple[str, dict[str, Any]]:
    """The checkpoint asked for, or for ``'auto'`` that of :func:`newest_checkpoint`.

    Raises:
        UserError: If there is none that can be read.
    """
    if asked != 'auto':
        return asked, read_checkpoint(asked)
    return newest_checkpoint(work_dir)


def newest_checkpoint(work_dir: str | Path) -> tuple[str, dict[str, Any]]:
    """The checkpoint that was written last and can be read; others newer are said.

    MMEngine's ``last_checkpoint`` is not asked: it names an absolute path, which a
    moved or copied folder has no longer, and is one more file that may be cut short.

    Returns:
        Its path and its content.

    Raises:
        UserError: If there is none, or none that can be read.
    """
    found = [path for path in Path(work_dir).glob('*.pth') if _NAMES.match(path.name)]
    found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    problems = []
    for path in found:
        try:
            content = read_checkpoint(path)
        except UserError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            print_log(f'{problem} Going on from {path.name}.', 'current', 30)
        return str(path), content
    if problems:
        raise UserError(problems[0])
    raise UserError(
        f'{work_dir}: there is no checkpoint to resume from; leave --resume out or '
        'give one.'
    )


def settings_of(cfg: Config, world_size: int) -> str:
    """What a checkpoint says of the run that saved it."""
    content = {'config': cfg.to_dict(), 'world_size': world_size}
    return json.dumps(content, default=str)


def check_changes(path: str, content: dict[str, Any], settings: str) -> None:
    """Hold a run's settings against those of the checkpoint that it goes on from.

    What would have no effect is refused; what has one is said.

    Raises:
        UserError: Naming the keys whose values the checkpoint's state would replace.
    """
    saved = content.get('meta', {}).get(SETTINGS)
    if saved is None:  # an earlier version's
        return
    before, now = (dict(_leaves(json.loads(x))) for x in (saved, settings))
    changed = {
        key.removeprefix('config.'): f'was {before.get(key, _NOTHING)} and is '
        f'{now.get(key, _NOTHING)}'
        for key in sorted({*before, *now})
        if before.get(key, _NOTHING) != now.get(key, _NOTHING)
    }
    held = [f'{key} {change}' for key, change in changed.items() if _HELD.match(key)]
    if held:
        raise UserError(
            f'{path}: {"; ".join(held)}: a resumed run goes on with what its '
            'checkpoint holds, so this would do nothing; leave it out, or start a '
            'run of its own from these weights (--cfg-options '
            f'load_from={path}, another --work-dir, no --resume).'
        )
    for key, change in changed.items():
        if not _FREE.fullmatch(key):
            print_log(f'Resuming: {key} {change}.', 'current', 30)
    if changed.keys() & {'world_size', 'train_dataloader.batch_size'}:
        schedules = json.loads(settings)['config'].get('param_scheduler') or []
        if not all(x.get('by_epoch', True) for x in schedules) or any(
            x.get('convert_to_iter_based') for x in schedules
        ):
            print_log(
                'Resuming: param_scheduler counts iterations, and an epoch has another '
                'number of them now; the learning rate goes on by the old one.',
                'current',
                30,
            )


def _leaves(part: Any, prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Every value that holds no others, with its dotted key."""
    if isinstance(part, (dict, list)) and part:
        items = part.items() if isinstance(part, dict) else enumerate(part)
        for key, item in items:
            yield from _leaves(item, f'{prefix}.{key}' if prefix else str(key))
    else:
        yield prefix, part
