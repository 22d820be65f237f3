"""The main job: a changed image reaches the live Pods in place."""

from __future__ import annotations

import pytest

from inplace.core.objects import names
from inplace.core.state import records
from inplace.core.state.records import Evidence, PodPhase, Record
from inplace.core.state.statuses import Phase
from tests.scenarios.markers import core, core_by_turns, core_of_bare, core_of_deployments, core_of_many, kinds
from tests.scenarios.world import identity, raw_pods


def _record(pod) -> Record:
    found = records.read(pod)
    assert isinstance(found, Record), found
    return found


def _durable(raw) -> dict[str, object]:
    """What must survive: identity, address, place and volumes of every Pod."""
    return {
        name: (pod["metadata"]["uid"], pod["status"].get("podIP"), pod["spec"]["nodeName"], pod["spec"].get("volumes"))
        for name, pod in raw.items()
    }


@core_of_many
@core_of_bare
@pytest.mark.in_cluster
@pytest.mark.parametrize(("budget", "gate"), [("1", True), ("2", True), ("1", False)])
async def test_three_pods(open_world, gate, budget):
    async with open_world() as world:
        await world.create_web(gate=gate, annotations={"max-unavailable": budget})
        raw, began, before = await raw_pods(world), world.clock.monotonic(), await world.revision()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()

        assert _durable(await raw_pods(world)) == _durable(raw)
        revision = await world.revision()
        assert revision != before
        for pod in await world.pods():
            assert pod.spec.containers[0].image == world.app("v2")
            assert world.revision_of(pod) == revision
            assert world.history.restarts(pod.name, "app") == 1
            record = _record(pod)
            assert record.phase is PodPhase.DONE
            assert record.containers["app"].evidence == Evidence.IMAGE_CHANGED
            assert not gate or pod.is_true(names.GATE)
        order = world.history.drains()
        at_once = int(budget)  # what begins together is seen in any order
        places = [world.nth(number) for number in (2, 1, 0)]
        assert sorted(order[:at_once], key=places.index) + order[at_once:] == places
        if gate:
            assert 1 <= world.history.most_unready(3, began) <= int(budget)


async def test_a_container_that_keeps_the_pod_ready_is_swapped_without_a_drain(open_world):
    async with open_world() as world:
        settings = {"keep-ready-containers": "sidecar", "grace-period-seconds": "3"}
        await world.create_web(replicas=2, sidecar=world.image("sidecar", "v1"), annotations=settings)
        await world.set_image(world.image("sidecar", "v2"), container="sidecar")
        await world.wait_upgraded()
        assert all(world.history.gate_closed(pod.name) is None for pod in await world.pods())
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert all(world.history.gate_closed(pod.name) is not None for pod in await world.pods())


@core
async def test_only_the_changed_container_restarts(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, sidecar=world.image("sidecar", "v1"))
        await world.set_image(world.image("sidecar", "v2"), container="sidecar")
        await world.wait_upgraded()
        for pod in await world.pods():
            assert world.history.restarts(pod.name, "sidecar") == 1
            assert world.history.restarts(pod.name, "app") == 0


@core_by_turns
async def test_a_second_upgrade_follows_the_first(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        pods = {pod.name: identity(pod) for pod in await world.pods()}
        for tag in ("v2", "v3"):
            await world.set_image(world.app(tag))
            await world.wait_upgraded()
        assert {pod.name: identity(pod) for pod in await world.pods()} == pods
        assert all(pod.spec.containers[0].image == world.app("v3") for pod in await world.pods())


async def test_grace_period_runs_from_observed_unready(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1, annotations={"grace-period-seconds": "3"})
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        closed = world.history.gate_closed(world.nth(0))
        assert closed is not None
        unready = world.history.first(world.nth(0), lambda pod: not pod.ready, after=closed.at)
        patched = world.history.first(world.nth(0), lambda pod: pod.spec.containers[0].image == world.app("v2"))
        assert unready is not None
        assert patched is not None
        assert patched.at - unready.at >= 2.9  # both seen through one watch, a moment after the server


async def test_partition_keeps_those_that_come_last(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"partition": "2"})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.UP_TO_DATE)
        images = [pod.spec.containers[0].image for pod in await world.pods()]
        assert images == [world.app("v1"), world.app("v1"), world.app("v2")]
        await world.annotate(partition="0")
        await world.wait_upgraded()
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v2")}


@kinds("StatefulSet", because="no other kind has a partition of its own")
async def test_the_workloads_own_partition_counts(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, strategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.UP_TO_DATE)
        images = [pod.spec.containers[0].image for pod in await world.pods()]
        assert images == [world.app("v1"), world.app("v2"), world.app("v2")]


@pytest.mark.in_cluster
async def test_same_digest_under_another_tag(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        before = {pod.name: pod.status.container_statuses[0] for pod in await world.pods()}
        await world.set_image(world.app("v1-alias"))
        await world.wait_upgraded(seconds=2 * world.patience)
        for pod in await world.pods():
            status = pod.status.container_statuses[0]
            assert status.image_id == before[pod.name].image_id
            assert status.container_id != before[pod.name].container_id
            found = _record(pod).containers["app"]
            known = Evidence.EXPECTED_DIGEST if found.expected else Evidence.SAME_DIGEST
            told = world.history.shows_the_old_first(pod)
            assert told is None or found.evidence == (known if told else Evidence.ASSUMED_BY_GENERATION)
            assert found.evidence in {known, Evidence.ASSUMED_BY_GENERATION}  # before 1.34 by what the image is called


@core_by_turns
async def test_tag_to_digest_and_back(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1)
        pinned = f"{world.app('v1')}@{world.digest('app', 'v1')}"
        for image in (pinned, world.app("v1")):
            await world.set_image(image)
            await world.wait_upgraded(seconds=2 * world.patience)
            assert (await world.pod(world.nth(0))).spec.containers[0].image == image
        assert world.history.restarts(world.nth(0), "app") == 2


@core
async def test_labels_and_annotations_only(open_world):
    async with open_world() as world:
        await world.create_web(pod_labels={"tier": "old", "gone": "soon"})
        metadata = {"labels": {"tier": "new", "gone": None, "added": "yes"}, "annotations": {"example.com/note": "1"}}
        await world.patch({"spec": {"template": {"metadata": metadata}}})
        await world.wait_upgraded()
        for pod in await world.pods():
            assert pod.metadata.label("tier") == "new"
            assert pod.metadata.label("added") == "yes"
            assert pod.metadata.label("gone") is None
            assert pod.metadata.annotation("example.com/note") == "1"
            assert world.history.restarts(pod.name, "app") == 0
            assert world.history.gate_closed(pod.name) is None


async def test_image_and_labels_in_one_change(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, pod_labels={"tier": "old"})
        template = {
            "metadata": {"labels": {"tier": "new"}},
            "spec": {"containers": [{"name": "app", "image": world.app("v2")}]},
        }
        await world.patch({"spec": {"template": template}})
        await world.wait_upgraded()
        for pod in await world.pods():
            assert (pod.metadata.label("tier"), pod.spec.containers[0].image) == ("new", world.app("v2"))
            assert world.history.restarts(pod.name, "app") == 1


async def test_paused_begins_nothing_and_resumes(open_world):
    async with open_world() as world:
        await world.create_web(annotations={"paused": "true"})
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.PAUSED)

        async def untouched() -> bool:
            return all(pod.spec.containers[0].image == world.app("v1") for pod in await world.pods())

        await world.stays(untouched, "every Pod on v1", 2)
        await world.annotate(paused=None)
        await world.wait_upgraded()


@kinds("StatefulSet", "DaemonSet", "Deployment", because="a ReplicaSet replaces no Pod for its template")
async def test_a_workload_that_is_not_opted_in_is_left_alone(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, mode=None)
        uids = {pod.uid for pod in await world.pods()}
        await world.set_image(world.app("v2"))

        async def replaced() -> bool:
            pods = await world.pods()
            return len(pods) == 2 and all(p.spec.containers[0].image == world.app("v2") and p.ready for p in pods)

        await world.until(replaced, "the native rollout, whose new Pods find their gate served")
        assert not uids & {pod.uid for pod in await world.pods()}
        workload = await world.workload()
        assert not [key for key in {**(workload.metadata.annotations or {})} if key.startswith(names.PREFIX)]


@core_by_turns
@core_of_bare
async def test_opting_out_restores_the_workload_and_its_pods(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, mode=None)
        before = await world.raw()
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.until(world.is_clean, "no label or annotation of ours on any object")
        after, templates = await world.raw(), ("template", "replicas")
        assert {k: v for k, v in after["spec"].items() if k not in templates} == {
            k: v for k, v in before["spec"].items() if k not in templates
        }
        assert (after["metadata"].get("labels") or {}) == (before["metadata"].get("labels") or {})
        assert all(pod.is_true(names.GATE) for pod in await world.pods())
        uids = [pod.uid for pod in await world.pods()]
        await world.clock.sleep(3)
        assert [pod.uid for pod in await world.pods()] == uids, "nothing is rolled that has been upgraded"


@core_of_deployments
async def test_what_a_pod_in_flight_is_given_during_a_pause_can_be_told_later(open_world):
    """A pause lets Pods in flight go on; the template that they go to is on record first, or its label would stay."""
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"pre-pull": "Never"})
        before = {identity(pod) for pod in await world.pods()}
        await world.set_image(world.app("missing"))
        await world.wait_pod(world.nth(1), lambda pod: _asks_for(pod, world.app("missing")), "in flight")
        await world.annotate(paused="true")
        container = {"name": "app", "image": world.app("v2")}
        template = {"metadata": {"labels": {"tier": "front"}}, "spec": {"containers": [container]}}
        await world.patch({"spec": {"template": template}})
        await world.wait_pod(world.nth(1), lambda pod: pod.ready and _asks_for(pod, world.app("v2")), "upgraded")
        assert _asks_for(await world.pod(world.nth(0)), world.app("v1"))
        template = {
            "metadata": {"labels": {"tier": None}},
            "spec": {"containers": [{**container, "image": world.app("v3")}]},
        }
        await world.patch({"spec": {"template": template}})
        await world.annotate(paused=None)
        await world.wait_upgraded()
        after = await world.pods()
        assert {identity(pod) for pod in after} == before
        assert {(pod.spec.containers[0].image, pod.metadata.label("tier")) for pod in after} == {
            (world.app("v3"), None)
        }


def _asks_for(pod, image) -> bool:
    return bool(pod.spec.containers[0].image == image)
