"""What others change on live Pods is left alone: an upgrade writes what the templates change, and reports the rest."""

from __future__ import annotations

import pytest

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.markers import core_of_held, core_of_many, kinds, long


async def marked(world, pod, **metadata):
    """Change the metadata of a Pod as anybody may."""
    body = {"metadata": metadata}
    where = (resources.PODS, pod.name, world.namespace)
    await world.client.patch(*where, body, patch_type=PatchType.MERGE, type=Pod)


@core_of_held
@kinds("StatefulSet", "DaemonSet", "Deployment", because="a ReplicaSet misses a Pod that lacks a label of its template")
async def test_live_metadata_that_no_template_changes_is_left_alone(open_world):
    """A leader's mark, a Pod in quarantine, a note; while the template's own changes are made."""
    async with open_world() as world:
        await world.create_web(replicas=2, pod_labels={"role": "replica", "track": "stable", "tier": "old"})
        first, second = await world.pods()
        await marked(world, first, labels={"role": "primary", "tier": "odd"}, annotations={"example.com/note": "mine"})
        await marked(world, second, labels={"track": None})
        await world.patch({"spec": {"template": {"metadata": {"labels": {"tier": "new"}}}}})
        await world.wait_upgraded()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        found = {pod.name: pod.metadata.labels or {} for pod in await world.pods()}
        keys = ("role", "track", "tier")
        assert [found[first.name].get(key) for key in keys] == ["primary", "stable", "new"]
        assert [found[second.name].get(key) for key in keys] == ["replica", None, "new"]
        assert (await world.pod(first.name)).metadata.annotation("example.com/note") == "mine"


@long
@core_of_held
async def test_metadata_that_a_failed_attempt_has_written_is_taken_back(open_world):
    """Although neither the template before it nor the one after it speaks of it."""
    async with open_world() as world:
        await world.create_web(replicas=2, pod_labels={"tier": "old"}, annotations={"pre-pull": "Never"})
        await world.annotate(progress_deadline_seconds="5")
        await _template(world, world.app("missing"), tier="bad", extra="bad")
        await world.wait_phase("web", Phase.DEGRADED)
        assert [pod.metadata.label("tier") for pod in await world.pods()].count("bad") == 1
        await world.annotate(progress_deadline_seconds="600")
        await _template(world, world.app("v2"), tier="old", extra=None)
        await world.wait_upgraded()
        found = [(pod.metadata.label("tier"), pod.metadata.label("extra")) for pod in await world.pods()]
        assert found == [("old", None)] * 2


async def _template(world, image, **labels):
    """Change the image and the labels of the template in one write."""
    containers = [{"name": "app", "image": image}]
    await world.patch({"spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}}})


async def _put_by_hand(world, name, image):
    """`kubectl set image pod/NAME`, and wait until the controller has told of it."""
    body = {"spec": {"containers": [{"name": "app", "image": image}]}}
    where = (resources.PODS, name, world.namespace)
    await world.client.patch(*where, body, patch_type=PatchType.STRATEGIC, type=Pod)

    async def told() -> bool:
        status = await world.status()
        return status is not None and ReasonCode.DriftDetected in {reason.code for reason in status.reasons}

    await world.until(told, "the drift to be reported")


@core_of_many
@pytest.mark.parametrize("upgraded", [True, False], ids=["upgraded before", "never upgraded"])
async def test_a_pod_with_an_image_put_there_by_hand_is_reported_and_stops_nothing(open_world, upgraded):
    """It is upgraded with the others when the template changes, and it keeps nobody from opting out."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        if upgraded:
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
        name = world.nth(0)
        await _put_by_hand(world, name, world.app("v3"))
        assert (await world.status()).phase is Phase.UP_TO_DATE
        await world.set_image(world.app("v4"))
        await world.wait_upgraded()
        await _put_by_hand(world, name, world.app("v3"))
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "nothing of ours on any object")
        assert (await world.pod(name)).spec.containers[0].image == world.app("v3")


@kinds("StatefulSet", "DaemonSet", because="Pods of the others carry no revision as a label")
async def test_a_label_that_names_another_workloads_revision_does_not_blind_the_controller(open_world):
    """The revision exists, and the Pod was not made from it: the workload says so, and its other Pods are served."""
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.create(world.manifest("other", replicas=1, pod_labels={"tier": "other"}))
        (other,) = await world.pods("other")
        first, second = await world.pods()
        foreign = other.metadata.label(names.REVISION_LABEL)
        if world.flavour.name == "DaemonSet":
            assert foreign is not None
        await marked(world, first, labels={names.REVISION_LABEL: foreign})
        await world.delete_pod(second.name)

        async def replaced() -> bool:
            return any(pod.ready for pod in await world.pods() if pod.uid not in {first.uid, second.uid})

        await world.until(replaced, "the gate of the new Pod to be served")
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.REFUSED)
        assert ReasonCode.BaseUnknown in {reason.code for reason in status.reasons}
        await world.delete_pod(first.name)
        await world.wait_upgraded()
