"""What admission would refuse is known before the first Pod is disrupted."""

from __future__ import annotations

from inplace.core import record as records
from inplace.core.names import Code, Phase
from tests.twin.flavours import DEPLOYMENT
from tests.twin.real import kubectl

ENFORCE = "pod-security.kubernetes.io/enforce"


async def test_a_namespace_that_was_tightened_refuses_before_any_pod_is_touched(open_world):
    """PodSecurity looks at a whole Pod again when its image changes (kubernetes.md §1.2)."""
    async with open_world() as world:
        world.flavour = DEPLOYMENT
        await world.create_web(replicas=2)
        kubectl(world.cluster, "label", "namespace", world.namespace, f"{ENFORCE}=restricted")
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.REFUSED)
        (reason,) = [one for one in status.reasons if one.code == Code.ADMISSION]
        assert "violates PodSecurity" in reason.message
        assert all(pod.ready and records.read(pod) is None for pod in await world.pods())
        kubectl(world.cluster, "label", "namespace", world.namespace, f"{ENFORCE}-")
        # The server is asked again within half a minute.
        await world.wait_upgraded(seconds=2 * world.patience)
