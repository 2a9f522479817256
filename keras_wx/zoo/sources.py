"""Where weights come from: what a source in a preset, or a mirror, says as a URL or a folder.

Plain http is refused, except from this machine and for a mirror, which the user chose: there the
hash protects the content, and nothing secret is sent.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from pooch.downloaders import doi_to_repository
from pooch.utils import parse_url

from keras_wx import __version__
from keras_wx.errors import WeightsError
from keras_wx.spec import Weights

USER_AGENT = {"User-Agent": f"keras_wx/{__version__}"}


class SourceError(Exception):
    """Why one source did not give the file. The next source may."""


class Source(NamedTuple):
    """One place to try after those on this machine."""

    name: str
    place: str | Path
    """A URL, a hub or DOI reference, or the file in a mirror folder."""
    plain_http: bool = False


def offline() -> bool:
    """Whether `KERAS_WX_OFFLINE` forbids the network."""
    return os.environ.get("KERAS_WX_OFFLINE", "").lower() not in ("", "0", "false", "no")


def timeout() -> float:
    """Seconds without a byte after which a connection counts as stalled: `KERAS_WX_TIMEOUT`."""
    text = os.environ.get("KERAS_WX_TIMEOUT") or "30"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise WeightsError(f"KERAS_WX_TIMEOUT: expected seconds above 0. Received: {text!r}")
    return seconds


def candidates(record: Weights) -> list[Source]:
    """The mirror of `KERAS_WX_MIRROR`, if there is one, and then the record's own sources."""
    own = [Source(place, place) for place in record.sources]
    mirror = os.environ.get("KERAS_WX_MIRROR")
    if not mirror:
        return own
    if mirror.startswith(("https://", "http://")):
        url = f"{mirror.rstrip('/')}/{quote(record.file)}"
        return [Source(f"mirror {url}", url, plain_http=True), *own]
    if "://" in mirror:
        raise WeightsError(
            f"KERAS_WX_MIRROR: expected an http(s) URL or a folder. Received: {mirror!r}"
        )
    path = Path(mirror).expanduser() / record.file
    return [Source(f"mirror {path}", path), *own]


def resolve(source: Source) -> str:
    """The URL behind `https://...`, `hf://owner/repository/path[@revision]` or `doi:10.x/y/file`.

    Raises:
        SourceError: the source has another form, or its repository does not know the file.
    """
    place = str(source.place)
    if place.startswith("hf://"):
        return _hub_url(place)
    url = _doi_url(place) if place.startswith("doi:") else place
    parts = urlsplit(url)
    plain_http = source.plain_http or parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "https" or (parts.scheme == "http" and plain_http):
        return url
    raise SourceError(f"expected https://, hf:// or doi:, received {url!r}")


def _hub_url(source: str) -> str:
    match = re.fullmatch(r"hf://([^/@]+/[^/@]+)/([^@]+?)(?:@(.+))?", source)
    if not match:
        raise SourceError("expected hf://owner/repository/path[@revision]")
    repository, path, revision = match.groups()
    # The hub's own client reads the same variable.
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return f"{endpoint}/{repository}/resolve/{quote(revision or 'main', safe='')}/{quote(path)}"


def _doi_url(source: str) -> str:
    if not re.fullmatch(r"doi:10\.\d+(\.\d+)*/[^/]+(/[^/]+)+", source):
        raise SourceError("expected doi:10.prefix/suffix/file")
    parts = parse_url(source)
    try:
        repository = doi_to_repository(parts["netloc"], headers=USER_AGENT, timeout=timeout())
        return repository.download_url(parts["path"].lstrip("/"))
    except WeightsError:
        raise
    except Exception as error:  # pooch lets through whatever an unexpected answer breaks
        raise SourceError(f"the DOI cannot be resolved: {type(error).__name__}: {error}") from error
