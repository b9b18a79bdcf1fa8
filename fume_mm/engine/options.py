"""Options that several command lines share; `--help` imports nothing heavy."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config


class CfgOptions(argparse.Action):
    """MMEngine's ``key=value ...``; what is not of this form is a usage error."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Parse ``values`` into a dict."""
        from mmengine.config import DictAction

        try:
            DictAction([], self.dest)(parser, namespace, values, option_string)
        except (ValueError, AssertionError) as error:
            raise argparse.ArgumentError(
                self, f'{" ".join(values)}: write key=value, e.g. data_root=data/fume'
            ) from error


class _LocalRank(argparse.Action):
    """Put it where MMEngine looks; what torchrun has put there stays."""

    def __call__(self, *args: Any) -> None:
        os.environ.setdefault('LOCAL_RANK', args[2])


def _resamples(text: str) -> int:
    if not text.isdecimal() or text == '1':
        raise argparse.ArgumentTypeError(f'is {text}; give 0, or 2 and more')
    return int(text)


#: What each is by its name; ``help`` says the default.
SHARED: dict[str, dict[str, Any]] = {
    'config': {'help': 'config file'},
    '--cfg-options': {
        'metavar': 'KEY=VALUE',
        'nargs': '+',
        'action': CfgOptions,
        'help': 'override keys of the config, e.g. data_root=data/fume',
    },
    '--work-dir': {
        'help': 'where to write (default: the work_dir of the config, or '
        'work_dirs/<config name>)',
    },
    '--launcher': {
        'choices': ('none', 'pytorch', 'slurm', 'mpi'),
        'default': 'none',
        'help': 'how processes were started (default: %(default)s)',
    },
    '--device': {
        'default': 'cpu',
        'help': 'cpu, cuda or cuda:1 (default: %(default)s)',
    },
    '--data-root': {
        'metavar': 'DIR',
        'type': Path,
        'help': "the campaign's folder (default: where the run's config says)",
    },
    '--annotations': {
        'metavar': 'DIR',
        'type': Path,
        'help': 'folder of its CSVs, such as that of a fold (the data root)',
    },
    '--workers': {'type': int, 'help': 'threads (a few more than processors)'},
    '--trust-checkpoint': {
        'action': 'store_true',
        'help': 'read a checkpoint that holds code by running that code, which can do '
        'all that you can do here: only one whose author you would let run programs',
    },
    '--json': {'metavar': 'FILE', 'type': Path, 'help': 'also write the result here'},
    '--imports': {
        'metavar': 'MODULE',
        'nargs': '+',
        'default': [],
        'help': "Python modules that register metrics of one's own, as custom_imports",
    },
    '--resamples': {
        'metavar': 'N',
        'type': _resamples,
        'default': 1000,
        'help': 'resamples of the vessels for the intervals, 0 for no intervals '
        '(default: %(default)s)',
    },
}


def make_parser(
    doc: str | None, *shared: str, epilog: str | None = None
) -> argparse.ArgumentParser:
    """A parser that shows a tool's docstring, its lines as they are.

    Args:
        doc: The docstring.
        shared: Names of :data:`SHARED`; ``--launcher`` brings the local rank along.
        epilog: What comes after the options.
    """
    parser = argparse.ArgumentParser(
        description=doc,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in shared:
        parser.add_argument(name, **SHARED[name])
        if name == '--launcher':
            # from launchers of torch, old and new, not from users
            names, hidden = ('--local_rank', '--local-rank'), argparse.SUPPRESS
            parser.add_argument(*names, action=_LocalRank, help=hidden)
    return parser


def config_of(args: argparse.Namespace) -> 'Config':
    """The config that was asked for, with its options and work dir.

    Raises:
        UserError: See :func:`fume_mm.engine.config.load_config`.
    """
    from .config import load_config

    cfg = load_config(args.config, args.cfg_options)
    folder = getattr(args, 'work_dir', None) or cfg.get('work_dir')
    cfg.work_dir = folder or f'work_dirs/{Path(args.config).stem}'
    return cfg
