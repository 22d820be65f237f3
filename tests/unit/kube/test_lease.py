"""Leader election: never two, and work stops before the lease can be taken."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from aiohttp import web

from inplace.kube.errors import LeaseLost
from inplace.kube.lease import Elector
from tests.unit.kube.server import serving

pytestmark = pytest.mark.looptime


class LeaseServer:
    """One Lease with the server's rules; can be made to hang or to fail."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.fault: str | None = None
        self.reads = 0

    async def __call__(self, request: web.Request) -> web.Response:
        if self.fault == "hang":
            await asyncio.sleep(10_000)
        if self.fault == "error":
            return web.json_response({"code": 500, "message": "etcd is away"}, status=500)
        if request.method == "GET":
            self.reads += 1
            if self.lease is None:
                return web.json_response({"code": 404, "reason": "NotFound"}, status=404)
            return web.json_response(self.lease)
        body = await request.json()
        if request.method == "POST" and self.lease is not None:
            return web.json_response({"code": 409, "reason": "AlreadyExists"}, status=409)
        if request.method == "PUT" and self.lease is None:
            return web.json_response({"code": 404, "reason": "NotFound"}, status=404)
        if request.method == "PUT" and body["metadata"]["resourceVersion"] != str(self.version):
            return web.json_response({"code": 409, "reason": "Conflict"}, status=409)
        self.version += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        return web.json_response(self.lease)

    @property
    def holder(self) -> str:
        return self.lease["spec"]["holderIdentity"] if self.lease else ""


def _elector(client, recorder, name: str) -> Elector:
    return Elector(client, "ns", "lease", name, client.clock, random.Random(name), recorder)


async def _end(*tasks):
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_leads_and_the_other_takes_a_released_lease_at_once():
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        a, b = _elector(client, recorder, "a"), _elector(client, recorder, "b")
        first = asyncio.ensure_future(a.run())
        await a.wait_leading()
        second = asyncio.ensure_future(b.run())
        await asyncio.sleep(60)
        assert (a.is_leader, b.is_leader) == (True, False)
        assert server.reads > 48, "whoever waits looks every 1.2 s at least; the leader does not read"
        await _end(first)
        assert server.holder == ""
        began = asyncio.get_running_loop().time()
        await b.wait_leading()
        assert asyncio.get_running_loop().time() - began < 2
        assert b.clean_takeover
        assert server.lease["spec"]["leaseTransitions"] == 1
        await _end(second)


@pytest.mark.parametrize("fault", ["hang", "error"])
async def test_a_server_that_does_not_answer_ends_leading_before_the_lease_can_be_taken(fault):
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        a = _elector(client, recorder, "a")
        task = asyncio.ensure_future(a.run())
        await a.wait_leading()
        await asyncio.sleep(30)
        renewed = asyncio.get_running_loop().time()
        server.fault = fault
        await asyncio.sleep(13)
        assert not a.is_leader
        assert a.remaining() <= 0
        with pytest.raises(LeaseLost):
            await task
        assert asyncio.get_running_loop().time() - renewed < 30


async def test_a_standby_waits_for_the_whole_lease_of_one_that_died():
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        a, b = _elector(client, recorder, "a"), _elector(client, recorder, "b")
        first = asyncio.ensure_future(a.run())
        await a.wait_leading()
        second = asyncio.ensure_future(b.run())
        await asyncio.sleep(20)
        a._release = _nothing  # kill -9 releases nothing
        await _end(first)
        died = asyncio.get_running_loop().time()
        await b.wait_leading()
        assert asyncio.get_running_loop().time() - died >= 12
        assert not b.clean_takeover
        await _end(second)


async def test_a_standby_has_a_lease_that_nobody_renewed_at_its_end():
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        renewed = asyncio.get_running_loop().time()
        spec = {"holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 0}
        server.lease = {"kind": "Lease", "metadata": {"name": "lease", "resourceVersion": "0"}, "spec": spec}
        b = _elector(client, recorder, "b")
        task = asyncio.ensure_future(b.run())
        await b.wait_leading()
        assert 15 <= asyncio.get_running_loop().time() - renewed < 15.1
        await _end(task)


async def _nothing() -> None:
    return None


async def test_two_never_lead_at_once_whatever_the_server_does():
    server, rng = LeaseServer(), random.Random(7)
    async with serving(server) as (client, _, recorder):
        electors = [_elector(client, recorder, name) for name in "ab"]

        async def replica(elector: Elector) -> None:
            while True:
                try:
                    await elector.run()
                except LeaseLost:
                    await asyncio.sleep(1)

        tasks = [asyncio.ensure_future(replica(one)) for one in electors]
        for _ in range(100):
            server.fault = rng.choice([None, None, None, "hang", "error"])
            for _ in range(8):
                await asyncio.sleep(rng.uniform(0.1, 2))
                assert sum(one.is_leader for one in electors) <= 1
        await _end(*tasks)


async def test_a_lease_taken_by_another_ends_leading_at_once():
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        a = _elector(client, recorder, "a")
        task = asyncio.ensure_future(a.run())
        await a.wait_leading()
        server.version += 1
        server.lease["metadata"]["resourceVersion"] = str(server.version)
        server.lease["spec"]["holderIdentity"] = "b"
        with pytest.raises(LeaseLost, match="taken by b"):
            await task
        assert not a.is_leader


@pytest.mark.parametrize("seed", range(5))
async def test_a_lease_that_is_deleted_is_its_holders_all_the_same(seed):
    """Otherwise two would lead until the next renewal, which may take seconds."""
    server, rng = LeaseServer(), random.Random(seed)
    async with serving(server) as (client, _, recorder):
        a, b = _elector(client, recorder, "a"), _elector(client, recorder, "b")
        tasks = [asyncio.ensure_future(a.run())]
        await a.wait_leading()
        tasks.append(asyncio.ensure_future(b.run()))
        await asyncio.sleep(5)
        for _ in range(20):
            server.lease = None
            for _ in range(40):
                await asyncio.sleep(rng.uniform(0.01, 0.3))
                assert (a.is_leader, b.is_leader) == (True, False)
            assert server.holder == "a"
        await _end(*tasks)


async def test_who_finds_no_lease_takes_it_and_does_not_trust_that_there_was_none():
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        a = _elector(client, recorder, "a")
        task = asyncio.ensure_future(a.run())
        await a.wait_leading()
        assert not a.clean_takeover
        await _end(task)


async def test_a_lease_is_not_released_while_a_write_may_still_be_on_its_way():
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        a = _elector(client, recorder, "a")
        a._may_release = lambda: False
        task = asyncio.ensure_future(a.run())
        await a.wait_leading()
        await _end(task)
        assert server.holder == "a"


def _said(recorder) -> list[tuple[str, object]]:
    return [(name, fields.get("holder")) for name, fields in recorder.events if name.startswith("lease.")]


async def test_who_waits_says_for_whom_once_and_once_when_that_changes():
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        first, second = _elector(client, recorder, "a"), _elector(client, recorder, "b")
        a = asyncio.ensure_future(first.run())
        await first.wait_leading()
        b = asyncio.ensure_future(second.run())
        await asyncio.sleep(120)
        assert _said(recorder) == [("lease.acquired", "a"), ("lease.waiting", "a")]
        waits = recorder.events[-1][1]
        assert waits["message"] == "waiting for the lease held by a"
        assert (waits["kind"], waits["namespace"], waits["name"]) == ("Lease", "ns", "lease")
        server.version += 1  # the lease is taken from a
        server.lease["spec"]["holderIdentity"] = "c"
        server.lease["metadata"]["resourceVersion"] = str(server.version)
        await asyncio.sleep(5)
        assert _said(recorder)[2:] == [("lease.waiting", "c")]
        await _end(a, b)


async def test_the_leader_says_of_itself_what_it_has_to_say_at_every_renewal():
    server, says = LeaseServer(), iter(range(1000))
    async with serving(server) as (client, _, recorder):

        def about() -> dict[str, str]:
            return {"a/b": str(next(says))}

        first = Elector(client, "ns", "lease", "a", client.clock, random.Random(1), recorder, about=about)
        task = asyncio.ensure_future(first.run())
        await first.wait_leading()
        assert server.lease["metadata"]["annotations"] == {"a/b": "0"}
        await asyncio.sleep(10)
        assert int(server.lease["metadata"]["annotations"]["a/b"]) >= 4
        await _end(task)


async def test_a_server_that_fails_at_every_try_is_not_a_warning_each_time():
    server = LeaseServer()
    async with serving(server) as (client, _, recorder):
        server.fault = "hang"
        task = asyncio.ensure_future(_elector(client, recorder, "a").run())
        await asyncio.sleep(60)
        await _end(task)
        loud = [name for name, fields in recorder.events if fields["level"] != "debug"]
        assert loud == ["server.unreachable"]


@pytest.mark.parametrize("gone", [False, True])
async def test_nobody_waits_for_as_long_as_somebody_has_written_into_the_lease(gone):
    """Whoever may write it may write any duration, and delete it afterwards."""
    server = LeaseServer()
    spec = {"holderIdentity": "thief", "leaseDurationSeconds": 2_000_000_000, "leaseTransitions": 2**31 - 1}
    server.lease = {"kind": "Lease", "metadata": {"name": "lease", "resourceVersion": "0"}, "spec": spec}
    async with serving(server) as (client, _, recorder):
        elector = _elector(client, recorder, "a")
        running = asyncio.ensure_future(elector.run())
        await asyncio.sleep(30)
        assert not elector.is_leader
        server.lease = None if gone else server.lease
        await asyncio.wait_for(elector.wait_leading(), 150)
        assert server.lease is not None
        assert server.lease["spec"]["leaseTransitions"] == (0 if gone else 1), "a number of 32 bits"
        await _end(running)
