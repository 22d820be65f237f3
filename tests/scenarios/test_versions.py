"""State of another version, as after a step back to an older release (docs/design/protocol.md, "Versions")."""

from __future__ import annotations

import json

import pytest

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.world import identity

#: Long enough for a Pod to begin, had anything begun.
AWHILE = 8.0


@pytest.mark.parametrize("where", ["record", "status"])
async def test_another_version_s_state_is_left_alone_until_it_is_gone(open_world, where):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"grace-period-seconds": "4"})
        before, name = [identity(pod) for pod in await world.pods()], world.nth(2)
        await world.set_image(world.app("v2"))
        await world.wait_pod(name, lambda pod: records.read(pod) is not None and not pod.ready, "drained")
        await world.kill_controller()
        text = await _made_newer(world, name, where)
        await world.start_controller()

        async def refused() -> bool:
            return bool((await world.workload()).metadata.label(names.PHASE) == Phase.REFUSED)

        await world.until(refused, "the label to say that it is refused")
        images = [pod.spec.containers[0].image for pod in await world.pods()]
        if where == "record":
            status = await world.status()
            assert status is not None
            assert [reason.code for reason in status.reasons] == [ReasonCode.VersionUnknown]
        await world.clock.sleep(AWHILE)
        assert [pod.spec.containers[0].image for pod in await world.pods()] == images, "nothing begins, nothing goes on"
        assert await _annotation(world, name, where) == text, "never overwritten"

        await _annotate(world, name, where, None)
        await world.wait_upgraded(seconds=2 * world.patience)
        assert [identity(pod) for pod in await world.pods()] == before
        assert [world.history.restarts(world.nth(n), "app") for n in range(3)] == [1, 1, 1]


async def _made_newer(world, name, where) -> str:
    """The record of the Pod that is drained, or the status, as a later format might have it."""
    found = json.loads(await _annotation(world, name, where))
    text = json.dumps({**found, "v": 2, "phase": "Rehearsing"})
    await _annotate(world, name, where, text)
    return text


async def _annotation(world, name, where) -> str:
    one = await world.pod(name) if where == "record" else await world.workload()
    return one.metadata.annotation(names.STATE if where == "record" else names.STATUS) or ""


async def _annotate(world, name, where, text) -> None:
    if where == "status":
        await world.patch({"metadata": {"annotations": {names.STATUS: text}}})
        return
    body = {"metadata": {"annotations": {names.STATE: text}}}
    await world.client.patch(
        resources.PODS, name, world.namespace, body, patch_type=PatchType.MERGE, type=Pod, field_manager="user"
    )
