"""Where weights are looked for, in which order, and what the cache ends up with."""

from __future__ import annotations

import errno
import hashlib
import io
import multiprocessing
import os
import random
import re
import shutil
from collections import namedtuple
from pathlib import Path

import pooch.downloaders
import pytest
from http_server import Server, endless, gives, redirects, status

from keras_wx import spec
from keras_wx.errors import UnknownNameError, WeightsError
from keras_wx.zoo import cache, sources, weights
from keras_wx.zoo import download as download_module
from keras_wx.zoo.weights import fetch, weights_path

BODY = random.Random(2).randbytes(200_000)
_not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everywhere")
SHA256 = hashlib.sha256(BODY).hexdigest()
FILE = "rain.open_radar.weights.h5"


def preset(*sources: str, file: str = FILE, **changes) -> spec.Preset:
    record = {"file": file, "sha256": SHA256, "bytes": len(BODY), "sources": sources} | changes
    variable = {"name": "reflectivity", "units": "dBZ", "grid": "radar"}
    data = {
        "name": "rain",
        "title": "For tests",
        "task": "nowcast",
        "architecture": "none",
        "sample": {
            "grids": {"radar": {}},
            "variables": [variable | {"role": "input"}, variable | {"role": "target"}],
        },
        "weights": {"default": "open_radar", "variants": {"open_radar": record}},
    }
    return spec.validate(data, "test")


def find(*sources: str, directory: Path | None = None, **changes) -> Path:
    return weights_path(preset(*sources, **changes), "open_radar", directory=directory)


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ("KERAS_WX_MIRROR", "KERAS_WX_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_WX_TIMEOUT", "0.3")
    monkeypatch.setattr(download_module, "BACKOFF", 0.01)


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def cached(tmp_path) -> Path:
    """Where the README promises that the cache keeps the file."""
    return tmp_path / "keras_wx_home" / "weights" / SHA256[:8] / FILE


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Path:
    """A stand-in for the package's own folder of weights."""
    folder = tmp_path / "zoo_configs" / "weights"
    folder.mkdir(parents=True)
    monkeypatch.setattr(weights.resources, "files", lambda package: folder.parent)
    return folder / FILE


def put(path: Path, data: bytes = BODY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


# --- Order ---------------------------------------------------------------------------------------


def test_order_of_places(server, cached, shipped, tmp_path, monkeypatch):
    """With every place filled, each is used only when those before it are gone."""
    saved = put(tmp_path / "saved" / FILE)
    put(shipped)
    put(cached)
    mirror = server.on(f"/mirror/{FILE}", gives(BODY))
    own = server.on("/own", gives(BODY))
    monkeypatch.setenv("KERAS_WX_MIRROR", mirror.removesuffix(f"/{FILE}"))

    assert find(own, directory=saved.parent) == saved
    saved.unlink()
    assert find(own, directory=saved.parent) == shipped
    shipped.unlink()
    assert find(own) == cached
    assert server.exchanges == []

    cached.unlink()
    assert find(own) == cached
    assert [exchange.path for exchange in server.exchanges] == [f"/mirror/{FILE}"]

    cached.unlink()
    monkeypatch.delenv("KERAS_WX_MIRROR")
    assert find(own) == cached
    assert server.exchanges[-1].path == "/own"
    assert cached.read_bytes() == BODY
    assert files_in(cached.parent) == [FILE]


def test_fetched_once(server, cached):
    url = server.on("/f", gives(BODY))
    assert find(url) == find(url) == cached
    assert len(server.exchanges) == 1


def test_sources_are_tried_in_order(server, cached):
    urls = [server.on("/a", status(404)), server.on("/b", gives(b"?" * len(BODY)))]
    urls.append(server.on("/c", redirects(server.on("/d", gives(BODY)))))
    assert find(*urls).read_bytes() == BODY
    assert [exchange.path for exchange in server.exchanges] == ["/a", "/b", "/c", "/d"]


def test_mirror_folder(cached, tmp_path, monkeypatch):
    put(tmp_path / "mirror" / FILE)
    monkeypatch.setenv("KERAS_WX_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("KERAS_WX_OFFLINE", "1")
    assert find() == cached
    assert cached.read_bytes() == BODY


def test_mirror_that_lacks_the_file(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_WX_MIRROR", str(tmp_path / "mirror"))
    assert find(server.on("/f", gives(BODY))).read_bytes() == BODY


def test_mirror_with_a_bad_file(tmp_path, monkeypatch, cached):
    monkeypatch.setenv("KERAS_WX_MIRROR", str(tmp_path / "mirror"))
    put(tmp_path / "mirror" / FILE, BODY[:-1] + b"?")
    with pytest.raises(WeightsError, match=rf"mirror .*{FILE}: has SHA-256"):
        find()
    assert not cached.exists()


# --- The cache never holds a bad file ------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        gives(b"?" * len(BODY)),
        gives(BODY[:-1] + b"?"),
        gives(BODY[:1000]),
        gives(BODY[:1000], announced=len(BODY)),
        gives(BODY, until=100_000, stalls=True),
        gives(BODY, announced=10, ranges=False),
        endless(b"?" * 10_000),
        status(404),
        status(500),
        redirects("/f"),
    ],
)
def test_bad_answers_leave_nothing_under_the_final_name(server, cached, answer):
    with pytest.raises(WeightsError) as error:
        find(server.on("/f", answer))
    assert not cached.exists()
    part = cached.with_name(FILE + ".part")
    assert not part.exists() or BODY.startswith(part.read_bytes())
    assert server.url in str(error.value)


def test_error_says_what_was_tried_and_what_helps(server, cached):
    urls = [server.on("/a", status(404)), server.on("/b", gives(b"?" * len(BODY)))]
    with pytest.raises(WeightsError) as error:
        find(*urls, "ftp://example.org/f", "http://example.org/f")
    message = str(error.value)
    for expected in [
        "'rain.open_radar'",
        f"shipped with the package .*{FILE}: not there",
        f"cache {re.escape(str(cached))}: not there",
        f"{urls[0]}: HTTP 404",
        f"{urls[1]}: gave a wrong file: it has SHA-256 [0-9a-f]{{64}}, expected {SHA256}",
        "ftp://example.org/f: expected https://",
        "http://example.org/f: expected https://",
        "KERAS_WX_MIRROR",
        f"put the file at {re.escape(str(cached))}\n.*SHA-256 must be {SHA256}",
        "weights=None",
    ]:
        assert re.search(expected, message), expected


def test_truncated_download_continues_in_the_next_call(server, cached):
    with pytest.raises(WeightsError, match=r"HTTP 500 .* at 50000 of 200000"):
        find(server.on("/f", gives(BODY, until=50_000), status(500)))
    assert find(server.on("/f", gives(BODY))) == cached
    assert server.exchanges[-1].range == "bytes=50000-"
    assert server.exchanges[-1].sent == 150_000


def test_part_of_one_source_is_completed_by_another(server):
    first = server.on("/a", gives(BODY, until=50_000), status(404))
    assert find(first, server.on("/b", gives(BODY))).read_bytes() == BODY
    assert [exchange.sent for exchange in server.exchanges] == [50_000, 0, 150_000]


def test_wrong_earlier_piece_is_thrown_away_and_the_source_asked_again(server, cached):
    put(cached.with_name(FILE + ".part"), b"?" * 50_000)
    assert find(server.on("/f", gives(BODY))).read_bytes() == BODY
    assert [exchange.range for exchange in server.exchanges] == ["bytes=50000-", None]


def test_source_that_is_wrong_in_pieces_is_asked_from_scratch_once(server, cached):
    wrong = b"?" * len(BODY)
    with pytest.raises(WeightsError, match="wrong file"):
        find(
            server.on(
                "/f", gives(wrong, until=9), gives(wrong), gives(wrong, until=9), gives(wrong)
            )
        )
    assert len(server.exchanges) == 4
    assert files_in(cached.parent) == []


@pytest.mark.parametrize("damaged", [BODY[:-1], BODY[:-1] + b"?", b""])
def test_damaged_cached_file_is_replaced(server, cached, damaged):
    put(cached, damaged)
    with pytest.warns(UserWarning, match="is not used: it has"):
        assert find(server.on("/f", gives(BODY))) == cached
    assert cached.read_bytes() == BODY


def test_damaged_cached_file_offline(cached, monkeypatch):
    monkeypatch.setenv("KERAS_WX_OFFLINE", "1")
    put(cached, b"?" * len(BODY))
    with (
        pytest.warns(UserWarning, match="is not used: it has"),
        pytest.raises(WeightsError, match="OFFLINE forbids"),
    ):
        find("https://example.org/f")
    assert not cached.exists()


def test_size_is_checked_beside_the_hash(cached):
    put(cached)
    with (
        pytest.warns(UserWarning, match="is not used"),
        pytest.raises(WeightsError, match="has 200000 bytes, expected 200001"),
    ):
        find(bytes=len(BODY) + 1)


def test_damaged_shipped_file_is_not_used(server, shipped, cached):
    put(shipped, BODY[:-1] + b"?")
    with pytest.warns(UserWarning, match=re.escape(str(shipped))):
        assert find(server.on("/f", gives(BODY))) == cached
    assert shipped.exists()


def test_two_releases_of_one_file_live_side_by_side(server, cached):
    new = BODY[::-1]
    old_path = find(server.on("/old", gives(BODY)))
    url = server.on("/new", gives(new))
    new_path = find(url, sha256=hashlib.sha256(new).hexdigest())
    assert new_path.name == old_path.name == FILE
    assert find() == old_path


# --- Offline, permissions, disk ------------------------------------------------------------------


def test_offline_uses_the_cache_and_no_network(server, cached, monkeypatch):
    monkeypatch.setenv("KERAS_WX_OFFLINE", "1")
    url = server.on("/f", gives(BODY))
    with pytest.raises(WeightsError, match=rf"{url}: KERAS_WX_OFFLINE forbids the network"):
        find(url)
    assert not cached.parent.exists()
    put(cached)
    assert find(url) == cached
    assert server.exchanges == []
    monkeypatch.setenv("KERAS_WX_OFFLINE", "0")
    cached.unlink()
    assert find(url) == cached


def test_home_that_is_a_file(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_WX_HOME", str(put(tmp_path / "occupied")))
    with pytest.raises(WeightsError, match="Set KERAS_WX_HOME to a folder"):
        find(server.on("/f", gives(BODY)))


@_not_root
def test_home_without_permission(server, tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir(mode=0o500)
    monkeypatch.setenv("KERAS_WX_HOME", str(tmp_path / "closed"))
    with pytest.raises(WeightsError, match=r"Permission denied.*Set KERAS_WX_HOME"):
        find(server.on("/f", gives(BODY)))


@_not_root
def test_home_that_cannot_be_looked_into(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir(mode=0o000)
    monkeypatch.setenv("KERAS_WX_HOME", str(tmp_path / "closed"))
    with (
        pytest.warns(UserWarning, match="cannot be read: Permission denied"),
        pytest.raises(WeightsError, match="Set KERAS_WX_HOME"),
    ):
        find()


def test_read_only_file_system(server, monkeypatch):
    """What root cannot be refused by chmod: the same error from the system call itself."""

    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(WeightsError, match=r"Read-only file system.*Set KERAS_WX_HOME"):
        find(server.on("/f", gives(BODY)))


def test_default_home_is_the_systems_cache(monkeypatch):
    monkeypatch.delenv("KERAS_WX_HOME")
    assert cache.home() == Path(pooch.os_cache("keras_wx"))


def test_too_little_space_is_seen_before_the_download(server, cached, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(WeightsError, match=r"200000 bytes needed, 1000 bytes free.*KERAS_WX_HOME"):
        find(server.on("/f", gives(BODY)))
    assert server.exchanges == []
    put(cached.with_name(FILE + ".part"), BODY[:-1000])
    assert find(server.url + "/f") == cached


def test_disk_that_fills_up_while_writing(server, cached, monkeypatch):
    class FullDisk(io.FileIO):
        def write(self, data):
            if self.tell() > 100_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    plain_open = Path.open

    def open_on_full_disk(path, mode="r", *args, **kwargs):
        if path.suffix == ".part" and mode in ("ab", "wb"):
            return FullDisk(path, mode)
        return plain_open(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    with pytest.raises(WeightsError, match=r"No space .* bytes needed, \d+ bytes free"):
        find(server.on("/f", gives(BODY)), server.on("/g", gives(BODY)))
    assert server.exchanges[0].path == "/f"
    assert len(server.exchanges) == 1
    assert files_in(cached.parent) == []
    monkeypatch.setattr(Path, "open", plain_open)
    assert find(server.url + "/f") == cached


# --- Several processes ---------------------------------------------------------------------------


def _find_in_a_process(url: str, home: str, barrier, found):
    os.environ["KERAS_WX_HOME"] = home
    barrier.wait(60)
    found.put(hashlib.sha256(find(url).read_bytes()).hexdigest())


def test_several_processes_download_once(server, tmp_path):
    url = server.on("/f", gives(BODY, delay=0.2))
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(3), context.Queue()
    processes = [
        context.Process(
            target=_find_in_a_process, args=(url, str(tmp_path / "shared"), barrier, found)
        )
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    hashes = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(10)
    assert hashes == [SHA256] * 3
    assert [exchange.sent for exchange in server.exchanges] == [len(BODY)]


# --- What a source says --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("hf://owner/repo/a.weights.h5", "/owner/repo/resolve/main/a.weights.h5"),
        ("hf://owner/repo/in/a folder.h5@v1", "/owner/repo/resolve/v1/in/a%20folder.h5"),
        ("hf://owner/repo/a.h5@refs/pr/1", "/owner/repo/resolve/refs%2Fpr%2F1/a.h5"),
    ],
)
def test_hub(server, monkeypatch, source, path):
    assert sources.resolve(sources.Source(source, source)) == f"https://huggingface.co{path}"
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.on(path, redirects(server.on("/storage", gives(BODY))))
    assert find(source).read_bytes() == BODY


@pytest.fixture
def repository(server, monkeypatch):
    """A Zenodo record, as far as pooch asks about it; its interface is the local server."""
    link = server.on("/content", gives(BODY))
    record = f'{{"id": 7, "files": [{{"key": "{FILE}", "links": {{"self": "{link}"}}}}]}}'.encode()
    server.on("/api/7", gives(record))
    asked = []

    def follow(doi, **kwargs):
        asked.append((doi, kwargs["timeout"]))
        return "https://zenodo.org/records/7"

    monkeypatch.setattr(pooch.downloaders, "doi_to_url", follow)
    monkeypatch.setattr(pooch.downloaders.ZenodoRepository, "base_api_url", f"{server.url}/api")
    return asked


def test_doi(server, repository):
    assert find(f"doi:10.5281/zenodo.7/{FILE}").read_bytes() == BODY
    assert repository == [("10.5281/zenodo.7", 0.3)]
    assert [exchange.path for exchange in server.exchanges] == ["/api/7", "/content"]


def test_doi_without_the_file(repository):
    with pytest.raises(WeightsError, match=r"cannot be resolved: .*other.h5.*not found"):
        find("doi:10.5281/zenodo.7/other.h5")


def test_doi_repository_that_answers_nonsense(server, repository):
    server.on("/api/7", gives(b"<html>"))
    with pytest.raises(WeightsError, match="cannot be resolved"):
        find(f"doi:10.5281/zenodo.7/{FILE}")


@pytest.mark.parametrize(
    "source",
    ["hf://owner/file", "doi:10.5281", "doi:x/y/z", "doi://10.1/a/b", "f.h5", "/etc/hosts"],
)
def test_malformed_sources(source):
    with pytest.raises(WeightsError, match=rf"{source}: expected"):
        find(source)


def test_plain_http_is_for_mirrors_only(monkeypatch):
    url = "http://mirror.example.org/zoo"
    monkeypatch.setenv("KERAS_WX_MIRROR", url)
    first, second = sources.candidates(preset(url).weights.variants["open_radar"])
    assert sources.resolve(first) == f"{url}/{FILE}"
    with pytest.raises(sources.SourceError, match="expected https://"):
        sources.resolve(second)


def test_malformed_mirror(monkeypatch):
    monkeypatch.setenv("KERAS_WX_MIRROR", "ftp://example.org")
    with pytest.raises(WeightsError, match=r"KERAS_WX_MIRROR.*ftp://example.org"):
        find()


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "inf", "nan"])
def test_malformed_timeout(server, monkeypatch, seconds):
    monkeypatch.setenv("KERAS_WX_TIMEOUT", seconds)
    with pytest.raises(WeightsError, match=f"KERAS_WX_TIMEOUT.*'{seconds}'"):
        find(server.on("/f", gives(BODY)))


@pytest.mark.parametrize(
    "file", ["../a.weights.h5", "/a.weights.h5", "..", "a\\b.weights.h5", "a.pkl", "a.keras"]
)
def test_file_names_that_are_none(file):
    with pytest.raises(WeightsError, match="plain file name"):
        find(file=file)


def test_unknown_variant():
    with pytest.raises(UnknownNameError, match="open_radar"):
        weights_path(preset(), "open_rader")


# --- fetch and the progress bar ------------------------------------------------------------------


@pytest.fixture
def catalogue(monkeypatch):
    """`fetch` looks names up in the zoo's presets; here is a zoo of one."""
    from keras_wx.zoo import presets

    def install(entry: spec.Preset):
        monkeypatch.setattr(presets, "get", lambda name: entry)

    return install


def test_fetch(server, cached, catalogue):
    catalogue(preset(server.on("/f", gives(BODY))).resolved("open_radar"))
    assert fetch("rain") == cached


def test_fetch_without_weights(catalogue):
    untrained = preset().model_copy(update={"weights": spec.WeightsTable()})
    catalogue(untrained)
    with pytest.raises(WeightsError, match=r"'rain' has no trained weights.*weights=None"):
        fetch("rain")


def test_fetch_without_a_default(catalogue):
    catalogue(preset())
    with pytest.raises(WeightsError, match=r"no default weights. Name a variant: rain.open_radar"):
        fetch("rain")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "wanted", "shown"),
    [(Terminal(), True, True), (Terminal(), False, False), (io.StringIO(), True, False)],
)
def test_progress_bar(server, monkeypatch, stream, wanted, shown):
    for name in ("TERM", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stderr", stream)
    entry = preset(server.on("/f", gives(BODY)))
    weights_path(entry, "open_radar", progress=wanted)
    assert ("200.0/200.0 kB" in stream.getvalue()) is shown
