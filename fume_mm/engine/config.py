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
from fume_mm.io.bundled import ROOT, bundled, no_such_config
from fume_mm.registry import SCOPE

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
#: What is read of a config beside the arguments of MMEngine's Runner.
OTHER_KEYS = (
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'tta',
    'tta_model',
    'tta_pipeline',
)
#: Variables that options may set: they reach all that was made of them.
VARIABLES = ('ann_root', 'data_root', 'decoded', 'max_epochs', 'scale')
_KEYS_NAMED = 3


def load_config(path: str, options: dict[str, Any] | None = None) -> Config:
    """The resolved config of ``path`` with ``--cfg-options`` merged.

    A config of this package may be named as ``fume_mm::fume/fume_r50.py``, wherever it
    is installed, as a path here and as a ``_base_``.
    The variables ``data_root``, ``ann_root``, ``decoded``, ``scale`` and ``max_epochs``
    given as options reach every dataset, or the training and its cosine schedules.
    Other variables, with which a file is written and which nothing reads, are left out
    of the result.

    Raises:
        UserError: If the file is not there or is not a config, or an option names a
            key that nothing reads.
    """
    from mmengine.runner import Runner

    path = bundled(path)
    if not Path(path).is_file():
        raise UserError(f'{path}: {no_such_config(path)}')
    if (ROOT / 'projects').is_dir() and str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))  # configs may import parts of the projects
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is the user's own program
        raise UserError(
            f'{path}: cannot be read as a config: {type(error).__name__}: '
            f'{first_line(error)}; correct the file.'
        ) from error
    # what a base of fume_mm:: says of every part, and collate functions stumble on
    for _, part in list(_items(cfg)):
        if isinstance(part, dict) and part.get('_scope_') == SCOPE:
            part.pop('_scope_')
    options = dict(options or {})
    read = {*inspect.signature(Runner).parameters, *OTHER_KEYS} - {'cfg'}
    for option in list(options):
        places = _places(cfg, option)
        if places:
            value = options.pop(option)
            # an option that names a place itself goes first
            options = {**dict.fromkeys(places, value), **options}
        else:
            _check_option(cfg, option, read)
    with config_errors(cfg):
        cfg.merge_from_dict(options)
    for key in set(cfg) - read:
        cfg.pop(key)
    return cfg


def frame_scale(cfg: Config) -> tuple[int, int]:
    """(width, height) in pixels that the config's test dataset brings frames to.

    Raises:
        UserError: If it leaves frames as they are.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    if dataset.get('scale') is None:
        raise UserError(
            f'{cfg.filename}: test_dataloader.dataset has no scale, so frames have no '
            'size of their own; set scale=(width, height), or give a size.'
        )
    width, height = dataset['scale']
    return int(width), int(height)


def _places(cfg: Config, variable: str) -> list[str]:
    """Dotted keys that hold the value of a variable that options may set."""
    if variable in ('ann_root', 'data_root', 'decoded', 'scale'):
        datasets = {x: cfg[x].dataset for x in LOADERS if cfg.get(x)}
        return [
            f'{loader}.dataset.{variable}'
            for loader, dataset in datasets.items()
            if dataset.get(variable) is not None
            or (variable in ('ann_root', 'decoded') and variable in dataset)
        ]
    epochs = (cfg.get('train_cfg') or {}).get('max_epochs')
    if variable != 'max_epochs' or epochs is None:
        return []
    ends = [
        f'param_scheduler.{i}.T_max'
        for i, scheduler in enumerate(cfg.get('param_scheduler') or [])
        if scheduler.get('T_max') == epochs
    ]
    return ['train_cfg.max_epochs', *ends]


def _check_option(cfg: Config, option: str, read: set[str]) -> None:
    """Refuse an option that would do nothing, or set a key of what is not there."""
    key, *rest = option.split('.')
    if key in read:
        part, place = cfg.get(key), key
        while rest and hasattr(part, 'get'):
            word = rest.pop(0)
            part, place = part.get(word, {}), f'{place}.{word}'
        if part is None and rest:
            raise UserError(
                f'--cfg-options {option}: {place} is None in {cfg.filename}, so there '
                'is nothing to set; leave the option out, or write a config with it.'
            )
        return
    if key not in cfg:
        known = sorted(
            {x for x in read if x in cfg} | {x for x in VARIABLES if _places(cfg, x)}
        )
        raise UserError(
            f'--cfg-options {option}: {cfg.filename} has no {key}; '
            f'{did_you_mean(key, known)}its keys are {", ".join(known)}.'
        )
    named = _listed(k for k in _holding(cfg, cfg[key]) if k.split('.')[0] in read)
    raise UserError(
        f'--cfg-options {option}: {key} is a variable that {cfg.filename} has '
        f'already used, so it would do nothing; set '
        f'{named or "the keys made of it"} instead.'
    )


def _items(part: Any, prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Every value within the config ``part`` with its dotted key."""
    items = enumerate(part) if isinstance(part, (list, tuple)) else part.items()
    for key, item in items:
        yield f'{prefix}{key}', item
        if isinstance(item, (dict, list, tuple)):
            yield from _items(item, f'{prefix}{key}.')


def _holding(cfg: Config, value: Any) -> list[str]:
    """Dotted keys of ``cfg`` whose value is ``value``."""
    return [k for k, x in _items(cfg) if type(x) is type(value) and x == value]


def _listed(keys: Iterable[str]) -> str:
    keys = list(keys)
    return ', '.join([*keys[:_KEYS_NAMED], *['...'] * (len(keys) > _KEYS_NAMED)])


@contextmanager
def config_errors(cfg: Config) -> Iterator[None]:
    """Make what building a part raises a UserError that names the part's key."""
    try:
        yield
    except UserError:
        raise
    except (ImportError, RuntimeError) as error:
        text = first_line(error)
        if isinstance(error, RuntimeError) and 'is not installed' not in text:
            raise
        name = getattr(error, 'name', None) or text.split()[0]
        raise UserError(
            f'{cfg.filename}: cannot be built: {text}; pip install {name}, or take '
            'parts that do not need it.'
        ) from error
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        text = first_line(error).partition(' More details')[0]
        keys, near = _culprit(text, cfg)
        where = f' ({_listed(keys)})' if keys else ''
        raise UserError(
            f'{cfg.filename}: cannot be built{where}: {text}; '
            f'{near}correct the key in the config or in --cfg-options.'
        ) from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``'did you mean ...? '`` for the nearest of ``known``; empty if none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f'did you mean {near[0]}? ' if near else ''


def _culprit(text: str, cfg: Config) -> tuple[list[str], str]:
    """Keys of the part or argument that is missing or not known, and the nearest."""
    match = re.match(r"(\w+)\.__init__\(\) (missing|got an unexpected) .*'(\w+)'", text)
    if match:
        kind, fault, word = match.groups()
        rows = [(*key.rpartition('.')[::2], value) for key, value in _items(cfg)]
        parts = [part for part, _, x in rows if str(x).rpartition('.')[2] == kind]
        if fault == 'missing':
            return parts, ''
        places = [part for part, name, _ in rows if name == word]
        places = [part for part in places if part in parts] or places
        # what no registry knows (a DataLoader) has the keys that stand beside it
        beside = {name for part, name, _ in rows if part in places} - {word}
        near = did_you_mean(word, _arguments(kind) or beside)
        return [f'{part}.{word}'.lstrip('.') for part in places], near
    match = re.match(r'([\w.]+) is not in the (?:\w+::)?([\w ]+) registry', text)
    if not match:
        return [], ''
    names = [
        name for x in _registries() if x.name == match[2] for name in x.module_dict
    ]
    return _holding(cfg, match[1]), did_you_mean(match[1], names)


def _registries() -> list[Any]:
    """The project's registries and those that they look further in."""
    from mmengine.registry import Registry

    from fume_mm import registry

    registry.register_all_modules(init_default_scope=False)
    ours = [x for x in vars(registry).values() if isinstance(x, Registry)]
    return [*ours, *(x.parent for x in ours)]


def _arguments(kind: str) -> set[str]:
    """Names of the arguments of registered classes and of their bases."""
    parts = [part for x in _registries() if (part := x.get(kind)) is not None]
    bases = [base for part in parts for base in getattr(part, '__mro__', ())]
    makers = [vars(x)['__init__'] for x in bases if '__init__' in vars(x)]
    makers += [part for part in parts if not isinstance(part, type)]
    names = {name for make in makers for name in inspect.signature(make).parameters}
    return names - {'self', 'args', 'kwargs'}


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the error's name if it has none."""
    text = str(error.args[0] if error.args else '').strip()
    return text.splitlines()[0].rstrip('.') if text else type(error).__name__
