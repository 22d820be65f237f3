"""The servers of probes and metrics: addresses, start, stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from inplace.serve import guard
from inplace.serve.http import ListenError, Server, metrics_routes, parse_listen
from inplace.serve.probes import probe_routes


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("off", None),
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:0", ("localhost", 0)),
        (":9090", ("0.0.0.0", 9090)),
        ("[::1]:8080", ("::1", 8080)),
    ],
)
def test_addresses(text, address):
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text", ["", "8080", "host", "host:", "host:x", "host:65536", "::1:80", "a b:80", "OFF", "host:80\n"]
)
def test_what_is_no_address_is_said_with_what_is(text):
    with pytest.raises(ListenError, match=r"use HOST:PORT, such as 127\.0\.0\.1:8080, or off"):
        parse_listen(text)


def test_the_option_is_named_that_had_no_address():
    with pytest.raises(ListenError, match=r"^--probe-listen 'x' is no address"):
        parse_listen("x", "--probe-listen")


PROBES = probe_routes(live={"ping": lambda: None}, ready={"x": lambda: "no"})


def server(address, registry=None):
    return Server(address, metrics_routes(registry or CollectorRegistry()), PROBES)


async def test_it_serves_probes_and_metrics_while_open():
    registry = CollectorRegistry()
    Counter("things_total", "Things.", registry=registry).inc()
    async with server(("127.0.0.1", 0), registry) as running, aiohttp.ClientSession() as session:
        base = f"http://127.0.0.1:{running.port}"
        async with session.get(f"{base}/livez") as response:
            assert response.status == 200
        async with session.get(f"{base}/readyz") as response:
            assert response.status == 500
        async with session.get(f"{base}/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain")
            assert "things_total 1.0" in await response.text()
        async with session.get(f"{base}/metrics", headers={"Accept": "application/openmetrics-text"}) as response:
            assert response.headers["Content-Type"].startswith("application/openmetrics-text")
        async with session.get(f"{base}/elsewhere") as response:
            assert response.status == 404
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{base}/livez")


async def test_off_listens_nowhere():
    async with server(None) as running:
        assert running.port is None


async def test_a_taken_port_is_one_clear_line():
    async with server(("127.0.0.1", 0)) as first:
        with pytest.raises(ListenError, match=rf"cannot listen on 127.0.0.1:{first.port}: .*in use; choose another"):
            async with server(("127.0.0.1", first.port)):
                pytest.fail("it must not open")


async def test_probes_and_metrics_may_have_a_port_each():
    one, other = Server(("127.0.0.1", 0), metrics_routes(CollectorRegistry())), Server(("127.0.0.1", 0), PROBES)
    async with one, other, aiohttp.ClientSession() as session:
        codes = []
        for port in (one.port, other.port):
            for path in ("metrics", "livez", "readyz"):
                async with session.get(f"http://127.0.0.1:{port}/{path}") as response:
                    codes.append(response.status)
    assert codes == [200, 404, 404, 404, 200, 500]


async def test_the_option_is_named_whose_port_is_taken():
    async with server(("127.0.0.1", 0)) as first:
        with pytest.raises(ListenError, match=r"choose another --probe-listen, or off$"):
            async with Server(("127.0.0.1", first.port), PROBES, option="--probe-listen"):
                pytest.fail("it must not open")


# --- whoever has the port cannot hold up the process


async def _half(port):
    """A connection that does not end its request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: aaa")
    return reader, writer


async def test_a_request_that_does_not_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(guard, "STEP_SECONDS", 0.5)
    async with server(("127.0.0.1", 0)) as running, asyncio.timeout(5):
        reader, writer = await _half(running.port)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        assert len(running._guards) == 0


async def test_an_answer_that_is_not_read_is_not_kept_for_ever(monkeypatch):
    monkeypatch.setattr(guard, "STEP_SECONDS", 0.5)
    registry = CollectorRegistry()
    many = Counter("things_total", "Things.", ["n"], registry=registry)
    for number in range(100_000):
        many.labels(str(number)).inc()
    async with server(("127.0.0.1", 0), registry) as running, asyncio.timeout(20):
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.3)
        while len(running._guards):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.1)
        writer.close()


async def test_many_connections_keep_nobody_out_and_are_bounded():
    async with server(("127.0.0.1", 0)) as running, aiohttp.ClientSession() as session:
        held = [await _half(running.port) for _ in range(3 * guard.MAX_CONNECTIONS)]
        async with session.get(f"http://127.0.0.1:{running.port}/livez") as response:
            assert response.status == 200
        assert len(running._guards) <= guard.MAX_CONNECTIONS
        for _, writer in held:
            writer.close()


async def test_headers_without_end_are_cut_off():
    async with server(("127.0.0.1", 0)) as running, asyncio.timeout(5):
        reader, writer = await _half(running.port)
        with suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"X-B: " + b"b" * 4_000 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
            await reader.read()
        await asyncio.sleep(0.1)
        assert len(running._guards) == 0
        writer.close()


async def test_scrapes_in_quick_succession_are_encoded_once():
    registry = CollectorRegistry()
    looked = []

    class Slow:
        def collect(self):
            looked.append(1)
            return []

    registry.register(Slow())
    before = len(looked)
    async with server(("127.0.0.1", 0), registry) as running, aiohttp.ClientSession() as session:
        for _ in range(20):
            async with session.get(f"http://127.0.0.1:{running.port}/metrics") as response:
                assert response.status == 200
    assert len(looked) - before <= 3
