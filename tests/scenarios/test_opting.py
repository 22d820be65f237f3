"""The label is removed: in each phase, nothing is rolled that should not be, and in the end nothing of ours is left."""

from __future__ import annotations

import pytest

from inplace.core import kinds
from inplace.core.objects import names
from inplace.core.state import conditions, records
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase
from tests.scenarios import invariants
from tests.scenarios.markers import core_of_held, core_of_many

ENV = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "COLOUR", "value": "blue"}]}]}}}}
NO_ENV = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": None}]}}}}


async def _draining(world):
    await world.set_image(world.app("v2"))
    await world.wait_pod(world.nth(2), _is(PodPhase.DRAINING), "draining")


async def _swapping(world):
    await world.set_image(world.app("v2"))
    await world.wait_pod(world.nth(2), _is(PodPhase.SWAPPING), "swapping")


async def _paused(world):
    await world.annotate(paused="true")
    await world.set_image(world.app("v2"))
    await world.wait_phase("web", Phase.PAUSED)


async def _refused(world):
    await world.patch(ENV)
    await world.wait_phase("web", Phase.REFUSED)


async def _degraded(world):
    await world.annotate(progress_deadline_seconds="5", pre_pull="Never")
    await world.set_image(world.app("missing"))
    await world.wait_phase("web", Phase.DEGRADED)


def _is(phase):
    def holds(pod):
        record = records.read(pod)
        return isinstance(record, records.Record) and record.phase is phase

    return holds


REACHED = {
    "draining": _draining,
    "swapping": _swapping,
    "paused": _paused,
    "refused": _refused,
    "degraded": _degraded,
}
#: What makes the workload whole again once the label is back.
MENDED = {
    "paused": lambda world: world.annotate(paused=None),
    "refused": lambda world: world.patch(NO_ENV),
    "degraded": lambda world: world.set_image(world.app("v2")),
}


@core_of_held
@pytest.mark.parametrize("phase", list(REACHED))
async def test_the_label_is_removed_in_each_phase(open_world, phase):
    """What is in flight finishes, no other Pod begins, and the freeze stays until the Pods agree with the template."""
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"grace-period-seconds": "1"})
        uids, began = {pod.uid for pod in await world.pods()}, world.clock.monotonic()
        await REACHED[phase](world)
        await world.patch({"metadata": {"labels": {names.MODE: None}}})

        async def pending() -> bool:
            status = await world.status()
            return status is not None and "OptOutPending" in status.message and not status.in_flight

        await world.until(pending, "the opt-out to be pending")
        if kinds.BY_NAME[world.flavour.name].keeps_conditions:
            found = {one["type"]: one["status"] for one in conditions.read(await world.workload()) or ()}
            assert (found["Reconciling"], found["Stalled"]) == ("False", "True"), "it needs its owner"
        touched = [pod.name for pod in await world.pods() if records.read(pod) is not None]
        await world.clock.sleep(3)
        assert {pod.uid for pod in await world.pods()} == uids, "nothing was rolled natively"
        assert [pod.name for pod in await world.pods() if records.read(pod) is not None] == touched, "no other began"
        if world.flavour.name != "ReplicaSet":
            assert (await world.workload()).metadata.label(names.FROZEN) is not None
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        if phase in MENDED:
            await MENDED[phase](world)
        await world.wait_upgraded(seconds=2 * world.patience)
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "nothing of ours on any object")
        await world.clock.sleep(3)
        assert {pod.uid for pod in await world.pods()} == uids
        invariants.check(world.history, replicas=3, budget=1, since=began)


@core_of_many
async def test_the_label_is_removed_while_nothing_is_to_be_done(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        uids = {pod.uid for pod in await world.pods()}
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "nothing of ours on any object")
        await world.clock.sleep(3)
        assert {pod.uid for pod in await world.pods()} == uids


@core_of_many
async def test_requests_go_with_the_label(open_world):
    """They were written by our commands. A Deployment copies them to its ReplicaSets, from where an undo would bring
    them back."""
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"steps": "1"})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.AWAITING_PROMOTION)
        await world.annotate(promote="a", retry="b")
        await world.wait_upgraded()
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "nothing of ours on any object")
        assert (await world.workload()).metadata.annotation(names.PREFIX + "steps") == "1", "settings are their owner's"
        await world.annotate(retry="c")
        await world.clock.sleep(3)
        assert (await world.workload()).metadata.annotation(names.RETRY) == "c", "what is not ours is left alone"


@core_of_many
async def test_the_label_is_removed_and_the_template_put_back(open_world):
    """The other way out: the Pods that were upgraded stay as they are until they agree with the template again."""
    async with open_world() as world:
        await world.create_web(replicas=3)
        uids = {pod.uid for pod in await world.pods()}
        await _paused(world)
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.set_image(world.app("v1"))
        await world.until(world.is_clean, "nothing of ours on any object")
        await world.clock.sleep(3)
        assert {pod.uid for pod in await world.pods()} == uids
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v1")}
