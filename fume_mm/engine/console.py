"""What a run says on the console: progress and tables. Its log file has everything."""

import logging
import sys
from datetime import timedelta
from typing import Any

from mmengine.runner import LogProcessor

from fume_mm.evaluation.estimate import PERCENT, PIXELS
from fume_mm.evaluation.scores import Scores, headline_rows
from fume_mm.io.progress import remark
from fume_mm.registry import LOG_PROCESSORS
from fume_mm.structures import GAS_LABELS

#: Messages of MMEngine by their beginnings that the log file alone has.
FILE_ONLY = (
    'Checkpoints will be saved to',
    'Exp name: ',
    'Saving checkpoint at',
    'The previous best checkpoint',
    'paramwise_options -- ',  # a line for each number of each parameter
)
#: Warnings about what MMEngine does within itself: nobody who trains can act on them.
NOT_OURS = ('"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


_SIGNS = {PERCENT: ' (%)', PIXELS: ' (px)'}


class Line(str):
    """A line of the log file that reads otherwise on the console.

    Attributes:
        console: How.
    """

    console: str

    def __new__(cls, text: str, console: str) -> 'Line':
        """The line."""
        line = super().__new__(cls, text)
        line.console = console
        return line


class ConsoleHandler(logging.StreamHandler):
    """Lines on standard output, above a progress bar that may be there.

    Attributes:
        starting: While the Runner is made: its environment, config and hooks are
            hundreds of lines, which the file keeps; warnings are shown.
    """

    def __init__(self, level: int) -> None:
        super().__init__(sys.stdout)  # which MMEngine's MLflow looks at
        self.setLevel(level)
        self.starting = True

    def format(self, record: logging.LogRecord) -> str:
        """The time and the message; the level where it is a warning or worse."""
        text = getattr(record.msg, 'console', None) or record.getMessage()
        grave = record.levelno > logging.INFO
        level = f'{record.levelname.lower()}: ' if grave else ''
        time = logging.Formatter().formatTime(record, '%H:%M:%S')
        return f'{time} {level}{text}'

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        usual = record.levelno <= logging.INFO
        if usual and (self.starting or record.getMessage().startswith(FILE_ONLY)):
            return
        remark(self.format(record), sys.stdout)


def console_of(logger: logging.Logger) -> ConsoleHandler:
    """The console handler of MMEngine's ``logger``, in the place of its own."""
    for handler in logger.handlers:
        if isinstance(handler, ConsoleHandler):
            return handler
    shown = next(x for x in logger.handlers if type(x) is logging.StreamHandler)
    console = ConsoleHandler(shown.level)  # of processes but the first: errors alone
    for duplicates in shown.filters:
        console.addFilter(duplicates)
    logger.handlers[logger.handlers.index(shown)] = console
    logger.addFilter(lambda record: not record.getMessage().startswith(NOT_OURS))
    return console


@LOG_PROCESSORS.register_module()
class ConsoleLogProcessor(LogProcessor):
    """MMEngine's, with lines that are short on the console.

    A training line has the losses, the rate and the time left; a validation's scores
    are a table. Arguments are :class:`mmengine.runner.LogProcessor`'s.
    """

    def get_log_after_iter(
        self, runner: Any, batch_idx: int, mode: str
    ) -> tuple[dict[str, Any], str]:
        """What is logged, and the line."""
        tag, text = super().get_log_after_iter(runner, batch_idx, mode)
        values = {name.removeprefix(f'{mode}/'): x for name, x in tag.items()}
        words = [f'{text.partition("]  ")[0]}]']
        if 'eta' in runner.message_hub.runtime_info:
            left = int(runner.message_hub.get_info('eta'))
            words.append(f'eta: {timedelta(seconds=left)}')
        if seconds := values.get('time'):
            words.append(rate(seconds))
        if mode == 'train':
            losses = (name for name in values if 'loss' in name)
            words += [f'{x.replace("loss_", "")}: {values[x]:.4f}' for x in losses]
            words += [f'lr: {x:.1e}' for name, x in values.items() if name == 'lr']
        if 'memory' in values:
            words.append(f'{values["memory"]} MB')
        return tag, Line(text, '  '.join(words))

    def get_log_after_epoch(
        self, runner: Any, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> tuple[dict[str, Any], str]:
        """What is logged, and the line."""
        tag, text = super().get_log_after_epoch(
            runner, batch_idx, mode, with_non_scalar
        )
        words = [f'{text.partition("]  ")[0]}]']
        if mode == 'test':  # tools/test.py prints its tables
            return tag, Line(text, *words)
        values = {name.removeprefix('val/'): x for name, x in tag.items()}
        scores = getattr(runner.val_loop.evaluator, 'scores', None) or Scores(
            {k: x for k, x in values.items() if k not in ('time', 'data_time')}
        )
        watched = [
            key for x in runner.hooks for key in getattr(x, 'key_indicators', [])
        ]
        words += [f'{key}: {values[key]:.4f}' for key in watched if key in values]
        return tag, Line(text, '\n'.join(['  '.join(words), *scores_table(scores)]))


def rate(seconds: float) -> str:
    """How fast iterations are that take so long, as text."""
    return f'{1 / seconds:.1f} it/s' if seconds < 1 else f'{seconds:.1f} s/it'


def scores_table(scores: Scores) -> list[str]:
    """The headline figures of a validation as lines, those of each gas beside them."""
    declared = headline_rows(scores)
    ours = {key.partition('/')[0] for key in declared}
    others = [key for key in scores.values if key.partition('/')[0] not in ours]
    rows = [['', 'all', *GAS_LABELS.values()]]
    for key, row in declared.items():
        prefix, _, figure = key.partition('/')
        keys = [key, *(f'{prefix}/{gas}/{figure}' for gas in GAS_LABELS)]
        figures = [scores.text(x, row.unit) for x in keys if x in scores.values]
        rows.append([row.label + _SIGNS.get(row.unit, ''), *figures])
    # of metrics that declare no table: MMEngine's own, or somebody's
    rows += [[key, f'{float(scores.values[key]):.4f}'] for key in others]
    width = max(len(name) for name, *_ in rows)
    return [
        '  '.join(['', name.ljust(width), *(f'{cell:>6}' for cell in cells)]).rstrip()
        for name, *cells in rows
    ]
