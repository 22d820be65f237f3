"""The page's HTTP: whom it answers, with what, and how a stream begins, goes on and ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from inplace.serve import guard, page
from inplace.serve.http import Server
from inplace.serve.page import Feed, File, page_routes

TOKEN = "a-token"
FILES = {
    "": File("text/html; charset=utf-8", b"<!doctype html>"),
    "page.js": File("text/javascript; charset=utf-8", b"1"),
}


class Opened:
    """A page and a browser's session."""

    def __init__(self, server, session, feed):
        self.server, self.session, self.feed = server, session, feed

    def get(self, path, token=TOKEN, **options):
        return self.session.get(f"http://127.0.0.1:{self.server.port}/{token}/{path}", **options)

    def events(self):
        return self.get("events")


@asynccontextmanager
async def opened():
    feed = Feed()
    server = Server(("127.0.0.1", 0), page_routes(TOKEN, FILES, feed))
    async with server as running, aiohttp.ClientSession() as session:
        yield Opened(running, session, feed)


async def read(response):
    """The next event, as the lines of it."""
    async with asyncio.timeout(5):
        return (await response.content.readuntil(b"\n\n")).decode().splitlines()[:-1]


async def until(holds):
    async with asyncio.timeout(10):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("name", "body"), [("", b"<!doctype html>"), ("page.js", b"1")])
async def test_who_has_the_token_gets_the_files(name, body):
    async with opened() as shown, shown.get(name) as response:
        assert (response.status, await response.read()) == (200, body)
        assert response.headers["Content-Type"] == FILES[name].content_type


@pytest.mark.parametrize("token", ["b-token", "a-toke", "%C3%A4"])
@pytest.mark.parametrize("name", ["", "page.js", "events"])
async def test_who_has_not_gets_nothing(token, name):
    async with opened() as shown, shown.get(name, token) as response:
        assert response.status == 403
        assert "open the one that inplace dashboard has printed" in await response.text()


async def test_the_bare_address_says_what_it_lacks():
    async with opened() as shown, shown.session.get(f"http://127.0.0.1:{shown.server.port}/") as response:
        assert response.status == 403
        assert "token" in await response.text()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::1]:1"])
@pytest.mark.parametrize("name", ["", "events", "none"])
async def test_another_host_is_refused(host, name):
    """A site whose name points to this machine would be the same origin to a browser (DNS rebinding)."""
    async with opened() as shown, shown.get(name, headers={"Host": host}) as response:
        assert (response.status, await response.text()) == (
            403,
            "the request is for another host: expected 127.0.0.1 or localhost",
        )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "LOCALHOST:8080"])
async def test_a_tunnel_may_have_another_port(host):
    async with opened() as shown, shown.get("", headers={"Host": host}) as response:
        assert response.status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_done(method):
    async with opened() as shown:
        url = f"http://127.0.0.1:{shown.server.port}/{TOKEN}/events"
        async with shown.session.request(method, url) as response:
            assert response.status == 405


@pytest.mark.parametrize(
    ("path", "token", "status"), [("", TOKEN, 200), ("none", TOKEN, 404), ("A/../x", TOKEN, 404), ("", "x", 403)]
)
async def test_every_answer_forbids_what_is_not_ours(path, token, status):
    async with opened() as shown, shown.get(path, token) as response:
        assert response.status == status
        assert page.HEADERS.items() <= response.headers.items()
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert not any(word in policy for word in ("unsafe", "*", "http", "data:"))


async def test_a_stream_tells_all_and_then_what_changes():
    async with opened() as shown:
        shown.feed.put({"a": b'{"a":1}', "b": b'{"b":1}'})
        async with shown.events() as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            assert page.HEADERS.items() <= response.headers.items()
            assert await read(response) == ["event: shown", 'data: {"a":1}']
            assert await read(response) == ["event: shown", 'data: {"b":1}']
            shown.feed.put({"a": b'{"a":1}', "b": b'{"b":2}', "c": b"{}"})
            assert await read(response) == ["event: shown", 'data: {"b":2}']
            assert await read(response) == ["event: shown", "data: {}"]
            shown.feed.put({"a": b'{"a":1}', "c": b"{}"})
            assert await read(response) == ["event: gone", "data: b"]


async def test_a_stream_without_news_says_that_it_is_there(monkeypatch):
    monkeypatch.setattr(page, "BEAT_SECONDS", 0.01)
    async with opened() as shown, shown.events() as response:
        assert await read(response) == [": still here"]
        assert await read(response) == [": still here"]


async def test_a_stream_outlives_the_time_for_one_answer(monkeypatch):
    monkeypatch.setattr(page, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(guard, "STEP_SECONDS", 0.3)
    async with opened() as shown, shown.events() as response:
        for _ in range(12):
            await read(response)


async def test_who_does_not_read_is_cut_off(monkeypatch):
    monkeypatch.setattr(page, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(guard, "STEP_SECONDS", 0.3)
    async with opened() as shown:
        shown.feed.put({"large": b"x" * 30_000_000})
        reader, writer = await asyncio.open_connection("127.0.0.1", shown.server.port, limit=1024)
        writer.write(f"GET /{TOKEN}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        async with asyncio.timeout(10):
            while True:
                await asyncio.sleep(0.05)
                if not len(shown.server._guards):
                    break
        assert reader.exception() is not None or not reader.at_eof()
        writer.close()


async def test_streams_are_bounded_and_a_closed_one_makes_room():
    async with opened() as shown:
        streams = [await shown.events() for _ in range(page.MAX_STREAMS)]
        async with shown.events() as response:
            assert (response.status, await response.text()) == (503, "this page is open too often: close a tab")
        streams.pop().close()
        async with asyncio.timeout(10):
            status = 503
            while status == 503:
                shown.feed.put({"a": str(len(streams)).encode()})
                response = await shown.events()
                status = response.status
                response.close()
        assert status == 200
        for stream in streams:
            stream.close()


async def test_of_a_closed_tab_nothing_is_said(caplog):
    async with opened() as shown:
        stream = await shown.events()
        await read(stream)
        stream.close()
        await until(lambda: not len(shown.server._guards))
        shown.feed.put({"a": b"1"})
        await until(lambda: not shown.feed._waiting)
        await asyncio.sleep(0)
    assert caplog.records == []


async def test_the_server_stops_with_streams_open():
    async with asyncio.timeout(5), opened() as shown:
        stream = await shown.events()
        assert stream.status == 200
    stream.close()
