"""cpu and memory of the Pod as a whole (`spec.resources`), beside those of its containers."""

from __future__ import annotations

import pytest

from inplace.core.objects.reasons import ReasonCode
from inplace.core.pod.resizes import PENDING
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from tests.scenarios.embedded import open_embedded
from tests.scenarios.markers import core_by_turns, kinds, shown_on
from tests.scenarios.test_resize import (
    BACK,
    LARGE,
    RESTART,
    SMALL,
    allocatable,
    create,
    lives,
    minor,
    record_of,
    resize,
    sizes,
)

WHOLE = {"requests": {"cpu": "60m", "memory": "32Mi"}, "limits": {"cpu": "600m", "memory": "256Mi"}}
#: A limit in no whole pages, as a cgroup does not have it.
LARGER = {"requests": {"cpu": "83m", "memory": "64Mi"}, "limits": {"cpu": "700m", "memory": "300M"}}


async def create_whole(world, whole=WHOLE, **options):
    """A workload whose Pods have a size of their own; it ends the scenario where no kubelet resizes such Pods."""
    await needs_whole(world)
    return await create(world, spec={"resources": whole}, **options)


async def needs_whole(world):
    if await minor(world) < 36:
        pytest.skip("kubelets before 1.36 resize nothing of such a Pod")


async def resize_whole(world, whole):
    return await world.patch({"spec": {"template": {"spec": {"resources": whole}}}})


def asked(pod):
    """What the spec asks for the Pod as a whole."""
    own = pod.spec.resources
    return {"requests": own.requests, "limits": own.limits}


def granted(pod):
    """What the kubelet has set aside for it."""
    return pod.status.allocated_resources


async def refused(world, path, *words):
    status = await world.wait_phase("web", Phase.REFUSED)
    assert [(one.code, one.path) for one in status.reasons] == [(ReasonCode.ResizeNotSupported, path)]
    assert all(word in status.reasons[0].message for word in words), status.reasons
    assert all(records.read(one.pod) is None for one in world.history.seen)


@core_by_turns
async def test_the_whole_goes_up_and_down_without_a_restart_or_a_drain(open_world):
    async with open_world() as world:
        await create_whole(world, replicas=2)
        before = lives(await world.pods())
        for wanted in (LARGER, WHOLE):
            await resize_whole(world, wanted)
            await world.wait_upgraded()
            pods = await world.pods()
            assert [(asked(pod), granted(pod)) for pod in pods] == [(wanted, wanted["requests"])] * len(pods)
            assert all(pod.status.resources.limits["cpu"] == wanted["limits"]["cpu"] for pod in pods)
            assert lives(pods) == before
            assert {tuple(record_of(pod).resized) for pod in pods} == {("Pod",)}
        assert all(world.history.gate_closed(pod.name) is None for pod in await world.pods())


async def test_the_whole_and_its_containers_are_resized_at_once(open_world):
    """Together they fit, and one after the other they would not: a container has more than the whole had."""
    async with open_world() as world:
        tight = {"requests": SMALL["requests"], "limits": {"cpu": "200m", "memory": "64Mi"}}
        wide = {"requests": LARGE["requests"], "limits": {"cpu": "400m", "memory": "128Mi"}}
        await create_whole(world, tight, replicas=1)
        before = lives(await world.pods())
        for whole, size in ((wide, LARGE), (tight, SMALL)):
            container = {"name": "app", "resources": size}
            await world.patch({"spec": {"template": {"spec": {"resources": whole, "containers": [container]}}}})
            await world.wait_upgraded()
            [pod] = await world.pods()
            assert (asked(pod), sizes(pod)) == (whole, (size, size))
        assert lives(await world.pods()) == before


async def test_the_requests_of_the_whole_follow_those_of_its_containers_where_it_has_limits_alone(open_world):
    async with open_world() as world:
        await create_whole(world, {"limits": WHOLE["limits"]}, replicas=1)
        [was] = await world.pods()
        assert asked(was)["requests"] == SMALL["requests"]
        await resize(world, LARGE)
        await world.wait_upgraded()
        [pod] = await world.pods()
        assert (asked(pod)["requests"], sizes(pod)) == (LARGE["requests"], (LARGE, LARGE))
        assert lives([pod]) == lives([was])


async def test_of_a_pod_with_a_size_of_its_own_the_containers_are_resized(open_world):
    async with open_world() as world:
        await create_whole(world, replicas=1)
        before = lives(await world.pods())
        await resize(world, LARGE)
        await world.wait_upgraded()
        pods = await world.pods()
        assert ([sizes(pod) for pod in pods], lives(pods)) == ([(LARGE, LARGE)] * len(pods), before)
        assert [asked(pod) for pod in pods] == [WHOLE] * len(pods)


async def test_a_pod_gets_a_size_of_its_own_and_does_not_lose_it(open_world):
    async with open_world() as world:
        await needs_whole(world)
        await create(world, replicas=1)
        before = lives(await world.pods())
        await resize_whole(world, WHOLE)
        await world.wait_upgraded()
        [pod] = await world.pods()
        assert (asked(pod), granted(pod), lives([pod])) == (WHOLE, WHOLE["requests"], before)
        assert pod.status.resources.limits == WHOLE["limits"]
        await resize_whole(world, None)
        status = await world.wait_phase("web", Phase.REFUSED)
        assert {one.code for one in status.reasons} == {ReasonCode.ResizeNotSupported}
        assert all("removes none" in one.message for one in status.reasons)
        assert [asked(one) for one in await world.pods()] == [WHOLE]


async def test_the_whole_and_an_image_are_one_upgrade(open_world):
    async with open_world() as world:
        await create_whole(world, replicas=2)
        changed = {"resources": LARGER, "containers": [{"name": "app", "image": world.app("v2")}]}
        await world.patch({"spec": {"template": {"spec": changed}}})
        await world.wait_upgraded()
        for pod in await world.pods():
            assert (asked(pod), pod.container("app").image) == (LARGER, world.app("v2"))
            assert world.history.restarts(pod.name, "app") == 1
            resized = world.history.first(pod.name, lambda one: asked(one) == LARGER)
            assert resized.at <= world.history.gate_closed(pod.name).at


async def test_a_container_that_would_restart_for_the_limit_of_the_whole_is_a_refusal(open_world):
    """It has no limit of its own, so it gets the Pod's, and its policy says that it restarts for another one."""
    async with open_world() as world:
        size = {"requests": SMALL["requests"], "limits": {"cpu": "200m"}}
        await create_whole(world, replicas=1, policy=RESTART, size=size)
        before = lives(await world.pods())
        await resize_whole(world, {**WHOLE, "limits": {"cpu": "600m", "memory": "300Mi"}})
        await refused(world, "spec.resources.limits[memory]", "container app", "RestartContainer")
        await resize_whole(world, {**WHOLE, "limits": {"cpu": "800m", "memory": "256Mi"}})
        await world.wait_upgraded()
        assert lives(await world.pods()) == before


async def is_refused_for_an_older_kubelet(world):
    await create(world, replicas=1, spec={"resources": WHOLE})
    await resize_whole(world, LARGER)
    await refused(world, "spec.resources", "1.36")
    assert [asked(pod) for pod in await world.pods()] == [WHOLE]


@shown_on("real", because="it is about older servers and kubelets")
async def test_before_1_36_the_whole_is_a_refusal(open_world):
    async with open_world() as world:
        if not 34 <= await minor(world) < 36:
            pytest.skip("later kubelets can, and earlier servers drop the field from the template")
        await is_refused_for_an_older_kubelet(world)


@shown_on("embedded", because="it is about the model of older kubelets")
async def test_the_model_of_a_kubelet_before_1_36_is_a_refusal():
    async with open_embedded(witnessed=False, version="v1.35.4") as world:
        await is_refused_for_an_older_kubelet(world)


@kinds("StatefulSet", "Deployment", "ReplicaSet", because="two Pods of a DaemonSet are never on one node")
async def test_a_whole_without_room_is_deferred_and_taken_back_at_the_deadline(open_world):
    async with open_world() as world:
        nodes = await allocatable(world)
        await create_whole(world, replicas=2 * len(nodes), annotations=BACK)
        before = lives(await world.pods())
        large = {"requests": {"cpu": nodes[0], "memory": "32Mi"}, "limits": {"cpu": nodes[0], "memory": "256Mi"}}
        await resize_whole(world, large)
        await world.wait_phase("web", Phase.ROLLED_BACK, seconds=2 * world.patience)
        pods = await world.pods()
        assert [(asked(pod), granted(pod)) for pod in pods] == [(WHOLE, WHOLE["requests"])] * len(pods)
        assert all(pod.condition(PENDING) is None for pod in pods)
        assert lives(pods) == before
        failed = [record for one in world.history.seen if (record := records.read(one.pod)) and record.reason]
        assert {one.reason for one in failed} == {ReasonCode.NotResized}
        assert all("Deferred" in one.message for one in failed), "the kubelet's own words"
