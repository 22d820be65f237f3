"""Changes that cannot be made in place but may be made natively, and freezes that others lift."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from tests.scenarios.markers import core, core_of_deployments, kinds

#: No field of a live Pod's spec that may change.
ELSEWHERE = {"spec": {"template": {"spec": {"hostname": "elsewhere"}}}}
replaces = kinds("StatefulSet", "DaemonSet", "Deployment", because="a ReplicaSet replaces no Pod for its template")


@core
@replaces
async def test_what_cannot_be_made_in_place_is_handed_over_and_frozen_again(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, mode="InPlaceIfPossible")
        before, count = {pod.uid for pod in await world.pods()}, len(await world.pods())
        strategy = (await world.raw())["spec"]
        await world.patch(ELSEWHERE)

        async def replaced() -> bool:
            pods = await world.pods()
            return len(pods) == count and not before & {pod.uid for pod in pods} and all(pod.ready for pod in pods)

        await world.until(replaced, "the native rollout", 2 * world.patience)
        await world.wait_upgraded(seconds=2 * world.patience)
        after = (await world.raw())["spec"]
        assert {**after, "template": None} == {**strategy, "template": None}, "frozen as before"
        uids = {pod.uid for pod in await world.pods()}
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert {pod.uid for pod in await world.pods()} == uids, "and the next change is made in place"


@core
@kinds("ReplicaSet", because="the others are handed over")
async def test_a_replica_set_is_refused_where_others_are_handed_over(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, mode="InPlaceIfPossible")
        await world.patch(ELSEWHERE)
        status = await world.wait_phase("web", Phase.REFUSED)
        assert status.reasons[0].code == ReasonCode.FieldChanged


@replaces
async def test_nothing_is_handed_over_while_paused(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, mode="InPlaceIfPossible", annotations={"paused": "true"})
        uids = {pod.uid for pod in await world.pods()}
        await world.patch(ELSEWHERE)
        await world.wait_phase("web", Phase.REFUSED)
        await world.clock.sleep(3)
        assert {pod.uid for pod in await world.pods()} == uids


@core_of_deployments
@kinds("Deployment", because="the others cannot be paused by their owners")
async def test_nothing_is_handed_over_to_a_deployment_that_its_owner_has_paused(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, mode=None)
        before = {pod.uid for pod in await world.pods()}
        await world.patch({"spec": {"paused": True}})
        await world.patch({**ELSEWHERE, "metadata": {"labels": {names.MODE: "InPlaceIfPossible"}}})
        status = await world.wait_phase("web", Phase.REFUSED)
        assert status.reasons[0].code == ReasonCode.FieldChanged
        assert {pod.uid for pod in await world.pods()} == before
        await world.patch({"spec": {"paused": False}})
        await world.wait_phase("web", Phase.UP_TO_DATE, seconds=2 * world.patience)
        assert not before & {pod.uid for pod in await world.pods()}


@kinds("StatefulSet", "DaemonSet", because="the others have no OnDelete")
async def test_nothing_is_handed_over_to_an_on_delete_of_its_owner(open_world):
    """Nobody would begin: it is refused, until its owner deletes the Pods."""
    async with open_world() as world:
        await world.create_web(replicas=2, mode=None, strategy={"type": "OnDelete"})
        await world.patch(ELSEWHERE)

        async def observed() -> bool:
            found = await world.workload()
            return bool(found.status.observed_generation >= found.metadata.generation)

        await world.until(observed, "its controller to have looked at the change")
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceIfPossible"}}})
        status = await world.wait_phase("web", Phase.REFUSED)
        assert status.reasons[0].code == ReasonCode.FieldChanged
        before = await world.pods()
        for pod in before:
            await world.delete_pod(pod.name)
        await world.wait_phase("web", Phase.UP_TO_DATE, seconds=2 * world.patience)
        assert not {pod.uid for pod in before} & {pod.uid for pod in await world.pods()}


@kinds(
    "StatefulSet",
    "DaemonSet",
    because="a ReplicaSet has no freeze; a Deployment is in tests/scenarios/test_deployments.py",
)
async def test_a_freeze_that_is_lifted_is_put_back_but_never_fought_over(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        frozen = (await world.raw())["spec"]["updateStrategy"]
        native = {"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"$patch": "delete"}}}}

        async def stands() -> bool:
            return bool((await world.raw())["spec"]["updateStrategy"] == frozen)

        for _ in range(3):
            await world.patch(native)
            await world.until(stands, "the freeze to be put back")
        await world.patch(native)
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert status.reasons[0].code == ReasonCode.FreezeContested
        assert not await stands()
        await world.until(stands, "the freeze to be put back after a rest")
        await world.wait_phase("web", Phase.UP_TO_DATE)
        assert (await world.workload()).metadata.label(names.FROZEN) is not None
