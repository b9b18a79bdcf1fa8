"""What was injected and what came of it: kept as it happens, summed up in one table."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START = '<!-- docs/reliability.json -->'
END = '<!-- end -->'
HEADER = ('fault', 'injected', 'survived', 'lost', 'evidence')
#: How many of the losses a row tells.
_TOLD = 3


@dataclass(frozen=True)
class Fault:
    """A kind of fault that can be injected again and again.

    Attributes:
        name: Of its row.
        goal: Injections of the long form.
        evidence: What each injection is held against.
        inject: ``inject(number, folder)`` injects it; the same number is the same
            injection. Returns a text an injection: what was lost, or '' if nothing was.
        weight: How much time it gets, beside the others.
    """

    name: str
    goal: int
    evidence: str
    inject: Callable[[int, Path], Sequence[str]]
    weight: float = 1.0


class Ledger:
    """The injections so far, a line of JSON for each call of ``inject``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls: dict[str, int] = defaultdict(int)
        self.injected: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)
        self.losses: dict[str, list[str]] = defaultdict(list)
        if path.is_file():
            for line in path.read_text(encoding='utf-8').splitlines():
                self._add(json.loads(line))

    def _add(self, entry: dict[str, Any]) -> None:
        name = entry['fault']
        self.calls[name] += 1
        self.injected[name] += entry['injected']
        self.seconds[name] += entry['seconds']
        self.losses[name] += entry['lost']

    def inject(self, fault: Fault, folder: Path) -> None:
        """Inject the fault's next, and write down what came of it."""
        start = time.monotonic()
        try:
            results = fault.inject(self.calls[fault.name], folder)
        except Exception as error:  # of the suite itself: a loss until it is mended
            results = [f'not injected: {type(error).__name__}: {error}'[:300]]
        entry = {
            'fault': fault.name,
            'injected': len(results),
            'lost': [' '.join(text.split()) for text in results if text],
            'seconds': round(time.monotonic() - start, 1),
        }
        with self.path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(entry) + '\n')
        self._add(entry)

    def next(self, faults: Iterable[Fault]) -> Fault | None:
        """The one that has had the least time and is short of its goal, if any is."""
        open_ones = [x for x in faults if self.injected[x.name] < x.goal]
        return min(
            open_ones, key=lambda x: self.seconds[x.name] / x.weight, default=None
        )

    def rows(self, faults: Iterable[Fault]) -> list[dict[str, Any]]:
        """The table: a row for each fault that was injected."""
        return [
            {
                'fault': fault.name,
                'injected': self.injected[fault.name],
                'survived': self.injected[fault.name] - len(self.losses[fault.name]),
                'lost': len(self.losses[fault.name]),
                'evidence': fault.evidence,
                'losses': told(self.losses[fault.name]),
                'seconds': round(self.seconds[fault.name], 1),
            }
            for fault in faults
            if self.injected[fault.name]
        ]


def told(losses: Sequence[str]) -> list[str]:
    """The first of each kind, which is what stands before ``<-``, and how many."""
    kinds = Counter(text.partition(' <- ')[0] for text in losses)
    return [f'{count} times {text}' for text, count in kinds.most_common(_TOLD)]


def table(rows: Iterable[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [f'| {" | ".join(HEADER)} |', '|---|---:|---:|---:|---|']
    for row in rows:
        told = row['evidence']
        if row['losses']:
            told += f'; lost: {"; ".join(row["losses"])}'
        cells = [row['fault'], *(f'{row[key]:,}' for key in HEADER[1:4]), told]
        lines.append(f'| {" | ".join(x.replace("|", "/") for x in cells)} |')
    return '\n'.join(lines)


def filled(page: str, report: dict[str, Any]) -> str:
    """A page with the report's table between its two markers."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f'the page has no line {START} with {END} after it')
    rows = report['rows']
    total, lost = (sum(row[key] for row in rows) for key in ('injected', 'lost'))
    about = (
        f'{total:,} injections, {lost:,} of them with a loss, commit '
        f'{str(report["commit"])[:12]}, torch {report["torch"]}, '
        f'{report["cores"]} cores of {report["cpu"]}.'
    )
    return f'{before}{start}\n\n{table(rows)}\n\n{about}\n\n{end}{after}'
