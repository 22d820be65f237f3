"""/livez, /healthz and /readyz as kube-apiserver serves them."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from inplace.serve import probes


@pytest.fixture
def state() -> dict[str, str | None]:
    """Why each cache is not ready."""
    return {"pods": None, "nodes": None}


@pytest.fixture
async def client(state):
    app = web.Application()
    ready = {"cache-pods": lambda: state["pods"], "cache-nodes": lambda: state["nodes"]}
    probes.probe_routes(live={"ping": lambda: None}, ready=ready)(app)
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def get(client, path):
    response = await client.get(path)
    return response.status, await response.text()


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz"])
async def test_all_well_is_a_plain_ok(client, path):
    assert await get(client, path) == (200, "ok")


async def test_a_failing_check_is_named_with_its_reason(client, state):
    state["nodes"] = "forbidden: nodes"
    assert await get(client, "/readyz") == (
        500,
        "[+]cache-pods ok\n[-]cache-nodes failed: forbidden: nodes\nreadyz check failed\n",
    )


async def test_a_process_that_is_not_ready_is_alive(client, state):
    state["pods"] = "not filled yet"
    assert (await get(client, "/livez"))[0] == 200


async def test_recovery_shows_at_once(client, state):
    state["pods"] = "not filled yet"
    assert (await get(client, "/readyz"))[0] == 500
    state["pods"] = None
    assert await get(client, "/readyz") == (200, "ok")


async def test_notes_stand_below_the_checks_and_fail_nothing():
    app = web.Application()
    ready = {"cache-pods": lambda: "not filled yet"}
    probes.probe_routes({"ping": lambda: None}, ready, {"fence": lambda: "not in force"})(app)
    async with TestClient(TestServer(app)) as opened:
        said = "[-]cache-pods failed: not filled yet\n[i]fence: not in force\nreadyz check failed\n"
        assert await get(opened, "/readyz") == (500, said)
        listed = "[+]cache-pods excluded: ok\n[i]fence: not in force\nreadyz check passed\n"
        assert await get(opened, "/readyz?verbose&exclude=cache-pods") == (200, listed)
        assert await get(opened, "/readyz?exclude=cache-pods") == (200, "ok")
        assert await get(opened, "/livez?verbose") == (200, "[+]ping ok\nlivez check passed\n")


async def test_verbose_lists_the_checks(client):
    assert await get(client, "/readyz?verbose") == (200, "[+]cache-pods ok\n[+]cache-nodes ok\nreadyz check passed\n")


async def test_an_excluded_check_counts_as_passed(client, state):
    state["pods"] = "no"
    state["nodes"] = "no"
    status, text = await get(client, "/readyz?verbose&exclude=cache-pods&exclude=cache-nodes")
    assert status == 200
    assert "[+]cache-pods excluded: ok" in text


async def test_excluding_what_there_is_not_is_said(client):
    status, text = await get(client, "/readyz?verbose&exclude=etcd")
    assert status == 200
    assert "warn: some checks cannot be excluded: no match for etcd" in text


async def test_a_single_check(client, state):
    state["pods"] = "not filled yet"
    assert await get(client, "/readyz/cache-pods") == (500, "not filled yet\n")
    assert await get(client, "/readyz/cache-nodes") == (200, "ok")
    assert (await get(client, "/readyz/etcd"))[0] == 404


async def test_answers_are_never_cached_and_head_works(client):
    response = await client.head("/readyz")
    assert response.status == 200
    assert "no-store" in response.headers["Cache-Control"]
