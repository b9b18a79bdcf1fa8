"""Pictures, masks and recordings are decoded in ``fume_mm.io``: the same for all."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READERS = {
    'cv2': {'imread', 'imdecode', 'imreadmulti', 'imdecodemulti', 'imwrite'},
    'mmcv': {'imread', 'imfrombytes', 'imwrite'},
    'plt': {'imread', 'imsave'},
    'Image': {'open'},
    'iio': {'imread'},
    'imageio': {'imread'},
    'skimage': {'imread'},
}
#: The codec of the simulated camera: a picture in memory, no file.
ALLOWED = {
    ('fume_mm/simulation/camera.py', 'cv2.imdecode'),
    ('projects/simulator_study/simulation_pictures.py', 'cv2.imwrite'),  # JPEG of docs
    ('benchmarks/floors.py', 'cv2.imread'),  # how fast OpenCV decodes
}


def python_files() -> list[Path]:
    folders = ('fume_mm', 'tools', 'demo', 'projects', 'benchmarks')
    return [path for name in folders for path in sorted((ROOT / name).rglob('*.py'))]


def image_calls(source: str) -> list[str]:
    return [
        f'{node.func.value.id}.{node.func.attr}'
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr in READERS.get(node.func.value.id, ())
    ]


def test_images_are_decoded_in_io_only():
    paths = python_files()
    assert len(paths) > 100
    found = {
        (path.relative_to(ROOT).as_posix(), call)
        for path in paths
        for call in image_calls(path.read_text(encoding='utf-8'))
    }
    where = {path for path, _ in found - ALLOWED}
    # pictures, their sizes, the PNG inside FLIR's frames, the pages of a TIFF
    modules = ('images', 'image_headers', 'fff', 'recordings')
    assert where == {f'fume_mm/io/{x}.py' for x in modules}


@pytest.mark.parametrize(
    'source', ["cv2.imread('a')", 'x = [cv2.imdecode(b, 0)]', "Image.open('a').size"]
)
def test_the_search_finds_what_it_is_for(source):
    assert len(image_calls(source)) == 1


def test_a_paired_csv_is_read_in_one_place_only():
    """Other modules may write such a CSV, or name its columns; only one parses it."""
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in python_files()
        if 'read_csv(' in (text := path.read_text(encoding='utf-8'))
        or 'csv.DictReader(' in text
        or 'csv.reader(' in text
    }
    tables = {path for path in readers if path.startswith('fume_mm/')}
    paired = {
        path for path in tables if '_frame' in (ROOT / path).read_text(encoding='utf-8')
    }
    assert paired <= {'fume_mm/io/tables.py'}
