"""The model kubelet: what it writes and when, held to docs/design/kubernetes.md §2."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.reflector import Reflector
from inplace.kube.store import Store
from inplace.runtime.clock import LoopClock
from kubesim.cluster import open_cluster
from kubesim.kubelet import Catalogue, Image, Timings
from kubesim.kubelet.catalogue import repository
from kubesim.kubelet.container import Backoff

pytestmark = pytest.mark.looptime

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
IMAGES = {
    "r/app:v1": Image(digest="sha256:" + "1" * 64),
    "r/app:v1-alias": Image(digest="sha256:" + "1" * 64),
    "r/app:v2": Image(digest="sha256:" + "2" * 64, pull_seconds=7),
    "r/app:slow": Image(digest="sha256:" + "3" * 64, ready_after=5),
    "r/app:crash": Image(digest="sha256:" + "4" * 64, exits_after=1, exit_code=3),
    "r/app:stubborn": Image(digest="sha256:" + "5" * 64, ignores_term=True),
    "r/app:deaf": Image(digest="sha256:" + "7" * 64, ready_after=float("inf")),
    "r/app:broken": Image(digest="sha256:" + "6" * 64, create_error="CreateContainerError"),
}


class Watched:
    """A cluster of one node, and every state of its Pods as a watch saw it."""

    def __init__(self, cluster, client, clock):
        self.cluster, self.client, self.clock, self.states = cluster, client, clock, []

    async def run_pod(self, image="r/app:v1", **spec):
        container = {"name": "app", "image": image, **spec.pop("container", {})}
        body = {"metadata": {"name": "p"}, "spec": {"containers": [container]} | spec}
        await self.client.create(resources.PODS, "default", body, type=dict)

    async def set_image(self, image, name="app", field="containers"):
        body = {"spec": {field: [{"name": name, "image": image}]}}
        await self.client.patch(resources.PODS, "p", "default", body, patch_type=PatchType.STRATEGIC, type=dict)

    async def until(self, holds, seconds=200):
        end = self.clock.monotonic() + seconds
        while not (self.states and holds(self.states[-1][1])):
            assert self.clock.monotonic() < end, self.states[-1] if self.states else "nothing was seen"
            await self.clock.sleep(0.05)
        return self.states[-1][1]

    def side(self, pod):
        return pod["status"]["initContainerStatuses"][0]

    def status(self, pod=None):
        return (pod or self.states[-1][1])["status"]["containerStatuses"][0]


@asynccontextmanager
async def opened(version="v1.36.3", **timings):
    clock = LoopClock(EPOCH)
    options = {"nodes": ("n",), "version": version, "timings": Timings(**timings)}
    async with open_cluster(clock, random.Random(1), Catalogue(IMAGES), **options) as cluster:
        client = cluster.client("test")
        watched = Watched(cluster, client, clock)
        store = Store(
            key=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"]),
            version=lambda one: one["metadata"]["resourceVersion"],
        )

        def note(old, new, initial):
            watched.states.append((clock.monotonic(), new or {"gone": True, "metadata": old["metadata"]}))

        reflector = Reflector(client, resources.PODS, store, dict, on_change=note, clock=clock)
        task = asyncio.create_task(reflector.run())
        try:
            yield watched
        finally:
            task.cancel()


def ready(pod):
    found = {one["type"]: one["status"] for one in (pod.get("status") or {}).get("conditions") or ()}
    return found.get("Ready") == "True"


async def test_a_pod_starts_with_everything_that_a_status_has():
    async with opened() as world:
        await world.run_pod()
        pod = await world.until(ready)
        status = world.status(pod)
        assert pod["status"]["phase"] == "Running"
        assert pod["status"]["podIP"]
        assert pod["status"]["observedGeneration"] == 1
        assert status["imageID"] == "r/app@" + IMAGES["r/app:v1"].digest
        assert status["containerID"].startswith("containerd://")
        assert status["restartCount"] == 0


async def test_the_status_of_a_new_generation_shows_the_old_container_first():
    async with opened() as world:
        await world.run_pod()
        old = world.status(await world.until(ready))["containerID"]
        await world.set_image("r/app:v2")
        first = await world.until(lambda pod: pod["status"].get("observedGeneration") == 2)
        assert world.status(first)["containerID"] == old
        assert "running" in world.status(first)["state"]
        assert ready(first), "an unprobed Pod without a gate stays Ready while it is swapped"
        began = world.clock.monotonic()
        swapped = await world.until(lambda pod: world.status(pod)["containerID"] != old)
        assert world.clock.monotonic() - began >= 7, "killed before the pull, and silent until it is done"
        assert world.status(swapped)["restartCount"] == 1
        assert world.status(swapped)["lastState"]["terminated"]["containerID"] == old


async def test_the_same_bytes_restart_the_container_and_keep_image_and_id():
    async with opened() as world:
        await world.run_pod()
        before = world.status(await world.until(ready))
        await world.set_image("r/app:v1-alias")
        after = world.status(await world.until(lambda pod: world.status(pod)["restartCount"] == 1))
        assert after["imageID"] == before["imageID"]
        assert after["image"] == "r/app:v1", "the first name of these bytes"
        assert after["containerID"] != before["containerID"]


async def test_a_pull_that_fails_keeps_the_exited_container_and_backs_off():
    async with opened() as world:
        await world.run_pod()
        old = world.status(await world.until(ready))
        await world.set_image("r/app:missing")
        await world.until(lambda pod: world.status(pod)["state"].get("waiting", {}).get("reason") == "ErrImagePull")
        pod = await world.until(
            lambda pod: world.status(pod)["state"].get("waiting", {}).get("reason") == "ImagePullBackOff"
        )
        assert world.status(pod)["imageID"] == old["imageID"]
        assert world.status(pod)["containerID"] == old["containerID"]
        assert pod["status"]["phase"] == "Running"
        assert not ready(pod)
        began = world.clock.monotonic()
        await world.set_image("r/app:v1")
        await world.until(ready)
        assert world.clock.monotonic() - began < 5, "a corrective patch does not wait for the backoff"


async def test_the_pauses_between_two_pulls_have_two_names_once_a_container_has_ended():
    """As a kubelet 1.36 was seen to do it: the end of the old container is what it counts from."""
    async with opened() as world:
        await world.run_pod()
        await world.until(ready)
        await world.set_image("r/app:missing")
        reason = lambda pod: world.status(pod)["state"].get("waiting", {}).get("reason")  # noqa: E731
        for expected in ("ErrImagePull", "ImagePullBackOff", "CrashLoopBackOff", "ErrImagePull", "CrashLoopBackOff"):
            await world.until(lambda pod, expected=expected: reason(pod) == expected)


async def test_an_image_that_comes_back_again_waits_as_if_it_had_crashed():
    """As a kubelet 1.36 was seen to do it: four swaps in a row, and the fourth waits for ten seconds."""
    async with opened() as world:
        await world.run_pod()
        await world.until(ready)
        for number, image in enumerate(("r/app:v1-alias", "r/app:v1", "r/app:v1-alias"), 1):
            await world.set_image(image)
            began = world.clock.monotonic()
            await world.until(lambda pod, number=number: ready(pod) and world.status(pod)["restartCount"] == number)
            assert world.clock.monotonic() - began < 5
        await world.set_image("r/app:v1")
        await world.until(lambda pod: "CrashLoopBackOff" in str(world.status(pod)["state"]))
        began = world.clock.monotonic()
        await world.until(lambda pod: world.status(pod)["restartCount"] == 4)
        assert 8 <= world.clock.monotonic() - began <= 11


async def test_a_crash_loop_backs_off_and_a_new_image_ends_it():
    async with opened() as world:
        await world.run_pod("r/app:crash")
        looping = lambda pod: "CrashLoopBackOff" in str(world.status(pod)["state"])  # noqa: E731
        pod = await world.until(looping)
        assert world.status(pod)["lastState"]["terminated"]["exitCode"] == 3
        assert world.status(pod)["restartCount"] == 1
        assert not ready(pod)
        began = world.clock.monotonic()
        await world.until(lambda pod: world.status(pod)["restartCount"] == 2)
        assert 9 <= world.clock.monotonic() - began <= 12
        await world.set_image("r/app:v1")
        await world.until(ready, seconds=5)


async def test_a_container_that_cannot_be_created_says_why():
    async with opened() as world:
        await world.run_pod("r/app:broken")
        await world.until(lambda pod: "CreateContainerError" in str(pod["status"].get("containerStatuses")))


async def test_a_stubborn_container_takes_its_whole_grace():
    async with opened() as world:
        await world.run_pod("r/app:stubborn", terminationGracePeriodSeconds=20)
        await world.until(ready)
        began = world.clock.monotonic()
        await world.set_image("r/app:v1")
        pod = await world.until(lambda pod: world.status(pod)["restartCount"] == 1)
        assert world.clock.monotonic() - began >= 20
        assert world.status(pod)["lastState"]["terminated"]["exitCode"] == 137


async def test_after_a_hook_that_takes_the_whole_grace_there_are_two_seconds():
    async with opened(pull=1) as world:
        hook = {"lifecycle": {"preStop": {"sleep": {"seconds": 4}}}}
        await world.run_pod("r/app:stubborn", container=hook, terminationGracePeriodSeconds=4)
        await world.until(ready)
        begin = world.clock.monotonic()
        await world.set_image("r/app:v1")
        await world.until(lambda pod: world.status(pod)["restartCount"] == 1)
        assert 6 <= world.clock.monotonic() - begin < 9


async def test_the_next_container_waits_for_a_hook_after_the_start():
    async with opened() as world:
        after = {"name": "next", "image": "r/app:v1"}
        first = {"name": "app", "image": "r/app:v1", "lifecycle": {"postStart": {"sleep": {"seconds": 7}}}}
        await world.run_pod(containers=[first, after])
        pod = await world.until(ready)
        times = [one["state"]["running"]["startedAt"] for one in pod["status"]["containerStatuses"]]
        begun, next_begun = (datetime.fromisoformat(time) for time in times)
        assert 7 <= (next_begun - begun).total_seconds() <= 8


async def test_a_startup_probe_that_fails_for_good_restarts_the_container():
    probe = {"startupProbe": {"periodSeconds": 5, "failureThreshold": 3}}
    async with opened() as world:
        await world.run_pod("r/app:deaf", container=probe)
        await world.until(lambda pod: world.status(pod)["state"].get("running"))
        begin = world.clock.monotonic()
        pod = await world.until(lambda pod: world.status(pod)["restartCount"] == 1)
        assert 10 <= world.clock.monotonic() - begin < 13
        assert not ready(pod)


async def test_a_sidecar_takes_a_new_image_when_its_startup_probe_has_ended_and_holds_nobody_who_has_run():
    probe = {"startupProbe": {"periodSeconds": 5, "failureThreshold": 3}, "restartPolicy": "Always"}
    async with opened() as world:
        side = {"name": "side", "image": "r/app:deaf", **probe}
        await world.run_pod(initContainers=[side])
        await world.until(lambda pod: world.side(pod)["state"].get("running"))
        begin = world.clock.monotonic()
        await world.set_image("r/app:v1", "side", "initContainers")
        pod = await world.until(ready)
        assert 9 <= world.clock.monotonic() - begin < 16
        assert (world.side(pod)["restartCount"], world.status(pod)["restartCount"]) == (1, 0)
        # The sidecar never succeeds again, and the container beside it has run: it is replaced all the same.
        await world.set_image("r/app:deaf", "side", "initContainers")
        await world.until(lambda pod: world.side(pod)["restartCount"] == 2)
        await world.set_image("r/app:v1-alias")
        await world.until(lambda pod: world.status(pod)["restartCount"] == 1, 5)


async def test_a_readiness_probe_is_waited_for_and_fails_while_the_container_is_gone():
    async with opened() as world:
        probe = {"readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 1, "failureThreshold": 3}}
        await world.run_pod("r/app:slow", container=probe)
        await world.until(ready)
        assert world.clock.monotonic() >= 5
        await world.set_image("r/app:v2")  # seven seconds of pull
        unready = await world.until(lambda pod: not ready(pod))
        assert world.status(unready)["restartCount"] == 0, "only the probe was written, the rest stands still"
        assert "running" in world.status(unready)["state"]


async def test_gates_decide_ready_and_are_seen_at_once():
    async with opened() as world:
        await world.run_pod(readinessGates=[{"conditionType": "x/gate"}])
        await world.until(lambda pod: "ReadinessGatesNotReady" in str(pod["status"].get("conditions")))
        body = {"status": {"conditions": [{"type": "x/gate", "status": "True"}]}}
        options = {"patch_type": PatchType.STRATEGIC, "type": dict, "subresource": "status"}
        await world.client.patch(resources.PODS, "p", "default", body, **options)
        began = world.clock.monotonic()
        pod = await world.until(ready)
        assert world.clock.monotonic() - began < 1
        assert "x/gate" in str(pod["status"]["conditions"]), "the conditions of others are left alone"


async def test_of_two_conditions_of_a_gate_the_first_counts():
    """Two writers that each append one: GetPodConditionFromList finds the first."""
    async with opened() as world:
        await world.run_pod(readinessGates=[{"conditionType": "x/gate"}])
        await world.until(lambda pod: "ReadinessGatesNotReady" in str(pod["status"].get("conditions")))
        body = [
            {"op": "add", "path": "/status/conditions/-", "value": {"type": "x/gate", "status": status}}
            for status in ("False", "True")
        ]
        options = {"patch_type": PatchType.JSON, "type": dict, "subresource": "status"}
        await world.client.patch(resources.PODS, "p", "default", body, **options)
        told = await world.until(lambda pod: "but False" in str(pod["status"]["conditions"]))
        assert not ready(told)


async def test_labels_restart_nothing():
    async with opened() as world:
        await world.run_pod()
        before = world.status(await world.until(ready))
        body = {"metadata": {"labels": {"a": "b"}}}
        await world.client.patch(resources.PODS, "p", "default", body, patch_type=PatchType.MERGE, type=dict)
        await world.clock.sleep(20)
        assert world.status() == before


async def test_init_containers_run_first_and_sidecars_stay():
    async with opened() as world:
        inits = [
            {"name": "init", "image": "r/app:v1"},
            {"name": "side", "image": "r/app:v1", "restartPolicy": "Always"},
        ]
        await world.run_pod(initContainers=inits)
        pod = await world.until(ready)
        init, side = pod["status"]["initContainerStatuses"]
        assert init["state"]["terminated"]["exitCode"] == 0
        assert "running" in side["state"]
        await world.set_image("r/app:v2", "side", "initContainers")
        pod = await world.until(lambda pod: pod["status"]["initContainerStatuses"][1]["restartCount"] == 1)
        assert world.status(pod)["restartCount"] == 0
        await world.set_image("r/app:v2", "init", "initContainers")
        await world.clock.sleep(20)
        assert world.states[-1][1]["status"]["initContainerStatuses"][0]["restartCount"] == 0


@pytest.mark.parametrize(
    ("version", "tracks", "restarts"), [("v1.31.9", False, 0), ("v1.33.0", False, 1), ("v1.34.0", True, 1)]
)
async def test_old_kubelets_do_less(version, tracks, restarts):
    async with opened(version) as world:
        await world.run_pod(initContainers=[{"name": "side", "image": "r/app:v1", "restartPolicy": "Always"}])
        pod = await world.until(ready)
        assert ("observedGeneration" in pod["status"]) is tracks
        await world.set_image("r/app:v2", "side", "initContainers")
        await world.clock.sleep(30)
        assert world.states[-1][1]["status"]["initContainerStatuses"][0]["restartCount"] == restarts


async def test_a_deleted_pod_ends_before_it_goes():
    async with opened() as world:
        await world.run_pod("r/app:stubborn", terminationGracePeriodSeconds=10)
        await world.until(ready)
        began = world.clock.monotonic()
        await world.client.delete(resources.PODS, "p", "default")
        await world.until(lambda pod: "gone" in pod)
        assert world.clock.monotonic() - began >= 10
        last = next(pod for _, pod in reversed(world.states) if "gone" not in pod)
        assert "terminated" in world.status(last)["state"]


async def test_a_node_without_kubelet_does_nothing_and_its_containers_run_on():
    async with opened() as world:
        await world.run_pod()
        old = world.status(await world.until(ready))["containerID"]
        world.cluster.kubelet.stop_node("n")
        await world.set_image("r/app:v2")
        await world.clock.sleep(60)
        assert world.status()["containerID"] == old
        assert world.states[-1][1]["status"]["observedGeneration"] == 1
        world.cluster.kubelet.start_node("n")
        pod = await world.until(lambda pod: world.status(pod)["restartCount"] == 1)
        assert world.status(pod)["lastState"]["terminated"]["containerID"] == old


async def test_a_node_that_is_back_says_again_what_others_have_changed():
    async with opened() as world:
        await world.run_pod()
        pod = await world.until(ready)
        world.cluster.kubelet.stop_node("n")
        conditions = [{**one, "status": "False"} for one in pod["status"]["conditions"]]
        options: Any = {"patch_type": PatchType.MERGE, "type": dict, "subresource": "status"}
        await world.client.patch(resources.PODS, "p", "default", {"status": {"conditions": conditions}}, **options)
        await world.until(lambda one: not ready(one))
        world.cluster.kubelet.start_node("n")
        await world.until(ready)


async def test_readiness_goes_for_a_while_and_a_container_ends_by_itself():
    async with opened() as world:
        await world.run_pod()
        pod = await world.until(ready)
        uid = pod["metadata"]["uid"]
        world.cluster.kubelet.fail_probes(uid, 30.0)
        await world.until(lambda one: not ready(one))
        began = world.clock.monotonic()
        await world.until(ready)
        assert 29 <= world.clock.monotonic() - began <= 31
        assert world.status()["restartCount"] == 0
        world.cluster.kubelet.crash(uid)
        await world.until(lambda one: ready(one) and world.status(one)["restartCount"] == 1)


def test_references_and_repositories():
    catalogue = Catalogue(IMAGES)
    digest = IMAGES["r/app:v2"].digest
    assert catalogue.find(f"r/app@{digest}") == catalogue.find(f"r/app:any@{digest}") == IMAGES["r/app:v2"]
    assert catalogue.find("r/app:none") is None
    assert repository("host:5000/a/b:tag@sha256:1") == "host:5000/a/b"


def test_backoff_doubles_up_to_its_most():
    backoff = Backoff(10, 300)
    waits = []
    for _ in range(7):
        backoff.fail(0, 0)
        waits.append(backoff.seconds)
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    assert backoff.holds(5, 304)
    assert not backoff.holds(5, 305)


def test_backoff_is_forgotten_after_twice_its_most():
    backoff = Backoff(10, 300, seconds=80, updated=0)
    assert not backoff.holds(601, 602)
    backoff.fail(601, 602)
    assert backoff.seconds == 10
