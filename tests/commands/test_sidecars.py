"""`inplace sidecars` as a user runs it: what it says, how it ends, and what it leaves alone."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.pod.failures import UNPROBED
from inplace.core.state import records
from inplace.core.state.records import Author, PodPhase, Record
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.resource import Resource
from tests.commands.conftest import NAMESPACE, Done
from tests.scenarios import manifests

POLICIES = Resource("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", False)
BINDINGS = Resource(
    "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", False
)
PROGRAM = Path(sys.executable).parent / "inplace"
ASKED = ("sidecars", "-n", NAMESPACE, "-l", "app=web", "-c", "proxy", "--image", "shop:v2", "--ignore-injector")


@pytest_asyncio.fixture
async def mesh(shop):
    """Two Pods of web with a proxy that no template has."""
    proxy = 'Object.spec.containers{name: "proxy", image: "shop:v1"}'
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
            ]
        },
        "matchConditions": [{"name": "none", "expression": "!object.spec.containers.exists(c, c.name == 'proxy')"}],
        "mutations": [
            {
                "patchType": "JSONPatch",
                "jsonPatch": {"expression": f'[JSONPatch{{op: "add", path: "/spec/containers/-", value: {proxy}}}]'},
            }
        ],
    }
    await shop.client.create(POLICIES, None, {"metadata": {"name": "mesh"}, "spec": spec}, type=dict)
    bound = {"policyName": "mesh", "matchResources": {}}
    await shop.client.create(BINDINGS, None, {"metadata": {"name": "mesh"}, "spec": bound}, type=dict)
    await shop.create_ready(2, mode=None, gate=False)
    assert [await image(shop, n) for n in range(2)] == ["shop:v1"] * 2
    return shop


async def image(shop, number):
    return (await shop.pod(f"web-{number}")).container("proxy").image


def begun(shop, *options):
    """The command as a process of its own, which can be given signals."""
    line = [str(PROGRAM), *ASKED, *options, "--kubeconfig", str(shop.kubeconfig)]
    return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def steady():
    """Another process knows since when a container has run by its status alone, in whole seconds."""
    await asyncio.sleep(UNPROBED.total_seconds() + 2)


async def ended(process):
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    return Done(process.returncode, out, err)


async def run(shop, *options):
    return await ended(begun(shop, *options))


@pytest.mark.parametrize(
    ("selector", "container", "says"),
    [
        ("app=wep", "proxy", "no Pod matches --selector: expected one of Pods that are there"),
        (
            "app=web",
            "prox",
            "none of 2 Pods has a container prox: expected one that they have: app, proxy",
        ),
    ],
)
@pytest.mark.parametrize("option", ["--dry-run=server", "--yes"])
async def test_a_typing_error_is_no_success(mesh, selector, container, says, option):
    line = ("sidecars", "-n", NAMESPACE, "-l", selector, "-c", container, "--image", "shop:v2", option)
    done = await mesh.inplace(*line)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: {says}")
    assert len(done.err.splitlines()) == 1


async def test_where_nobody_can_be_asked_it_says_so(mesh):
    done = await run(mesh)
    assert done.code == 1
    assert done.err.splitlines()[-1] == "error: nobody can be asked here whether to begin: expected --yes"
    assert await image(mesh, 1) == "shop:v1"


async def test_pods_that_wait_are_not_done(mesh):
    """Nothing can begin, of any; and when what they wait for is over it goes on."""
    uid = (await mesh.workload()).metadata.uid
    now, late = mesh.client.clock.now(), mesh.client.clock.now().replace(year=2999)
    other = Record(1, uid, 1, PodPhase.SWAPPING, "a", "b", now, late, by=Author.COMMAND)
    for number in range(2):
        await annotate(mesh, number, records.encode(other))
    done = await mesh.inplace(*ASKED, "--dry-run=server")
    assert (done.code, done.out.count("AnotherUpgrade: ")) == (2, 2)
    done = await run(mesh, "--yes", "--progress-deadline", "2s")
    assert (done.code, done.out.splitlines()[-1]) == (4, "nothing has gone on for 2 s; 0 of 2 Pods done")
    process = begun(mesh, "--yes")
    await asyncio.sleep(2)
    for number in range(2):
        await annotate(mesh, number, None)
    done = await ended(process)
    assert (done.code, done.out.splitlines()[-1]) == (0, "2 of 2 Pods done")


async def annotate(shop, number, value):
    change = {"metadata": {"annotations": {names.STATE: value}}}
    await shop.client.patch(
        resources.PODS, f"web-{number}", NAMESPACE, change, patch_type=PatchType.MERGE, type=Pod, field_manager="user"
    )


async def test_pods_of_a_node_that_is_away_are_not_done(mesh):
    for node in {(await mesh.pod(f"web-{n}")).spec.node_name for n in range(2)}:
        await mesh.lose_node(node)
    done = await mesh.inplace(*ASKED, "--dry-run=server")
    assert (done.code, done.out.count("NodeNotReady: ")) == (2, 2)
    done = await run(mesh, "--yes", "--progress-deadline", "2s")
    assert (done.code, done.out.splitlines()[-1]) == (4, "nothing has gone on for 2 s; 0 of 2 Pods done")


async def test_what_is_done_is_said_to_be_done(mesh):
    """In the summary, in the plan of the next run, and of one that begins nothing."""
    done = await run(mesh, "--yes")
    assert (done.code, done.out.splitlines()[-1]) == (0, "2 of 2 Pods done")
    await steady()
    for option in ("--dry-run=server", "--yes", "--pause"):
        done = await run(mesh, option)
        assert done.code == 0
        assert done.out.count(": done: shop:v2\n") == 2
        assert (done.out.splitlines()[-1] == "2 of 2 Pods done") is (option != "--dry-run=server")
    back = await run(mesh, "--yes", "--rollback")
    assert (back.code, back.out.splitlines()[-1]) == (0, "2 of 2 Pods done")


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
async def test_one_signal_ends_what_has_begun_and_counts_it(mesh, name):
    process = begun(mesh, "--yes")
    await mesh.until(lambda: is_begun(mesh), "a Pod to be begun")
    process.send_signal(name)
    done = await ended(process)
    assert (done.code, done.out.splitlines()[-1]) == (130, "1 of 2 Pods done")
    assert done.err == "pausing: beginning nothing more; again to leave Pods in flight as they are\n"
    await steady()
    again = await run(mesh, "--yes")
    assert (again.code, again.out.splitlines()[-1]) == (0, "2 of 2 Pods done")
    assert "default/web-1: " not in again.out, "it was done when this run began"


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
async def test_a_second_signal_ends_it_where_it_is(mesh, name):
    process = begun(mesh, "--yes", "--min-ready", "60s")
    await mesh.until(lambda: is_begun(mesh), "a Pod to be begun")
    process.send_signal(name)
    await asyncio.sleep(1)
    assert process.poll() is None
    process.send_signal(name)
    done = await ended(process)
    assert (done.code, len(done.err.splitlines())) == (130, 1), done.err


async def is_begun(shop):
    return isinstance(records.read(await shop.pod("web-1")), Record)


async def test_what_is_refused_is_not_said_to_be_done(mesh):
    """The other workload has the container in its template, with the very image that is asked for."""
    own = manifests.statefulset("own", "shop:v1", replicas=1, mode=None, gate=False)
    template = own["spec"]["template"]
    template["spec"]["containers"].append({**template["spec"]["containers"][0], "name": "proxy", "image": "shop:v2"})
    template["metadata"]["labels"] = own["spec"]["selector"]["matchLabels"] = {"app": "own"}
    await mesh.client.create(resources.STATEFULSETS, NAMESPACE, own, type=dict)

    async def ready():
        pods = await mesh.client.list(resources.PODS, NAMESPACE, type=Pod)
        return sum(pod.ready for pod in pods.items) == 3

    await mesh.until(ready, "the other Pod")
    line = [word if word != "app=web" else "app in (web,own)" for word in ASKED]
    done = await mesh.inplace(*line, "--dry-run=server")
    assert done.code == 3
    assert "container proxy: 3 Pods of 2 workloads\n" in done.out
    assert "  own-0: refused\n" in done.out
    assert "done" not in done.out
