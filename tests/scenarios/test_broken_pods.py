"""Pods that are broken, or that somebody has changed by hand, before an upgrade."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.markers import kinds

replaces = kinds("StatefulSet", "DaemonSet", "Deployment", because="a ReplicaSet replaces no Pod for its template")


async def set_image_by_hand(world, name, tag):
    """Change the image of one live Pod, as `kubectl set image pod/NAME` does."""
    body = {"spec": {"containers": [{"name": "app", "image": world.app(tag)}]}}
    where = (resources.PODS, name, world.namespace)
    await world.client.patch(*where, body, patch_type=PatchType.STRATEGIC, type=Pod, field_manager="user")


@replaces
async def test_a_broken_pod_does_not_keep_a_workload_from_being_frozen(open_world):
    """Nothing is to be replaced, so there is no native rollout; and a new image mends the Pod in place."""
    async with open_world() as world:
        await world.create_web(replicas=3, mode=None)
        await set_image_by_hand(world, world.nth(0), "crash")
        await world.wait_pod(world.nth(0), lambda pod: not pod.ready, "broken")
        uids = {pod.uid for pod in await world.pods()}
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})

        async def frozen() -> bool:
            return (await world.workload()).metadata.label(names.FROZEN) is not None

        await world.until(frozen, "the freeze")
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert {pod.uid for pod in await world.pods()} == uids


async def test_a_pod_that_was_changed_by_hand_is_drift_until_an_upgrade_mends_it(open_world):
    """It has no record of ours and fits no template; and it is no reason to hand anything over."""
    async with open_world() as world:
        await world.create_web(replicas=3, mode="InPlaceIfPossible")
        uids = {pod.uid for pod in await world.pods()}
        frozen = (await world.workload()).metadata.label(names.FROZEN)
        await set_image_by_hand(world, world.nth(0), "v3")

        async def reported() -> bool:
            status = await world.status()
            return status is not None and any(
                one.code == ReasonCode.DriftDetected and f"pods[{world.nth(0)}]" in one.path for one in status.reasons
            )

        await world.until(reported, "the drift in the status")
        assert (await world.status()).phase is Phase.UP_TO_DATE
        assert (await world.workload()).metadata.label(names.FROZEN) == frozen
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert {pod.uid for pod in await world.pods()} == uids
