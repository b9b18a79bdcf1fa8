"""Options that command lines share."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fume_mm.engine.options import SHARED, config_of, make_parser

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / 'configs/fume/fume_fastscnn_demo.py')


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    return make_parser('A tool.\n\n  Its example.', *SHARED, epilog='The end.')


def test_each_has_its_default(parser: argparse.ArgumentParser) -> None:
    args = parser.parse_args(['x.py'])
    assert args.config == 'x.py' and args.device == 'cpu' and args.launcher == 'none'
    assert args.resamples == 1000
    none = (args.cfg_options, args.work_dir, args.data_root, args.json)
    assert none == (None,) * 4
    text = parser.format_help()
    assert '\n  Its example.\n' in text and text.endswith('The end.\n')
    assert 'local' not in text


def test_keys_reach_the_config(parser: argparse.ArgumentParser) -> None:
    words = [CONFIG, '--cfg-options', 'train_cfg.max_epochs=3', 'data_root=x']
    cfg = config_of(parser.parse_args(words))
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.test_dataloader.dataset.data_root == 'x'
    assert cfg.work_dir == 'work_dirs/fume_fastscnn_demo'
    assert config_of(parser.parse_args([CONFIG, '--work-dir=y'])).work_dir == 'y'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--cfg-options', 'novalue'], 'novalue: write key=value'),
        (['--resamples=1'], 'is 1; give 0, or 2 and more'),
        (['--resamples=-3'], 'is -3; give 0, or 2 and more'),
        (['--launcher=ssh'], 'invalid choice'),
    ],
)
def test_a_wrong_one_is_a_usage_error(
    words: list[str],
    message: str,
    parser: argparse.ArgumentParser,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exited:
        parser.parse_args([CONFIG, *words])
    assert exited.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--local_rank', '--local-rank'])
def test_an_old_launchers_rank_is_where_mmengine_looks(
    option: str, parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    parser.parse_args([CONFIG, f'{option}=1'])
    assert os.environ['LOCAL_RANK'] == '1'
    parser.parse_args([CONFIG, f'{option}=2'])  # torchrun's own stays
    assert os.environ['LOCAL_RANK'] == '1'
    monkeypatch.delenv('LOCAL_RANK')


@pytest.mark.parametrize('tool', ['train', 'analysis_tools/get_flops'])
def test_help_imports_neither_torch_nor_mmengine(tool: str) -> None:
    code = (
        'import runpy, sys; sys.modules.update(dict.fromkeys(["torch", "mmengine"])); '
        'sys.argv = ["tool", "--help"]; '
        f'runpy.run_path("tools/{tool}.py", run_name="__main__")'
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '--cfg-options' in done.stdout
