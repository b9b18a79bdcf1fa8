"""What stands before the page: who may ask, how much they may leave, how long it takes.

:func:`limited` is of connections, :class:`Guard` of requests; what is kept is
:class:`app_uploads.Uploads`'s.
"""

import asyncio
import ipaddress
import json
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from app_uploads import MIB, SMALL, Limits, RefusedError, Uploads

#: The browser is to load nothing from any other host, and to show the page in no frame.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "frame-ancestors 'none'"
)
LOOPBACK = frozenset({'localhost', '127.0.0.1', '::1'})
_UPLOAD = '/gradio_api/upload'

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class Guard:
    """ASGI middleware: refuses what is not for this page, or too much of it.

    Args:
        app: What it wraps.
        uploads: What is kept of the visitors.
        host: What the page listens on.
        hosts: Further names by which it may be asked.
    """

    def __init__(
        self, app: Any, *, uploads: Uploads, host: str, hosts: Iterable[str] = ()
    ) -> None:
        self.app, self.uploads = app, uploads
        self._open: Counter[str] = Counter()
        self._extra = frozenset(name.lower() for name in hosts)
        # A name of the attacker's can be made to mean this machine, an address cannot.
        self._addresses = host not in LOOPBACK
        own = {socket.gethostname().lower()} if self._addresses else set()
        self._hosts = LOOPBACK | self._extra | {host.lower(), *own}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope['type'] not in ('http', 'websocket'):
            await self.app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message['type'] == 'http.response.start':
                started = True
                policy = (b'content-security-policy', POLICY.encode())
                message['headers'] = [*message.get('headers', ()), policy]
            await send(message)

        try:
            self._check_host(scope)
            if scope['type'] == 'http' and scope['method'] not in ('GET', 'HEAD'):
                await self._with_body(scope, receive, sending)
            else:
                await self.app(scope, receive, sending)
        except RefusedError as refused:
            if scope['type'] == 'websocket':
                await send({'type': 'websocket.close', 'code': 1008})
            elif not started:
                await _answer(sending, refused)

    def _check_host(self, scope: Any) -> None:
        headers = {
            key.lower(): value.decode('latin-1') for key, value in scope['headers']
        }
        host = headers.get(b'host', '')
        name = _name(f'//{host}')
        if not (name in self._hosts or (self._addresses and _is_address(name))):
            raise RefusedError(
                403,
                f'This page does not go by the name {name[:80]!r}. Whoever started it '
                'can allow a name with --allow-host.',
            )
        origin = headers.get(b'origin')
        if (
            origin is not None
            and origin.partition('://')[2].lower() != host.lower()
            and _name(origin) not in self._extra
        ):
            raise RefusedError(
                403,
                'A page of another site asked for this, which is not allowed; open '
                'this page itself.',
            )

    async def _with_body(self, scope: Any, receive: Receive, send: Send) -> None:
        visitor = (scope.get('client') or ('',))[0]
        if (
            self._open[visitor] >= self.uploads.limits.half_open
            or self._open.total() >= 4 * self.uploads.limits.half_open
        ):
            raise RefusedError(429, 'Too many requests at once; wait for some to end.')
        upload = scope['path'].rstrip('/').endswith(_UPLOAD)
        length = next((v for k, v in scope['headers'] if k == b'content-length'), b'')
        size = int(length) if length.isdigit() else None
        if upload and size is None:
            raise RefusedError(411, 'An upload must say its size (Content-Length).')
        if not upload and (size or 0) > SMALL:
            raise RefusedError(413, f'A request may have up to {SMALL / MIB:g} MiB.')
        self._open[visitor] += 1
        body = _Body(
            receive,
            size or SMALL,
            self.uploads.limits.body_seconds,
            at_end=lambda: self._open.subtract([visitor]),
        )
        try:
            if upload:
                await self._upload(scope, body, send, visitor, size or 0)
            else:
                await self.app(scope, body.receive, send)
        finally:
            body.end()
            self._open += Counter()  # forgets who has none

    async def _upload(
        self, scope: Any, body: '_Body', send: Send, visitor: str, size: int
    ) -> None:
        answer: list[bytes] = []

        async def noting(message: Message) -> None:
            answer.append(message.get('body', b''))
            await send(message)

        try:
            with self.uploads.coming(visitor, size):
                await self.app(scope, body.receive, noting)
        except RefusedError:
            # a browser that is still sending would not read the answer
            if size <= self.uploads.limits.file_bytes + SMALL:
                await body.skip()
            raise
        with suppress(ValueError):  # of an error's text
            self.uploads.record(visitor, json.loads(b''.join(answer)))


class _Body:
    """The body of one request, of so many bytes in so many seconds.

    What is raised is what Gradio raises for a broken upload: it removes the part that
    has come, which it leaves when a browser breaks off.
    """

    def __init__(
        self,
        receive: Receive,
        size: int,
        seconds: float,
        at_end: Callable[[], None],
    ) -> None:
        self._receive, self._left, self._at_end = receive, size, at_end
        self._until = time.monotonic() + seconds
        self._done = False

    def end(self) -> None:
        """The body is whole, or nothing more is read of it."""
        if not self._done:
            self._done = True
            self._at_end()

    async def skip(self) -> None:
        """Read what is still to come, for nothing."""
        from starlette.formparsers import MultiPartException

        with suppress(MultiPartException):
            while not self._done:
                await self.receive()

    async def receive(self) -> Message:
        """The next message of the body; after it, whether the client is gone."""
        from starlette.formparsers import MultiPartException

        if self._done:
            return await self._receive()
        try:
            message = await asyncio.wait_for(
                self._receive(), max(0.0, self._until - time.monotonic())
            )
        except TimeoutError:
            raise MultiPartException('The request took too long; try again.') from None
        if message['type'] == 'http.disconnect':
            raise MultiPartException('The request was broken off.')
        self._left -= len(message.get('body', b''))
        if self._left < 0:
            raise MultiPartException('The request exceeded maximum allowed size.')
        if not message.get('more_body'):
            self.end()
        return message


def limited(protocol: type[Any], limits: Limits) -> type[Any]:
    """A protocol of uvicorn's that closes connections that are too many, or idle.

    Uvicorn waits without end for the rest of a request's head.
    """
    connections: Counter[str] = Counter()

    class Limited(protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._visitor = (transport.get_extra_info('peername') or ('',))[0]
            self._seen: Any = None
            self._timer: Any = None
            connections[self._visitor] += 1
            if (
                connections[self._visitor] > limits.connections
                or connections.total() > 4 * limits.connections
            ):
                transport.write(
                    _raw(RefusedError(503, 'Too many connections; try later.'))
                )
                transport.close()
            else:
                self._watch()

        def _watch(self) -> None:
            self._timer = self.loop.call_later(limits.head_seconds, self._check)

        def _check(self) -> None:
            # the request that was answered last; None before the first
            idle = self.cycle is None or self.cycle.response_complete
            if idle and self.cycle is self._seen:
                self.transport.write(
                    _raw(RefusedError(408, 'The request took too long.'))
                )
                self.transport.close()
                return
            self._seen = self.cycle if idle else object()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            connections[self._visitor] -= 1
            if not connections[self._visitor]:
                del connections[self._visitor]
            if self._timer is not None:
                self._timer.cancel()
            super().connection_lost(exc)

    return Limited


def _raw(refused: RefusedError) -> bytes:
    text = refused.text.encode()
    head = (
        f'HTTP/1.1 {refused.status} Refused\r\ncontent-type: text/plain\r\n'
        f'content-length: {len(text)}\r\nconnection: close\r\n\r\n'
    )
    return head.encode() + text


async def _answer(send: Send, refused: RefusedError) -> None:
    headers = [
        (b'content-type', b'text/plain; charset=utf-8'),
        (b'x-content-type-options', b'nosniff'),
        # what comes of the body is not read
        (b'connection', b'close'),
    ]
    await send(
        {'type': 'http.response.start', 'status': refused.status, 'headers': headers}
    )
    await send({'type': 'http.response.body', 'body': refused.text.encode()})


def _name(url: str) -> str:
    """The host of a URL, small and without its port; '' if there is none."""
    try:
        return urlsplit(url).hostname or ''
    except ValueError:
        return ''


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
