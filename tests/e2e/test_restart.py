"""`inplace restart` on the real kubelet: the same image, another container, and the back-off of quick restarts."""

from __future__ import annotations

import time
from functools import partial

from inplace.core.objects import aliases
from inplace.kube import resource as resources
from tests.scenarios.real import inplace
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
