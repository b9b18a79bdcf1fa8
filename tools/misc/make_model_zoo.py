r"""Write docs/model_zoo.md and a README per config folder from the configs themselves.

Beside them model-index.yml and a metafile.yml per folder, by which OpenMMLab's tools
find the configs of a package.

What a model is and where it comes from stands in the comment at the head of its config;
parameters and MACs are counted; results are those of docs/benchmark.json, where there
are any. `--check` writes nothing and fails if a page is not up to date.

Example:
    python tools/misc/make_model_zoo.py
"""

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.bundled import PREFIX

ROOT = Path(__file__).resolve().parents[2]
RESULTS = 'docs/benchmark.json'
#: Where weights lie, by the names of their configs.
BUNDLED = 'demo/weights'
#: Columns of results, and their metrics.
SCORES = {'mIoU': 'seg/mIoU', 'balanced acc.': 'cls/balanced_accuracy'}
#: Folder of configs: title, and what they have in common.
FAMILIES = {
    'configs/fume': ('FUME', 'The model that this project re-creates, and its forms.'),
    'configs/reproduction': (
        'Reproduction',
        'The nets of the original implementation, trained as it trains them, quirk by '
        'quirk; docs/differences.md says why the others differ.',
    ),
    'configs/baselines': (
        'Baselines',
        'What FUME is measured against in its founding document, on both of its '
        'backbones.',
    ),
    'configs/ablations': (
        'Ablations',
        'One change each to `fume_fastscnn`: the rows of table 4 of the paper and of '
        'the founding document.',
    ),
    'configs/peers': (
        'Peers',
        'The nets of table 1 of the paper, for two gases, in their published design.',
    ),
    'projects/table1/configs': (
        'Table 1',
        'The simplified nets whose parameters table 1 of the paper reports under the '
        'names of published ones.',
    ),
}
LINK = re.compile(r'(?:arXiv[: ]|https://arxiv\.org/abs/)(\d{4}\.\d{5})')
DOI = re.compile(r'\b(10\.\d{4,}/[\w./-]*\w)')


@dataclass(frozen=True)
class Entry:
    """A config's line of the zoo.

    Attributes:
        path: Relative to the repository.
        text: The comment at its head, as one paragraph.
        parameters: Of inference; 0 for what is no network.
        extra: Parameters that only training has.
        macs: Of a sample with both gases (or all the model takes) at 480x640.
        gases: The gases of that sample.
    """

    path: Path
    text: str
    parameters: int
    extra: int
    macs: int
    gases: tuple[str, ...]

    @property
    def name(self) -> str:
        """The config's name."""
        return self.path.stem


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        '--check', action='store_true', help='only say whether the pages are up to date'
    )
    return parser.parse_args()


def header(path: Path) -> str:
    """The comment that a config begins with, as one paragraph.

    Raises:
        UserError: If there is none.
    """
    lines = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if not line.startswith('#'):
            break
        lines.append(line.lstrip('#').strip())
    if not lines:
        raise UserError(
            f'{path}: begins with no comment; say what it is and where it comes from.'
        )
    return ' '.join(lines)


def linked(text: str) -> str:
    """``text`` with arXiv numbers and DOIs as links."""
    text = LINK.sub(r'[arXiv \1](https://arxiv.org/abs/\1)', text)
    return DOI.sub(r'[doi \1](https://doi.org/\1)', text)


def entries(family: str) -> list[Entry]:
    """The configs of a folder, counted."""
    from fume_mm.engine.complexity import complexity
    from fume_mm.engine.config import load_config

    found = []
    for path in sorted((ROOT / family).glob('*.py')):
        cost = complexity(load_config(str(path)))
        found.append(
            Entry(
                path.relative_to(ROOT),
                header(path),
                cost.parameters,
                cost.training_parameters,
                cost.macs,
                cost.gases,
            )
        )
    return found


def size_of(entry: Entry) -> tuple[str, str]:
    """Parameters and MACs as a table writes them."""
    if not entry.parameters:
        return '-', '-'
    extra = f' (+{entry.extra:,} in training)' if entry.extra else ''
    alone = f' ({entry.gases[0].upper()} only)' if len(entry.gases) == 1 else ''
    return f'{entry.parameters:,}{extra}', f'{entry.macs / 1e9:.2f}{alone}'


def results() -> dict[str, dict[str, str]]:
    """Figures by config name and column, as the benchmark's first suite left them."""
    from fume_mm.evaluation.estimate import MISSING
    from fume_mm.reporting.comparison import Model
    from fume_mm.reporting.paper_tables import Column

    path = ROOT / RESULTS
    if not path.is_file():
        return {}
    suites = json.loads(path.read_text(encoding='utf-8'))['suites']
    models = [Model(**entry) for entry in next(iter(suites.values()))]
    return {
        model.name: {
            title: model.estimate(Column(title, key), {}).text(undefined=MISSING)
            for title, key in SCORES.items()
        }
        for model in models
    }


def table(family: list[Entry], folder: Path) -> str:
    """A Markdown table of a family; links are relative to ``folder``."""
    from fume_mm.evaluation.estimate import MISSING
    from fume_mm.reporting.rendering import Table, render

    measured = results()
    scores = list(SCORES) if any(entry.name in measured for entry in family) else []
    rows = []
    for entry in family:
        target = Path(*['..'] * len(folder.parts), entry.path)
        if folder == entry.path.parent:
            target = Path(entry.path.name)
        known = measured.get(entry.name, {})
        figures = [known.get(score, MISSING) for score in scores]
        rows.append([f'[{entry.name}]({target.as_posix()})', *size_of(entry), *figures])
    head = ['config', 'parameters', 'GMACs', *scores]
    return render(Table('', head, rows), 'md')


def folder_page(family: str, found: list[Entry]) -> str:
    """README.md of a folder of configs."""
    title, common = FAMILIES[family]
    folder = Path(family)
    lines = [f'# {title}', '', common, '', table(found, folder), '']
    for entry in found:
        lines += [f'## {entry.name}', '', linked(entry.text), '']
        lines += ['```bash', f'python tools/train.py {entry.path}', '```', '']
    return _made('\n'.join(lines))


def zoo_page(families: dict[str, list[Entry]]) -> str:
    """docs/model_zoo.md."""
    from fume_mm.engine.complexity import COUNTER

    lines = [
        '# Model zoo',
        '',
        'Every model is one config; `python tools/train.py CONFIG` trains it and '
        '`python tools/test.py CONFIG CHECKPOINT` scores it, all in the same way. '
        'What each is, where it comes from and how it differs from its publication '
        'stands in the README of its folder.',
        '',
        f'Counted for one sample at 480x640 with both gases by {COUNTER}: '
        'convolutions, matrix products and attention. The figures of table 1 '
        'of the paper were counted by another program (thop) and, for the gas nets, '
        'on one image; they are not to be compared with these.',
        '',
    ]
    if results():
        lines += [
            'mIoU and balanced accuracy: simulated data, see [the '
            'benchmark](benchmark.md).',
            '',
        ]
    for family, found in families.items():
        title, common = FAMILIES[family]
        readme = f'../{family}/README.md'
        lines += [f'## [{title}]({readme})', '', common, '']
        lines += [table(found, Path('docs')), '']
    return _made('\n'.join(lines))


def metafile(family: str, found: list[Entry]) -> str:
    """metafile.yml of a folder of configs."""
    from fume_mm.evaluation.estimate import MISSING

    title, _ = FAMILIES[family]
    measured = results()
    models = []
    for entry in found:
        path = entry.path.as_posix()
        model: dict[str, Any] = {
            'Name': entry.name,
            'In Collection': title,
            'Config': path,
        }
        if entry.parameters:
            size = {'Parameters': entry.parameters, 'MACs': entry.macs}
            model |= {'Metadata': size}
        scores = {
            name: float(text.split()[0])
            for name, text in measured.get(entry.name, {}).items()
            if text != MISSING
        }
        if scores:
            what = 'Segmentation of gas and classification of health'
            data = 'simulated, see docs/benchmark.md'
            model |= {'Results': {'Task': what, 'Dataset': data, 'Metrics': scores}}
        weights = f'{BUNDLED}/{entry.name}.safetensors'
        if (ROOT / weights).is_file():
            model |= {'Weights': PREFIX + weights}
        models.append(model)
    collection = {
        'Name': title,
        'License': 'Apache-2.0',
        'Metadata': {'Training Data': 'simulated'},
        'README': f'{family}/README.md',
        'Frameworks': ['PyTorch'],
    }
    return _yaml({'Collections': [collection], 'Models': models})


def _yaml(content: dict[str, list]) -> str:
    note = '# Made by tools/misc/make_model_zoo.py; edit the configs instead.\n'
    return note + yaml.safe_dump(content, sort_keys=False)


def _made(text: str) -> str:
    note = '<!-- Made by tools/misc/make_model_zoo.py; edit the configs instead. -->'
    return f'{note}\n\n{text.rstrip()}\n'


def main() -> int:
    """Write or check the pages."""
    args = parse_args()
    families = {name: entries(name) for name in FAMILIES}
    pages = {
        ROOT / name / 'README.md': folder_page(name, found)
        for name, found in families.items()
    }
    pages[ROOT / 'docs/model_zoo.md'] = zoo_page(families)
    # what is in projects is no part of the wheel
    indexed = {k: v for k, v in families.items() if k.startswith('configs/')}
    for name, found in indexed.items():
        pages[ROOT / name / 'metafile.yml'] = metafile(name, found)
    index = {'Import': [f'{name}/metafile.yml' for name in indexed]}
    pages[ROOT / 'model-index.yml'] = _yaml(index)
    stale = [
        path
        for path, text in pages.items()
        if not path.is_file() or path.read_text(encoding='utf-8') != text
    ]
    if args.check:
        for path in stale:
            print(f'{path.relative_to(ROOT)} is not up to date')
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path], encoding='utf-8')
        print(f'written: {path.relative_to(ROOT)}')
    return 0


if __name__ == '__main__':
    run_cli(main)
