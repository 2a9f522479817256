"""Fills a partial file over HTTP: resumes, retries, and never takes more than was asked for.

What a server says about lengths is not believed: the size comes from the preset, and whether the
bytes are right is for the caller's hash to say.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from keras_wx.zoo.sources import USER_AGENT, SourceError, timeout

TRIES = 3
"""Tries in a row that bring less than `WORTHWHILE` bytes before a source is given up."""
WORTHWHILE = 1 << 20
BACKOFF = 0.5
"""Seconds before the second try; doubles from try to try."""
_CHUNK = 1 << 15
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_HOPELESS = (
    requests.TooManyRedirects,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
)


class _Interrupted(Exception):
    """A try that failed in a way that another one may not."""


class _Session(requests.Session):
    """Follows redirects, but never from https to http."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None:
            target_scheme = urlsplit(urljoin(resp.url, target)).scheme
            if urlsplit(resp.url).scheme == "https" and target_scheme != "https":
                raise SourceError(f"redirects from https to {target_scheme}: {target}")
        return target


def download(url: str, part: Path, size: int, advance: Callable[[int], None]) -> bool:
    """Brings `part` to `size` bytes with what the server at `url` sends.

    Args:
        url: an http(s) URL.
        part: the partial file. What it holds already is kept, and only the rest is asked for.
        size: bytes of the whole file.
        advance: called with the number of bytes so far.

    Returns:
        Whether all bytes came in one piece. When they did not, a wrong hash may be the fault of
        an earlier piece, and a download from scratch may be right.

    Raises:
        SourceError: the server does not give the file. `part` keeps what came.
    """
    resumed = best = _length(part)
    pieces = failures = 0
    with _Session() as session:
        while _length(part) < size:
            if failures:
                time.sleep(BACKOFF * 2 ** (failures - 1))
            pieces += 1
            try:
                _receive(session, url, part, size, advance)
                reason = "the connection was closed"
            except _HOPELESS as error:
                raise SourceError(str(error)) from error
            except (_Interrupted, requests.RequestException) as error:
                reason = _explain(error)
            have = _length(part)
            failures = 0 if have >= best + WORTHWHILE else failures + 1
            best = max(best, have)
            if have < size and failures == TRIES:
                raise SourceError(f"{reason} at {have} of {size} bytes, in {TRIES} tries")
    return not resumed and pieces == 1


def _receive(
    session: requests.Session, url: str, part: Path, size: int, advance: Callable[[int], None]
) -> None:
    """One try: asks for what is missing and writes what comes, `size` bytes at most."""
    have = _length(part)
    headers = {**USER_AGENT, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    wait = timeout()
    with session.get(url, headers=headers, stream=True, timeout=(min(wait, 10), wait)) as response:
        have = _start_of(response, have, part)
        advance(have)
        # A body shorter than announced is an error to urllib3, which then drops its last piece.
        response.raw.enforce_content_length = False
        with part.open("ab" if have else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                have += file.write(chunk[: size - have])
                advance(have)
                if have == size:
                    return


def _start_of(response: requests.Response, have: int, part: Path) -> int:
    """The offset at which the response's body belongs into the file."""
    status = response.status_code
    if status == 200:
        return 0
    if status == 206:
        given = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if given and int(given[1]) == have:
            return have
    if status in (206, 416):
        part.unlink(missing_ok=True)
        raise _Interrupted("the server answered another range than was asked for")
    reason = f"HTTP {status} {response.reason}"
    if status in _TRANSIENT:
        raise _Interrupted(reason)
    raise SourceError(reason)


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _explain(error: Exception) -> str:
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return f"no answer within {timeout():g} s (KERAS_WX_TIMEOUT)"
    # requests wraps what the operating system said in three layers of names and addresses.
    system = re.search(r"\[Errno -?\d+\] ([^'\")]+)", str(error))
    return f"the connection failed ({system[1]})" if system else str(error)
