"""cpu and memory in place, through `pods/resize`: up and down, with and without a restart, refused and deferred."""

from __future__ import annotations

from typing import Any

import pytest

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.pod.resizes import PENDING
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.markers import core_by_turns, core_of_deployments, kinds, long, shown_on
from tests.scenarios.world import identity

SMALL = {"requests": {"cpu": "20m", "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}
LARGE = {"requests": {"cpu": "40m", "memory": "32Mi"}, "limits": {"cpu": "400m", "memory": "128Mi"}}
#: What a kubelet of 1.33 makes of LARGE without a restart: it lowers no memory limit.
LOWER = {**SMALL, "limits": {"cpu": "200m", "memory": "128Mi"}}
RESTART = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]


async def create(world, *, policy=None, size=SMALL, **options):
    """A workload whose container has a size."""
    manifest = world.manifest("web", **options)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = size
    if policy:
        container["resizePolicy"] = policy
    return await world.create(manifest)


async def resize(world, size, **container):
    """Change the size of the template, as `kubectl set resources` does."""
    changed = {"name": "app", "resources": size, **container}
    return await world.patch({"spec": {"template": {"spec": {"containers": [changed]}}}})


def lives(pods) -> dict[str, tuple[Any, ...]]:
    """By Pod: what it is, and which container runs in it."""
    found = ((pod, pod.container_status("app")) for pod in pods)
    return {pod.name: (identity(pod), status.container_id, status.restart_count) for pod, status in found}


def asked(pod) -> Any:
    """The size that the spec asks for."""
    own = pod.container("app").resources
    return {"requests": own.requests, "limits": own.limits}


def sizes(pod) -> tuple[Any, Any]:
    """What the spec asks for, and what the kubelet says that runs."""
    status = pod.container_status("app")
    return asked(pod), {"requests": status.resources.requests, "limits": status.resources.limits}


def record_of(pod) -> Record:
    record = records.read(pod)
    assert isinstance(record, Record)
    return record


@core_by_turns
async def test_a_size_goes_up_and_down_without_a_restart_or_a_drain(open_world):
    async with open_world() as world:
        await create(world, replicas=2)
        before = lives(await world.pods())
        lowers = await minor(world) >= 34
        if not lowers:
            await resize(world, LARGE)
            await world.wait_upgraded()
            await resize(world, SMALL)
            status = await world.wait_phase("web", Phase.REFUSED)
            assert [one.code for one in status.reasons] == [ReasonCode.ResizeNotSupported]
            assert "1.34" in status.reasons[0].message
        for wanted in (LARGE, SMALL if lowers else LOWER):
            await resize(world, wanted)
            await world.wait_upgraded()
            pods = await world.pods()
            assert [sizes(pod) for pod in pods] == [(wanted, wanted)] * len(pods)
            assert lives(pods) == before
            assert {record_of(pod).phase for pod in pods} == {PodPhase.DONE}
        assert all(world.history.gate_closed(pod.name) is None for pod in await world.pods())


@core_by_turns
async def test_a_size_with_a_restart_is_drained_and_proven(open_world):
    async with open_world() as world:
        await create(world, replicas=2, policy=RESTART)
        before = lives(await world.pods())
        await resize(world, LARGE)
        await world.wait_upgraded()
        for pod in await world.pods():
            status, (was, id_, restarts) = pod.container_status("app"), before[pod.name]
            assert identity(pod) == was
            assert sizes(pod) == (LARGE, LARGE)
            assert (status.container_id != id_, status.restart_count) == (True, restarts + 1)
            assert world.history.gate_closed(pod.name) is not None
            assert record_of(pod).containers["app"].evidence


async def test_a_size_and_an_image_are_one_upgrade(open_world):
    async with open_world() as world:
        await create(world, replicas=2)
        await resize(world, LARGE, image=world.app("v2"))
        await world.wait_upgraded()
        for pod in await world.pods():
            assert sizes(pod) == (LARGE, LARGE)
            assert pod.container("app").image == world.app("v2")
            assert world.history.restarts(pod.name, "app") == 1
            resized = world.history.first(
                pod.name, lambda one: one.container("app").resources.requests == LARGE["requests"]
            )
            closed = world.history.gate_closed(pod.name)
            assert resized is not None
            assert closed is not None
            assert resized.at <= closed.at, "what the node cannot give is known before anything is disrupted"


async def test_an_image_that_follows_a_size_within_a_moment_does_not_wait_for_a_size_that_is_set(open_world):
    """Pods that have their size, and others that are getting it, turn to the new template."""
    async with open_world() as world:
        await create(world, replicas=3)
        before = lives(await world.pods())
        await resize(world, LARGE)

        async def begun() -> bool:
            return any(isinstance(records.read(pod), Record) for pod in await world.pods())

        await world.until(begun, "the first Pod on its way to its new size")
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        for pod in await world.pods():
            was, _, restarts = before[pod.name]
            assert (identity(pod), sizes(pod)) == (was, (LARGE, LARGE))
            assert pod.container_status("app").restart_count == restarts + 1


async def test_a_size_of_a_container_that_crashes_is_in_force_and_the_image_that_mends_it_follows(open_world):
    """The kubelet says of a container that does not run with what it will: nobody waits for it to run."""
    async with open_world() as world:
        await create(world, replicas=1, annotations={"max-failures": "9"})
        [was] = await world.pods()
        await world.set_image(world.app("crash"))
        await world.wait_pod(was.name, has_crashed, "a container that has ended")
        await resize(world, MORE)
        await world.wait_pod(was.name, lambda pod: sizes(pod) == (MORE, MORE), "the size of a container that crashes")
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        [pod] = await world.pods()
        assert (identity(pod), sizes(pod)) == (identity(was), (MORE, MORE))


@long
@core_of_deployments
@kinds("DaemonSet", "Deployment", "ReplicaSet", because="a StatefulSet creates Pods of the template of before")
async def test_a_size_of_a_container_that_was_never_there_is_not_waited_for(open_world):
    """The kubelet shows no size for it, however long one waits: the image that mends it comes at once."""
    async with open_world() as world:
        await create(world, replicas=1, annotations={"pre-pull": "Never"})
        [was] = await world.pods()
        await world.set_image(world.app("missing"))
        await world.wait_pod(was.name, lambda pod: waits_for(pod, "ImagePullBackOff"), "an image that is not there")
        await world.delete_pod(was.name)

        async def replaced() -> bool:
            found = await world.pods()
            return any(pod.uid != was.uid and waits_for(pod, "ImagePullBackOff") for pod in found)

        await world.until(replaced, "a Pod whose container was never there")
        [new] = await world.pods()
        assert new.container_status("app").resources is None
        await resize(world, MORE, image=world.app("v2"))
        await world.wait_upgraded()
        [pod] = await world.pods()
        assert (pod.uid, sizes(pod)) == (new.uid, (MORE, MORE))


@core_of_deployments
async def test_a_pod_that_a_step_left_at_its_size_goes_on_to_the_next_template_with_that_size(open_world):
    """Its image fits both templates before, and its size only one: that is no other writer's."""
    async with open_world() as world:
        await create(world, replicas=2, annotations={"steps": "1"})
        await resize(world, LARGE)
        await world.wait_phase("web", Phase.AWAITING_PROMOTION)
        await world.annotate(steps=None)
        await resize(world, LARGE, image=world.app("v2"))
        await world.wait_upgraded()
        pods = await world.pods()
        assert [sizes(pod) for pod in pods] == [(LARGE, LARGE)] * len(pods)
        assert not (await world.status()).reasons


#: Other requests alone: the cgroup of a Pod none of whose containers run keeps the limits that it was made with.
MORE = {**SMALL, "requests": LARGE["requests"]}


def has_crashed(pod) -> bool:
    status = pod.container_status("app")
    return status.restart_count > 0 and status.state.running is None


def waits_for(pod, reason) -> bool:
    status = pod.container_status("app")
    return status is not None and status.state.waiting is not None and status.state.waiting.reason == reason


QUALITY = {"requests": {"cpu": "200m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        pytest.param(QUALITY, "spec", id="another QoS class"),
        pytest.param({"limits": {"cpu": None}}, "spec.containers[app].resources.limits[cpu]", id="a limit removed"),
    ],
)
async def test_what_a_resize_cannot_do_is_refused_before_anything_is_written(open_world, wanted, path):
    async with open_world() as world:
        await create(world, replicas=1)
        before = lives(await world.pods()), [sizes(pod) for pod in await world.pods()]
        await resize(world, wanted)
        status = await world.wait_phase("web", Phase.REFUSED)
        assert [(one.code, one.path) for one in status.reasons] == [(ReasonCode.ResizeNotSupported, path)]
        assert (lives(await world.pods()), [sizes(pod) for pod in await world.pods()]) == before


BACK = {"progress-deadline-seconds": "5", "on-failure": "Rollback"}


async def taken_back(world, before, code):
    """The size has failed with this code, and every Pod has its old one again, in the very same container."""
    status = await world.wait_phase("web", Phase.ROLLED_BACK, seconds=2 * world.patience)
    assert status.rolled_back_from
    pods = await world.pods()
    assert [sizes(pod) for pod in pods] == [(SMALL, SMALL)] * len(pods)
    assert all(pod.condition(PENDING) is None for pod in pods)
    assert lives(pods) == before
    failed = [one.pod for one in world.history.seen if (record := records.read(one.pod)) and record.reason == code]
    assert {record_of(pod).phase for pod in failed} == {PodPhase.FAILED}
    return {record_of(pod).message for pod in failed}


@kinds("StatefulSet", "Deployment", "ReplicaSet", because="two Pods of a DaemonSet are never on one node")
async def test_a_size_without_room_is_deferred_and_taken_back_at_the_deadline(open_world):
    async with open_world() as world:
        nodes = await allocatable(world)
        await create(world, replicas=2 * len(nodes), annotations=BACK)
        before = lives(await world.pods())
        await resize(world, {"requests": {"cpu": nodes[0]}, "limits": {"cpu": nodes[0]}})
        messages = await taken_back(world, before, ReasonCode.NotResized)
        assert all("Deferred" in message for message in messages), "the kubelet's own words"


@kinds("StatefulSet", because="the step is the same for all kinds")
async def test_who_opts_out_while_a_size_is_deferred_has_no_failed_pod(open_world):
    """It is granted once there is room, or not: that somebody opts out is no reason why it has failed."""
    async with open_world() as world:
        nodes = await allocatable(world)
        await create(world, replicas=2 * len(nodes), annotations={"progress-deadline-seconds": "600"})
        before = lives(await world.pods())
        await resize(world, {"requests": {"cpu": nodes[0]}, "limits": {"cpu": nodes[0]}})

        async def deferred() -> bool:
            return any(pod.condition(PENDING) is not None for pod in await world.pods())

        async def unfailed() -> bool:
            found = [records.read(pod) for pod in await world.pods()]
            return not any(isinstance(one, Record) and one.phase is PodPhase.FAILED for one in found)

        await world.until(deferred, "a size that is deferred")
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.stays(unfailed, "no Pod has failed", 5)
        await resize(world, SMALL)
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_upgraded()
        assert lives(await world.pods()) == before


async def test_a_size_that_is_infeasible_is_taken_back_at_once(open_world):
    async with open_world() as world:
        if world.name != "embedded" and await minor(world) >= 36:
            pytest.skip("a server from 1.36 on refuses what is more than the node has, before any kubelet sees it")
        await create(world, replicas=2, annotations={**BACK, "progress-deadline-seconds": "600"})
        before = lives(await world.pods())
        await resize(world, {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}})
        messages = await taken_back(world, before, ReasonCode.ResizeInfeasible)
        assert all("Infeasible" in message and "requested: 1000" in message for message in messages)


@shown_on("real", because="the model server has no such admission plugin")
async def test_more_than_the_node_has_is_refused_before_anything_is_written(open_world):
    async with open_world() as world:
        if await minor(world) < 36:
            pytest.skip("the server leaves that to the kubelet before 1.36")
        await create(world, replicas=1)
        before = lives(await world.pods())
        await resize(world, {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}})
        status = await world.wait_phase("web", Phase.REFUSED)
        assert [one.code for one in status.reasons] == [ReasonCode.AdmissionRejected]
        assert "allocatable" in status.reasons[0].message
        pods = await world.pods()
        assert (lives(pods), [sizes(pod) for pod in pods]) == (before, [(SMALL, SMALL)])


@pytest.mark.parametrize("image", [True, False], ids=["with an image", "without"])
async def test_a_size_and_env_from_a_label_are_one_upgrade(open_world, image):
    async with open_world() as world:
        manifest = world.manifest("web", replicas=1, pod_labels={"tier": "1"})
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        container["resources"] = SMALL
        container["env"] = [{"name": "T", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}}]
        await world.create(manifest)
        changed = {"name": "app", "resources": LARGE, **({"image": world.app("v2")} if image else {})}
        template = {"metadata": {"labels": {"tier": "2"}}, "spec": {"containers": [changed]}}
        await world.patch({"spec": {"template": template}})
        await world.wait_upgraded()
        for pod in await world.pods():
            assert (sizes(pod), pod.metadata.label("tier")) == ((LARGE, LARGE), "2")
            assert world.history.restarts(pod.name, "app") == 1


async def test_after_a_size_that_cannot_be_had_another_goes_through(open_world):
    """Refused by a server from 1.36 on, else by the kubelet."""
    async with open_world() as world:
        await create(world, replicas=1)
        before = lives(await world.pods())
        await resize(world, {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}})

        async def told() -> bool:
            status = await world.status()
            return status is not None and status.phase in (Phase.REFUSED, Phase.DEGRADED)

        await world.until(told, "the size to be refused or to have failed")
        await resize(world, LARGE)
        await world.wait_upgraded()
        pods = await world.pods()
        assert ([sizes(pod) for pod in pods], lives(pods)) == ([(LARGE, LARGE)] * len(pods), before)


async def test_what_an_autoscaler_has_set_is_left_alone_and_said(open_world):
    async with open_world() as world:
        await create(world, replicas=1)
        other = {"requests": {"cpu": "30m"}}
        body = {"spec": {"containers": [{"name": "app", "resources": other}]}}
        [pod] = await world.pods()
        await world.client.patch(
            resources.PODS,
            pod.name,
            world.namespace,
            body,
            patch_type=PatchType.STRATEGIC,
            type=dict,
            subresource="resize",
        )
        await resize(world, LARGE)
        await world.wait_upgraded()
        [pod] = await world.pods()
        assert pod.container("app").resources.requests["cpu"] == "30m"
        status = await world.status()
        assert any(one.code == ReasonCode.DriftDetected and "30m" in one.message for one in status.reasons)


async def minor(world) -> int:
    """Of the kubelets' version."""
    nodes = await world.client.list(resources.NODES, type=dict)
    return min(int(node["status"]["nodeInfo"]["kubeletVersion"].split(".")[1]) for node in nodes.items)


async def allocatable(world) -> list[str]:
    """As much cpu as each node has."""
    nodes = await world.client.list(resources.NODES, type=dict)
    return [str(node["status"]["allocatable"]["cpu"]) for node in nodes.items]
