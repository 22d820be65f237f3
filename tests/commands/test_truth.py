"""What `plan`, `status` and `explain` say is what the controller decides, and what holds a Pod is always named."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from kubesim.api.faults import Answer
from tests.commands.conftest import COMMANDS, NAMESPACE
from tests.scenarios.manifests import statefulset

GRACE = {"grace-period-seconds": "60", "pre-pull": "Never"}
AT_ONCE = {"pre-pull": "Never"}
PDB = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
}


# -- Pods in flight and Pods that wait


async def test_a_pod_in_its_grace_period(shop):
    async with shop.controller():
        await shop.create_ready(annotations=GRACE)
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.until(lambda: is_drained(shop), "web-0 to be drained")
        text, document = await shop.inplace("explain", "web-0"), await shop.inplace("status", "sts/web", "-o", "json")
        tree = await shop.inplace("status", "sts/web", "--watch", "--timeout", "1s")
        explained = await shop.inplace("explain", "pod/web-0", "-o", "json")
    assert text.code == document.code == explained.code == 0
    assert "GracePeriod: " in text.out
    assert re.search(r"^  until \S+ \S+, in (5\d|6[01]) s$", text.out, re.MULTILINE)
    pod = document.pod("web-0")
    assert (pod["stage"], pod["reason"]["code"]) == ("Draining", "GracePeriod")
    assert pod["until"] < pod["deadline"]
    assert explained.json()["pod"]["until"] == pod["until"]
    assert explained.json()["prediction"]["fates"] == {"app": "Restarts"}
    assert "\n  the kubelet: app restarts (up to " in text.out
    assert tree.code == 124
    assert "GracePeriod: not ready; waiting for the grace period to end" in " ".join(tree.out.split())
    for said in (text, document, tree, explained):
        assert "WaitingForUnready" not in said.out


async def is_drained(shop):
    return not (await shop.pod("web-0")).ready


async def test_a_pod_held_by_a_disruption_budget(shop):
    await shop.client.create(resources.PODDISRUPTIONBUDGETS, NAMESPACE, PDB, type=dict)
    async with shop.controller():
        await shop.create_ready(2, annotations=AT_ONCE)
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("Progressing")
        document = await shop.inplace("status", "sts/web", "-o", "json")
        text, planned = await shop.inplace("explain", "web-1"), await shop.inplace("plan", "sts/web")
    assert document.pod("web-1")["reason"]["code"] == "DisruptionBudget"
    assert "DisruptionBudget: " in text.out
    assert planned.code == 2
    assert "0 would start now" in planned.out
    assert "web-1 (" in planned.out
    assert "waits: " in planned.out


async def test_a_pod_held_by_a_disruption_budget_for_too_long(shop):
    await shop.client.create(resources.PODDISRUPTIONBUDGETS, NAMESPACE, PDB, type=dict)
    async with shop.controller():
        await shop.create_ready(2, annotations={**AT_ONCE, "progress-deadline-seconds": "1"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("Degraded")
        text, status = (
            await shop.inplace("explain", "web-1"),
            await shop.inplace("status", "sts/web", "--timeout", "1s"),
        )
    assert "DisruptionBudget: " in text.out
    assert status.code == 124, "that a budget gives nothing is no failure of the upgrade"
    assert "PodDisruptionBudget web" in status.out


async def test_a_pod_of_a_workload_that_waits_to_be_opted_out(shop):
    async with shop.controller():
        await shop.create_ready(2, gate=False, annotations={"paused": "true"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("Paused")
        await shop.patch({"metadata": {"labels": {names.MODE: None}}})
        await shop.until(lambda: is_told(shop, "OptOutPending"), "the opt-out to be pending")
        text, document = await shop.inplace("explain", "web-1"), await shop.inplace("explain", "web-1", "-o", "json")
        plain, tree = [await shop.inplace("status", "sts/web", *option, "--timeout", "1s") for option in ((), ("-w",))]
        once = await shop.inplace("status", "sts/web", "-o", "json")
        last = asyncio.create_task(shop.inplace("status", "sts/web", "--timeout", "10s"))
        await asyncio.sleep(1)
        await shop.set_image("v1")
        ended = await last
    assert "OptOutPending: opted out" in text.out
    assert document.json()["pod"]["reason"]["code"] == "OptOutPending"
    for done in (plain, tree):
        assert done.code == 124
        assert "OptOutPending: 2 Pods differ from the template" in " ".join(done.out.split())
    assert once.code == 0
    assert once.pod("web-1")["reason"]["code"] == "OptOutPending"
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "statefulset/web: opted out")


async def test_an_image_that_somebody_has_put_on_a_pod_by_hand(shop):
    async with shop.controller():
        await shop.create_ready(2, gate=False)
        await shop.reported("UpToDate")
        change = {"spec": {"containers": [{"name": "app", "image": "shop:v3"}]}}
        where = (resources.PODS, "web-0", NAMESPACE)
        await shop.client.patch(*where, change, patch_type=PatchType.STRATEGIC, type=dict)
        await shop.until(lambda: is_told(shop, "DriftDetected"), "the drift to be reported")
        said = [
            await shop.inplace(*line)
            for line in (("status", "sts/web"), ("status", "sts/web", "-w"), ("plan", "sts/web"), ("explain", "web-0"))
        ]
        documents = [await shop.inplace(*line, "-o", "json") for line in (("status", "sts/web"), ("plan", "sts/web"))]
        disabled = await shop.inplace("disable", "sts/web")
    back = "deleting the Pod, or another change of the template, brings it back"
    why = f"another writer set the image to shop:v3, the template has shop:v1; left alone: {back}"
    for done in said:
        assert done.code == 0
        assert f"DriftDetected: pods[web-0].containers[app]: {why}" in " ".join(done.out.split())
    assert documents[0].pod("web-0")["reason"]["message"] == why
    assert [note["message"] for note in documents[1].json()["notes"]] == [why]
    assert (disabled.code, disabled.out) == (0, "statefulset/web disabled\n")


async def is_told(shop, code):
    return code in ((await shop.workload()).metadata.annotation(names.STATUS) or "")


# -- plan of what is held back


async def frozen_at_v1(shop, **settings):
    """Three Pods at v1, opted in and frozen, and the template at v2, with no controller to act on it."""
    async with shop.controller():
        await shop.create_ready(3, annotations=AT_ONCE)
        await shop.reported("UpToDate")
        await shop.annotate(paused="true")  # holds whatever the controller would do before it is stopped
        await shop.set_image("v2")
        await shop.reported("Paused")
    await shop.patch({"metadata": {"annotations": {"inplace.dev/paused": None}}})
    if settings:
        await shop.annotate(**settings)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        pytest.param({"paused": "true"}, ["on hold: Paused: paused: true", "0 would start now"], id="paused"),
        pytest.param({"steps": "1"}, ["stops at step 1", "1 would start now", "in 1 wave;"], id="steps"),
    ],
)
async def test_plan_says_what_holds_the_pods(shop, settings, says):
    await frozen_at_v1(shop, **settings)
    planned = await shop.inplace("plan", "sts/web")
    assert planned.code == 2, planned
    for words in says:
        assert words in planned.out
    assert "nothing to do" not in planned.out
    assert "in 3 waves" not in planned.out


@pytest.mark.parametrize(("partition", "code"), [("100%", 0), ("34%", 2)])
async def test_plan_of_what_a_partition_keeps_exits_as_it_says(shop, partition, code):
    """A finished canary is nothing to do, until the partition is lowered."""
    await frozen_at_v1(shop, partition=partition)
    planned = await shop.inplace("plan", "sts/web")
    assert planned.code == code, planned
    assert ("nothing to do: 0 of 3 Pods change" in planned.out) is (code == 0)
    assert "skipped: " in planned.out


async def test_plan_of_what_was_rolled_back_says_that_the_template_is_refused(shop):
    """Every Pod is back at the last healthy revision: none is to change, and yet the template is not what runs."""
    await frozen_at_v1(shop)
    told = statuses.read((await shop.workload()).metadata)
    assert told is not None
    rolled = replace(told, phase=Phase.ROLLED_BACK, rolled_back_from=told.revision)
    await shop.annotate(status=statuses.encode(rolled))
    planned = await shop.inplace("plan", "sts/web")
    assert planned.code == 3, planned
    head, failed, way_out, *pods = planned.out.splitlines()
    assert head == f"statefulset/web -n default, revision {told.healthy}"
    assert failed.startswith(f"  rolled back: the template asks for revision {told.revision}, which has failed; 3 of 3")
    assert way_out.endswith("or run `inplace retry statefulset/web -n default`")
    assert len(pods) == 3
    assert "nothing to do" not in planned.out
    document = await shop.inplace("plan", "sts/web", "-o", "json")
    assert (document.code, document.json()["rolledBackFrom"]) == (3, told.revision)
    other = await shop.inplace("plan", "sts/web", "--image", "app=shop:v3")
    assert (other.code, "rolled back" in other.out) == (2, False)


async def test_plan_during_a_native_rollout_exits_as_it_says(shop):
    """Without a controller nobody opens the gate of the new Pod: the rollout stands still at it."""
    await shop.create_ready(1, gate=False, mode=None)
    await shop.patch({"spec": {"template": {"spec": {"readinessGates": [{"conditionType": names.GATE}]}}}})
    await shop.until(lambda: is_gated(shop), "the new Pod")
    planned = await shop.inplace("plan", "sts/web")
    assert planned.code == 0, planned
    assert "nothing more to do: 0 of 1 Pods change, 1 in progress" in planned.out


async def is_gated(shop):
    return any(pod.has_gate(names.GATE) for pod in (await shop.client.list(resources.PODS, NAMESPACE, type=Pod)).items)


async def test_plan_of_pods_on_nodes_that_are_not_ready(shop):
    await frozen_at_v1(shop)
    for node in shop.cluster.nodes:
        await shop.lose_node(node)
    planned = await shop.inplace("plan", "sts/web")
    assert planned.code == 2, planned
    assert planned.out.count("not Ready") == 3
    assert "0 of 3 Pods change" in planned.out
    assert "0 would start now, 3 cannot change for now" in planned.out
    assert "nothing to do" not in planned.out


async def test_plan_of_nothing_exits_0(shop):
    async with shop.controller():
        await shop.create_ready(2)
        await shop.reported("UpToDate")
    planned = await shop.inplace("plan", "sts/web")
    assert planned.code == 0
    assert "nothing to do: every Pod is at this revision" in planned.out


async def test_plan_of_no_pods(shop):
    async with shop.controller():
        await shop.create(0)
        await shop.reported("UpToDate")
    planned, document = await shop.inplace("plan", "sts/web"), await shop.inplace("plan", "sts/web", "-o", "json")
    assert planned.code == 0
    assert planned.out.endswith("  nothing to do: the workload wants no Pods\n")
    assert document.json()["desired"] == 0


# -- plan asks the API server


async def test_plan_of_an_image_that_admission_rewrites(shop):
    await frozen_at_v1(shop)
    for resource, body in rewriting():
        await shop.client.create(resource, None, body, type=dict)
    planned = await shop.inplace("plan", "sts/web", "--image", "app=shop:v3")
    assert planned.code == 3, planned
    assert "ImageRewritten" in planned.out
    assert "mirror/shop:v3" in planned.out
    assert "no Pod would be changed" in planned.out
    assert (await shop.inplace("plan", "sts/web", "--image", "app=shop:v3", "-o", "json")).code == 3


# -- plan of what is not made in place


@pytest.mark.parametrize(
    ("mode", "says", "falls_back"),
    [
        pytest.param("InPlaceOnly", "no Pod would be changed", False, id="refused"),
        pytest.param("InPlaceIfPossible", "the StatefulSet controller would replace the Pods", True, id="handed over"),
    ],
)
async def test_plan_of_a_change_that_is_not_made_in_place(shop, mode, says, falls_back):
    async with shop.controller():
        await shop.create_ready(2, annotations=AT_ONCE, mode=mode)
        await shop.reported("UpToDate")
    manifest = json.dumps(statefulset("web", "shop:v2", replicas=2, mode=mode, spec={"hostname": "x"}))
    planned = await shop.inplace("plan", "sts/web", "-f", "-", stdin=manifest)
    document = await shop.inplace("plan", "sts/web", "-f", "-", "-o", "json", stdin=manifest)
    assert (planned.code, document.code) == (3, 3), planned
    assert "refused: " in planned.out
    assert planned.out.endswith(says + "\n")
    assert document.json()["fallsBack"] is falls_back


async def test_pods_are_listed_before_what_they_name(shop):
    await shop.create_ready(1, gate=False)
    assert (await shop.inplace("plan", "sts/web")).code == 0
    lists = [request.plural for request in shop.requests if request.verb == "list"]
    assert lists[0] == "pods"
    assert "controllerrevisions" in lists[1:]


def rewriting():
    """A policy that puts a mirror before the image of every Pod that is updated, and its binding."""
    group, version = "admissionregistration.k8s.io", "v1"
    kinds = {"MutatingAdmissionPolicy": "mutatingadmissionpolicies"}
    kinds["MutatingAdmissionPolicyBinding"] = "mutatingadmissionpolicybindings"
    expression = (
        'object.spec.containers[0].image.startsWith("mirror/") ? [] : '
        '[JSONPatch{op: "replace", path: "/spec/containers/0/image", '
        'value: "mirror/" + object.spec.containers[0].image}]'
    )
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"]}
    policy = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [rule]},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }
    for (kind, plural), spec in zip(kinds.items(), (policy, {"policyName": "mirror"}), strict=True):
        resource = resources.Resource(group, version, plural, kind, namespaced=False)
        yield (
            resource,
            {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": "mirror"}, "spec": spec},
        )


async def test_a_controller_that_may_not_patch_pods_is_told_by_every_command(shop):
    async with shop.controller():
        await shop.create_ready(2, gate=False)
        await shop.reported("UpToDate")
        shop.cluster.server.plan = denying_patches
        await shop.set_image("v2")
        await shop.until(lambda: is_told(shop, "WriteRefused"), "the refusal to be reported")
        text = await shop.inplace("status", "sts/web", "--timeout", "1s")
        document = await shop.inplace("status", "sts/web", "-o", "json")
        explained = [await shop.inplace("explain", f"web-{n}") for n in range(2)]
        planned = await shop.inplace("plan", "sts/web")
    assert "0 of 2 Pods upgraded: the API server refuses to dry-run the patch of Pod web-" in text.out
    assert {pod["reason"]["code"] for pod in document.json()["pods"]} == {"WriteRefused"}
    for done in (*explained, planned):
        assert "the API server refuses to dry-run the patch" in done.out
        assert "checking by dry run" not in done.out


def denying_patches(request):
    patches = (request.plural, request.subresource, request.verb) == ("pods", "", "patch")
    return Answer(403) if patches and not request.agent.startswith(COMMANDS) else None
