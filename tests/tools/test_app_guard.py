"""What stands before the page: hosts, origins, amounts, time, connections."""

import asyncio
import http.client
import os
import socket
import threading
import time
from collections import namedtuple
from urllib.parse import urlsplit

import app_uploads
import pytest
from app_guard import Guard, limited
from app_uploads import MIB, SPARE, Limits, RefusedError, Uploads

from demo import app

pytest.importorskip('gradio')  # brings Starlette and uvicorn
KIB = 1024
LIMITS = Limits(
    file_bytes=200 * KIB, visitor_bytes=1400 * KIB, total_bytes=2000 * KIB, half_open=2
)


def asked(guard, method='GET', path='/', body=(), **headers):
    """Status and text of one request, whose body comes in the given messages."""
    answers, coming = [], list(body)

    async def receive():
        if coming:
            return coming.pop(0)
        return await asyncio.sleep(60)

    async def send(message):
        answers.append(message)

    scope = {
        'type': 'http',
        'method': method,
        'path': path,
        'client': ('10.0.0.9', 1),
        'headers': [
            (key.replace('_', '-').encode(), str(value).encode())
            for key, value in headers.items()
        ],
    }
    asyncio.run(asyncio.wait_for(guard(scope, receive, send), 20))
    return answers[0]['status'], answers[-1].get('body', b'').decode()


async def echo(scope, receive, send):
    """An application that reads a request and answers with its length, in a list."""
    size, more = 0, scope['method'] == 'POST'
    while more:
        message = await receive()
        size += len(message['body'])
        more = message.get('more_body')
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': f'["{size}"]'.encode()})


def part(size, more=False):
    return {'type': 'http.request', 'body': bytes(size), 'more_body': more}


@pytest.fixture
def uploads(tmp_path):
    return Uploads(LIMITS, tmp_path / 'uploads')


def lie(uploads, name, size, *, age=0.0, by=None):
    """An upload that is there."""
    path = uploads.folder / name / 'a.png'
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    if by:
        uploads.record(by, [str(path)])
    return path


# --- who may ask ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ('listens', 'host', 'status'),
    [
        ('127.0.0.1', 'localhost:7860', 200),
        ('127.0.0.1', '127.0.0.1:7860', 200),
        ('127.0.0.1', '[::1]:7860', 200),
        ('127.0.0.1', 'Barn.Example', 200),
        ('127.0.0.1', 'evil.example:7860', 403),
        ('127.0.0.1', 'localhost.evil.example', 403),
        ('127.0.0.1', '192.168.1.7:7860', 403),
        ('127.0.0.1', '', 403),
        ('127.0.0.1', '[', 403),
        ('0.0.0.0', '192.168.1.7:7860', 200),
        ('0.0.0.0', f'{socket.gethostname()}:7860', 200),
        ('0.0.0.0', 'evil.example', 403),
    ],
)
def test_names_by_which_the_page_may_be_asked(uploads, listens, host, status):
    guard = Guard(echo, uploads=uploads, host=listens, hosts=['barn.example'])
    got, text = asked(guard, host=host)
    assert got == status
    assert ('--allow-host' in text) == (status == 403)


@pytest.mark.parametrize(
    ('origin', 'status'),
    [
        ('http://localhost:7860', 200),
        ('https://barn.example', 200),  # a proxy may give the page another name
        ('http://localhost:8000', 403),
        ('https://evil.example', 403),
        ('null', 403),
    ],
)
def test_pages_of_other_sites_may_ask_nothing(uploads, origin, status):
    guard = Guard(echo, uploads=uploads, host='127.0.0.1', hosts=['barn.example'])
    got, text = asked(
        guard, 'POST', body=[part(3)], host='localhost:7860', origin=origin
    )
    assert got == status
    assert ('another site' in text) == (status == 403)


# --- how much ------------------------------------------------------------------------


def test_empty_files_that_gradio_leaves_are_removed(uploads):
    old = lie(uploads, 'old', 0, age=120)
    fresh = lie(uploads, 'fresh', 0)  # of an upload whose bytes are to come
    with uploads.coming('a', 1):
        assert not old.exists()
        assert fresh.exists()


def test_a_visitor_may_leave_so_much(uploads):
    lie(uploads, 'a', 1300 * KIB, by='10.0.0.9')
    with uploads.coming('10.0.0.9', 90 * KIB):
        # what is still coming counts
        with pytest.raises(RefusedError, match=r'1\.\d MiB are there; remove one'):
            uploads.coming('10.0.0.9', 20 * KIB).__enter__()
        with uploads.coming('10.0.0.8', 20 * KIB):
            pass
    with uploads.coming('10.0.0.9', 90 * KIB):
        pass


def test_a_file_that_is_too_large_is_refused_unread(uploads):
    with pytest.raises(RefusedError, match=r'up to 0\.195312 MiB'):
        uploads.coming('10.0.0.9', 2 * MIB).__enter__()


def test_room_is_made_of_what_is_old_and_in_no_page(uploads):
    example = lie(uploads, 'example', 600 * KIB, age=900)
    uploads.keep()
    held = lie(uploads, 'held', 600 * KIB, age=800, by='10.0.0.1')
    uploads.hold('page', 'co2', str(held))
    left = lie(uploads, 'left', 600 * KIB, age=700, by='10.0.0.2')
    with uploads.coming('10.0.0.9', 300 * KIB):
        assert not left.exists()
        assert example.exists()
        assert held.exists()
    lie(uploads, 'new', 600 * KIB, by='10.0.0.3')
    with pytest.raises(RefusedError, match='of all visitors may have') as refused:
        uploads.coming('10.0.0.9', 300 * KIB).__enter__()
    assert refused.value.status == 507


def test_a_full_disk_is_said(uploads, monkeypatch):
    usage = namedtuple('usage', 'free')
    monkeypatch.setattr(
        app_uploads.shutil, 'disk_usage', lambda _: usage(SPARE + 100 * KIB)
    )
    full = pytest.raises(RefusedError, match='disk of the page')
    with uploads.coming('10.0.0.9', 90 * KIB), full:
        uploads.coming('10.0.0.9', 20 * KIB).__enter__()


def test_what_a_page_shows_no_more_is_removed(uploads):
    path = lie(uploads, 'a', 10, by='10.0.0.9')
    uploads.hold('one', 'co2', str(path))
    uploads.hold('other', 'ch4', str(path))
    uploads.hold('one', 'co2', None)
    assert path.exists()
    uploads.leave('other')
    assert not path.exists()
    # an example is not, nor what nobody uploaded
    example = lie(uploads, 'example', 10)
    uploads.keep()
    uploads.record('10.0.0.9', [str(example)])
    uploads.hold('one', 'co2', str(example))
    uploads.leave('one')
    assert example.exists()


def test_requests_that_are_no_uploads_are_small(uploads):
    guard = Guard(echo, uploads=uploads, host='127.0.0.1')
    path = '/gradio_api/queue/join'
    assert asked(guard, 'POST', path, [part(9)], host='localhost') == (200, '["9"]')
    status, text = asked(guard, 'POST', path, host='localhost', content_length=2 * MIB)
    assert (status, text) == (413, 'A request may have up to 1 MiB.')


def test_an_upload_must_say_its_size(uploads):
    guard = Guard(echo, uploads=uploads, host='127.0.0.1')
    status, text = asked(guard, 'POST', '/gradio_api/upload', host='localhost')
    assert (status, 'Content-Length' in text) == (411, True)


# --- how long ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('body', 'message'),
    [
        ([part(3, more=True)], 'took too long'),
        ([part(3, more=True), {'type': 'http.disconnect'}], 'was broken off'),
        ([part(3, more=True), part(9)], 'maximum allowed size'),
    ],
)
def test_an_upload_that_does_not_come_whole_ends(tmp_path, body, message):
    from starlette.formparsers import MultiPartException

    limits = Limits(body_seconds=0.1)
    guard = Guard(echo, uploads=Uploads(limits, tmp_path), host='127.0.0.1')
    given = {'host': 'localhost', 'content_length': 9}
    with pytest.raises(MultiPartException, match=message):
        asked(guard, 'POST', '/gradio_api/upload', body, **given)
    # and holds no room
    assert asked(guard, 'POST', '/gradio_api/upload', [part(9)], **given) == (
        200,
        '["9"]',
    )
    assert not +guard._open


def test_half_open_requests_are_limited(uploads):
    guard = Guard(echo, uploads=uploads, host='127.0.0.1')
    guard._open['10.0.0.9'] = 2
    status, text = asked(guard, 'POST', host='localhost')
    assert (status, text) == (429, 'Too many requests at once; wait for some to end.')
    guard._open['10.0.0.9'] = 1
    assert asked(guard, 'POST', body=[part(3)], host='localhost') == (200, '["3"]')
    assert guard._open['10.0.0.9'] == 1


@pytest.fixture
def small_server():
    """The port of an echo that takes two connections and waits 0.2 s for a request."""
    import uvicorn

    config = uvicorn.Config(echo, port=0, log_level='error', lifespan='off')
    config.load()
    limits = Limits(connections=2, head_seconds=0.2)
    config.http_protocol_class = limited(config.http_protocol_class, limits)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def test_connections_are_limited_and_ask_in_time(small_server):
    def connect():
        return socket.create_connection(('127.0.0.1', small_server), timeout=20)

    half_open = [connect() for _ in range(2)]
    for one in half_open:
        one.sendall(b'GET / HTTP/1.1\r\nHost: loc')
    with connect() as third:
        assert third.recv(4096).startswith(b'HTTP/1.1 503')
    for one in half_open:
        assert one.recv(4096).startswith(b'HTTP/1.1 408')
        assert one.recv(4096) == b''
        one.close()
    with connect() as again:
        again.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert again.recv(4096).startswith(b'HTTP/1.1 200')


# --- the page itself -----------------------------------------------------------------


@pytest.fixture(scope='module')
def served(tmp_path_factory):
    """Address and uploads of an empty page with small limits."""
    import gradio as gr

    folder = tmp_path_factory.mktemp('guarded')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GRADIO_TEMP_DIR', str(folder))
        patch.setenv('no_proxy', '*')
        uploads = Uploads(LIMITS)
        with gr.Blocks(analytics_enabled=False) as page:
            gr.File()
        url = app.serve(page, host='127.0.0.1', port=None, uploads=uploads, block=False)
        yield urlsplit(url).netloc, uploads
        page.close()


def form(size):
    """Content type and body of an upload."""
    head = 'Content-Disposition: form-data; name="files"; filename="a.png"'
    body = f'--x\r\n{head}\r\n\r\n'.encode() + os.urandom(size) + b'\r\n--x--\r\n'
    return {'Content-Type': 'multipart/form-data; boundary=x'}, body


def files(uploads):
    return [path for path in uploads.folder.rglob('*') if path.is_file()]


def test_uploads_of_a_visitor_are_limited_in_all(served):
    netloc, uploads = served
    answers = []
    for _ in range(9):
        connection = http.client.HTTPConnection(netloc, timeout=20)
        headers, body = form(180 * KIB)
        connection.request('POST', '/gradio_api/upload', body, headers)
        response = connection.getresponse()
        answers.append((response.status, response.read().decode()))
        connection.close()
    assert [status for status, _ in answers] == [200] * 7 + [413] * 2
    assert answers[-1][1].startswith(
        'Your uploads may have 1.36719 MiB in all, and 1.2'
    )
    assert len(files(uploads)) == 7


def test_an_upload_that_is_broken_off_leaves_nothing(served):
    netloc, uploads = served
    host, _, port = netloc.partition(':')
    before = len(files(uploads))
    headers, body = form(40 * KIB)
    head = (
        f'POST /gradio_api/upload HTTP/1.1\r\nHost: {netloc}\r\n'
        f'Content-Type: {headers["Content-Type"]}\r\n'
        f'Content-Length: {len(body)}\r\n\r\n'
    )
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode() + body[: 30 * KIB])
        until = time.monotonic() + 20
        while len(files(uploads)) == before and time.monotonic() < until:
            time.sleep(0.02)
        assert len(files(uploads)) == before + 1
    while len(files(uploads)) > before and time.monotonic() < until:
        time.sleep(0.02)
    assert len(files(uploads)) == before


def test_the_page_refuses_other_names_and_sites(served):
    netloc, _ = served
    for headers in ({'Host': 'evil.example'}, {'Origin': 'http://evil.example'}):
        connection = http.client.HTTPConnection(netloc, timeout=20)
        connection.request('GET', '/config', headers=headers)
        response = connection.getresponse()
        assert response.status == 403
        assert 'content-security-policy' in response.headers
        connection.close()
