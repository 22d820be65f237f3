"""What each command needs of RBAC (`inplace.cli.rights`), held to what it asks of the server, in both directions."""

from __future__ import annotations

import json

import pytest

from inplace.cli.rights import NEEDS, Right, rule
from inplace.core import kinds
from inplace.kube import resource as resources
from tests.commands.test_truth import AT_ONCE
from tests.scenarios import manifests

#: The arguments of each, and its exit code.
COMMANDS = {
    "list": (("list", "sts"), 0),
    "list --watch": (("list", "sts", "--watch", "--timeout", "1s"), 0),
    "plan": (("plan", "sts/web", "--image", "app=shop:v3"), 2),
    "status": (("status", "sts/web", "--timeout", "20s"), 0),
    "status -o": (("status", "sts/web", "-o", "json"), 0),
    "status --watch": (("status", "sts/web", "--watch", "--timeout", "20s"), 0),
    "explain": (("explain", "web-0"), 0),
    "events": (("events", "sts/web"), 0),
    "logs": (("logs", "sts/web"), 1),
    "report": (("report", "sts/web", "--logs", "-f", "REPORT"), 0),
    "check": (("check", "--lease-namespace", "default"), 0),
    "check TYPE/NAME": (("check", "sts/web"), 0),
    "history": (("history", "sts/web"), 0),
    "diff -f": (("diff", "-f", "MANIFEST"), 2),
    "diff --revision": (("diff", "sts/web", "--revision", "1"), 0),
    "enable": (("enable", "sts/web", "--mode", "InPlaceIfPossible"), 0),
    "set image": (("set", "image", "sts/web", "app=shop:v2", "--dry-run=server"), 0),
    "pause": (("pause", "sts/web", "--dry-run=server"), 0),
    "resume": (("resume", "sts/web"), 0),
    "promote": (("promote", "sts/web", "--full", "--dry-run=server"), 1),
    "retry": (("retry", "sts/web"), 1),
    "undo": (("undo", "sts/web"), 1),
    "restart TYPE/NAME": (("restart", "sts/web", "--dry-run=server"), 0),
    "disable": (("disable", "sts/web"), 0),
}
#: Which of the workloads' kinds the StatefulSet of these tests needs no rights on.
OTHERS = {kind.plural for kind in kinds.ALL} - {"statefulsets"}


def of_this_kind(rights):
    return {right for right in rights if right.resource.partition("/")[0] not in OTHERS}


def asked(shop):
    """The rights that the requests so far took."""
    return {(f"{one.plural}/{one.subresource}" if one.subresource else one.plural, one.verb) for one in shop.requests}


def denying(rights):
    """RBAC that denies these and nothing else."""
    kept = {(right.resource, right.verb) for right in rights}

    def denied(request):
        resource = f"{request.plural}/{request.subresource}" if request.subresource else request.plural
        return (resource, request.verb) in kept

    return denied


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_asks_for_no_more_than_is_said_and_ends_without_what_is_required(shop, command, tmp_path):
    words, code = COMMANDS[command]
    words = tuple(str(tmp_path / word) if word in {"REPORT", "MANIFEST"} else word for word in words)
    body = manifests.statefulset("web", "shop:v3", replicas=1, gate=False, annotations=AT_ONCE)
    (tmp_path / "MANIFEST").write_text(json.dumps(body))
    async with shop.controller():
        await shop.create_ready(1, gate=False, annotations=AT_ONCE)
        await shop.reported("UpToDate")
    needs = NEEDS[command]
    known = {(right.resource, right.verb) for right in needs}
    for right in sorted(of_this_kind(needs.required)):
        shop.denied = denying([right])
        shop.requests.clear()
        done = await shop.inplace(*words)
        if right.verb == "watch" and done.code == code:
            continue  # it was over before the watch was refused
        if (right.resource, right.verb) in asked(shop):
            assert done.code == 1, (right, done)
            assert "forbidden" in done.err, (right, done)
    shop.denied = denying(of_this_kind(needs.optional))
    shop.requests.clear()
    without = await shop.inplace(*words)
    assert without.code == code, without
    assert asked(shop) <= known, asked(shop) - known


def test_every_command_that_asks_a_cluster_has_its_rights_tested():
    elsewhere = {"restart pod/NAME", "dashboard"}  # test_restarting.py, test_dashboard.py
    assert set(COMMANDS) | elsewhere == set(NEEDS)


def test_a_rule_is_one_line_for_resources_of_the_same_verbs():
    rights = [
        Right("apps", "statefulsets", "patch"),
        Right("apps", "daemonsets", "get"),
        Right("apps", "statefulsets", "get"),
        Right("", "pods", "get"),
        Right("coordination.k8s.io", "leases", "get", "inplace-controller"),
    ]
    assert rule(rights).splitlines() == [
        '- {apiGroups: [""], resources: [pods], verbs: [get]}',
        "- {apiGroups: [apps], resources: [daemonsets], verbs: [get]}",
        "- {apiGroups: [apps], resources: [statefulsets], verbs: [get, patch]}",
        "- {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [inplace-controller], verbs: [get]}",
    ]


def test_what_is_needed_is_a_resource_of_its_group():
    known = {(one.group, one.plural) for one in resources.ALL}
    for needs in NEEDS.values():
        assert {(right.group, right.resource.partition("/")[0]) for right in needs} <= known
