"""Who else has a say in a size: LimitRanges, ResourceQuotas, and an autoscaler that sets sizes of its own."""

from __future__ import annotations

import asyncio

from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import KubeError
from inplace.kube.resource import Resource
from tests.scenarios.markers import shown_on
from tests.scenarios.test_resize import LARGE, SMALL, asked, create, lives, record_of, resize, sizes

LIMITS = Resource("", "v1", "limitranges", "LimitRange")
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
PLUGINS = shown_on("real", because="only a real server has these admission plugins")
#: A kubelet of 1.33 takes it back as well: the memory limit stays.
MORE = {**LARGE, "limits": {"cpu": "400m", "memory": "64Mi"}}
#: An attempt that somebody else refuses is over soon.
QUICK = {"progress-deadline-seconds": "20"}


async def refused(world, code, words, before):
    """The workload is refused in the server's words, and no Pod has been touched."""
    status = await world.wait_phase("web", Phase.REFUSED)
    assert [one.code for one in status.reasons] == [code]
    assert all(word in status.reasons[0].message for word in words), status.reasons
    pods = await world.pods()
    assert (lives(pods), [sizes(pod) for pod in pods]) == (before, [(SMALL, SMALL)] * len(pods))
    assert all(records.read(one.pod) is None for one in world.history.seen)


async def quota(world, **hard):
    """A quota that is counted by now."""
    body = {"metadata": {"name": "all"}, "spec": {"hard": {key.replace("_", "."): each for key, each in hard.items()}}}
    await world.client.create(QUOTAS, world.namespace, body, type=dict)

    async def counted() -> bool:
        found = await world.client.get(QUOTAS, "all", world.namespace, type=dict)
        return bool((found.get("status") or {}).get("used"))

    await world.until(counted, "the quota to be counted")


@PLUGINS
async def test_a_limit_range_refuses_a_size_before_anything_is_written_and_lets_it_pass_once_it_is_gone(open_world):
    async with open_world() as world:
        await create(world, replicas=2)
        before = lives(await world.pods())
        body = {"metadata": {"name": "small"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "300m"}}]}}
        await world.client.create(LIMITS, world.namespace, body, type=dict)
        await resize(world, LARGE)
        await refused(world, ReasonCode.AdmissionRejected, ("maximum cpu usage per Container is 300m", "400m"), before)
        await world.client.delete(LIMITS, "small", world.namespace)
        await world.wait_upgraded(seconds=2 * world.patience)  # it is asked again every 30 s
        pods = await world.pods()
        assert ([sizes(pod) for pod in pods], lives(pods)) == ([(LARGE, LARGE)] * 2, before)


@PLUGINS
async def test_a_quota_without_room_refuses_a_size_before_anything_is_written(open_world):
    async with open_world() as world:
        await create(world, replicas=2)
        before = lives(await world.pods())
        await quota(world, requests_memory="40Mi")  # 32Mi are taken
        await resize(world, LARGE)
        await refused(world, ReasonCode.AdmissionRejected, ("exceeded quota: all", "requests.memory"), before)


@PLUGINS
async def test_a_quota_with_room_for_one_pod_stops_at_the_second_and_says_why(open_world):
    """The API server was asked for the first only; nothing is lost by its refusal later, nor by a rollback."""
    async with open_world() as world:
        await create(world, replicas=2, annotations={**QUICK, "on-failure": "Rollback"})
        before = lives(await world.pods())
        await quota(world, requests_memory="50Mi")  # 32Mi are taken, a Pod takes 16Mi more
        await resize(world, MORE)
        status = await world.wait_phase("web", Phase.ROLLED_BACK, seconds=2 * world.patience)
        assert status.rolled_back_from
        pods = await world.pods()
        assert ([sizes(pod) for pod in pods], lives(pods)) == ([(SMALL, SMALL)] * 2, before)
        failed = {record.message for one in world.history.seen if (record := records.read(one.pod)) and record.reason}
        assert any("exceeded quota: all" in message for message in failed), failed
        moved = {one.pod.name for one in world.history.seen if asked(one.pod) == MORE}
        assert moved == {"web-1"}, "the last in the order of a StatefulSet goes first"


class Autoscaler:
    """Sets a size of its own on every Pod whenever it has another, as a VerticalPodAutoscaler in place does."""

    def __init__(self, world, size):
        self._world, self._size = world, size
        #: How often it had to, by Pod.
        self.writes: dict[str, int] = {}

    async def run(self):
        """Until it is cancelled."""
        while True:
            for pod in await self._world.pods():
                if pod.container("app").resources.requests["cpu"] != self._size["requests"]["cpu"]:
                    await self._set(pod)
            await asyncio.sleep(0.5)

    async def _set(self, pod):
        body = {"spec": {"containers": [{"name": "app", "resources": self._size}]}}
        where = (resources.PODS, pod.name, self._world.namespace)
        try:
            await self._world.client.patch(
                *where, body, patch_type=PatchType.STRATEGIC, subresource="resize", type=dict
            )
        except KubeError:
            return  # it is tried again
        self.writes[pod.name] = self.writes.get(pod.name, 0) + 1


async def test_an_autoscaler_that_resizes_all_the_time_is_not_fought(open_world):
    """Each Pod has its size from the autoscaler, once, and keeps it through a new size and a new image."""
    async with open_world() as world:
        await create(world, replicas=2)
        own = {"requests": {"cpu": "30m"}}
        scaler = Autoscaler(world, own)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(scaler.run())

            async def scaled() -> bool:
                return all(pod.container("app").resources.requests["cpu"] == "30m" for pod in await world.pods())

            await world.until(scaled, "the autoscaler to have set every size")
            await resize(world, LARGE)
            await world.wait_upgraded()
            status = await world.status()
            assert any(one.code == ReasonCode.DriftDetected and "30m" in one.message for one in status.reasons)
            await resize(world, LARGE, image=world.app("v2"))
            await world.wait_upgraded()
            await world.stays(scaled, "the autoscaler's size", 2)
            task.cancel()
        pods = await world.pods()
        assert scaler.writes == {pod.name: 1 for pod in pods}, "nobody set another size after it"
        assert {record_of(pod).phase for pod in pods} == {PodPhase.DONE}
        assert all(world.history.restarts(pod.name, "app") == 1 for pod in pods), "for the image alone"
