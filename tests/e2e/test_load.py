"""Requests through a Service while Pods are upgraded: none may fail.

The load follows EndpointSlices as a kube-proxy does, at once or a second late, and opens a connection for each request
to a random endpoint that is ready. The server behind it stops at once on SIGTERM.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from inplace.kube import resource as resources
from inplace.kube.store import Store
from tests.scenarios.real import RealWorld
from tests.scenarios.test_restarts import RESTARTED_AT, annotate_template, containers
from tests.scenarios.test_traffic import serve

PORT = 8080
CLIENTS = 4
PROBE = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1, "failureThreshold": 1}
GOOD = b"200"


@dataclass
class Load:
    """What was asked, and what went wrong."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)
    addresses: tuple[str, ...] = ()


@asynccontextmanager
async def load(world: RealWorld, late: float) -> AsyncIterator[Load]:
    """Constant load on the ready endpoints of all slices of the namespace while the block runs."""
    made = Load()
    loop = asyncio.get_running_loop()

    def follow(after: float) -> None:
        every = [one for each in store.values() for one in each.get("endpoints") or ()]
        ready = tuple(one["addresses"][0] for one in every if one["conditions"].get("ready"))
        loop.call_later(after, setattr, made, "addresses", ready)

    def changed(_old: object, _new: object, initial: bool) -> None:
        if not initial:
            follow(late)

    store: Store[dict[str, Any]]
    async with world.watching(resources.ENDPOINTSLICES, dict, changed) as store, asyncio.TaskGroup() as group:
        follow(0)
        await asyncio.sleep(0.1)
        tasks = [group.create_task(_client(made)) for _ in range(CLIENTS)]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()


async def _client(made: Load) -> None:
    while True:
        address = random.choice(made.addresses)
        made.asked += 1
        try:
            async with asyncio.timeout(5):
                answer = await _get(address)
            if GOOD not in answer.partition(b"\r\n")[0]:
                made.failed.append(f"{address}: {answer[:60]!r}")
        except (OSError, TimeoutError) as error:
            made.failed.append(f"{address}: {error!r}")
        await asyncio.sleep(0.01)


async def _get(address: str) -> bytes:
    reader, writer = await asyncio.open_connection(address, PORT)
    try:
        writer.write(b"GET /version HTTP/1.0\r\n\r\n")
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("late", "grace"),
    [
        pytest.param(0, 1, marks=pytest.mark.long, id="endpoints seen at once"),
        pytest.param(1, 2, id="a second late"),
    ],
)
async def test_no_request_fails_during_upgrades(open_world, request, record_property, late, grace):
    rounds = 3 if request.config.getoption("--seeds") else 20
    async with open_world() as world:
        settings = {"grace-period-seconds": str(grace), "max-unavailable": "2"}
        await world.create_web(replicas=5, probe=PROBE, annotations=settings)
        await serve(world)
        async with load(world, late) as made:
            for number in range(rounds):
                await world.set_image(world.app(f"v{number + 2}"))
                await world.wait_upgraded(seconds=2 * world.patience)
        record_property("requests", made.asked)
        assert made.asked > 100 * rounds
        assert not made.failed, f"{len(made.failed)} of {made.asked} requests failed, first {made.failed[:3]}"


@pytest.mark.timeout(600)
async def test_no_request_fails_while_ten_pods_restart(open_world, record_property):
    """`kubectl rollout restart`, three Pods at a time: every container is another, of the same image."""
    async with open_world() as world:
        settings = {"grace-period-seconds": "2", "max-unavailable": "3"}
        await world.create_web(replicas=10, probe=PROBE, annotations=settings)
        await serve(world)
        before = {pod.name: containers(pod) for pod in await world.pods()}
        async with load(world, 1) as made:
            for number in range(2):
                await annotate_template(world, seconds=2 * world.patience, **{RESTARTED_AT: str(number)})
        after = {pod.name: containers(pod) for pod in await world.pods()}
        record_property("requests", made.asked)
        for name, ((id_, image_id, _),) in ((name, tuple(found.values())) for name, found in before.items()):
            assert after[name]["app"] == (after[name]["app"][0], image_id, 2)
            assert after[name]["app"][0] != id_
        assert made.asked > 1000
        assert not made.failed, f"{len(made.failed)} of {made.asked} requests failed, first {made.failed[:3]}"
        print(f"restarts: {made.asked} requests, none failed")  # noqa: T201 - a figure for people


async def test_without_a_gate_requests_fail_and_the_readme_says_so(open_world, record_property):
    """Nobody takes such a Pod out of its Services before its container stops: this is what it costs."""
    async with open_world() as world:
        await world.create_web(replicas=5, gate=False, probe=PROBE, annotations={"max-unavailable": "2"})
        await serve(world)
        async with load(world, 1) as made:
            await world.set_image(world.app("v2"))
            await world.wait_upgraded(seconds=2 * world.patience)
        record_property("requests", made.asked)
        record_property("failed", len(made.failed))
        assert made.failed, "if none fails any more, docs/how-to/opt-in.md is wrong"
        print(f"without a gate {len(made.failed)} of {made.asked} requests failed")  # noqa: T201 - a figure for people
