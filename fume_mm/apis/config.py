"""Loading a config file, with one clear error for what a user can mend."""

from pathlib import Path
from typing import Any

from mmengine.config import Config

from fume_mm.errors import UserError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def load_config(path: str, options: dict[str, Any] | None = None) -> Config:
    """The resolved config of ``path`` with ``--cfg-options`` merged.

    ``data_root`` given as an option reaches every dataset, although the file has
    already written its own value into them.

    Raises:
        UserError: If the file is not there or is not a config.
    """
    if not Path(path).is_file():
        raise UserError(
            f'{path}: there is no such config; the ones of this project are listed by '
            '`ls configs/*/*.py`.'
        )
    try:
        cfg = Config.fromfile(path)
    except (SyntaxError, FileNotFoundError, KeyError, NameError, OSError) as error:
        raise UserError(f'{path}: cannot be read as a config: {error}') from error
    if options:
        cfg.merge_from_dict(options)
        if 'data_root' in options:
            for loader in LOADERS:
                if cfg.get(loader):
                    cfg[loader].dataset.data_root = options['data_root']
    return cfg
