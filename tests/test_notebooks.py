"""The notebooks run from top to bottom on a tiny campaign, one after the other."""

import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip('nbformat')
nbclient = pytest.importorskip('nbclient')
ROOT = Path(__file__).parents[1]
NOTEBOOKS = ('train_fume', 'test_fume')
pytestmark = pytest.mark.slow


def outputs(notebook: nbformat.NotebookNode) -> str:
    texts = []
    for cell in notebook.cells:
        for output in cell.get('outputs', []):
            assert output.output_type != 'error'
            texts.append(output.get('text', '') + ' '.join(output.get('data', {})))
    return '\n'.join(texts)


@pytest.mark.parametrize('name', NOTEBOOKS)
def test_what_is_committed_was_run_whole_and_is_small(name: str) -> None:
    path = ROOT / f'notebooks/{name}.ipynb'
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 300_000
    code = [cell for cell in notebook.cells if cell.cell_type == 'code']
    counts = [cell.execution_count for cell in code]
    assert counts == [*range(1, len(code) + 1)]
    shown = outputs(notebook)
    assert 'mIoU' in shown and 'image/jpeg' in shown
    assert not re.search(r'(^|[\s\'"(=])/(home|root|tmp|work|Users)/', shown)


def test_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        'FUME_MM_DATA': str(tmp_path / 'data'),
        'FUME_MM_RUN': str(tmp_path / 'run'),
        'FUME_MM_VESSELS': '18',
        'FUME_MM_EPOCHS': '1',
        'OMP_NUM_THREADS': '1',
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    found = {}
    for name in NOTEBOOKS:
        notebook = nbformat.read(ROOT / f'notebooks/{name}.ipynb', as_version=4)
        client = nbclient.NotebookClient(
            notebook,
            timeout=300,
            resources={'metadata': {'path': str(ROOT / 'notebooks')}},
        )
        client.execute()
        found[name] = outputs(notebook)
    assert found['train_fume'].count('image/png') == 2
    assert 'Epoch(train) [1]' in found['train_fume']
    assert found['test_fume'].count('image/png') == 4
    assert 'mIoU' in found['test_fume'] and 'true class' in found['test_fume']
