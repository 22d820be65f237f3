"""`inplace restart` on the real kubelet: the same image, another container, and the back-off of quick restarts."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime
from functools import partial

from inplace.core.objects import aliases, names
from inplace.core.objects.model import Pod
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.scenarios.real import PROGRAM, inplace
from tests.scenarios.test_restarts import containers


async def bare(world):
    """A Pod that belongs to nobody."""
    app = {"name": "app", "image": world.app("v1"), "imagePullPolicy": "IfNotPresent"}
    body = {"metadata": {"name": "bare"}, "spec": {"containers": [app], "terminationGracePeriodSeconds": 1}}
    await world.client.create(resources.PODS, world.namespace, body, type=dict)
    return await world.wait_pod("bare", lambda pod: pod.ready, "Ready")


async def test_a_pod_of_nobody_restarts_and_quick_restarts_meet_the_back_off(open_world, record_property):
    """The fourth restart gives the container a name for the third time: the kubelet waits ten seconds first."""
    async with open_world(controller=False) as world:
        before, took = await bare(world), []
        for _ in range(4):
            began = time.monotonic()
            code, out, err = await inplace(world, "restart", "pod/bare", "-n", world.namespace)
            took.append(round(time.monotonic() - began, 1))
            assert code == 0, (out, err)
            after = await world.pod("bare")
            assert containers(after)["app"][0] != containers(before)["app"][0]
            assert containers(after)["app"][1:] == (containers(before)["app"][1], containers(before)["app"][2] + 1)
            before = after
        record_property("seconds", took)
        assert took[3] > 10
        print(f"four restarts took {took} s")  # noqa: T201 - a figure for people
        image = before.spec.containers[0].image
        assert aliases.is_alias(image, world.app("v1"), unchanged=True)


async def _are_ready(world, name):
    return all(pod.ready for pod in await world.pods(name))


async def test_a_pod_of_a_workload_is_drained_first_opted_in_or_not(open_world):
    async with open_world() as world:
        for name, mode in (("web", "InPlaceOnly"), ("other", None)):
            await world.create(world.manifest(name, replicas=2, mode=mode))
            before = {pod.name: containers(pod) for pod in await world.pods(name)}
            code, out, err = await inplace(world, "restart", f"pod/{name}-0", "-n", world.namespace)
            assert code == 0, (out, err)
            assert "drained" in out
            after = {pod.name: containers(pod) for pod in await world.pods(name)}
            assert after[f"{name}-1"] == before[f"{name}-1"]
            assert after[f"{name}-0"]["app"][0] != before[f"{name}-0"]["app"][0]
            await world.until(partial(_are_ready, world, name), f"the Pods of {name} to be Ready")


async def test_one_pod_after_the_other_serves_for_as_long_as_was_asked(open_world):
    """The gate is opened a sync of the kubelet before the Pod is Ready: nobody is early."""
    async with open_world(controller=False) as world:
        for name in ("first", "second"):
            app = {"name": "app", "image": world.app("v1"), "imagePullPolicy": "IfNotPresent"}
            spec = {"containers": [app], "terminationGracePeriodSeconds": 1}
            spec["readinessGates"] = [{"conditionType": names.GATE}]
            await world.client.create(
                resources.PODS, world.namespace, {"metadata": {"name": name}, "spec": spec}, type=dict
            )
            opened = {"status": {"conditions": [{"type": names.GATE, "status": "True"}]}}
            await world.client.patch(
                resources.PODS, name, world.namespace, opened,
                patch_type=PatchType.STRATEGIC, subresource="status", type=Pod,
            )  # fmt: skip
            await world.wait_pod(name, lambda pod: pod.ready, "Ready")
        words = ("restart", "pod/first", "pod/second", "--min-started", "4s", "-n", world.namespace)
        code, out, err = await inplace(world, *words)
        assert code == 0, (out, err)
        first, second = await world.pod("first"), await world.pod("second")
        assert first.ready
        assert second.ready
        served = first.condition("Ready").since
        began = second.container_status("app").last_state.terminated.finished_at
        assert (began - served).total_seconds() >= 4
        assert (datetime.now(UTC) - second.condition("Ready").since).total_seconds() >= 4
        assert "Ready for less than 4 s (--min-started)" in out


async def test_a_restart_that_was_killed_is_ended_before_another_of_other_containers(open_world):
    async with open_world(controller=False) as world:
        images = {"app": world.app("v1"), "proxy": world.image("sidecar", "v1")}
        both = [{"name": name, "image": image, "imagePullPolicy": "IfNotPresent"} for name, image in images.items()]
        spec = {"containers": both, "terminationGracePeriodSeconds": 1}
        await world.client.create(
            resources.PODS, world.namespace, {"metadata": {"name": "both"}, "spec": spec}, type=dict
        )
        before = await world.wait_pod("both", lambda pod: pod.ready, "Ready")
        where = ("--kubeconfig", str(world.cluster.kubeconfig), "-n", world.namespace)
        killed = await asyncio.create_subprocess_exec(str(PROGRAM), "restart", "pod/both", "-c", "proxy", *where)
        await world.wait_pod("both", lambda pod: _phase(pod) is PodPhase.SWAPPING, "Swapping")
        killed.kill()
        await killed.wait()
        code, out, err = await inplace(world, "restart", "pod/both", "-c", "app", "-n", world.namespace)
        after = await world.pod("both")
        assert code == 0, (out, err)
        assert "a restart of proxy by another command, begun at " in out
        assert re.search(r"^pod/both restarted: app \((ExpectedDigest|AssumedByGeneration)\)$", out, re.MULTILINE), out
        for name in ("app", "proxy"):
            assert containers(after)[name][0] != containers(before)[name][0], name


def _phase(pod):
    record = records.read(pod)
    return record.phase if isinstance(record, Record) else None


async def test_a_job_that_is_cancelled_puts_its_pod_back(open_world):
    async with open_world() as world:
        await world.create(world.manifest("web", replicas=1, mode=None))
        before = await world.wait_pod("web-0", lambda pod: pod.ready, "Ready")
        where = ("--kubeconfig", str(world.cluster.kubeconfig), "-n", world.namespace)
        job = await asyncio.create_subprocess_exec(
            str(PROGRAM), "restart", "pod/web-0", "--grace-period", "60s", *where
        )
        await world.wait_pod("web-0", lambda pod: not pod.is_true(names.GATE), "drained")
        job.terminate()
        assert await job.wait() == 130
        after = await world.wait_pod("web-0", lambda pod: pod.ready, "Ready")
        assert records.read(after) is None
        assert containers(after) == containers(before)
