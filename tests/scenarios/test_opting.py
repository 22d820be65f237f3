"""The label is removed: in each phase, nothing is rolled that should not be, and in the end nothing of ours is left."""

from __future__ import annotations

from typing import Any

import pytest

from inplace.core import kinds
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.state import conditions, records
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase
from inplace.core.template import trees
from inplace.kube import resource as resources
from tests.scenarios import invariants
from tests.scenarios.markers import core_of_deployments, core_of_held, core_of_many
from tests.scenarios.markers import kinds as of_kinds

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


async def _halfway(world):
    """Some Pods are upgraded, and others are not."""
    await world.create_web(replicas=3, annotations={"grace-period-seconds": "2"})
    await world.set_image(world.app("v2"))

    async def mixed() -> bool:
        status = await world.status()
        return status is not None and status.updated == 1 and not status.failed

    await world.until(mixed, "one Pod to be upgraded")


async def _rolled_out(world, tag="v2"):
    """All Pods run the template's image, and nothing of ours is left."""

    async def agreed() -> bool:
        pods = await world.pods()
        return {pod.spec.containers[0].image for pod in pods} == {world.app(tag)} and len(pods) == 3

    async def serving() -> bool:
        return await agreed() and all(pod.ready for pod in await world.pods())

    await world.until(serving, "all Pods to run the template's image", 2 * world.patience)
    await world.until(world.is_clean, "nothing of ours on any object")
    await world.stays(agreed, "as the template asks for", 2)
    await world.until(serving, "the kubelet to have seen the last gate that was opened")


async def _by_a_replace(world):
    await world.replace_web("v2", replicas=3, mode=None)


async def _by_hand(world):
    spec: dict[str, Any] = {"paused": None}
    if world.flavour.name == "StatefulSet":
        spec = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}
    await world.patch({"metadata": {"labels": {names.MODE: None}}, "spec": spec})


@core_of_held
@of_kinds("StatefulSet", "Deployment", because="the others replace no Pod, or have one on the real cluster")
@pytest.mark.parametrize("thawed", [_by_a_replace, _by_hand], ids=["by a replace", "by hand"])
async def test_somebody_opts_out_and_thaws_in_the_middle_of_an_upgrade(open_world, thawed):
    """The native rollout ends what we have begun, also where its controller had taken it for finished."""
    async with open_world() as world:
        await _halfway(world)
        await thawed(world)
        await _rolled_out(world)


@core_of_held
@of_kinds("StatefulSet", "Deployment", because="the others replace no Pod, or have one on the real cluster")
async def test_the_template_is_put_back_and_the_label_removed_while_a_pod_is_only_drained(open_world):
    """The Pods have what the template asks for: none is replaced, and the drained one serves again."""
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"grace-period-seconds": "60"})
        uids = {pod.uid for pod in await world.pods()}
        await _draining(world)
        containers = [{"name": "app", "image": world.app("v1")}]
        spec = {"template": {"spec": {"containers": containers}}}
        await world.patch({"metadata": {"labels": {names.MODE: None}}, "spec": spec})
        await _rolled_out(world, "v1")
        assert {pod.uid for pod in await world.pods()} == uids


@core_of_deployments
@of_kinds("Deployment", because="the others have their history in ControllerRevisions")
async def test_a_template_that_a_replica_set_was_given_back_stands_in_the_history_once(open_world):
    async with open_world() as world:
        await _halfway(world)
        await _by_a_replace(world)
        await _rolled_out(world)
        listed = await world.client.list(resources.REPLICASETS, world.namespace, type=Workload)
        found = [trees.fingerprint(one.spec.template) for one in listed.items]
        assert len(found) == len(set(found)) == 2
        [old] = [one for one in listed.items if one.spec.replicas == 0]
        await world.undo(int(old.metadata.annotation(names.DEPLOYMENT_REVISION) or 0))
        await _rolled_out(world, "v1")
