"""`download` against a real server that truncates, stalls, lies, refuses and redirects."""

from __future__ import annotations

import random

import pytest
import requests
from http_server import Server, endless, gives, redirects, status

from keras_wx.zoo import download as download_module
from keras_wx.zoo.download import TRIES, download
from keras_wx.zoo.sources import SourceError

BODY = random.Random(1).randbytes(200_000)
SIZE = len(BODY)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setenv("KERAS_WX_TIMEOUT", "0.3")
    monkeypatch.setattr(download_module, "BACKOFF", 0.01)


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


def run(url, part):
    return download(url, part, SIZE, lambda done: None)


def test_whole_file_in_one_piece(server, part):
    seen = []
    assert download(server.on("/f", gives(BODY)), part, SIZE, seen.append) is True
    assert part.read_bytes() == BODY
    assert seen == sorted(seen)
    assert seen[-1] == SIZE
    assert [exchange.range for exchange in server.exchanges] == [None]


def test_truncated_download_asks_only_for_the_rest(server, part):
    url = server.on("/f", gives(BODY, until=120_000), gives(BODY))
    assert run(url, part) is False
    assert part.read_bytes() == BODY
    first, second = server.exchanges
    assert (first.range, first.sent) == (None, 120_000)
    assert (second.range, second.status, second.sent) == ("bytes=120000-", 206, 80_000)


def test_partial_file_of_an_earlier_process_is_resumed(server, part):
    part.write_bytes(BODY[:150_000])
    assert run(server.on("/f", gives(BODY)), part) is False
    assert part.read_bytes() == BODY
    assert [exchange.range for exchange in server.exchanges] == ["bytes=150000-"]


def test_complete_partial_file_needs_no_request(server, part):
    part.write_bytes(BODY)
    assert run(server.url, part) is False
    assert server.exchanges == []


def test_stall_is_resumed(server, part):
    url = server.on("/f", gives(BODY, until=131_072, stalls=True), gives(BODY))
    run(url, part)
    assert part.read_bytes() == BODY
    resumed = int(server.exchanges[1].range.removeprefix("bytes=").removesuffix("-"))
    assert 0 < resumed <= 131_072
    assert server.exchanges[1].sent == SIZE - resumed


def test_server_that_always_stalls_is_given_up_and_its_bytes_kept(server, part):
    with pytest.raises(SourceError, match=r"no answer within 0.3 s .* at \d+ of 200000 bytes"):
        run(server.on("/f", gives(BODY, until=131_072, stalls=True)), part)
    assert len(server.exchanges) == TRIES
    assert part.stat().st_size > 0
    assert BODY.startswith(part.read_bytes())


def test_silence_before_the_answer_times_out(server, part):
    with pytest.raises(SourceError, match=r"no answer within 0.3 s"):
        run(server.on("/f", gives(BODY, delay=0.6)), part)


def test_announced_length_too_long(server, part):
    run(server.on("/f", gives(BODY, announced=SIZE + 1000)), part)
    assert part.read_bytes() == BODY
    assert len(server.exchanges) == 1


def test_announced_length_too_short(server, part):
    url = server.on("/f", gives(BODY, announced=50_000), gives(BODY))
    run(url, part)
    assert part.read_bytes() == BODY
    assert server.exchanges[1].range == "bytes=50000-"


def test_server_that_ignores_ranges_starts_over(server, part):
    part.write_bytes(b"x" * 1000)
    assert run(server.on("/f", gives(BODY, ranges=False)), part) is False
    assert part.read_bytes() == BODY


def test_partial_answer_with_a_wrong_offset_is_not_used(server, part):
    part.write_bytes(BODY[:1000])
    run(server.on("/f", gives(BODY, shift=7)), part)
    assert part.read_bytes() == BODY
    assert [exchange.range for exchange in server.exchanges] == ["bytes=1000-", None]


def test_range_not_satisfiable_starts_over(server, part):
    part.write_bytes(BODY[:1000])
    run(server.on("/f", status(416), gives(BODY)), part)
    assert part.read_bytes() == BODY
    assert [exchange.range for exchange in server.exchanges] == ["bytes=1000-", None]


@pytest.mark.parametrize("answer", [endless(b"x" * 10_000), gives(BODY + b"x" * 10_000_000)])
def test_never_more_than_the_size(server, part, answer):
    run(server.on("/f", answer), part)
    assert part.stat().st_size == SIZE


@pytest.mark.parametrize(
    ("code", "requests_made"), [(404, 1), (403, 1), (500, TRIES), (429, TRIES)]
)
def test_refusals(server, part, code, requests_made):
    with pytest.raises(SourceError, match=f"HTTP {code}"):
        run(server.on("/f", status(code)), part)
    assert len(server.exchanges) == requests_made
    assert not part.exists()


def test_server_error_that_passes(server, part):
    run(server.on("/f", status(500), status(503), gives(BODY)), part)
    assert part.read_bytes() == BODY


def test_tries_that_bring_enough_do_not_count(server, part, monkeypatch):
    monkeypatch.setattr(download_module, "WORTHWHILE", 20_000)
    drops = [gives(BODY, until=until) for until in range(30_000, SIZE, 30_000)]
    assert len(drops) > TRIES
    run(server.on("/f", *drops, gives(BODY)), part)
    assert part.read_bytes() == BODY


def test_server_that_takes_back_what_it_gave_has_an_end(server, part, monkeypatch):
    monkeypatch.setattr(download_module, "WORTHWHILE", 20_000)
    with pytest.raises(SourceError, match="closed"):
        run(server.on("/f", *[gives(BODY, until=50_000, ranges=False)] * 50, gives(BODY)), part)
    assert len(server.exchanges) == TRIES + 1


def test_redirect_keeps_the_range(server, part):
    part.write_bytes(BODY[:1000])
    target = server.on("/target", gives(BODY))
    run(server.on("/f", redirects(target)), part)
    assert part.read_bytes() == BODY
    assert server.exchanges[-1].range == "bytes=1000-"


def test_redirect_loop(server, part):
    with pytest.raises(SourceError, match="redirects"):
        run(server.on("/f", redirects("/f")), part)


@pytest.mark.parametrize("scheme", ["ftp", "file"])
def test_redirect_to_another_protocol(server, part, scheme):
    with pytest.raises(SourceError, match=scheme):
        run(server.on("/f", redirects(f"{scheme}://example.org/f")), part)


def test_never_from_https_to_http(server, part, monkeypatch):
    """The local server speaks for https://example.org: requests' own redirect logic runs."""

    class PretendTls(requests.adapters.HTTPAdapter):
        def send(self, request, **kwargs):
            https = request.url
            request.url = https.replace("https://example.org", server.url)
            response = super().send(request, **kwargs)
            request.url = response.url = https
            return response

    init = requests.Session.__init__

    def mounted(self):
        init(self)
        self.mount("https://", PretendTls())

    monkeypatch.setattr(requests.Session, "__init__", mounted)
    server.on("/up", redirects("https://example.org/f"))
    server.on("/f", gives(BODY))
    server.on("/down", redirects(f"{server.url}/f"))

    run(f"{server.url}/up", part)
    assert part.read_bytes() == BODY
    part.unlink()
    with pytest.raises(SourceError, match="from https to http"):
        run("https://example.org/down", part)
    assert not part.exists()


def test_nobody_listens(part):
    with Server() as server:
        url = server.url
    with pytest.raises(SourceError, match="Connection refused"):
        run(url, part)
