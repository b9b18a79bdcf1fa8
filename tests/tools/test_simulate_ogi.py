"""The simulator's command line: what it says, and what it leaves alone."""

import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns import read_rows

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/simulate_ogi.py'
TINY = ('--vessels=6', '--frames-per-vessel=1', '--workers=1')
Simulate = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.slow


@pytest.fixture
def simulate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Simulate:
    """Run the tool in this process; returns exit status, output and errors."""

    def run(*options: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, options)])
        with pytest.raises(SystemExit) as exited:
            runpy.run_path(str(TOOL), run_name='__main__')
        return int(exited.value.code or 0), *capsys.readouterr()

    return run


def stamps(root: Path) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for p in root.rglob('*') if p.is_file()}


def test_a_campaign_is_written_and_summed_up(
    simulate: Simulate, tmp_path: Path
) -> None:
    status, output, _ = simulate(tmp_path / 'out', *TINY, '--size=640x480')
    assert status == 0
    assert '6 vessels, 6 samples' in output
    assert 'Acidotic 2, Healthy 2, Transitional 2' in output
    assert len(read_rows(tmp_path / 'out/train_annotations.csv')) > 0


def test_a_second_call_does_nothing_and_force_replaces(
    simulate: Simulate, tmp_path: Path
) -> None:
    simulate(tmp_path, *TINY)
    before = stamps(tmp_path)
    status, output, _ = simulate(tmp_path, *TINY)
    assert status == 0
    assert 'nothing to do' in output
    assert stamps(tmp_path) == before
    status, output, _ = simulate(tmp_path, *TINY, '--seed=7', '--force')
    assert status == 0
    assert 'seed 7' in output
    assert stamps(tmp_path) != before


def test_shares_reach_the_plan(simulate: Simulate, tmp_path: Path) -> None:
    _, output, _ = simulate(tmp_path, *TINY, '--missing-co2=1', '--missing-ch4=0')
    assert 'frames by gas: ch4 6\n' in output


def test_copies_and_clips_reach_the_campaign(
    simulate: Simulate, tmp_path: Path
) -> None:
    missing = ('--missing-co2=0', '--missing-ch4=0')
    _, output, _ = simulate(tmp_path / 'copies', *TINY, *missing, '--copies=2')
    assert '24 frames' in output
    options = ('--video=0.2', '--label-every=3', '--truth')
    _, output, _ = simulate(tmp_path / 'clips', *TINY, *missing, *options)
    assert '12 samples, 24 frames' in output
    assert list((tmp_path / 'clips/column').rglob('*.png'))


def test_a_gas_free_campaign_says_so(simulate: Simulate, tmp_path: Path) -> None:
    _, output, _ = simulate(
        tmp_path, *TINY, '--gas-free', '--missing-co2=0', '--missing-ch4=0'
    )
    assert '12 frames (12 without gas)' in output


@pytest.mark.parametrize(
    ('option', 'said'),
    [
        ('--preset=huge', 'preset huge does not exist; choose demo'),
        ('--size=100x100', 'size 100x100 is not one of the camera'),
        ('--vessels=5', 'vessels is 5, outside 6 to 99999'),
        ('--frames-per-vessel=0', 'frames_per_vessel is 0'),
        ('--missing-co2=1.5', 'missing_co2 is 1.5, outside 0 to 1'),
        ('--missing-ch4=nan', 'missing_ch4 is nan, outside 0 to 1'),
        ('--missing-co2=0.95', 'sum to more than 1'),
        ('--seed=-1', 'seed is -1; choose 0 or more'),
        ('--workers=0', 'workers is 0; choose 1 or more'),
        ('--copies=0', 'copies is 0, outside 1 to 99'),
        ('--video=-1', 'video_seconds is -1.0, outside 0 to 30'),
        ('--preset=paper', 'vessels does not go with preset paper'),
    ],
)
def test_a_bad_option_is_one_line(
    option: str, said: str, simulate: Simulate, tmp_path: Path
) -> None:
    status, output, errors = simulate(tmp_path / 'out', *TINY, option)
    assert (status, output) == (2, '')
    assert errors.startswith('error: ')
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('option', ['--workers=0', '--seed=-1'])
def test_force_with_a_bad_option_replaces_nothing(
    option: str, simulate: Simulate, tmp_path: Path
) -> None:
    simulate(tmp_path, *TINY)
    before = stamps(tmp_path)
    status, _, _ = simulate(tmp_path, *TINY, '--force', option)
    assert status == 2
    assert stamps(tmp_path) == before


def test_other_parameters_in_the_folder_are_one_line(
    simulate: Simulate, tmp_path: Path
) -> None:
    simulate(tmp_path, *TINY)
    before = stamps(tmp_path)
    status, _, errors = simulate(tmp_path, *TINY, '--seed=7')
    assert status == 2
    assert f'error: {tmp_path} holds a campaign with other parameters' in errors
    assert 'seed 42' in errors
    assert '--force' in errors
    assert len(errors.splitlines()) == 1
    assert stamps(tmp_path) == before


@pytest.mark.parametrize('force', [[], ['--force']])
def test_a_folder_with_other_things_is_one_line(
    force: list[str], simulate: Simulate, tmp_path: Path
) -> None:
    (tmp_path / 'thesis.tex').write_text('mine')
    status, _, errors = simulate(tmp_path, *TINY, *force)
    assert status == 2
    assert 'is not empty and holds no simulated campaign (found thesis.tex)' in errors
    assert len(errors.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.tex']


@pytest.mark.parametrize(
    ('sent', 'status'), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_stopped_command_leaves_no_process_and_no_complete_campaign(
    sent: signal.Signals, status: int, simulate: Simulate, tmp_path: Path
) -> None:
    options = [str(tmp_path), '--vessels=100', '--frames-per-vessel=3']
    process = subprocess.Popen(
        [sys.executable, str(TOOL), *options, '--workers=2'],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background job, as CI may be, hands on that Ctrl-C is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob('*.png')) and time.monotonic() < deadline:
        time.sleep(0.02)
    if sent == signal.SIGINT:  # as a terminal does: to the whole group
        os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
    # Standard error ends when the last process that holds it has ended.
    _, errors = process.communicate(timeout=30)
    assert process.returncode == status
    assert 'Traceback' not in errors
    assert not (tmp_path / 'campaign.json').exists()
    assert simulate(*options, '--workers=1')[0] == 0
    assert (tmp_path / 'campaign.json').exists()
