"""The update strategy of a frozen workload is its owner's: changed, replaced or forgotten, a working one comes back."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from inplace.core import kinds as kinds_
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from tests.scenarios.markers import core_of_many, kinds, long
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE

#: Kinds whose freeze stands in their update strategy.
only = kinds("StatefulSet", "DaemonSet", because="the freeze of the others leaves the strategy alone")
OWN = {"StatefulSet": {"partition": 0}, "DaemonSet": {"maxUnavailable": 1}}
NEW = {"StatefulSet": {"partition": 2}, "DaemonSet": {"maxUnavailable": 2}}
#: After an image v2 under the new strategy.
KEPT = {"StatefulSet": ["v1", "v1", "v2"], "DaemonSet": ["v2", "v2", "v2"]}
EDITED = (
    "{",
    None,
    *(
        pytest.param(text, marks=long)
        for text in ("[]", '"x"', '{"type":7}', '{"type":"Sometimes"}', '{"type":"RollingUpdate","rollingUpdate":7}')
    ),
)


def rolling(block):
    return {"type": "RollingUpdate", "rollingUpdate": block}


async def frozen(world):
    await world.wait_phase("web", Phase.UP_TO_DATE)
    found = await world.workload()
    assert found.metadata.label(names.FROZEN) is not None
    assert found.metadata.annotation(names.ORIGINAL_STRATEGY) is not None
    return {pod.uid for pod in await world.pods()}


async def held(world):
    return kinds_.BY_NAME[world.flavour.name].held(await world.workload())


def with_image(image):
    return {"spec": {"containers": [{"name": "app", "image": image}]}}


async def opted_out(world):
    """The strategy that is left behind."""
    await world.patch({"metadata": {"labels": {names.MODE: None}}})
    await world.until(world.is_clean, "nothing of ours on any object")
    return (await world.raw())["spec"]["updateStrategy"]


async def tags(world):
    return [pod.spec.containers[0].image.rpartition(":")[2] for pod in await world.pods()]


@core_of_many
@only
@pytest.mark.parametrize("with_policies", [True, False], ids=["policies", "alone"])
async def test_what_its_owner_changes_in_the_strategy_counts_and_comes_back(open_world, with_policies):
    groups = (KEEP_FREEZE, HONEST_STATUS) if with_policies else ()
    async with open_world() as world, AsyncExitStack() as stack:
        if groups:
            await stack.enter_async_context(world.policies(*groups))
        own, new = OWN[world.flavour.name], NEW[world.flavour.name]
        await world.create_web(replicas=3, strategy=rolling(own))
        uids = await frozen(world)
        change = {"updateStrategy": rolling(new)}
        if with_policies:
            await world.patch({"spec": {**change, "template": with_image(world.app("v2"))}})
        else:  # without them one write that changes the image and lifts the freeze is the native rollout's
            await world.patch({"spec": change})
            await world.until(lambda: held(world), "the freeze to be put back")
            await world.patch({"spec": {"template": with_image(world.app("v2"))}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        assert await tags(world) == KEPT[world.flavour.name]
        assert {pod.uid for pod in await world.pods()} == uids
        left = await opted_out(world)
        assert left["type"] == "RollingUpdate"
        assert new.items() <= left["rollingUpdate"].items()
        assert await tags(world) == KEPT[world.flavour.name]


@core_of_many
@only
async def test_a_replace_takes_the_record_away_and_the_freeze_is_lifted_nevertheless(open_world):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        await world.create_web(replicas=3, strategy=rolling(NEW[world.flavour.name]))
        uids = await frozen(world)
        await world.replace_web(tag="v2", strategy=rolling(NEW[world.flavour.name]))
        await world.wait_phase("web", Phase.UP_TO_DATE)
        assert await tags(world) == KEPT[world.flavour.name]
        assert {pod.uid for pod in await world.pods()} == uids
        left = await opted_out(world)
        assert left["type"] == "RollingUpdate"
        assert NEW[world.flavour.name].items() <= left["rollingUpdate"].items()


@core_of_many
@only
@pytest.mark.parametrize("text", EDITED, ids=str)
async def test_a_record_that_somebody_edited_or_removed_is_replaced_by_the_default_and_said(open_world, text):
    """The default is what a workload without a strategy has: RollingUpdate, without a partition."""
    async with open_world() as world:
        await world.create_web(replicas=3, strategy=rolling(OWN[world.flavour.name]))
        uids = await frozen(world)
        await world.annotate(original_strategy=text)

        async def replaced() -> bool:
            found = (await world.workload()).metadata.annotation(names.ORIGINAL_STRATEGY)
            return found not in (text, None)

        await world.until(replaced, "the record to be replaced")

        async def said() -> bool:
            events = await world.client.list(resources.EVENTS, world.namespace, type=dict)
            return EventReason.StrategyForgotten in {event["reason"] for event in events.items}

        await world.until(said, "the Event that says so")
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert await tags(world) == ["v2"] * 3
        assert {pod.uid for pod in await world.pods()} == uids
        assert (await opted_out(world))["type"] == "RollingUpdate"


@kinds("DaemonSet", because="no other is held by a strategy that is also an owner's")
@pytest.mark.parametrize("opts_out", ["later", "in the same write"])
async def test_an_on_delete_of_the_owner_is_told_from_ours(open_world, opts_out):
    """`rollingUpdate`, which the freeze leaves, goes with the strategy that he takes away."""
    async with open_world() as world:
        await world.create_web(replicas=2, strategy=rolling({"maxUnavailable": 2}))
        await frozen(world)
        change = {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}}
        if opts_out != "later":
            await world.patch({**change, "metadata": {"labels": {names.MODE: None}}})
        else:
            await world.patch(change)

            async def recorded() -> bool:
                text = (await world.workload()).metadata.annotation(names.ORIGINAL_STRATEGY)
                return bool(text == '{"type":"OnDelete"}')

            await world.until(recorded, "it to be on record")
        assert (await opted_out(world))["type"] == "OnDelete"
