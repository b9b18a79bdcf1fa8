import io
import itertools
import sys
import threading

import pytest

from fume_mm.io.progress import ordered_map


def test_few_results_wait_for_a_slow_reader():
    taken = itertools.count()
    last = 0

    def items():
        nonlocal last
        for last in taken:
            if last == 1000:
                return
            yield last

    results = ordered_map(lambda item: (item, threading.get_ident()), items(), 2)
    for number in range(100):
        assert next(results)[0] == number
        assert last <= number + 4 * 2
    assert [item for item, _ in results] == list(range(100, 1000))


def test_the_bar_counts_to_the_end_on_a_terminal(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, 'stderr', terminal)
    assert list(ordered_map(str, range(7), 2, frames=7)) == list('0123456')
    assert '7/7' in terminal.getvalue()
    terminal.truncate(0)
    list(ordered_map(str, range(7), 2))
    assert '7/7' not in terminal.getvalue()


def test_an_error_comes_at_its_place_and_ends_the_work():
    started = []

    def work(item):
        started.append(item)
        return 1 // (item - 3)

    results = ordered_map(work, range(1000), 1)
    assert [next(results) for _ in range(3)] == [-1, -1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(started) < 20
