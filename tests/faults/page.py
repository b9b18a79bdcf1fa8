"""The page (demo/app.py) among visitors who break off, send nonsense, fill its disk."""

import json
import random
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from .disks import can_mount, small_disk
from .ledger import Fault
from .processes import PATIENCE, Command, commands, free_port, until

CLIENTS, ACTS_EACH = 20, 10
#: What a visitor does, each as often as it stands here.
ACTS = ('upload', 'upload', 'analyse', 'broken off', 'half a head', 'nonsense')
ACTS += ('another name', 'look')
_BOUNDARY = 'a-line-that-is-not-in-a-frame'
#: KiB that the page leaves free on its disk, and beyond them room for some uploads.
_SPARE, _ROOM = 256 << 10, 12 << 10


class Visitor:
    """Asks the page at a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def look(self, host: str = '127.0.0.1') -> int:
        """The status of the page."""
        return self._ask('GET', '/', headers={'Host': f'{host}:{self.port}'})[0]

    def upload(self, content: bytes, name: str) -> tuple[int, str]:
        """Status, and where the file lies now."""
        body, headers = _form(content, name)
        status, answer = self._ask('POST', '/gradio_api/upload', body, headers)
        return status, json.loads(answer)[0] if status == 200 else ''

    def analyse(self, path: str) -> str:
        """What comes of a frame that was uploaded: an event and its data."""
        given = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
        body = json.dumps({'data': [given, None, 0]}).encode()
        headers = {'Content-Type': 'application/json'}
        call = '/gradio_api/call/analyse'
        status, answer = self._ask('POST', call, body, headers)
        if status != 200:
            return f'status {status}'
        return self._ask('GET', f'{call}/{json.loads(answer)["event_id"]}')[1].decode()

    def send(self, data: bytes) -> socket.socket:
        """A connection on which so much has been sent."""
        connection = socket.create_connection(('127.0.0.1', self.port), PATIENCE)
        with suppress(OSError):  # the page may have had enough of it
            connection.sendall(data)
        return connection

    def _ask(
        self, method: str, path: str, body: bytes = b'', headers: dict | None = None
    ) -> tuple[int, bytes]:
        connection = HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _form(content: bytes, name: str) -> tuple[bytes, dict[str, str]]:
    """A file as a browser's form sends it."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="files"; '
    head += f'filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
    kind = f'multipart/form-data; boundary={_BOUNDARY}'
    body = head.encode() + content + f'\r\n--{_BOUNDARY}--\r\n'.encode()
    return body, {'Content-Type': kind}


def _frame(chance: random.Random) -> bytes:
    """A PNG that no other is like."""
    noise = np.random.default_rng(chance.getrandbits(32))
    frame = noise.integers(0, 256, (120, 160), np.uint8)
    return cv2.imencode('.png', frame)[1].tobytes()


@contextmanager
def page(place: Path) -> Iterator[tuple[Command, Visitor]]:
    """The page with the bundled weights, what it keeps in ``place``."""
    port = free_port()
    command = Command('demo/app.py', '--port', port, env={'TMPDIR': str(place)})
    visitor = Visitor(int(port))

    def there() -> bool:
        with suppress(OSError):
            return visitor.look() == 200
        return False

    with commands(command):
        if not until(there, [command]):
            raise AssertionError(f'the page does not start: {command.output[-1000:]}')
        assert [*place.glob('fume_page_*/results')], 'it keeps its files elsewhere'
        yield command, visitor


def _kept(place: Path) -> int:
    return sum(x.is_file() for x in place.glob('fume_page_*/uploads/**/*'))


def _parts(place: Path) -> list[Path]:
    """Files of uploads that are still coming, or have broken off.

    Empty ones are Gradio's, of each analysis, which the page removes later.
    """
    return [
        x
        for x in place.glob('fume_page_*/uploads/*')
        if x.is_file() and x.stat().st_size
    ]


def _state(command: Command, visitor: Visitor) -> str:
    """What is wrong with the page; '' if it is there."""
    begun = time.monotonic()
    try:
        status = visitor.look()
    except OSError as error:
        return f'is not there ({error})'
    if status != 200 or time.monotonic() - begun > PATIENCE:
        return f'answers {status} after {time.monotonic() - begun:.0f} s'
    return 'traceback' if 'Traceback' in command.output else ''


def crowd(number: int, folder: Path) -> list[str]:
    """Twenty visitors at once; the page must answer, and keep only whole uploads."""
    place = folder / 'page'
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    uploaded: list[str] = []
    lock = Lock()
    with page(place) as (command, visitor), ExitStack() as left_open:
        before = _kept(place)

        def act(what: str, chance: random.Random) -> str:
            content = _frame(chance)
            if what == 'look':
                status = visitor.look()
                return '' if status in (200, 503) else f'answers {status}'
            if what == 'another name':
                status = visitor.look('attacker.example')
                return '' if status in (403, 503) else f'answers {status}'
            if what in ('upload', 'analyse'):
                status, path = visitor.upload(content, f'{chance.random()}.png')
                if status != 200:
                    return '' if status in (413, 429, 503) else f'answers {status}'
                with lock:
                    uploaded.append(path)
                if what == 'upload':
                    return ''
                told = visitor.analyse(path)
                known = ('event: complete', 'status 429', 'status 503')
                return '' if told.startswith(known) else told[:150]
            body, headers = _form(content, 'x.png')
            head = f'POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{visitor.port}'
            head += f'\r\nContent-Type: {headers["Content-Type"]}'
            head += f'\r\nContent-Length: {len(body)}\r\n\r\n'
            if what == 'half a head':
                sent = head[: chance.randrange(1, len(head) - 4)].encode()
            elif what == 'nonsense':
                sent = chance.randbytes(chance.randrange(1, 4000))
            else:
                sent = head.encode() + body[: chance.randrange(len(body))]
            connection = visitor.send(sent)
            if what == 'half a head' or chance.random() < 0.5:
                with lock:
                    left_open.push(lambda *_: connection.close())
            else:
                connection.close()
            return ''

        def visit(client: int) -> list[str]:
            chance = random.Random(f'{number} {client}')
            results = []
            for _ in range(ACTS_EACH):
                what = chance.choice(ACTS)
                try:
                    fault = act(what, chance)
                except OSError as error:
                    fault = str(error)
                results.append(f'{what}: {fault}' if fault else '')
            return results

        with ThreadPoolExecutor(CLIENTS) as pool:
            results = [x for found in pool.map(visit, range(CLIENTS)) for x in found]
        left_open.close()
        fault = _state(command, visitor)
        whole = len(set(uploaded))
        # a frame of results is copied there, too
        shown = 4 * sum(x == '' for x in results)
        if not until(lambda: _kept(place) <= before + whole + shown, [command], 30):
            fault = fault or f'keeps {_kept(place) - before - whole} files of others'
        if not until(lambda: not _parts(place), [command], 30):
            fault = fault or f'keeps {len(_parts(place))} parts of uploads'
        if fault:
            results[-1] = fault
    return results


def full(number: int, folder: Path) -> list[str]:
    """Uploads until the disk is full: each is kept or refused, and the page goes on."""
    place = folder / 'page_disk'
    if not can_mount(place):
        return ['no rights to mount a file system']
    chance = random.Random(f'full {number}')
    results: list[str] = []
    with (
        small_disk(place, _SPARE + _ROOM, read_only=False),
        page(place) as (command, visitor),
    ):
        refused = 0
        for i in range(40):
            content = chance.randbytes(chance.randrange(1 << 17, 1 << 20))
            status, _ = visitor.upload(content, f'{i}.png')
            refused += status == 507
            results.append('' if status in (200, 507) else f'answers {status}')
        fault = _state(command, visitor)
        if fault or not refused:
            results[-1] = fault or 'the disk did not fill'
    return results


FAULTS: Sequence[Fault] = [
    Fault(
        f'page: {CLIENTS} visitors who upload, break off, send nonsense',
        400,
        f'the page answers within {PATIENCE:.0f} s and keeps whole uploads only',
        crowd,
    ),
    Fault(
        'page: full disk',
        80,
        'an upload is kept or refused in words; the page goes on',
        full,
    ),
]
