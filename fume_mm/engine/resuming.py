"""Which checkpoint of a work dir a training goes on from."""

import re
from pathlib import Path

from mmengine.logging import print_log

from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint

_NAMES = re.compile(r'last\.pth|(epoch|iter)_\d+\.pth')


def newest_checkpoint(work_dir: str | Path) -> str:
    """The checkpoint that was written last and can be read; others newer are said.

    MMEngine's ``last_checkpoint`` is not asked: it names an absolute path, which a
    moved or copied folder has no longer, and is one more file that may be cut short.

    Raises:
        UserError: If there is none, or none that can be read.
    """
    found = [path for path in Path(work_dir).glob('*.pth') if _NAMES.match(path.name)]
    found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    problems = []
    for path in found:
        try:
            read_checkpoint(path)
        except UserError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            print_log(f'{problem} Going on from {path.name}.', 'current', 30)
        return str(path)
    if problems:
        raise UserError(problems[0])
    raise UserError(
        f'{work_dir}: there is no checkpoint to resume from; leave --resume out or '
        'give one.'
    )
