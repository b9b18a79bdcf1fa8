"""The sides of a case, each in a process and tree of its own, measured in turns."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.common import Case, Setting
from fume_mm.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
#: What a checkout of the original must have for any case.
ORIGINAL_FILES = ('models/fume_fastscnn.py', 'losses/multi_task_loss.py')
Figures = dict[str, list[dict[str, float]]]


class SideError(RuntimeError):
    """A side cannot do its work; the message says why."""


class Side:
    """A process of :mod:`benchmarks.turns`.

    Args:
        name: What it is called in messages.
        tree: Whose code it runs.
        log: Where what it prints goes.
        packages: A folder of packages that go before the installed ones.
    """

    def __init__(
        self, name: str, tree: Path, *, log: Path, packages: Path | None = None
    ) -> None:
        self.name, self.tree, self.log = name, tree, log
        paths = [str(x) for x in (tree, packages) if x]
        env = {
            **os.environ,
            'PYTHONPATH': os.pathsep.join(paths),
            'OMP_NUM_THREADS': '1',
            'NO_ALBUMENTATIONS_UPDATE': '1',
        }
        with log.open('wb') as file:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / 'benchmarks/turns.py')],
                cwd=tree,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + '\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # what it answered says more

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        text = self.log.read_text(errors='replace').strip().splitlines()
        raise SideError(text[-1] if text else 'its process ended')

    def begin(self, case: Case, function: str, setting: Setting) -> None:
        """Set a case up; ``function`` is ``ours``, ``other`` or ``original``."""
        job = {'case': case.name, 'function': function, 'setting': asdict(setting)}
        self._say(json.dumps(job))

    def turn(self) -> dict[str, float]:
        """Let it work once.

        Raises:
            SideError: If it cannot.
        """
        self._say('go')
        answer = self._answer()
        if 'error' in answer:
            self._wait()
            raise SideError(answer['error'])
        if 'over' in answer:
            raise SideError(f'its process was ended by signal {-answer["over"]}')
        return answer

    def _wait(self) -> None:
        while 'over' not in self._answer():
            pass

    def end(self) -> None:
        """Let the case go."""
        self._say('end')
        self._wait()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def worktree(rev: str, folder: Path) -> Iterator[Path]:
    """A checkout of a commit of this repository, for as long as it is needed.

    Raises:
        UserError: If there is no such commit.
    """

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ['git', '-C', str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    if git('rev-parse', '--verify', '--quiet', f'{rev}^{{commit}}').returncode:
        raise UserError(
            f'--base {rev}: is no commit of {ROOT}; name one that `git log` lists.'
        )
    made = git('worktree', 'add', '--detach', '--force', str(folder), rev)
    if made.returncode:
        raise UserError(
            f'--base {rev}: git cannot check it out '
            f'({made.stderr.strip().splitlines()[-1]}); leave --base out.'
        )
    try:
        yield folder
    finally:
        git('worktree', 'remove', '--force', str(folder))


def check_original(path: Path) -> Path:
    """A checkout of the original, or a UserError."""
    absent = [name for name in ORIGINAL_FILES if not (path / name).is_file()]
    if absent:
        raise UserError(
            f'--original {path}: has no {absent[0]}; give a checkout of '
            'github.com/taminulislam/fume.'
        )
    return path.resolve()


@contextmanager
def open_sides(
    scratch: Path,
    *,
    twin: bool = False,
    base: str | None = None,
    original: Path | None = None,
    packages: Path | None = None,
) -> Iterator[dict[str, Side]]:
    """The processes: ``ours``, and the others as far as asked for.

    Args:
        scratch: A folder for logs and checkouts.
        twin: A second process of our tree.
        base: A commit of this repository.
        original: A checkout of the original.
        packages: A folder of packages that the original alone shall have.
    """
    with ExitStack() as stack:
        trees = {'ours': ROOT, **({'twin': ROOT} if twin else {})}
        if base is not None:
            trees['base'] = stack.enter_context(worktree(base, scratch / 'base'))
        if original is not None:
            trees['original'] = check_original(original)
        sides = {}
        for name, tree in trees.items():
            own = packages if name == 'original' else None
            log = scratch / f'{name}.log'
            sides[name] = Side(name, tree, log=log, packages=own)
            stack.callback(sides[name].close)
        yield sides


def measure(
    case: Case, sides: dict[str, Side], setting: Setting, *, repeats: int, warmup: int
) -> tuple[Figures, list[str]]:
    """All sides of a case in turns, each first as often.

    Returns:
        The figures of each turn, by side; and why a side has none.
    """
    setting = replace(setting, threads=case.threads)
    jobs = [('ours', 'ours', sides['ours'])]
    if case.other is not None:
        jobs.append((case.other_name, 'other', sides['twin']))
    else:
        if 'base' in sides:
            jobs.append(('base', 'ours', sides['base']))
        if 'original' in sides and case.original is not None:
            jobs.append(('original', 'original', sides['original']))
    figures: Figures = {name: [] for name, *_ in jobs}
    notes = []
    for name, function, side in jobs:
        side.begin(case, function, replace(setting, side=name))
    for number in range(warmup + repeats):
        for job in jobs[:: 1 if number % 2 else -1]:
            name, _, side = job
            if name not in figures:
                continue
            try:
                found = side.turn()
            except SideError as error:
                notes.append(f'{case.name}, {name}: {error}')
                del figures[name]
                continue
            if number >= warmup:
                figures[name].append(found)
    for name, _, side in jobs:
        if name in figures:
            side.end()
    return figures, notes
