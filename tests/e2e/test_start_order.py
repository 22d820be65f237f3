"""The start order of a Pod's containers by wait-ready in a postStart hook, at first and in an upgrade in place."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from inplace.kube import resource as resources
from tests.scenarios.in_cluster import controller_image

#: Seconds until the proxy answers.
SLOW = 3
PROXY = f"trap 'exit 0' TERM; sleep {SLOW} & wait $!; httpd -f -p 8081 -h /www & wait $!"
#: In our image, which is mounted whole.
MOUNTED = ["/tools/opt/inplace/bin/wait-ready", "http://127.0.0.1:8081/version"]
NOT_READY = "tcp://127.0.0.1:9: not ready after 2.0 s (4 attempts): connection refused"
TOOLS = [{"name": "tools", "mountPath": "/tools"}]


async def ordered(world, hook, **options):
    """Two containers in order; the second is to start once the first answers. wait-ready comes from our image."""
    image = await asyncio.to_thread(controller_image, world.cluster)
    manifest = world.manifest("web", replicas=1, **options)
    spec = manifest["spec"]["template"]["spec"]
    (app,) = spec["containers"]
    proxy = {
        **app, "name": "proxy", "image": world.image("sidecar", "v1"), "command": ["sh", "-c", PROXY],
        "volumeMounts": TOOLS, **({"lifecycle": {"postStart": {"exec": {"command": hook}}}} if hook else {}),
    }  # fmt: skip
    spec["containers"] = [proxy, app]
    copy = {"name": "tools", "image": image, "command": ["wait-ready", "--install", "/tools"], "volumeMounts": TOOLS}
    spec |= {"initContainers": [copy], "volumes": [{"name": "tools", "emptyDir": {}}]}
    return manifest


def waits(url, *options):
    return ["/tools/wait-ready", *options, url]


def started(pod, name):
    return pod.container_status(name).state.running.started_at


async def test_the_next_container_starts_when_the_one_before_answers(open_world):
    async with open_world() as world:
        await world.create(await ordered(world, waits("http://127.0.0.1:8081/version")))
        pod = await world.pod("web-0")
        assert started(pod, "app") - started(pod, "proxy") >= timedelta(seconds=SLOW - 1)

        # Both change: the kubelet starts them in the order of the spec, and the hook holds the second.
        containers = [
            {"name": "proxy", "image": world.image("sidecar", "v2")},
            {"name": "app", "image": world.app("v2")},
        ]
        await world.patch({"spec": {"template": {"spec": {"containers": containers}}}})
        await world.wait_upgraded()
        both = await world.pod("web-0")
        assert both.uid == pod.uid
        assert started(both, "app") - started(both, "proxy") >= timedelta(seconds=SLOW - 1)

        # Only the first changes: its own hook runs again, and the second goes on as it is.
        await world.set_image(world.image("sidecar", "v1"), container="proxy")
        await world.wait_upgraded()
        first = await world.pod("web-0")
        assert started(first, "proxy") > started(both, "proxy")
        assert first.container_status("app").container_id == both.container_status("app").container_id

        # Only the second changes: no hook runs, and it does not wait for anybody.
        await world.set_image(world.app("v3"))
        await world.wait_upgraded()
        second = await world.pod("web-0")
        assert second.container_status("proxy").container_id == first.container_status("proxy").container_id


async def test_without_the_hook_nobody_waits(open_world):
    async with open_world(controller=False) as world:
        await world.create(await ordered(world, None, mode=None, gate=False))
        pod = await world.pod("web-0")
        assert started(pod, "app") - started(pod, "proxy") < timedelta(seconds=SLOW - 1)


async def test_a_hook_that_times_out_says_why(open_world):
    async with open_world(controller=False) as world:
        hook = waits("tcp://127.0.0.1:9", "--timeout", "2s", "--quiet")
        manifest = await ordered(world, hook, mode=None, gate=False)
        manifest["metadata"]["namespace"] = world.namespace
        await world.client.create(resources.STATEFULSETS, world.namespace, manifest, type=dict)

        def failed(pod):
            status = pod.container_status("proxy")
            return status is not None and status.last_state.terminated is not None

        await world.wait_pod("web-0", failed, "its hook to fail")
        raw = await world.client.get(resources.PODS, "web-0", world.namespace, type=dict)
        statuses = {one["name"]: one for one in raw["status"]["containerStatuses"]}
        ended = statuses["proxy"]["lastState"]["terminated"]
        assert ended["message"] == f"wait-ready: {NOT_READY}\n"
        waiting = statuses["proxy"]["state"].get("waiting") or {}
        assert waiting["reason"] in ("PostStartHookError", "CrashLoopBackOff")
        assert NOT_READY in waiting["message"] or waiting["reason"] == "CrashLoopBackOff"
        # The kubelet kills the container whose hook has failed, and goes on with the next all the same.
        assert statuses["app"]["state"]["running"]["startedAt"] >= ended["finishedAt"]

        async def told() -> bool:
            events = await world.client.list(resources.EVENTS, world.namespace, type=dict)
            return any(one["reason"] == "FailedPostStartHook" for one in events.items)

        await world.until(told, "the Event FailedPostStartHook")


async def test_it_is_mounted_from_our_image(open_world):
    async with open_world(controller=False) as world:
        if world.cluster.k8s < "1.35":
            pytest.skip("image volumes are on by default from 1.35 on")
        if world.cluster.runtime.startswith("1."):
            pytest.skip("containerd mounts images from 2.1 on")
        manifest = await ordered(world, MOUNTED, mode=None, gate=False)
        spec = manifest["spec"]["template"]["spec"]
        (init,) = spec.pop("initContainers")
        spec["volumes"] = [{"name": "tools", "image": {"reference": init["image"]}}]
        await world.create(manifest)
        pod = await world.pod("web-0")
        assert started(pod, "app") - started(pod, "proxy") >= timedelta(seconds=SLOW - 1)
