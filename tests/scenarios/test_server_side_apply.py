"""The owner applies server-side and without force, as Helm 4 does: never a conflict with us, and nothing stays ours."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from inplace.kube.errors import Conflict
from tests.scenarios.markers import core, core_of_many, kinds, long
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE

only = kinds("StatefulSet", "DaemonSet", "Deployment", because="a ReplicaSet needs no freeze")
#: What a chart renders of what the freeze is made of, and another one.
RENDERED = {
    "StatefulSet": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
    "DaemonSet": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}},
    "Deployment": {"paused": False},
}
OTHER = {
    "StatefulSet": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
    "DaemonSet": {"updateStrategy": {"type": "OnDelete"}},
    "Deployment": {"paused": True},
}
#: Whether that is what the spec says.
TAKEN = {
    "StatefulSet": lambda spec: spec["updateStrategy"]["rollingUpdate"]["partition"] == 1,
    "DaemonSet": lambda spec: spec["updateStrategy"]["type"] == "OnDelete",
    "Deployment": lambda spec: spec["paused"],
}


def chart(world, rendered=None, **options):
    return {"rendered": rendered or RENDERED[world.flavour.name], "replicas": 3, **options}


async def owned(world):
    """What our field manager owns of the workload."""
    return [one for one in (await world.raw())["metadata"]["managedFields"] if one["manager"] == names.FIELD_MANAGER]


def spec_unowned(world):
    """Whether nothing of the spec is ours: a policy is in force some seconds after it is bound, on the next write."""

    async def holds() -> bool:
        await world.patch({"metadata": {"annotations": {"touched": str(world.clock.monotonic())}}})
        return not any("f:spec" in one["fieldsV1"] for one in await owned(world))

    return holds


async def images(world):
    return {pod.spec.containers[0].image for pod in await world.pods()}


@core_of_many
@only
async def test_a_chart_that_renders_the_strategy_is_taken_without_force_and_made_in_place(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_applied(**chart(world))
        await world.until(spec_unowned(world), "our freeze to be nobody's")
        uids = {pod.uid for pod in await world.pods()}
        for tag in ("v2", "v3"):
            await world.apply_web(tag, **chart(world))
            await world.wait_upgraded()
            assert await images(world) == {world.app(tag)}
        assert {pod.uid for pod in await world.pods()} == uids


@core_of_many
@only
async def test_the_same_for_a_workload_that_is_opted_in_beside_the_chart(open_world):
    """The freeze changes fields that the owner has applied; he applies them again."""
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_applied(**chart(world, mode=None))
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await world.until(spec_unowned(world), "our freeze to be nobody's")
        uids = {pod.uid for pod in await world.pods()}
        await world.apply_web("v2", **chart(world, mode=None))
        await world.wait_upgraded()
        assert await images(world) == {world.app("v2")}
        assert {pod.uid for pod in await world.pods()} == uids


@core_of_many
@only
async def test_without_the_policies_the_owners_apply_is_a_conflict_and_no_pod_is_replaced(open_world):
    """In the very write that changes the image nothing could keep the freeze."""
    async with open_world() as world:
        await world.create_applied(**chart(world))
        uids = {pod.uid for pod in await world.pods()}
        with pytest.raises(Conflict, match='conflict with "inplace"'):
            await world.apply_web("v2", **chart(world))
        await world.clock.sleep(3)
        assert {pod.uid for pod in await world.pods()} == uids
        assert await images(world) == {world.app("v1")}


@core_of_many
@only
@pytest.mark.parametrize(
    "groups", [pytest.param((KEEP_FREEZE, HONEST_STATUS), id="policies"), pytest.param((), id="alone", marks=long)]
)
async def test_after_opting_out_our_field_manager_owns_nothing(open_world, groups):
    async with open_world() as world, AsyncExitStack() as stack:
        if groups:
            await stack.enter_async_context(world.policies(*groups))
        await world.create_applied(**chart(world, mode=None))
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        assert await owned(world)
        for tag in ("v2", "v1"):
            await world.set_image(world.app(tag))
            await world.wait_upgraded()
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "nothing of ours on any object")

        async def disowned() -> bool:
            return not await owned(world)

        await world.until(disowned, "our field manager to own nothing")
        await world.apply_web(**chart(world, OTHER[world.flavour.name], mode=None))
        await world.clock.sleep(3)
        assert await disowned()
        assert TAKEN[world.flavour.name]((await world.raw())["spec"])


@core
@kinds("DaemonSet", because="no other is held by a strategy that is also an owner's")
async def test_a_strategy_that_the_owner_applies_no_more_does_not_make_our_freeze_his(open_world):
    """His `maxUnavailable` goes, and beside OnDelete the server fills in none."""
    async with open_world() as world:
        await world.create_applied(**chart(world))
        await world.apply_web(**chart(world, {"updateStrategy": None}))
        assert "maxUnavailable" not in (await world.raw())["spec"]["updateStrategy"].get("rollingUpdate", {})
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "nothing of ours on any object")
        assert (await world.raw())["spec"]["updateStrategy"]["type"] == "RollingUpdate"


@core
@kinds("StatefulSet", because="no other is held by a number that is also an owner's")
async def test_a_partition_that_the_owner_applies_no_more_keeps_no_pod(open_world):
    """The one in the spec is ours, so that his apply takes nothing from there: his own is only on record."""
    async with open_world() as world:
        await world.create_applied(**chart(world, OTHER["StatefulSet"]))
        uids = {pod.uid for pod in await world.pods()}
        await world.apply_web(**chart(world, {"updateStrategy": None}))
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert await images(world) == {world.app("v2")}
        assert {pod.uid for pod in await world.pods()} == uids
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "nothing of ours on any object")
        assert (await world.raw())["spec"]["updateStrategy"]["rollingUpdate"]["partition"] == 0
