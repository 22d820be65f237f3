"""The server of probes and metrics: addresses, start, stop."""

from __future__ import annotations

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from inplace.serve.http import ListenError, Server, parse_listen


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


def server(address, registry=None):
    return Server(address, registry or CollectorRegistry(), live={"ping": lambda: None}, ready={"x": lambda: "no"})


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
