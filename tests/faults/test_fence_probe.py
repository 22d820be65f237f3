"""Whether the fence holds for the very account that a controller runs as, as it finds out and says it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inplace.cluster.cache import Cache
from inplace.controller.fence_probe import BUDGETS, EVENTS, FENCE, HELPERS, PERIOD, REPLICA_SETS, FenceProbe
from inplace.controller.installed_policies import VALIDATING
from inplace.core.objects.model import Pod
from inplace.core.objects.workloads import Pdb, Workload
from inplace.kube import resource as resources
from inplace.kube.client import Client
from kubesim.api.faults import Answer, Request
from tests import forbidden
from tests.scenarios import policies
from tests.scenarios.embedded import EmbeddedWorld, open_embedded
from tests.unit.kube.server import Recorder

ELSE = "system:serviceaccount:elsewhere:inplace"


async def filled(world: EmbeddedWorld) -> Cache:
    """With what stands in the world."""
    cache, namespace = Cache(), world.namespace
    for pod in (await world.client.list(resources.PODS, namespace, type=Pod)).items:
        cache.pods.put(pod)
    for workload in (await world.client.list(resources.STATEFULSETS, namespace, type=Workload)).items:
        cache.workloads["StatefulSet"].put(workload)
    for budget in (await world.client.list(resources.PODDISRUPTIONBUDGETS, namespace, type=Pdb)).items:
        cache.budgets.put(budget)
    return cache


def client_of(world: EmbeddedWorld, account: str) -> Client:
    return world.cluster.client("probing", field_manager="inplace", as_user=account)


@asynccontextmanager
async def probing(
    world: EmbeddedWorld, cache: Cache, account: str, *, installed: bool = True
) -> AsyncIterator[tuple[FenceProbe, Recorder]]:
    said, state = Recorder(), dict.fromkeys(VALIDATING, installed)
    probe = FenceProbe(client_of(world, account), cache, world.clock, said, world.namespace, lambda: state)
    task = asyncio.create_task(probe.run())
    await asyncio.sleep(5)
    assert not task.done()
    yield probe, said
    task.cancel()
    await asyncio.wait([task])


async def stand(world: EmbeddedWorld) -> Cache:
    await forbidden.stand(world)
    await asyncio.sleep(5)
    return await filled(world)


async def test_each_policy_is_proven_by_a_write_that_it_refuses_and_nothing_is_stored():
    async with open_embedded(controller=False) as world, world.policies("fence"):
        cache = await stand(world)
        before = world.state()
        async with probing(world, cache, policies.ACCOUNT) as (probe, said):
            assert probe.results == dict.fromkeys(FENCE, True)
            assert probe.summary() == "in force for this account"
            assert [(name, fields["level"]) for name, fields in said.events] == [("fence.proven", "info")]
            assert world.state() == before
            await asyncio.sleep(3 * PERIOD)
            assert len(said.events) == 1, "once, as long as nothing changes"


async def test_a_fence_around_another_account_is_none():
    async with open_embedded(controller=False) as world, world.policies("fence"):
        cache = await stand(world)
        before = world.state()
        async with probing(world, cache, ELSE) as (probe, said):
            assert probe.results == dict.fromkeys(FENCE, False)
            assert probe.summary() == f"not in force: {', '.join(FENCE)}"
            ((name, fields),) = said.events
            assert (name, fields["level"]) == ("fence.open", "warning")
            assert "names another account" in str(fields["message"])
        assert world.state() == before


async def test_a_fence_that_nobody_has_installed_is_no_warning():
    async with open_embedded(controller=False) as world:
        cache = await stand(world)
        async with probing(world, cache, policies.ACCOUNT, installed=False) as (probe, said):
            assert set(probe.results.values()) == {False}
            assert [(name, fields["level"]) for name, fields in said.events] == [("fence.open", "info")]


async def test_what_there_is_nothing_to_try_with_is_not_known_and_tried_again():
    async with open_embedded(controller=False) as world, world.policies("fence"):
        cache = Cache()
        async with probing(world, cache, policies.ACCOUNT) as (probe, _):
            assert probe.results == dict.fromkeys((HELPERS, REPLICA_SETS, EVENTS), True)
            assert "not known: inplace-fence-pods" in probe.summary()
            found = await stand(world)
            cache.pods, cache.workloads, cache.budgets = found.pods, found.workloads, found.budgets
            await asyncio.sleep(60)
            assert probe.results == dict.fromkeys(FENCE, True)


async def test_tries_come_with_a_pause_and_what_is_known_is_not_tried_again_soon():
    async with open_embedded(controller=False) as world, world.policies("fence"):
        cache = await stand(world)
        cache.budgets = Cache().budgets
        tried = list[str]()

        def note(request: Request) -> None:
            if request.agent == "probing":
                tried.append(f"{request.verb} {request.plural}")

        world.cluster.server.plan = note
        async with probing(world, cache, policies.ACCOUNT) as (probe, _):
            await asyncio.sleep(PERIOD - 10)
            assert len(tried) == len(probe.results) == len(FENCE) - 1, "one has nothing to be tried with"
            await asyncio.sleep(PERIOD)
            assert len(tried) == 2 * (len(FENCE) - 1)
        tried.clear()

        def away(request: Request) -> Answer:
            note(request)
            return Answer(503)

        world.cluster.server.plan = away
        async with probing(world, cache, policies.ACCOUNT):
            await asyncio.sleep(PERIOD - 10)
            kinds_ = len(FENCE) - 1
            assert kinds_ <= len(tried) <= 40 * kinds_, "with growing pauses"
        world.cluster.server.plan = lambda _: None


async def test_a_part_that_is_gone_is_said():
    some = ("fence-pods", "fence-workloads", "fence-workload-status", "fence-replicasets")
    async with open_embedded(controller=False) as world, world.policies(*some):
        cache = await stand(world)
        async with probing(world, cache, policies.ACCOUNT) as (probe, said):
            assert {name for name, holds in probe.results.items() if not holds} == {HELPERS, BUDGETS, EVENTS}
            fields = dict(said.events)["fence.open"]
            assert fields["level"] == "warning"
            assert set(str(fields["policies"]).split(", ")) == {HELPERS, BUDGETS, EVENTS}


async def test_a_refusal_by_something_else_proves_nothing():
    async with open_embedded(controller=False) as world:
        cache = await stand(world)

        def denied(request: Request) -> Answer | None:
            return Answer(403) if request.dry_run else None

        world.cluster.server.plan = denied
        async with probing(world, cache, policies.ACCOUNT) as (probe, said):
            assert probe.results == {}
            assert said.events == []
        world.cluster.server.plan = lambda _: None


async def test_a_server_that_is_away_ends_nothing():
    async with open_embedded(controller=False) as world, world.policies("fence"):
        cache = await stand(world)
        world.cluster.server.plan = lambda request: Answer(503) if request.dry_run else None
        async with probing(world, cache, policies.ACCOUNT) as (probe, _):
            assert probe.results == {}
            world.cluster.server.plan = lambda _: None
            await asyncio.sleep(60)
            assert probe.results == dict.fromkeys(FENCE, True)
