"""The wheel, the command `fume_mm`, and `fume_mm::`: what works without the clone."""

import ast
import email
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from fume_mm import cli
from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.io.bundled import bundled
from fume_mm.io.weights import read_checkpoint
from fume_mm.version import __version__
from tests.commands import run_tool

ROOT = Path(__file__).parents[1]
#: What the build reads.
SOURCES = (
    *('fume_mm', 'configs', 'demo', 'tools', 'setup.py', 'pyproject.toml'),
    *('README.md', 'MANIFEST.in', 'model-index.yml'),
)
PYTHONS = [f'3.{minor}' for minor in range(11, 15)]
BUILD = "from setuptools import build_meta as b; b.build_wheel('{}')"


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the clone as it is; the clone stays as it was."""
    folder = tmp_path_factory.mktemp('wheel')
    ignored = shutil.ignore_patterns('__pycache__', '.mim')
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / 'clone' / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / 'clone' / name)
    command = [sys.executable, '-c', BUILD.format(folder)]
    done = subprocess.run(
        command, cwd=folder / 'clone', capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return next(folder.glob('*.whl'))


@pytest.fixture(scope='module')
def site(wheel: Path) -> Path:
    """The wheel, unpacked as pip does."""
    folder = wheel.parent / 'site'
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def files(root: Path, pattern: str = '**/*') -> set[str]:
    """Paths of a folder's files, below it."""
    return {
        path.relative_to(root).as_posix()
        for path in root.glob(pattern)
        if path.is_file() and '__pycache__' not in path.parts
    }


# --- the wheel -----------------------------------------------------------------------


def test_the_wheel_has_every_module_config_tool_and_the_weights(site: Path) -> None:
    found = files(site)
    here = {f'fume_mm/{name}' for name in files(ROOT / 'fume_mm', '[!.]*/**/*')}
    assert here - found == set()
    for folder in ('configs', 'tools', 'demo'):
        here = files(ROOT / folder)
        assert here == files(site / 'fume_mm/.mim' / folder), folder
    assert 'demo/weights/fume_fastscnn_benchmark_health.safetensors' in files(
        site / 'fume_mm/.mim'
    )
    assert {name.partition('/')[0] for name in found} == {
        'fume_mm',
        f'fume_mm-{__version__}.dist-info',
    }


def test_the_wheel_says_what_it_needs(site: Path) -> None:
    info = site / f'fume_mm-{__version__}.dist-info'
    meta = email.message_from_string((info / 'METADATA').read_text(encoding='utf-8'))
    assert meta['Version'] == __version__
    python = SpecifierSet(meta['Requires-Python'])
    assert list(python.filter(['3.10', *PYTHONS])) == PYTHONS
    core = [x for x in meta.get_all('Requires-Dist') if 'extra ==' not in x]
    names = {re.split(r'[^\w.-]', line)[0] for line in core}
    assert {'torch', 'onedl-mmengine', 'safetensors'} <= names
    assert {'pytest', 'ruff', 'gradio', 'torchvision', 'opencv-python'} & names == set()
    entry = (info / 'entry_points.txt').read_text()
    assert 'fume_mm = fume_mm.cli:main' in entry


def test_the_index_names_every_config(site: Path) -> None:
    mim = site / 'fume_mm/.mim'
    index = yaml.safe_load((mim / 'model-index.yml').read_text())
    models = [
        model
        for name in index['Import']
        for model in yaml.safe_load((mim / name).read_text())['Models']
    ]
    named = {model['Config'] for model in models}
    assert named == {f'configs/{x}' for x in files(mim / 'configs', '[!_]*/*.py')}
    weights = [model['Weights'] for model in models if 'Weights' in model]
    bundle = {Path(x).name for x in files(mim / 'demo/weights', '*.safetensors')}
    assert {Path(bundled(name)).name for name in weights} == bundle
    assert all(Path(bundled(name)).is_file() for name in weights)


#: MMEngine's hub and configs, with what was imported of fume_mm before or after it.
HUB = """
from mmengine.hub import get_config, get_model
import fume_mm
from mmengine.config import Config
from pathlib import Path

place = Path(fume_mm.__file__).parent
assert place.parent == Path.cwd(), place
cfg = get_config('fume_mm::fume/fume_fastscnn.py')
assert Path(cfg.filename) == place / '.mim/configs/fume/fume_fastscnn.py'
text = "_base_ = 'fume_mm::fume/fume_fastscnn.py'\\nmodel = dict(init_cfg=None)"
Path('mine.py').write_text(text)
assert Config.fromfile('mine.py').model.backbone == cfg.model.backbone
model = get_model('fume_mm::fume/fume_fastscnn_benchmark_health.py', pretrained=True)
from fume_mm.apis import DualGasInferencer
from fume_mm.engine.config import load_config
mine, cfg = load_config('mine.py'), load_config(cfg.filename)
cfg.model.init_cfg = None
assert mine.to_dict() == cfg.to_dict()
mine = DualGasInferencer().predictor.model.state_dict()
assert all((mine[name] == x).all() for name, x in model.state_dict().items())
print('done')
"""


@pytest.mark.slow
def test_mmengines_hub_finds_configs_and_weights_of_the_wheel(site: Path) -> None:
    (site / 'hub.py').write_text(HUB)
    done = run_tool('hub.py', cwd=site)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == 'done'


def test_mmengine_is_told_of_the_package_whenever_it_is_imported() -> None:
    code = (
        'import sys, fume_mm\n'
        "assert 'mmengine' not in sys.modules\n"
        'from mmengine.config.utils import MODULE2PACKAGE\n'
        "print(MODULE2PACKAGE['fume_mm'])"
    )
    assert python(code).stdout == 'fume_mm\n'


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What ``code`` does in a process of its own."""
    return subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, 'PYTHONPATH': str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_upstream_packages_beside_us_are_refused_with_the_way_out(tmp_path) -> None:
    for name in ('mmengine-0.10.7', 'mmcv_lite-2.1.0'):
        (tmp_path / f'{name}.dist-info').mkdir()
        text = f'Name: {name.split("-")[0]}\nVersion: 1\n'
        (tmp_path / f'{name}.dist-info/METADATA').write_text(text)
    said = python('import fume_mm', PYTHONPATH=f'{tmp_path}:{ROOT}').stderr
    assert 'their upstreams (mmengine mmcv-lite) are installed' in said
    assert 'pip uninstall -y mmengine mmcv-lite onedl-mmcv onedl-mmengine`' in said


def test_every_place_that_states_the_version_states_this_one() -> None:
    cff = yaml.safe_load((ROOT / 'CITATION.cff').read_text(encoding='utf-8'))
    assert cff['version'] == __version__
    log = (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
    assert f'\n## {__version__} - {cff["date-released"]}\n' in log
    for page in ('README.md', 'docs/install.md'):
        text = (ROOT / page).read_text(encoding='utf-8')
        stated = re.findall(r'fume_mm-(\d[\d.]+\d)-|version = \{([\d.]+)\}', text)
        assert stated and {a or b for a, b in stated} == {__version__}, page


def test_the_two_opencvs_that_others_bring_along_are_one_version() -> None:
    text = (ROOT / 'constraints.txt').read_text(encoding='utf-8')
    pins = dict(re.findall(r'^(opencv-[\w-]+)==(\S+)', text, re.M))
    assert pins['opencv-python'] == pins['opencv-python-headless']


# --- fume_mm::, the name of what is bundled ------------------------------------------


def test_a_bundled_config_has_a_name_for_every_command(tmp_path: Path) -> None:
    name = 'fume_mm::fume/fume_fastscnn_demo.py'
    path = ROOT / 'configs/fume/fume_fastscnn_demo.py'
    assert Path(bundled(name)) == path
    assert load_config(name).to_dict() == load_config(str(path)).to_dict()
    weights = 'fume_mm::demo/weights/fume_fastscnn_benchmark_health.safetensors'
    assert read_checkpoint(weights)['state_dict']
    assert bundled('configs/a.py') == 'configs/a.py'  # any other name is a path


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('fume_mm::fume/fume_fastscn.py', r'nearest .*fume_mm::fume/fume_fastscnn\.py'),
        ('fume_mm::demo/weights/x.pth', r'x\.pth: there is no such file'),
    ],
)
def test_a_name_of_nothing_says_what_there_is(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_config(name)


# --- the command ---------------------------------------------------------------------


def run(*words: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """`fume_mm *words` in this process; what it exits with."""
    monkeypatch.setattr(sys, 'argv', ['fume_mm', *words])
    monkeypatch.setattr(sys, 'path', list(sys.path))
    before = set(sys.modules)
    try:
        cli.main()
    except SystemExit as exited:
        return exited.code
    finally:  # a script is not to be found by others that are called so
        for script in cli.commands().values():
            if script.stem not in before:
                sys.modules.pop(script.stem, None)
    return 0


def test_help_has_a_line_for_every_tool(monkeypatch, capsys) -> None:
    assert run('--help', monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    for name, script in cli.commands().items():
        assert re.search(rf'^  {name} +{re.escape(cli.summary(script))}$', said, re.M)
    asked = 'demo simulate import pair check train test predict video app export report'
    assert set(asked.split()) <= set(cli.commands())
    scripts = set(cli.commands().values())
    assert set(ROOT.glob('tools/**/*.py')) - scripts == {
        ROOT / f'tools/misc/{name}.py' for name in cli.OF_THE_CLONE
    }


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['fume_mm']\n"
        'from fume_mm.cli import main; main()\n'
        "print({'torch', 'numpy', 'cv2', 'mmengine'} & set(sys.modules))"
    )
    assert python(code).stdout.endswith('set()\n')


@pytest.mark.parametrize('name', cli.commands())
def test_a_command_is_what_its_script_does(name: str) -> None:
    script = cli.commands()[name].read_text(encoding='utf-8')
    assert script.endswith("\n\nif __name__ == '__main__':\n    run_cli(main)\n")
    mains = [x for x in ast.parse(script).body if getattr(x, 'name', '') == 'main']
    assert len(mains) == 1 and not mains[0].args.args


@pytest.mark.parametrize(
    ('words', 'status', 'said'),
    [
        (['train', '--help'], 0, r'usage: fume_mm train .*--resume'),
        (['train', 'x.py'], 2, r'x\.py: there is no such config; the nearest'),
        (['trian'], 2, r'trian: there is no such command; they are .*, train, '),
        (['--version'], 0, rf'fume_mm {re.escape(__version__)}'),
    ],
)
def test_what_a_command_answers(words, status, said, monkeypatch, capsys) -> None:
    assert run(*words, monkeypatch=monkeypatch) == status
    output = capsys.readouterr()
    assert re.search(said, output.out + output.err, re.DOTALL)


def test_a_new_tool_is_a_command_at_once(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / 'tools').mkdir()
    text = '"""Say what was said."""\nimport sys\ndef main():\n    print(sys.argv)\n'
    (tmp_path / 'tools/echo_all.py').write_text(text)
    monkeypatch.setattr(cli, 'ROOT', tmp_path)
    assert cli.commands()['echo-all'] == tmp_path / 'tools/echo_all.py'
    assert run('echo-all', '--a', 'b', monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "['fume_mm echo-all', '--a', 'b']\n"


# --- as a user has it ----------------------------------------------------------------


@pytest.mark.long
@pytest.mark.slow
def test_a_bare_environment_with_the_wheel_predicts_and_trains(tmp_path, site) -> None:
    """The dependencies are those of this environment, which pip need not fetch again.

    `make release-check` names the wheel of the release.
    """
    built = os.environ.get('FUME_MM_WHEEL')
    wheel = Path(built).resolve() if built else next(site.parent.glob('*.whl'))
    venv.create(tmp_path / 'venv', with_pip=True)
    scripts = tmp_path / 'venv' / ('Scripts' if os.name == 'nt' else 'bin')
    of_venv = next((tmp_path / 'venv').glob('[lL]ib*/**/site-packages'))
    (of_venv / 'borrowed.pth').write_text(str(Path(yaml.__file__).parents[1]))

    def call(*words: object) -> str:
        done = subprocess.run(
            [scripts / words[0], *map(str, words[1:])],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != 'PYTHONPATH'},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    call('python', '-m', 'pip', 'install', '-q', '--no-deps', wheel)
    assert str(of_venv) in call('fume_mm', '--help')
    for gas in ('co2', 'ch4'):
        shutil.copy(ROOT / f'demo/examples/simulated_acidotic_{gas}.png', tmp_path)
    frames = [f'--{gas}=simulated_acidotic_{gas}.png' for gas in ('co2', 'ch4')]
    said = call('fume_mm', 'predict', *frames)
    assert 'health: ' in said
    assert (tmp_path / 'work_dirs/predicted/results.json').is_file()
    if list(of_venv.glob('fume_mm/.mim/demo/weights/*.onnx')):  # of `make dist`
        exported = 'fume_mm::demo/weights/fume_fastscnn_benchmark_health.onnx'
        again = call('fume_mm', 'predict', exported, *frames, '--out-dir=again')
        verdict = re.search('^health: .*', said, re.M)
        assert verdict and verdict[0] in again
    (tmp_path / 'tiny.py').write_text(
        "_base_ = 'fume_mm::fume/fume_fastscnn_demo.py'\n"
        'train_cfg = dict(max_epochs=1, val_interval=1)\n'
    )
    said = call('fume_mm', 'demo', '--config=tiny.py', '--vessels=24')
    assert '4/4 test' in said
    assert (tmp_path / 'work_dirs/tiny/test_results.json').is_file()
    assert '/4' not in call('fume_mm', 'demo', '--config=tiny.py')  # all is there
