import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fume_mm.errors import UserError
from fume_mm.evaluation.predictions import read_predictions
from fume_mm.io.files import (
    read_json,
    refuse_special,
    sole_writer,
    write_json,
    write_whole,
)
from fume_mm.io.images import image_size
from fume_mm.io.tables import read_text
from fume_mm.io.weights import read_checkpoint


def test_a_write_that_breaks_off_leaves_the_old_content(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(RuntimeError), write_whole(path) as part:
        part.write_text('half')
        raise RuntimeError
    assert path.read_text() == 'old'
    with write_whole(path) as part:
        part.write_text('new')
        assert path.read_text() == 'old'
    assert path.read_text() == 'new'
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_may_be_as_long_as_the_system_lets_it(tmp_path):
    path = tmp_path / ('n' * 250 + '.json')
    write_json(path, [1])
    assert read_json(path) == [1]


def test_json_is_read_as_written(tmp_path):
    path = tmp_path / 'a.json'
    write_json(path, {'ä': 1.5})
    assert read_json(path) == {'ä': 1.5}
    assert path.read_text() == json.dumps({'ä': 1.5}, indent=2) + '\n'


def test_what_is_no_json_is_named(tmp_path):
    path = tmp_path / 'a.json'
    with pytest.raises(UserError, match=r'a\.json: there is no such report'):
        read_json(path, what='report')
    for content in (b'{"a": ', b'\xff\xfe', b''):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r'a\.json: is no readable report'):
            read_json(path, what='report')


def test_a_folder_has_one_writer_while_it_lives(tmp_path):
    holding = (
        'import sys, time; from fume_mm.io.files import sole_writer\n'
        f'with sole_writer({str(tmp_path)!r}):\n'
        '    print("held", flush=True); time.sleep(60)'
    )
    command = [sys.executable, '-c', holding]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == 'held\n'
        refused = pytest.raises(UserError, match='another process is writing there')
        with refused, sole_writer(tmp_path):
            pass
        other.kill()
        other.wait()
    with sole_writer(tmp_path):  # nothing is left behind
        assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_refused_by_all_who_read_files(tmp_path: Path) -> None:
    for name, read in (
        ('x.json', read_json),
        ('x.csv', read_text),
        ('y.csv', read_predictions),
        ('x.pth', read_checkpoint),
    ):
        pipe = tmp_path / name
        os.mkfifo(pipe)
        with pytest.raises(UserError, match=rf'{name}: is a pipe, a socket or a dev'):
            read(pipe)


def test_a_file_that_grows_is_whole_when_there_is_no_room(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from fume_mm.io.files import GrowingFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
file = GrowingFile(Path(sys.argv[1]), ']')
file.write('[1')
try:
    file.write(', 2' * 99)
except OSError:
    file.write(', 3')
"""
    path = tmp_path / 'x.json'
    subprocess.run([sys.executable, '-c', code, str(path)], check=True)
    assert path.read_text() == '[1, 3]'
    code = code.replace("'[1'", "'[1' * 99")
    done = subprocess.run([sys.executable, '-c', code, str(path)], capture_output=True)
    assert done.returncode and not path.exists()


@pytest.mark.parametrize('name', ['a\0b.png', f'{"a" * 5000}.png'])
def test_a_name_that_no_file_can_have_is_one_message(tmp_path, name):
    with pytest.raises(UserError, match='no file can have this name'):
        refuse_special(tmp_path / name)
    with pytest.raises(UserError, match='no file can have this name'):
        image_size(tmp_path / name)
