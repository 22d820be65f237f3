"""The admission plugin AlwaysPullImages, in a real API server: what it makes of restarts and of new images."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from hack.cluster import api
from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from tests.scenarios.real import inplace
from tests.scenarios.test_restarts import RESTARTED_AT, assert_restarted, containers, create_from

#: A pull that fails is the end of an attempt soon.
QUICK = {"progress-deadline-seconds": "30"}
ASKS = ReasonCode.RestartAsksRegistry


@asynccontextmanager
async def plugin(world):
    """The API server has it while the block runs."""
    try:
        await asyncio.to_thread(api.set_admission_plugins, world.cluster, "AlwaysPullImages")
        yield
    finally:
        await asyncio.to_thread(api.set_admission_plugins, world.cluster)


async def ask(world, at):
    """Ask for a restart of web."""
    await world.patch({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}})


@pytest.mark.alone  # it restarts the API server
@pytest.mark.long
async def test_no_container_is_stopped_that_the_plugin_would_keep_from_starting(open_world):
    async with open_world() as world, world.registry(fresh=True) as registry:
        registry.reachable(True)
        await world.create(world.manifest("old", replicas=1))
        (old,) = await world.pods("old")
        async with plugin(world):
            await create_from(world, registry.app("v1"), replicas=1, annotations=QUICK)
            (before,) = await world.pods()
            assert before.spec.containers[0].image_pull_policy == "Always", "though the template says IfNotPresent"

            # A Pod that is older than the plugin takes no new image any more, and keeps what it has.
            await world.patch({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: "1"}}}}}, "old")
            status = await world.wait_phase("old", Phase.REFUSED)
            assert [one.code for one in status.reasons] == [ReasonCode.AdmissionRejected]
            assert "AlwaysPullImages" in status.reasons[0].message
            assert containers((await world.pods("old"))[0]) == containers(old)

            # The registry is away: said beforehand, and no container is stopped.
            registry.reachable(False)
            await ask(world, "1")
            status = await world.wait_phase("web", Phase.DEGRADED)
            assert status.failures[0].code == ReasonCode.ImagePull
            _, planned, _ = await inplace(world, "plan", "statefulset/web")
            assert ASKS in planned
            code, _, said = await inplace(world, "restart", "pod/web-0")
            assert code == 3, said
            assert ASKS in said
            assert_restarted(before, (await world.pods())[0], set())
            assert (await world.pod("web-0")).is_true(names.GATE)

            registry.reachable(True)
            await world.wait_upgraded(seconds=4 * world.patience)
            (after,) = await world.pods()
            assert_restarted(before, after, {"app"})
            code, out, said = await inplace(world, "restart", "pod/web-0", "--ask-registry")
            assert code == 0, (out, said)
            assert_restarted(after, (await world.pods())[0], {"app"})
