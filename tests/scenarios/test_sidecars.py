"""Containers that a policy injects, as a mesh does: upgraded over several workloads by `inplace sidecars`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import subprocess
from contextlib import asynccontextmanager
from datetime import timedelta

from inplace.cli import errors, sidecars
from inplace.core.objects import names, selectors
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import Author, PodPhase, Record
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import Conflict, Invalid, KubeError, PreconditionFailed
from inplace.kube.resource import Resource
from tests.scenarios.kinds import BY_NAME
from tests.scenarios.manifests import workload
from tests.scenarios.markers import kinds, long, shown_on
from tests.scenarios.test_budgets import budget, change

POLICIES = Resource("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", False)
BINDINGS = Resource(
    "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", False
)
PROXY = "istio-proxy"
#: Each run of the command is known to the embedded server by a name of its own.
AGENT, RUNS = "inplace-sidecars", itertools.count(1)
ON = {"mesh": "on"}
once = kinds("StatefulSet", because="it is about a fleet of all kinds")


def injector(world, tag):
    """What a mesh's webhook does, as a policy: Pods of the mesh get the proxy if they have none."""
    proxy = f'Object.spec.containers{{name: "{PROXY}", image: "{world.image("sidecar", tag)}"}}'
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    return {
        "metadata": {"name": f"mesh-{world.namespace}"},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [rule], "objectSelector": {"matchLabels": ON}},
            "matchConditions": [
                {"name": "without", "expression": f"!object.spec.containers.exists(c, c.name == '{PROXY}')"}
            ],
            "mutations": [
                {
                    "patchType": "JSONPatch",
                    "jsonPatch": {
                        "expression": f'[JSONPatch{{op: "add", path: "/spec/containers/-", value: {proxy}}}]'
                    },
                }
            ],
        },
    }


@asynccontextmanager
async def mesh(world, tag="v1"):
    """An injector for this namespace; yields what changes the image that it gives new Pods."""
    world.require_mutating_policies()
    made = await world.client.create(POLICIES, None, injector(world, tag), type=dict)
    name = made["metadata"]["name"]
    selector = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
    spec = {"policyName": name, "matchResources": {"namespaceSelector": selector}}
    await world.client.create(BINDINGS, None, {"metadata": {"name": name}, "spec": spec}, type=dict)

    async def give(tag):
        current = await world.client.get(POLICIES, name, type=dict)
        await world.client.replace(POLICIES, name, None, {**current, "spec": injector(world, tag)["spec"]}, type=dict)
        await in_force(world, tag)

    try:
        await in_force(world, tag)
        yield give
    finally:
        await world.client.delete(BINDINGS, name)
        await world.client.delete(POLICIES, name)


async def in_force(world, tag):
    """A policy is in force some seconds after it is made."""
    container = {"name": "app", "image": world.app("v1")}
    body = {"metadata": {"name": "asks", "labels": ON}, "spec": {"containers": [container]}}

    async def injected() -> bool:
        made = await world.client.create(resources.PODS, world.namespace, body, type=dict, dry_run=True)
        return world.image("sidecar", tag) in [one["image"] for one in made["spec"]["containers"]]

    await world.until(injected, f"the injector to give {tag}")


async def fleet(world, sizes, *, gate=True, mode=None):
    """Workloads of these kinds and sizes in the mesh; returns how many Pods there are."""
    for kind, size in sizes.items():
        flavour = BY_NAME[kind]
        name = f"mesh-{flavour.name.lower()}"
        made = workload(flavour, name, world.app("v1"), replicas=size, gate=gate, mode=mode, pod_labels=ON)
        made["metadata"]["namespace"] = world.namespace
        await world.client.create(flavour.resource, world.namespace, made, type=dict)
    count = sum(sizes.values())

    async def ready() -> bool:
        found = await meshed(world)
        gated = [open_gate(world, pod) for pod in found if gate and mode is None]
        for each in gated:
            await each
        return len(found) == count and all(pod.ready for pod in found)

    await world.until(ready, f"{count} Pods of the mesh Ready", 3 * world.patience)
    return count


async def open_gate(world, pod):
    """Of a workload that is not opted in a controller opens it just so; without one the test does."""
    if pod.condition(names.GATE) is None and pod.status.conditions:
        value = {"type": names.GATE, "status": "True"}
        unchanged = {"op": "test", "path": "/metadata/resourceVersion", "value": pod.metadata.resource_version}
        body = [unchanged, {"op": "add", "path": "/status/conditions/-", "value": value}]
        where = (resources.PODS, pod.name, world.namespace)
        with contextlib.suppress(KubeError):  # it has changed, or is gone: the next look opens it
            await world.client.patch(*where, body, patch_type=PatchType.JSON, subresource="status", type=dict)


async def meshed(world):
    found = await world.client.list(resources.PODS, world.namespace, type=Pod, label_selector="mesh=on")
    return [pod for pod in found.items if pod.metadata.deletion_timestamp is None]


async def upgrade(world, tag, *options, container=PROXY, yes=True):
    """Run the command, with nobody at a terminal; returns its exit code."""
    line = ["-c", container, "--image", world.image("sidecar", tag), *(["--yes"] if yes else []), *options]
    if world.name == "embedded":
        client = world.cluster.client(f"{AGENT}-{next(RUNS)}", field_manager="inplace")
        context = sidecars.sidecars.make_context("sidecars", line)
        chosen = selectors.parse("mesh=on")
        assert chosen is not None
        try:
            return await sidecars.upgrade(client, world.namespace, chosen, dict(context.params))
        except (errors.InputError, ExceptionGroup) as raised:
            failure = raised
        return errors.run(lambda: _raise(failure))
    return await asyncio.to_thread(begun(world, line).wait)


def _raise(error):
    raise error


def begun(world, line):
    from tests.scenarios.real import PROGRAM

    where = ["--kubeconfig", str(world.cluster.kubeconfig), "-n", world.namespace, "-l", "mesh=on"]
    return subprocess.Popen([str(PROGRAM), "sidecars", *line, *where], stdin=subprocess.DEVNULL)


async def images(world):
    return [pod.container(PROXY).image for pod in await meshed(world)]


def containers(pods, name):
    return {(pod.uid, pod.container_status(name).container_id) for pod in pods}


async def recorded(world):
    """By Pod: the record of its last upgrade."""
    found = {pod.name: records.read(pod) for pod in await meshed(world)}
    assert all(record is None or isinstance(record, Record) for record in found.values())
    return found


async def upgraded_over(world, sizes, give):
    count, before = sum(sizes.values()), await meshed(world)
    await give("v2")
    assert await upgrade(world, "v2", "--max-unavailable", "40%") == 0
    after = await meshed(world)
    assert await images(world) == [world.image("sidecar", "v2")] * count
    assert containers(after, "app") == containers(before, "app"), "no application container was touched"
    assert not containers(after, PROXY) & containers(before, PROXY)
    assert all(pod.ready for pod in after)
    for record in (await recorded(world)).values():
        assert (record.phase, record.by) == (PodPhase.DONE, "command")
        assert record.containers[PROXY].evidence


@once
async def test_an_injected_proxy_is_upgraded_over_three_workloads(open_world):
    sizes = {"StatefulSet": 3, "Deployment": 2, "ReplicaSet": 2}
    async with open_world() as world, mesh(world) as give:
        await fleet(world, sizes)
        await upgraded_over(world, sizes, give)
        records_before = await recorded(world)
        assert await upgrade(world, "v2") == 0
        assert await recorded(world) == records_before, "there was nothing left to do"


@long
@shown_on("real", because="it is about twenty Pods on a kubelet, and takes as long as that does")
@once
async def test_an_injected_proxy_is_upgraded_over_twenty_pods(open_world):
    sizes = {"StatefulSet": 8, "Deployment": 8, "ReplicaSet": 4}
    async with open_world() as world, mesh(world) as give:
        await fleet(world, sizes)
        await upgraded_over(world, sizes, give)


@long
@once
async def test_a_bad_proxy_stops_the_fleet_and_is_rolled_back(open_world):
    async with open_world() as world, mesh(world):
        await fleet(world, {"StatefulSet": 3, "Deployment": 2})
        options = ("--ignore-injector", "--max-disrupted", "1")
        assert await upgrade(world, "missing", *options) == 4
        found = [record for record in (await recorded(world)).values() if record is not None]
        assert [(one.phase, one.reason) for one in found] == [(PodPhase.FAILED, ReasonCode.ImagePull)]
        assert (await images(world)).count(world.image("sidecar", "missing")) == 1
        assert await upgrade(world, "missing", *options) == 4, "what has failed is not tried again"
        assert (await images(world)).count(world.image("sidecar", "missing")) == 1

        assert await upgrade(world, "missing", "--rollback") == 0
        assert await images(world) == [world.image("sidecar", "v1")] * 5
        assert all(pod.ready for pod in await meshed(world))
        assert await upgrade(world, "missing", "--rollback") == 0, "it has gone back"


@once
async def test_what_is_not_injected_or_comes_back_is_refused(open_world):
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 1, "Deployment": 1})
        assert await upgrade(world, "v2", container="app") == 3, "it is in the templates"
        assert await upgrade(world, "v2") == 3, "the injector gives new Pods v1"
        assert all(record is None for record in (await recorded(world)).values())
        assert await upgrade(world, "v2", "--dry-run=server", "--ignore-injector") == 2
        assert await upgrade(world, "v2", "--dry-run=client") == 2, "admission is not asked"
        assert await upgrade(world, "v2", "--dry-run=server") == 3
        await give("v2")
        assert await upgrade(world, "v2", "--dry-run=server") == 2
        assert await images(world) == [world.image("sidecar", "v1")] * 2


@once
async def test_what_is_named_wrong_or_can_be_asked_of_nobody_is_an_error_and_begins_nothing(open_world):
    """A job of CI with a typing error is not done."""
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 1})
        await give("v2")
        assert await upgrade(world, "v2", container="prox") == 1, "no Pod has such a container"
        assert await upgrade(world, "v2", yes=False) == 1, "nobody answers"
        assert await upgrade(world, "v2", "--dry-run=server", yes=False) == 2
        assert all(record is None for record in (await recorded(world)).values())


@once
async def test_what_cannot_begin_yet_is_to_do_and_is_waited_for(open_world):
    """Another command works on the only Pod: the upgrade is neither done nor refused."""
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 1})
        await give("v2")
        [pod] = await meshed(world)
        now = world.client.clock.now()
        other = records.Record(
            v=1, workload=pod.metadata.owner_references[0].uid, attempt=1, phase=records.PodPhase.DRAINING,
            base="a", target="a", started_at=now, deadline=now + timedelta(seconds=60), by=records.Author.COMMAND,
        )  # fmt: skip
        body = {"metadata": {"annotations": {names.STATE: records.encode(other)}}}
        await world.client.patch(
            resources.PODS, pod.name, world.namespace, body, patch_type=PatchType.STRATEGIC, type=Pod
        )
        assert await upgrade(world, "v2", "--dry-run=server") == 2
        assert await upgrade(world, "v2", "--progress-deadline", "3s") == 4, "nothing has gone on"
        assert await images(world) == [world.image("sidecar", "v1")]


@once
async def test_a_command_that_was_killed_goes_on_where_it_was(open_world):
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 3})
        await give("v2")
        await killed(world, "v2")
        found = [record for record in (await recorded(world)).values() if record is not None]
        assert [one.in_flight for one in found] == [True]
        assert await upgrade(world, "v2", "--pause") == 130, "what is in flight is ended, and nothing begun"
        assert (await images(world)).count(world.image("sidecar", "v2")) == 1
        assert await upgrade(world, "v2") == 0
        assert await images(world) == [world.image("sidecar", "v2")] * 3
        assert [record.attempt for record in (await recorded(world)).values()] == [1, 1, 1]


@once
async def test_pods_whose_node_was_away_for_a_moment_are_not_drained_all_at_once(open_world):
    """While one is in flight the node lifecycle controller says of the others that they are not Ready, as of all Pods
    of a node, whatever they do; their kubelet says that they are a moment later."""
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 4})
        await give("v2")

        async def away():
            while True:
                pods = await meshed(world)
                flying = any(in_flight(pod) for pod in pods)
                for pod in pods:
                    if records.read(pod) is None and pod.ready is flying:
                        await mark(world, pod, ready=not flying)
                await world.clock.sleep(0.05 if flying else 1.0)

        marking = asyncio.create_task(away())
        try:
            assert await upgrade(world, "v2", "--grace-period", "1s") == 0
        finally:
            marking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await marking
        assert await images(world) == [world.image("sidecar", "v2")] * 4
        assert not begun_while_away(world)
        out = [sum(in_flight(pod) for pod in now.values()) for _, now in world.history.moments()]
        assert max(out) == 1, "max-unavailable is 1"


def in_flight(pod):
    record = records.read(pod)
    return isinstance(record, Record) and record.in_flight


def begun_while_away(world):
    """The Pods whose upgrade was begun while their condition Ready was False."""
    found = []
    for name in {one.pod.name for one in world.history.seen}:
        for before, after in itertools.pairwise(world.history.of(name)):
            if in_flight(after.pod) and records.read(before.pod) is None and not before.pod.ready:
                found.append(name)
    return found


async def mark(world, pod, *, ready):
    """As MarkPodsNotReady does, and as the kubelet undoes it (status manager, needsReconcile); nothing if the Pod is
    another by now."""
    number = next(n for n, one in enumerate(pod.status.conditions) if one.type == "Ready")
    body = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": pod.metadata.resource_version},
        {"op": "replace", "path": f"/status/conditions/{number}/status", "value": str(ready)},
    ]
    where = (resources.PODS, pod.name, world.namespace)
    with contextlib.suppress(PreconditionFailed, Invalid, Conflict):
        await world.client.patch(*where, body, patch_type=PatchType.JSON, subresource="status", type=dict)


async def killed(world, tag):
    """End the command once it has drained a Pod."""

    async def drained() -> bool:
        return any(record is not None for record in (await recorded(world)).values())

    if world.name == "embedded":
        task = asyncio.create_task(upgrade(world, tag))
        await world.until(drained, "a Pod to be drained")
        world.cluster.server.silence(f"{AGENT}-{next(RUNS) - 1}")
        task.cancel()
        with contextlib.suppress(BaseException):
            await task
        return
    process = begun(world, ["-c", PROXY, "--image", world.image("sidecar", tag), "--yes"])
    await world.until(drained, "a Pod to be drained")
    process.kill()
    await asyncio.to_thread(process.wait)


@shown_on("real", because="a signal is for a process of its own")
@once
async def test_an_interrupted_command_ends_what_it_has_begun(open_world):
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 3})
        await give("v2")
        process = begun(world, ["-c", PROXY, "--image", world.image("sidecar", "v2"), "--yes"])

        async def drained() -> bool:
            return any(record is not None for record in (await recorded(world)).values())

        await world.until(drained, "a Pod to be drained")
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, world.patience) == 130
        found = [record for record in (await recorded(world)).values() if record is not None]
        assert [record.phase for record in found] == [PodPhase.DONE]
        assert (await images(world)).count(world.image("sidecar", "v2")) == 1


@once
async def test_beside_a_controller_that_upgrades_the_same_pods(open_world):
    """Both go on, one after the other on each Pod, within the budget; neither undoes what the other has done."""
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 3, "Deployment": 3}, mode="InPlaceOnly")
        await give("v2")
        least = 6

        async def watch():
            nonlocal least
            while True:
                ready = sum(pod.ready for pod in await meshed(world))
                least = min(least, ready)
                await world.clock.sleep(0.2)

        watching = asyncio.create_task(watch())
        change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": world.app("v2")}]}}}}
        for kind in ("StatefulSet", "Deployment"):
            where = (BY_NAME[kind].resource, f"mesh-{kind.lower()}", world.namespace)
            await world.client.patch(*where, change, patch_type=PatchType.STRATEGIC, type=dict)
        assert await upgrade(world, "v2") == 0

        async def done() -> bool:
            found = [pod for pod in await meshed(world) if pod.ready]
            return [pod.container("app").image for pod in found] == [world.app("v2")] * 6

        await world.until(done, "the controller to be done as well", 3 * world.patience)
        watching.cancel()
        assert await images(world) == [world.image("sidecar", "v2")] * 6
        assert least >= 4, "one of each workload at a time, whoever works on it"
        if world.name == "embedded":  # where nobody is slow
            begun = [records.read(one.pod) for one in world.history.begun()]
            first = min(one.started_at for one in begun if one.by is Author.COMMAND)
            assert all(one.started_at < first for one in begun if one.by is not Author.COMMAND), "the controller first"


@once
async def test_a_budget_that_allows_nothing_is_respected(open_world):
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 2})
        await give("v2")
        await budget(world, "all", {"matchLabels": ON}, maxUnavailable=0)
        assert await upgrade(world, "v2", "--progress-deadline", "3s") == 4
        assert all(record is None for record in (await recorded(world)).values())
        await change(world, "all", maxUnavailable=1)
        assert await upgrade(world, "v2") == 0
        assert await images(world) == [world.image("sidecar", "v2")] * 2


@once
async def test_without_a_gate_nothing_is_drained(open_world):
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"Deployment": 2}, gate=False)
        await give("v2")
        assert await upgrade(world, "v2") == 0
        assert await images(world) == [world.image("sidecar", "v2")] * 2
        assert all(record.containers[PROXY].evidence for record in (await recorded(world)).values())
