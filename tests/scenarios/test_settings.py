"""Settings that decide which Pods move, how many at once and in which order."""

from __future__ import annotations

import asyncio

import pytest

from inplace.cluster.memory import Caps
from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios import invariants
from tests.scenarios.history import History
from tests.scenarios.markers import kinds, long
from tests.scenarios.test_gates import say
from tests.scenarios.test_rollback import SERVING, call_serving


async def test_paused_midway_finishes_what_is_in_flight_and_resumes(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(2), lambda pod: records.read(pod) is not None, "in flight")
        await world.annotate(paused="true")
        await world.wait_phase("web", Phase.PAUSED)
        paused = world.clock.monotonic()
        await world.wait_pod(world.nth(2), _is_done, "done although paused")
        await world.clock.sleep(3)
        began = [one for one in world.history.begun() if one.at > paused + 1]
        assert not began, f"while paused an upgrade began: {began}"
        assert (await world.pod(world.nth(0))).spec.containers[0].image == world.app("v1")
        await world.annotate(paused=None)
        await world.wait_upgraded()
        invariants.check(world.history, replicas=3, budget=1, since=paused)


def _is_done(pod):
    record = records.read(pod)
    return isinstance(record, Record) and record.phase is PodPhase.DONE and pod.ready


@pytest.mark.parametrize(
    ("setting", "replicas", "budget"),
    [
        ("50%", 4, 2),
        ("100%", 3, 3),
        pytest.param("34%", 3, 1, marks=long),
        pytest.param("10%", 3, 1, marks=long),
    ],
)
async def test_percent_budgets_round_down_to_at_least_one(open_world, setting, replicas, budget):
    async with open_world() as world:
        await world.create_web(replicas=replicas, annotations={"max-unavailable": setting, "grace-period-seconds": "2"})
        began = world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        invariants.check(world.history, replicas=replicas, budget=budget, since=began)
        assert world.history.most_unready(replicas, began) == budget, "the budget is used"


async def test_order_by_a_label(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"order-by": "example.com/rank"})
        for name, rank in ((world.nth(0), "30"), (world.nth(1), "10"), (world.nth(2), "20")):
            body = {"metadata": {"labels": {"example.com/rank": rank}}}
            await world.client.patch(
                resources.PODS, name, world.namespace, body, patch_type=PatchType.MERGE, type=dict, field_manager="user"
            )
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert world.history.drains() == [world.nth(0), world.nth(2), world.nth(1)]


async def test_min_ready_seconds_hold_the_next_pod_back(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"min-ready-seconds": "4"})
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        ready = world.history.last_unready(world.nth(1))
        begun = world.history.gate_closed(world.nth(0))
        assert ready is not None
        assert begun is not None
        assert begun.at - ready.at >= 4, "web-0 was drained before web-1 had been Ready for min-ready-seconds"


@kinds("StatefulSet", because="its partition names the Pods that it keeps")
async def test_a_pod_that_a_partition_keeps_and_that_is_away_is_named_as_what_the_others_wait_for(open_world):
    async with open_world() as world:
        asked = {"readinessGates": [{"conditionType": names.GATE}, {"conditionType": SERVING}]}
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
        agent = asyncio.create_task(call_serving(world))
        await world.create_web(
            replicas=2, annotations={"progress-deadline-seconds": "20"}, spec=asked, strategy=strategy
        )
        agent.cancel()
        kept = next(pod for pod in await world.pods() if pod.name == "web-0")
        await say(world, kept, SERVING, "False")

        async def away() -> bool:
            return any(not pod.ready for pod in await world.pods())

        await world.until(away, "web-0 not Ready")
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.DEGRADED, seconds=2 * world.patience)
        assert [(one.code, "web-0" in one.message) for one in status.reasons] == [(ReasonCode.Budget, True)]
        await say(world, kept, SERVING, "True")
        await world.wait_phase("web", Phase.UP_TO_DATE)
        images = [pod.spec.containers[0].image for pod in await world.pods()]
        assert sorted(images) == [world.app("v1"), world.app("v2")]


@kinds("StatefulSet", "DaemonSet", because="the others have no OnDelete")
async def test_on_delete_is_upgraded_in_place(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, strategy={"type": "OnDelete"})
        uids = [pod.uid for pod in await world.pods()]
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        pods = await world.pods()
        assert [pod.uid for pod in pods] == uids
        assert {pod.spec.containers[0].image for pod in pods} == {world.app("v2")}
        invariants.check(world.history, replicas=2, budget=1, since=world.history.begun()[0].at)


async def test_a_readiness_probe_holds_the_next_pod_back(open_world):
    async with open_world() as world:
        probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
        await world.create(world.manifest("web", replicas=2, probe=probe))
        began = world.clock.monotonic()
        await world.set_image(world.app("slow"))
        await world.wait_upgraded(seconds=2 * world.patience)
        invariants.check(world.history, replicas=2, budget=1, since=began)
        swapped = world.history.first(world.nth(1), lambda pod: pod.spec.containers[0].image == world.app("slow"))
        begun = world.history.gate_closed(world.nth(0))
        assert swapped is not None
        assert begun is not None
        assert begun.at - swapped.at >= 4.5, "`slow` serves five seconds after its start"


async def test_pre_stop_and_grace_delay_the_swap_and_nothing_else(open_world):
    async with open_world() as world:
        hook = {"preStop": {"sleep": {"seconds": 2}}}
        await world.create(world.manifest("web", replicas=2, lifecycle=hook))
        began = world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        invariants.check(world.history, replicas=2, budget=1, since=began)
        patched = world.history.first(world.nth(1), lambda pod: pod.spec.containers[0].image == world.app("v2"))
        other = world.history.first(
            world.nth(1), lambda pod: (s := pod.container_status("app")) is not None and s.restart_count == 1
        )
        assert patched is not None
        assert other is not None
        assert other.at - patched.at >= 2


@pytest.mark.parametrize("caps", [Caps(everywhere=1), Caps(per_namespace=1)], ids=["everywhere", "in a namespace"])
async def test_the_controllers_own_cap_holds_over_all_workloads(open_world, caps):
    """Each workload may lose two Pods at once; together they lose one."""
    async with open_world() as world:
        await world.kill_controller()
        world.caps = caps
        await world.start_controller()
        for name in ("web", "db"):
            await world.create(world.manifest(name, replicas=2, annotations={"max-unavailable": "2"}))
        began = world.clock.monotonic()
        for name in ("web", "db"):
            await world.set_image(world.app("v2"), name=name)
        for name in ("web", "db"):
            await world.wait_upgraded(name, seconds=2 * world.patience)
        assert world.history.most_unready(4, began) == 1


async def test_a_batch_is_spread_over_a_label_of_the_pods(open_world):
    """Two shards have two Pods each: a batch of two takes one of each."""
    async with open_world() as world:
        await world.create_web(replicas=4, annotations={"max-unavailable": "2", "spread-by": "shard"})
        pods = await world.pods()
        for number, pod in enumerate(pods):
            body = {"metadata": {"labels": {"shard": "a" if number < 2 else "b"}}}
            await world.client.patch(
                resources.PODS, pod.name, world.namespace, body, patch_type=PatchType.MERGE, type=dict
            )
        first, second = {pod.uid for pod in pods[:2]}, {pod.uid for pod in pods[2:]}
        began = world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=2 * world.patience)
        assert world.history.most_unready(4, began) == 2
        for shard in (first, second):
            own = History([one for one in world.history.seen if one.pod.uid in shard])
            assert own.most_unready(2, began) == 1, "never both of one shard"
