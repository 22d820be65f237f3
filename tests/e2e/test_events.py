"""What kubectl shows of an upgrade and of a failure: Events in their order, counted, and `describe`."""

from __future__ import annotations

import json
from collections import Counter

from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from tests.scenarios.real import kubectl

REPORTER = "reportingComponent=inplace.dev/controller"


async def test_kubectl_sorts_counts_and_describes_our_events(open_world):
    async with open_world() as world:
        web = world.manifest("web", replicas=2)
        web["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"  # so that there are pull Pods
        await world.create(web)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED, 2 * world.patience)
        await world.until(lambda: _has(world, "PodFailed"), "the Event of a failed Pod")

        ours = [event for event in _sorted(world) if event["involvedObject"]["name"] == "web"]
        told = [event["reason"] for event in ours]
        assert told.index("Frozen") < told.index("UpgradeStarted") < told.index("UpgradeCompleted")
        assert (
            told.index("UpgradeCompleted")
            < len(told) - 1 - told[::-1].index("UpgradeStarted")
            < told.index("PodFailed")
        )
        assert all(event["firstTimestamp"] <= event["lastTimestamp"] for event in ours)
        assert all(event["count"] == 1 for event in ours), "nothing was told twice"
        assert world.app("v2") in next(event["message"] for event in ours if event["reason"] == "UpgradeStarted")

        everybody = [event["lastTimestamp"] or "" for event in _sorted(world, "involvedObject.kind!=Node")]
        assert everybody == sorted(everybody)
        assert everybody[-1] >= ours[-1]["lastTimestamp"] > everybody[0], "ours are among those of others"

        shown = kubectl(world.cluster, "describe", "statefulset", "web", "-n", world.namespace)
        events = shown.partition("Events:")[2]
        assert all(reason in events for reason in ("UpgradeStarted", "UpgradeCompleted", "PodFailed"))
        assert "<unknown>" not in events
        assert "missing" in events, "which image"

        warned = Counter(event["involvedObject"]["name"] for event in _sorted(world, "type=Warning,reason=Failed"))
        pulled = [count for name, count in warned.items() if name in _pull_pods(world, world.app("v2"))]
        assert pulled == [1], "as few as the kubelet writes for what it cannot start"

        lines = [json.loads(line) for line in world.log.read_text().splitlines()]
        patched = [line for line in lines if line["event"] == "pod.patched"]
        assert {line["pod"] for line in patched} == {"web-0", "web-1"}
        assert {line["to"] for line in patched} == {f"app={world.app('v2')}"}
        assert all((line["kind"], line["name"]) == ("StatefulSet", "web") for line in patched)
        loud = Counter(line["event"] for line in lines if line["level"] in {"warning", "error"})
        assert set(loud) <= {"workload.status_written", "pod.failed"}, loud


def _sorted(world, selector=REPORTER):
    """As an operator asks for them."""
    asked = ("get", "events", "-n", world.namespace, "--sort-by=.lastTimestamp", "--field-selector", selector)
    return json.loads(kubectl(world.cluster, *asked, "-o", "json"))["items"]


async def _has(world, reason):
    found = await world.client.list(resources.EVENTS, world.namespace, type=dict, field_selector=f"reason={reason}")
    return bool(found.items)


def _pull_pods(world, image):
    """The pull Pods that the log has of this image."""
    lines = [json.loads(line) for line in world.log.read_text().splitlines()]
    return {line["pull_pod"] for line in lines if line["event"] == "pull_pod.created" and line["image"] == image}
