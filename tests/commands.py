"""Command lines without the seconds that each would take to import other packages."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Commands start from a process that has imported what is not ours: each of them would
# spend most of its time on that. What a command imports of fume_mm, and so registers,
# it imports itself.
processes = multiprocessing.get_context('forkserver')
processes.set_forkserver_preload(
    [
        'albumentations',
        'matplotlib.backends.backend_agg',
        'matplotlib.figure',
        'mmcv.transforms',
        'mmengine.runner',
        'mmseg.models',
        'pandas',
        'sklearn.ensemble',
        'torch._dynamo',
        'torch.utils.tensorboard',
    ]
)


def become(
    command: list[str], output: str, environment: dict[str, str], folder: str
) -> None:
    """Run a Python command line in this process, its output going to files."""
    os.chdir(folder)
    # as Python does, the script's own folder; another copy of the package may lie here
    sys.path[:0] = [str(Path(folder, command[0]).parent), folder]
    # The server keeps the environment of the test that happened to start it.
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # the environment says which
    for name, descriptor in (('out', 1), ('err', 2)):
        os.dup2(os.open(output + name, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = command
    runpy.run_path(command[0], run_name='__main__')


def run_tool(
    *command: object, env: dict[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """What ``python *command`` does in the repository's folder, or in another."""
    words = [str(word) for word in command]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **(env or {})}
        arguments = (words, f'{folder}/', environment, str(cwd))
        process = processes.Process(target=become, args=arguments)
        process.start()
        process.join(timeout=300)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f'{words} hangs')
        texts = [Path(folder, name).read_text() for name in ('out', 'err')]
    return subprocess.CompletedProcess(words, process.exitcode, *texts)
