"""Command lines run one after the other, as a user does."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Runs them in one process, which imports torch once.
_DRIVER = """
import json, runpy, sys
for words in json.loads(sys.argv[1]):
    print('>>>', *words, flush=True)
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name='__main__')
    except SystemExit as end:
        if end.code:
            raise
"""


def run_all(lines: Sequence[Sequence[object]]) -> str:
    """What the commands print; each is a script's path and its options."""
    words = json.dumps([[str(word) for word in line] for line in lines])
    done = subprocess.run(
        [sys.executable, '-c', _DRIVER, words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr
