"""PodDisruptionBudgets: an upgrade takes from them as an eviction does, and no more than they allow."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager

import pytest

from inplace.core.objects.reasons import ReasonCode
from inplace.core.objects.workloads import Pdb
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import KubeError
from tests.scenarios.markers import core_of_held, kinds, long
from tests.scenarios.test_resize import LARGE, create, resize

PDBS = resources.PODDISRUPTIONBUDGETS
MANY = kinds(
    "StatefulSet", "Deployment", "ReplicaSet", because="it needs several Pods, and a DaemonSet has one on a node"
)


async def budget(world, name="web", selector=None, **spec):
    """A PodDisruptionBudget that its controller has looked at."""
    wanted = {"matchLabels": {"app": "web"}} if selector is None else selector
    body = {"metadata": {"name": name}, "spec": {"selector": wanted, **spec}}
    await world.client.create(PDBS, world.namespace, body, type=dict)

    async def counted() -> bool:
        return bool((await read(world, name)).status.observed_generation)

    await world.until(counted, f"PodDisruptionBudget {name} to be counted")


async def read(world, name="web"):
    """One budget, live."""
    return await world.client.get(PDBS, name, world.namespace, type=Pdb)


async def change(world, name="web", **spec):
    """Another rule."""
    await world.client.patch(PDBS, name, world.namespace, {"spec": spec}, patch_type=PatchType.MERGE, type=dict)


@asynccontextmanager
async def counted(world):
    """What the budgets said while the block ran: for each change, name and entries."""
    seen = []

    def note(_old, new, _initial):
        if new is not None:
            seen.append((new.metadata.name, new.status))

    async with world.watching(PDBS, Pdb, note):
        yield seen


@asynccontextmanager
async def evicting(world, period=0.3):
    """Somebody drains nodes without an end: every Pod is asked to go, again and again. Yields who went."""
    gone: list[str] = []

    async def evict() -> None:
        while True:
            for pod in await world.pods():
                body = {"metadata": {"name": pod.name, "namespace": world.namespace}}
                with contextlib.suppress(KubeError):
                    await world.client.create(
                        resources.PODS, world.namespace, body, type=dict, name=pod.name, subresource="eviction"
                    )
                    gone.append(pod.name)
            await world.clock.sleep(period)

    task = asyncio.create_task(evict())
    try:
        yield gone
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def emptied(world, name="web"):
    """No entry of ours stays behind."""

    async def none() -> bool:
        return not (await read(world, name)).status.disrupted_pods

    await world.until(none, "no entry in the budget")


@MANY
@core_of_held
async def test_each_pod_takes_its_turn_from_the_budget(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"max-unavailable": "3"})
        await budget(world, minAvailable=2)
        began = world.clock.monotonic()
        async with counted(world) as seen:
            await world.set_image(world.app("v2"))
            await world.wait_upgraded(seconds=2 * world.patience)
        assert world.history.most_unready(3, began) == 1, "the budget allows one, max-unavailable three"
        reserved = {pod for _, status in seen for pod in status.disrupted_pods or ()}
        assert reserved == {pod.name for pod in await world.pods()}
        await emptied(world)


@MANY
async def test_every_budget_of_a_pod_is_asked(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await budget(world, "one", minAvailable=1)
        await budget(world, "two", {}, maxUnavailable=1)
        async with counted(world) as seen:
            await world.set_image(world.app("v2"))
            await world.wait_upgraded(seconds=2 * world.patience)
        pods = {pod.name for pod in await world.pods()}
        for name in ("one", "two"):
            assert {pod for one, status in seen if one == name for pod in status.disrupted_pods or ()} >= pods
            await emptied(world, name)


@MANY
async def test_a_budget_at_zero_is_waited_for_with_a_reason_and_a_deadline(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"progress-deadline-seconds": "6"})
        await budget(world, minAvailable=2)
        await world.set_image(world.app("v2"))

        async def waits() -> bool:
            status = await world.status()
            return status is not None and ReasonCode.DisruptionBudget in status.waiting

        await world.until(waits, "the budget among the reasons")
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert "PodDisruptionBudget web allows no disruption now" in status.message
        assert not world.history.begun()
        assert not (await read(world)).status.disrupted_pods
        await world.annotate(progress_deadline_seconds="60")  # for the upgrade itself, on a busy machine
        await change(world, minAvailable=1)
        await world.wait_upgraded(seconds=2 * world.patience)


@MANY
async def test_a_size_takes_nothing_from_a_budget_that_allows_nothing(open_world):
    """Nobody is disrupted by it; the image that follows is, and waits."""
    async with open_world() as world:
        await create(world, replicas=2)
        await budget(world, minAvailable=2)
        async with counted(world) as seen:
            await resize(world, LARGE)
            await world.wait_upgraded()
            await world.set_image(world.app("v2"))

            async def waits() -> bool:
                status = await world.status()
                return status is not None and ReasonCode.DisruptionBudget in status.waiting

            await world.until(waits, "the budget among the reasons")
        assert not [status.disrupted_pods for _, status in seen if status.disrupted_pods]


@MANY
@long
async def test_budgets_can_be_ignored(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"disruption-budgets": "Ignore"})
        await budget(world, minAvailable=2)
        async with counted(world) as seen:
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
        assert not any(status.disrupted_pods for _, status in seen)


@MANY
async def test_an_eviction_storm_beside_the_upgrade_never_exceeds_the_budget(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"max-unavailable": "2"})
        await budget(world, minAvailable=2)
        began = world.clock.monotonic()
        async with evicting(world) as gone:
            await world.set_image(world.app("v2"))
            await world.clock.sleep(15)
        assert gone, "evictions had their turns too"
        await world.wait_upgraded(seconds=2 * world.patience)
        assert world.history.least_serving(began) >= 2


@MANY
@pytest.mark.parametrize("drained", [False, True], ids=["before the drain", "once drained"])
async def test_what_a_killed_controller_has_reserved_is_given_back_as_if_it_lived(open_world, drained):
    """An entry that stays counts for two minutes: nobody else may be evicted, and the upgrade waits for itself."""
    async with open_world() as world:
        await world.create_web(replicas=3)
        await budget(world, maxUnavailable=1)
        reserved = asyncio.Event()

        def note(_old, new, _initial):
            if new is not None and new.status.entries:
                reserved.set()

        async def unready() -> bool:
            ready = {pod.name for pod in await world.pods() if pod.ready}
            return bool((await read(world)).status.entries.keys() - ready)

        async with world.watching(PDBS, Pdb, note):
            await world.set_image(world.app("v2"))
            await asyncio.wait_for(reserved.wait(), world.patience)
        if drained:
            await world.until(unready, "a drained Pod that has an entry")
        await world.kill_controller()
        entries = (await read(world)).status.entries
        assert entries, "killed in time"
        await world.start_controller()
        began = world.clock.monotonic()
        await world.wait_upgraded(seconds=2 * world.patience)
        await emptied(world)
        assert world.clock.monotonic() - began < 60, f"{entries} stood in its way"


@long
@MANY
async def test_an_ungated_swap_of_minutes_keeps_its_reservation(open_world):
    """Its Pod looks Ready while its kubelet is busy ending the old container, which takes longer
    than an entry counts.
    """
    async with open_world() as world:
        grace = {"terminationGracePeriodSeconds": 130}
        await world.create_web("stubborn", replicas=2, gate=False, spec=grace)
        await budget(world, maxUnavailable=1)
        await world.set_image(world.app("v2"))
        first = await _begun(world)
        async with evicting(world, 1.0) as gone:
            await world.wait_pod(first, _runs(world.app("v2")), "the new container", seconds=240)
            assert not gone, "neither this Pod nor the other may go while this one is swapped"
        assert world.history.restarts(first, "app") == 1


async def _begun(world):
    await world.until(lambda: _any_begun(world), "a swap to begin")
    return world.history.begun()[0].pod.name


async def _any_begun(world):
    return bool(world.history.begun())


def _runs(image):
    def holds(pod):
        (status,) = pod.status.container_statuses
        return status.image == image and status.state.running is not None

    return holds
