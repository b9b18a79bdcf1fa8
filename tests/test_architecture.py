"""Who may import whom, and what one name may mean."""

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.clips import write_clip
from tests.exports import write_graph

ROOT = Path(__file__).parents[1]
#: What a folder (or a module beside the folders) may import of the others; everything
#: may import the errors, the version and the registries.
ALLOWED = {
    'errors': '',
    'version': '',
    'registry': '',
    'structures': '',
    'io': 'structures',
    'simulation': 'structures io',
    'datasets': 'structures io',
    'models': 'structures io',
    'evaluation': 'structures io',
    'drawing': 'structures io',
    'engine': 'structures io datasets models evaluation drawing',
    'inference': 'structures io datasets models drawing engine',
    'reporting': 'structures io datasets models evaluation drawing engine',
    # the public face
    'apis': 'inference',
    'cli': 'io',
    'utils': '',
}
GROUND = {'', 'errors', 'version', 'registry'}
#: What nothing in the package imports, by the modules that may.
NEVER: dict[str, tuple[str, ...]] = {
    'mmcv.ops': (),
    'torchvision': ('fume_mm.models.pretrained',),
    'projects': (),
    'tools': (),
    'demo': (),
    'benchmarks': (),
    'tests': (),
}
#: Modules of one name that are two forms of one thing: a published net and its
#: simplified form, a function and its command line.
TWINS = {
    'cmx',
    'enet',
    'espnetv2',
    'export',
    'mti_net',
    'rtfnet',
}
Sources = dict[str, str]


def package() -> Sources:
    """The package's modules: name and source text; a package ends in ``.__init__``."""
    return {
        '.'.join(path.relative_to(ROOT).with_suffix('').parts): path.read_text()
        for path in sorted(ROOT.glob('fume_mm/**/*.py'))
    }


@cache
def nodes(source: str) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of a module, wherever in it."""
    kinds = (ast.Import, ast.ImportFrom)
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]


def imported(name: str, source: str, known: set[str]) -> Iterator[str]:
    """Full names of the modules that a module imports, wherever in it."""
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            above = name.split('.')[: -node.level] if node.level else []
            base = '.'.join([*above, *filter(None, [node.module])])
            for alias in node.names:
                full = f'{base}.{alias.name}'
                yield full if {full, f'{full}.__init__'} & known else base


def edges(sources: Sources) -> list[tuple[str, str]]:
    """Pairs of module and what it imports."""
    known = set(sources)
    return [
        (name.removesuffix('.__init__'), target)
        for name, source in sources.items()
        for target in imported(name, source, known)
    ]


def folder(name: str) -> str:
    """What of the package a module is in."""
    return [*name.split('.'), ''][1]


def upward(sources: Sources) -> list[str]:
    """Imports against the order."""
    return [
        f'{name} imports {target}'
        for name, target in edges(sources)
        if target.split('.')[0] == 'fume_mm' and folder(name)
        if folder(target) not in {folder(name), *GROUND, *ALLOWED[folder(name)].split()}
    ]


def forbidden(sources: Sources) -> list[str]:
    """Imports of what no module, or no other module, may import."""
    return [
        f'{name} imports {target}'
        for name, target in edges(sources)
        for module, places in NEVER.items()
        if f'{target}.'.startswith(f'{module}.') and name not in places
    ]


def circle(sources: Sources) -> list[str]:
    """Modules that import each other in a circle; imports in functions count."""
    graph: dict[str, set[str]] = {}
    for name, target in edges(sources):
        # a package's parts import one another through it
        if target.startswith('fume_mm.') and not f'{name}.'.startswith(f'{target}.'):
            graph.setdefault(name, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_imports_follow_the_order() -> None:
    sources = package()
    assert {folder(name) for name in sources} - {'__init__'} == set(ALLOWED)
    assert upward(sources) == []
    assert forbidden(sources) == []
    assert circle(sources) == []


@pytest.mark.parametrize(
    ('name', 'source'),
    [
        ('fume_mm.evaluation.scores', 'from fume_mm.reporting.page import page'),
        ('fume_mm.inference.writer', 'from fume_mm import reporting'),
        ('fume_mm.simulation.plume', 'import fume_mm.datasets.pairing'),
        ('fume_mm.io.files', 'def f():\n    from ..datasets import pairing'),
        ('fume_mm.engine.hooks.__init__', 'from ...apis import init_model'),
    ],
)
def test_an_upward_import_is_found(name: str, source: str) -> None:
    assert len(upward({**package(), name: source})) == 1


def test_what_is_forbidden_or_a_circle_is_found() -> None:
    bad = {
        'fume_mm.models.a': 'import torchvision\nfrom mmcv.ops import nms',
        'fume_mm.io.b': 'from projects.table1 import parts',
        'fume_mm.models.pretrained': 'import torchvision',
    }
    assert [line.split()[-1] for line in forbidden(bad)] == [
        'torchvision',
        'mmcv.ops',
        'projects.table1',
    ]
    ring = {
        'fume_mm.io.a': 'from .b import x',
        'fume_mm.io.b': 'def f():\n    from . import c',
        'fume_mm.io.c': 'import fume_mm.io.a',
    }
    assert set(circle(ring)) == set(ring)
    del ring['fume_mm.io.c']
    assert circle(ring) == []


def test_a_name_is_one_modules() -> None:
    paths = [
        path
        for place in ('fume_mm', 'projects', 'benchmarks', 'tools', 'demo')
        for path in (ROOT / place).rglob('*.py')
        if path.stem != '__init__' and 'configs' not in path.relative_to(ROOT).parts
    ]
    assert len(paths) > 100
    counts = Counter(path.stem for path in paths)
    assert {name for name, count in counts.items() if count > 1} - TWINS == set()


#: Frames, a sequence and a video through an exported model.
RUNTIME = """
import sys
for name in ('torch', 'torchvision', 'mmengine', 'mmcv', 'mmseg', 'fume_mm.registry'):
    sys.modules[name] = None  # its import fails
import numpy as np
from pathlib import Path
from fume_mm.apis import DualGasInferencer
from fume_mm.inference.exported import ExportedModel
from fume_mm.inference import samples, writer
from fume_mm.inference.video.annotate import run_video

model, folder = sys.argv[1], Path(sys.argv[2])
inferencer = DualGasInferencer(model)
frames = {'co2': np.zeros((48, 64), np.uint8), 'ch4': np.zeros((48, 64), np.uint8)}
found = inferencer(**frames, out_dir=folder / 'out', return_vis=True, pbar=False)
assert len(found['predictions']) == len(found['visualization']) == 1
for name in ('results.json', 'results.csv'):
    assert (folder / 'out' / name).is_file()
run_video(ExportedModel(model), co2=str(folder / 'a.mp4'), out_dir=folder / 'video')
assert (folder / 'video/verdict.json').is_file()
print('done')
"""


def python(code: str, *arguments: object) -> str:
    """What ``code`` prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, '-c', code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_inference_with_an_exported_model_needs_no_torch(tmp_path: Path) -> None:
    write_graph(tmp_path / 'model.onnx')
    write_clip(tmp_path / 'a.mp4', 3, 10)
    said = python(RUNTIME, tmp_path / 'model.onnx', tmp_path)
    assert said.splitlines()[-1] == 'done'


#: A model that predicts, then every part and what shows a run.
STARTED = """
import json, sys
import numpy as np
from fume_mm.apis import DualGasInferencer
from fume_mm.registry import VISUALIZERS, register_all_modules

DualGasInferencer()(co2=np.zeros((48, 64), np.uint8), pbar=False)
predicting = list(sys.modules)
register_all_modules()
VISUALIZERS.build({'type': 'DualGasVisualizer', 'name': 'started'})
print(json.dumps([predicting, list(sys.modules)]))
"""


def test_starting_imports_nothing_heavy_that_it_does_not_use() -> None:
    predicting, everything = json.loads(python(STARTED).splitlines()[-1])
    assert {'torch', 'mmseg.models'} <= set(predicting)
    heavy = {'albumentations', 'matplotlib', 'sklearn', 'torch._dynamo', 'torch.onnx'}
    assert heavy & set(everything) == set()
    # a table of samples is read for training and testing
    assert {'pandas', 'pyarrow'} & set(predicting) == set()
    assert 'pandas' in everything
