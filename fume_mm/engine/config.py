"""Loading a config file, with one clear error for what a user can mend."""

import difflib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config

from fume_mm.errors import UserError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
#: What is read of a config beside the arguments of MMEngine's Runner.
OTHER_KEYS = (
    'activation_checkpointing',
    'compile',
    'data_root',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'tta',
    'tta_model',
    'tta_pipeline',
)
#: Variables of a config that options may set: they reach what was made of them.
VARIABLES = {'data_root', 'max_epochs', 'scale'}
_KEYS_NAMED = 3
_NAMED = ('POSITIONAL_OR_KEYWORD', 'KEYWORD_ONLY')


def load_config(path: str, options: dict[str, Any] | None = None) -> Config:
    """The resolved config of ``path`` with ``--cfg-options`` merged.

    The variables ``data_root``, ``scale`` and ``max_epochs`` given as options reach
    every dataset, every ``ResizeDualGas``, or the training and its cosine schedules,
    although the file has already written its own values into them.

    Raises:
        UserError: If the file is not there or is not a config, or an option names a
            key that nothing reads.
    """
    if not Path(path).is_file():
        raise UserError(
            f'{path}: there is no such config; the ones of this project are listed by '
            '`ls configs/*/*.py`.'
        )
    try:
        _find_projects()
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is the user's own program
        raise UserError(
            f'{path}: cannot be read as a config: {type(error).__name__}: '
            f'{first_line(error)}; correct the file.'
        ) from error
    if options:
        for variable in VARIABLES & set(options):
            spread = dict.fromkeys(_places(cfg, variable), options[variable])
            options = {**spread, **options}  # what is said of a place itself goes first
        _check_options(cfg, options)
        with config_errors(cfg):
            cfg.merge_from_dict(options)
    return cfg


def _find_projects() -> None:
    """Let configs import parts of the repository's ``projects``."""
    root = Path(__file__).resolve().parents[2]
    if (root / 'projects').is_dir() and str(root) not in sys.path:
        sys.path.append(str(root))


def _places(cfg: Config, variable: str) -> list[str]:
    """Dotted keys that hold a variable's value; none if it is of more than them."""
    loaders = [loader for loader in LOADERS if cfg.get(loader)]
    if variable == 'data_root':
        return [f'{loader}.dataset.data_root' for loader in loaders]
    if variable not in cfg:
        return []
    if variable == 'scale':
        found = [
            [
                f'{loader}.dataset.pipeline.{i}.scale'
                for i, step in enumerate(cfg[loader].dataset.pipeline)
                if step['type'] == 'ResizeDualGas'
            ]
            for loader in loaders
        ]
        return [key for keys in found for key in keys] if all(found) else []
    return [
        'train_cfg.max_epochs',
        *(
            f'param_scheduler.{i}.T_max'
            for i, step in enumerate(cfg.get('param_scheduler', []))
            if step.get('T_max') == cfg.max_epochs
        ),
    ]


def _check_options(cfg: Config, options: dict[str, Any]) -> None:
    """Refuse top-level keys that nothing reads: setting them would do nothing."""
    from mmengine.runner import Runner

    read = {*inspect.signature(Runner.__init__).parameters, *OTHER_KEYS}
    for option in options:
        key = option.split('.')[0]
        if key in read or (option in VARIABLES and _places(cfg, option)):
            continue
        if key not in cfg:
            known = sorted(read & set(cfg))
            raise UserError(
                f'--cfg-options {option}: {cfg.filename} has no {key}; '
                f'{did_you_mean(key, known)}its keys are {", ".join(known)}.'
            )
        holders = [
            name for name in keys_holding(cfg, cfg[key]) if name.split('.')[0] in read
        ]
        named = ', '.join(holders[:_KEYS_NAMED]) or 'the keys made of it'
        more = ', ...' * (len(holders) > _KEYS_NAMED)
        raise UserError(
            f'--cfg-options {option}: {key} is a variable that {cfg.filename} has '
            f'already used, so it would do nothing; set {named}{more} instead.'
        )


def keys_holding(part: Any, value: Any, prefix: str = '') -> Iterator[str]:
    """Dotted keys within the config ``part`` whose value is ``value``."""
    items = enumerate(part) if isinstance(part, (list, tuple)) else part.items()
    for key, item in items:
        if type(item) is type(value) and item == value:
            yield f'{prefix}{key}'
        elif isinstance(item, (dict, list, tuple)):
            yield from keys_holding(item, value, f'{prefix}{key}.')


@contextmanager
def config_errors(cfg: Config) -> Iterator[None]:
    """Make what building a part raises a UserError that names the part's key."""
    try:
        yield
    except UserError:
        raise
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        text = first_line(error).partition(' More details')[0]
        keys = []
        if ' is not in the ' in text:  # the registry's way to say it knows no such type
            keys = list(keys_holding(cfg, text.partition(' ')[0]))[:_KEYS_NAMED]
        where = f' ({", ".join(keys)})' if keys else ''
        raise UserError(
            f'{cfg.filename}: cannot be built{where}: {text}; '
            f'{_nearest(text, cfg)}correct the key in the config or in --cfg-options.'
        ) from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``'did you mean ...? '`` for the nearest of ``known``; empty if none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f'did you mean {near[0]}? ' if near else ''


def _nearest(text: str, cfg: Config) -> str:
    """For a part or an argument that is not known, the nearest that is."""
    match = re.match(
        r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", text
    )
    if match:
        parts = [registry.get(match[1]) for registry in _registries()]
        names = {name for part in parts if part for name in _arguments(part)}
        # what no registry knows (a DataLoader) has the keys that stand beside it
        return did_you_mean(match[2], names or _beside(cfg, match[2]))
    match = re.match(r'([\w.]+) is not in the (?:\w+::)?([\w ]+) registry', text)
    if match:
        names = set()
        for registry in _registries():
            while registry is not None and registry.name == match[2]:
                names |= set(registry.module_dict)
                registry = registry.parent
        return did_you_mean(match[1], names)
    return ''


def _beside(part: Any, key: str) -> set[str]:
    """The other keys of every dict within ``part`` that holds ``key``."""
    if isinstance(part, (list, tuple)):
        return {name for item in part for name in _beside(item, key)}
    if not hasattr(part, 'keys'):
        return set()
    own = set(part) - {key} if key in part else set()
    return own.union(*(_beside(part[name], key) for name in part))


def _registries() -> list[Any]:
    from mmengine.registry import Registry

    from fume_mm import registry

    return [x for x in vars(registry).values() if isinstance(x, Registry)]


def _arguments(part: Any) -> set[str]:
    """Names of the arguments of a class, those that it hands on to its bases too."""
    names: set[str] = set()
    for base in part.__mro__ if isinstance(part, type) else [part]:
        own = inspect.signature(base).parameters if base is part else {}
        if isinstance(part, type) and '__init__' in vars(base):
            own = inspect.signature(vars(base)['__init__']).parameters
        names |= {n for n, p in own.items() if p.kind.name in _NAMED and n != 'self'}
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in own.values()):
            break
    return names


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the error's name if it has none."""
    text = str(error.args[0] if error.args else '').strip()
    return text.splitlines()[0].rstrip('.') if text else type(error).__name__
