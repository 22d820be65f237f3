"""A node without a network: its kubelet touches Pods on the host's network only, which is how its agent is mended."""

from __future__ import annotations

from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from tests.scenarios import kinds
from tests.scenarios.embedded import open_embedded


async def test_the_agent_whose_image_mends_the_network_is_upgraded_on_a_node_without_one():
    async with open_embedded() as world:
        world.flavour = kinds.DAEMONSET
        await world.create_web(replicas=2, spec={"hostNetwork": True})
        (broken, _) = sorted(pod.spec.node_name for pod in await world.pods())
        await world.cluster.kubelet.set_network(broken, works=False)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


async def test_another_pod_there_waits_and_is_no_failure_of_its_image():
    async with open_embedded() as world:
        await world.create_web(replicas=2, annotations={"progress-deadline-seconds": "15"})
        node = (await world.pods())[0].spec.node_name
        await world.cluster.kubelet.set_network(node, works=False)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(60)
        status = await world.status()
        assert status.phase is Phase.DEGRADED, "its deadline has passed"
        assert [reason.code for reason in status.reasons] == [ReasonCode.NodeNotReady]
        assert status.waiting == {ReasonCode.NodeNotReady: 1}
        assert status.failed == 0
        await world.cluster.kubelet.set_network(node, works=True)
        await world.wait_upgraded()
