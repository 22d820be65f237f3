"""The controller upgrades itself: its own Deployment, opted in, gets another image in place, and goes on meanwhile."""

from __future__ import annotations

import logging

import pytest

from inplace.core.objects import names
from inplace.core.state import records
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.e2e.releases import next_release
from tests.e2e.replicas import Replicas, changes, replicas
from tests.scenarios import kinds
from tests.scenarios.in_cluster import controller_image
from tests.scenarios.markers import long

pytestmark = [pytest.mark.alone, pytest.mark.timeout(900)]
LOG = logging.getLogger(__name__)


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=long)])
async def test_it_upgrades_itself_in_place_and_goes_on(tmp_path, count):
    async with replicas(tmp_path, count) as world, world.following() as leases:
        world.flavour = kinds.DEPLOYMENT
        await _opt_in(world)
        uids = {one["metadata"]["uid"] for one in await world.controllers()}
        # With two there is time to go back as well, which is the deed of the other release.
        images = (next_release(world.cluster), controller_image(world.cluster))[:count]
        for times, image in enumerate(images, start=1):
            began, before = world.clock.monotonic(), len(leases.seen)
            await world.set_image(image, container="controller", name=world.deployment)
            await world.wait_phase(world.deployment, Phase.UP_TO_DATE, 2 * world.patience)
            await world.until(world.are_ready, "all replicas to be Ready")
            LOG.info("%d replicas in %.1f s", count, world.clock.monotonic() - began)
            LOG.info("the lease: %s", changes(leases.seen[before:]))
            pods = await world.controllers()
            assert {one["metadata"]["uid"] for one in pods} == uids
            for one in pods:
                (status,) = one["status"]["containerStatuses"]
                assert status["image"] == image
                assert status["restartCount"] == times, "once for each image"
                ended = status["lastState"]["terminated"]
                assert ended["exitCode"] == 0, "it ended by itself, within its grace period"
                LOG.info("the old one ended at %s, the new one began %s", ended["finishedAt"], status["state"])
                record = records.decode(one["metadata"]["annotations"][names.STATE])
                assert isinstance(record, records.Record)
                assert record.phase is PodPhase.DONE
                assert record.containers["controller"].evidence
            await world.until(lambda: _agreed(world), "the Deployment controller to be content")
            assert any(not one.by for one in leases.seen[before:]), "the lease was released, and not waited for"
        await world.until(lambda: _has_pods(world, count), "the pull Pods to be gone")


async def _opt_in(world: Replicas) -> None:
    """As manifests/ say: a surge of its own Deployment cannot be had in place."""
    own = {"labels": {names.MODE: "InPlaceOnly"}, "annotations": {names.PREFIX + "max-unavailable": "1"}}
    where = (resources.DEPLOYMENTS, world.deployment, world.namespace)
    await world.client.patch(*where, {"metadata": own}, patch_type=PatchType.MERGE, type=dict)
    await world.wait_phase(world.deployment, Phase.UP_TO_DATE)


async def _has_pods(world: Replicas, count: int) -> bool:
    return len((await world.client.list(resources.PODS, world.namespace, type=dict)).items) == count


async def _agreed(world: Replicas) -> bool:
    return kinds.DEPLOYMENT.agreed(await world.workload(world.deployment))
