"""What the console shows of a run: bars on a terminal, tables, what is left out."""

import io
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.logging import MMLogger

from fume_mm.engine.console import Line, console_of, scores_table
from fume_mm.engine.hooks.console_hook import ConsoleHook
from fume_mm.evaluation.scores import Scores


class Terminal(io.StringIO):
    """A console that somebody looks at."""

    def isatty(self) -> bool:
        return True


def validate(monkeypatch: pytest.MonkeyPatch, console: io.StringIO) -> str:
    monkeypatch.setattr(sys, 'stderr', console)
    hook, runner = ConsoleHook(), SimpleNamespace(val_dataloader=range(3))
    hook.before_val_epoch(runner)
    for _ in runner.val_dataloader:
        hook.after_val_iter(runner)
    shown = console.getvalue()
    hook.after_val_epoch(runner)
    return shown


def test_bars_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = validate(monkeypatch, Terminal())
    assert 'validate:' in shown and '| 0/3 [' in shown and 'it/s' in shown
    assert validate(monkeypatch, io.StringIO()) == ''


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Any:
    """Log, and see what the console shows of it."""
    logger = MMLogger.get_instance(request.node.name, log_level='INFO')
    console = console_of(logger)
    assert console_of(logger) is console

    def say(text: str, level: int = logging.INFO, *, starting: bool = False) -> str:
        console.starting = starting
        logger.log(level, text)
        return capsys.readouterr().out

    return say


def test_what_nobody_reads_is_not_shown(said: Any) -> None:
    assert said('Load checkpoint from a.pth')[8:] == ' Load checkpoint from a.pth\n'
    assert said('one\ntwo', starting=True) == ''
    assert said('Exp name: x') == ''
    text = '"FileClient" will be deprecated in future'
    assert said(text, logging.WARNING) == ''
    shown = said('a leak', logging.WARNING, starting=True)
    assert shown.endswith(' warning: a leak\n')


def test_a_line_may_be_shorter_on_the_console(said: Any) -> None:
    assert said(Line('all of it', 'short'))[8:] == ' short\n'
    assert f'{Line("all of it", "short")}' == 'all of it'


def test_scores_are_a_table_with_a_column_for_each_gas() -> None:
    values = {'seg/mIoU': 0.5, 'seg/co2/mIoU': 0.25, 'seg/ch4/mIoU': 0.75}
    values |= {'seg/gas_IoU': float('nan'), 'cls/macro_f1': 0.125, 'mine/speed': 2.0}
    assert scores_table(Scores(values)) == [
        '                   all     CO2     CH4',
        '  mIoU (%)       50.00   25.00   75.00',
        '  gas IoU (%)      n/a',
        '  macro F1 (%)   12.50',
        '  mine/speed    2.0000',
    ]
