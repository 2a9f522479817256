"""A real HTTP server on 127.0.0.1 that behaves as badly as a test asks it to."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["_Handler"], None]


@dataclass
class Exchange:
    """What one request asked for and how many bytes of body the server gave away."""

    path: str
    range: str | None
    status: int = 0
    sent: int = 0
    ended: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)


class Server:
    """Answers each path with its scripted answers in turn; the last one stays."""

    def __init__(self):
        self.began: list[Exchange] = []
        self.closing = threading.Event()
        self._answers: dict[str, list[Answer]] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.site = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def on(self, path: str, *answers: Answer) -> str:
        """Scripts a path and returns its URL."""
        self._answers[path] = list(answers)
        return self.url + path

    @property
    def exchanges(self) -> list[Exchange]:
        """All exchanges so far; a client may be done before the server has counted its bytes."""
        for exchange in self.began:
            exchange.ended.wait(1)
        return self.began

    def next_answer(self, path: str) -> Answer:
        answers = self._answers.get(path, [status(404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def __enter__(self) -> Server:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.close_connection = True
        self.exchange = Exchange(self.path, self.headers.get("Range"))
        self.server.site.began.append(self.exchange)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client hung up
                self.server.site.next_answer(self.path)(self)
        finally:
            self.exchange.ended.set()

    def head(self, status: int, **headers):
        self.exchange.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def send(self, data: bytes):
        self.wfile.write(data)
        self.wfile.flush()
        self.exchange.sent += len(data)

    def log_message(self, *_):
        pass


def gives(
    body: bytes,
    *,
    announced: int | None = None,
    until: int | None = None,
    stalls: bool = False,
    ranges: bool = True,
    shift: int = 0,
    delay: float = 0,
) -> Answer:
    """Sends a file, more or less.

    Args:
        body: the whole file.
        announced: Content-Length, when it is a lie.
        until: offset in the file at which the server stops.
        stalls: whether it then says nothing more, instead of closing the connection.
        ranges: whether it knows about ranges.
        shift: by how much a partial answer starts too late.
        delay: seconds before the answer.
    """

    def answer(handler: _Handler):
        time.sleep(delay)
        start = 0
        if ranges and handler.exchange.range:
            start = int(handler.exchange.range.removeprefix("bytes=").removesuffix("-")) + shift
            if start >= len(body):
                handler.head(416, Content_Range=f"bytes */{len(body)}", Content_Length=0)
                return
        length = len(body) - start if announced is None else announced
        if start:
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            handler.head(206, Content_Range=span, Content_Length=length)
        else:
            handler.head(200, Content_Length=length)
        handler.send(body[start:until])
        if stalls:
            handler.server.site.closing.wait(10)

    return answer


def endless(block: bytes) -> Answer:
    """Sends far more than anybody asked for, until the client hangs up, and announces no length."""

    def answer(handler: _Handler):
        handler.head(200)
        while handler.exchange.sent < 20_000_000:
            handler.send(block)

    return answer


def status(code: int) -> Answer:
    return lambda handler: handler.head(code, Content_Length=0)


def redirects(location: str) -> Answer:
    return lambda handler: handler.head(302, Location=location, Content_Length=0)
