"""The setting `gates`: a game server that must be idle, and an inference server that drains its requests."""

from __future__ import annotations

from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios import invariants, test_resize
from tests.scenarios.markers import core_by_turns, core_of_held, kinds

IDLE, DRAINED, WARM = "game.example.com/Idle", "inference.example.com/Drained", "inference.example.com/Warm"


async def say(world, pod, type_, status):
    """Set a condition on the Pod's status, as another controller does."""
    body = {"metadata": {"uid": pod.uid}, "status": {"conditions": [{"type": type_, "status": status}]}}
    where = (resources.PODS, pod.name, world.namespace)
    await world.client.patch(*where, body, patch_type=PatchType.STRATEGIC, subresource="status", type=dict)


def upgraded(world, pods):
    return [pod.name for pod in pods if pod.spec.containers[0].image == world.app("v2")]


def restarts(pods):
    return [pod.status.container_statuses[0].restart_count for pod in pods]


def phase(pod):
    record = records.read(pod)
    return record.phase if isinstance(record, records.Record) else None


def draining(pod):
    return phase(pod) is PodPhase.DRAINING and not pod.ready


@core_by_turns
async def test_only_game_servers_that_are_idle_are_drained_and_none_waits_for_another(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"gates": f"before-drain={IDLE}"})
        pods, began = await world.pods(), world.clock.monotonic()
        for pod in pods:
            await say(world, pod, IDLE, "False")
        await world.set_image(world.app("v2"))

        async def told() -> bool:
            status = await world.status()
            return status is not None and status.waiting.get(ReasonCode.BeforeDrain) == len(pods)

        await world.until(told, "every Pod to be said to wait for its condition")
        assert restarts(await world.pods()) == [0] * len(pods)
        assert all(pod.ready for pod in await world.pods()), "a wait at rest takes nothing out of service"
        await say(world, pods[0], IDLE, "True")  # the last in the order of a StatefulSet

        async def first() -> bool:
            found = await world.pods()
            return bool(upgraded(world, found) == [pods[0].name] and all(pod.ready for pod in found))

        await world.until(first, "the Pod that is idle to be upgraded, alone")
        await world.stays(first, "the others waiting", 2)
        for pod in pods[1:]:
            await say(world, pod, IDLE, "True")
        await world.wait_upgraded()
        assert restarts(await world.pods()) == [1] * len(pods)
        invariants.check(world.history, replicas=len(pods), budget=1, since=began)


@core_by_turns
async def test_whoever_changes_his_mind_during_a_resize_is_asked_again_before_the_drain(open_world):
    async with open_world() as world:
        await test_resize.create(world, replicas=1, annotations={"gates": f"before-drain={IDLE}"})
        (pod,) = await world.pods()
        await say(world, pod, IDLE, "True")
        await test_resize.resize(world, test_resize.LARGE, image=world.app("v2"))
        await world.wait_pod(pod.name, lambda one: phase(one) is PodPhase.RESIZING, "being resized")
        await say(world, pod, IDLE, "False")

        async def kept() -> bool:
            one = await world.pod(pod.name)
            return one.ready and phase(one) is PodPhase.RESIZING and not upgraded(world, [one])

        await world.wait_pod(pod.name, lambda one: test_resize.sizes(one) == (test_resize.LARGE,) * 2, "resized")
        await world.stays(kept, "somebody plays again", 3)
        await say(world, pod, IDLE, "True")
        await world.wait_upgraded()
        assert restarts(await world.pods()) == [1]


@core_of_held
async def test_an_inference_server_is_swapped_once_drained_and_serves_once_warm(open_world):
    async with open_world() as world:
        gates = f"before-swap={DRAINED}, before-ready={WARM}"
        await world.create_web(replicas=1, annotations={"gates": gates, "progress-deadline-seconds": "120"})
        (pod,) = await world.pods()
        await say(world, pod, DRAINED, "False")
        await say(world, pod, WARM, "False")
        await world.set_image(world.app("v2"))
        await world.wait_pod(pod.name, draining, "out of service")

        async def unchanged() -> bool:
            return bool(not upgraded(world, await world.pods()) and draining(await world.pod(pod.name)))

        await world.stays(unchanged, "its requests are not done", 3)
        await say(world, pod, DRAINED, "True")
        await world.wait_pod(pod.name, lambda one: restarts([one]) == [1] and one.is_true("ContainersReady"), "swapped")

        async def cold() -> bool:
            return not (await world.pod(pod.name)).ready

        await world.stays(cold, "its model is not loaded", 3)
        await say(world, pod, WARM, "True")
        await world.wait_upgraded()
        assert (await world.pod(pod.name)).uid == pod.uid


@core_of_held
async def test_requests_that_never_end_are_not_cut_off_and_the_pod_serves_again(open_world):
    async with open_world() as world:
        settings = {"gates": f"before-swap={DRAINED}", "progress-deadline-seconds": "8"}
        await world.create_web(replicas=1, annotations=settings)
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert [failure.code for failure in status.failures] == [ReasonCode.ConditionNotMet]
        (pod,) = await world.pods()
        pod = await world.wait_pod(pod.name, lambda one: one.ready, "Ready again")
        assert restarts([pod]) == [0]
        await say(world, pod, DRAINED, "True")
        await world.annotate(retry="now")
        await world.wait_upgraded()


@kinds("StatefulSet", "DaemonSet", "Deployment", because="no spec has the template that a bare ReplicaSet had before")
@core_of_held
async def test_a_rollback_goes_through_the_same_gates(open_world):
    async with open_world() as world:
        settings = {"gates": f"before-drain={IDLE}, before-ready={WARM}", "on-failure": "Rollback"}
        await world.create_web(replicas=1, annotations={**settings, "progress-deadline-seconds": "12"})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        (pod,) = await world.pods()
        await say(world, pod, IDLE, "True")
        await say(world, pod, WARM, "False")
        await world.set_image(world.app("v2"))
        await world.wait_pod(pod.name, lambda one: upgraded(world, [one]) == [pod.name], "swapped")
        await say(world, pod, IDLE, "False")
        await world.wait_phase("web", Phase.ROLLING_BACK)

        async def held() -> bool:
            return bool(upgraded(world, await world.pods()) == [pod.name])

        await world.stays(held, "a rollback drains nobody who is not idle", 3)
        await say(world, pod, WARM, "True")
        await say(world, pod, IDLE, "True")
        await world.wait_phase("web", Phase.ROLLED_BACK)
        assert upgraded(world, await world.pods()) == []
