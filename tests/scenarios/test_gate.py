"""The readiness gate: given to new Pods by admission policies without a change of any template, and open at rest."""

from __future__ import annotations

import pytest

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.markers import core, core_of_held, long
from tests.scenarios.policies import GATE


def gated(pods):
    return [pod.has_gate(names.GATE) for pod in pods]


@core
async def test_new_pods_of_opted_in_workloads_get_the_gate_and_others_do_not(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, gate=False)
        async with world.policies(GATE):
            for pod in await world.pods():
                await _replaced(world, pod)
            pods = await world.pods()
            assert all(gated(pods))
            assert names.GATE not in str((await world.raw())["spec"]["template"])
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
            drained = {one.pod.uid for one in world.history.seen if _closed(one.pod)}
            assert {pod.uid for pod in await world.pods()} <= drained, "each was drained through its gate"
            await world.patch({"metadata": {"labels": {names.MODE: None}}})
            await world.until(world.is_clean, "no label or annotation of ours on any object")
        # Nobody serves gates any more: Pods that come now must not have one, and be Ready.
        await world.kill_controller()
        await world.clock.sleep(2)
        (first, *_) = await world.pods()
        await world.delete_pod(first.name)

        async def back() -> bool:
            found = [pod for pod in await world.pods() if pod.uid != first.uid]
            return len(found) == len(pods) and all(pod.ready for pod in found)

        await world.until(back, "the Pod to be replaced and Ready")
        fresh = [pod for pod in await world.pods() if pod.uid not in {one.uid for one in pods}]
        assert gated(fresh) == [False]


def _closed(pod):
    found = pod.condition(names.GATE)
    return found is not None and found.status == "False"


async def _replaced(world, old):
    """Delete a Pod until the one that replaces it has the gate: a policy is in force some seconds after it is bound."""
    gone = {old.uid}

    async def replaced() -> bool:
        fresh = [pod for pod in await world.pods() if pod.uid not in before]
        if not fresh or not fresh[0].ready:
            return False
        if not fresh[0].has_gate(names.GATE) and fresh[0].uid not in gone:
            gone.add(fresh[0].uid)
            before.add(fresh[0].uid)
            await world.delete_pod(fresh[0].name)
            return False
        return True

    before = {pod.uid for pod in await world.pods()}
    await world.delete_pod(old.name)
    await world.until(replaced, "a Pod with the gate")


async def _drained_with(world, record):
    """A Pod is drained; then its record is replaced, and the template put back while no controller runs."""
    await world.create_web(replicas=2, annotations={"grace-period-seconds": "30"})
    name = world.nth(1)
    await world.set_image(world.app("v2"))
    await world.wait_pod(name, lambda pod: records.read(pod) is not None and not pod.ready, "drained")
    await world.kill_controller()
    body = {"metadata": {"annotations": {names.STATE: record}}}
    where = (resources.PODS, name, world.namespace)
    await world.client.patch(*where, body, patch_type=PatchType.MERGE, type=Pod)
    await world.set_image(world.app("v1"))
    await world.start_controller()
    return name


async def _served(world, name):
    await world.wait_pod(name, lambda pod: pod.is_true(names.GATE) and pod.ready, "its gate open and Ready")


@core_of_held
async def test_a_gate_that_is_closed_without_a_record_is_opened(open_world):
    async with open_world() as world:
        name = await _drained_with(world, None)
        await _served(world, name)
        await world.wait_phase("web", Phase.UP_TO_DATE)


@core_of_held
@pytest.mark.parametrize("way", ["retry", pytest.param("opting out", marks=long)])
async def test_a_gate_behind_an_unreadable_record_is_opened_when_somebody_says_so(open_world, way):
    """A damaged record may be that of an attempt on this Pod: it is not taken over unasked."""
    async with open_world() as world:
        name = await _drained_with(world, '{"v":1}')
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert [failure.code for failure in status.failures] == [ReasonCode.StateUnreadable]
        await world.clock.sleep(20)
        assert _closed(await world.pod(name)), "until somebody says so"
        if way == "retry":
            await world.annotate(retry="once more")
            await _served(world, name)
            await world.wait_upgraded()
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await _served(world, name)
        await world.until(world.is_clean, "nothing of ours on any object")
