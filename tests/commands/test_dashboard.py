"""`inplace dashboard` as a user runs it: the address, what the stream says, fewer rights, Ctrl-C."""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter

import pytest

from inplace.cli.rights import NEEDS
from inplace.kube import resource as resources
from tests.commands.conftest import NAMESPACE, PATIENCE_SECONDS
from tests.commands.test_truth import AT_ONCE
from tests.page import opened, phase_of
from tests.scenarios import manifests

WORKLOADS = ("statefulsets", "daemonsets", "deployments", "replicasets")
AROUND = ("pods", "controllerrevisions", "endpointslices", "poddisruptionbudgets", "nodes", "events")
WEB = "default/statefulset/web"
HOSTILE = "<img src=x onerror=alert(1)>"


async def test_it_shows_an_upgrade_from_its_beginning_to_its_end(shop):
    async with shop.controller():
        await shop.create_ready(
            3, annotations={**AT_ONCE, "grace-period-seconds": "2"}
        )  # so that each is seen in flight
        await shop.reported("UpToDate")
        async with opened(shop.kubeconfig) as page:
            await page.until(lambda panels: phase_of(panels, WEB) == "UpToDate", "the workload")
            assert page.panels[""] == {"key": "", "where": f"namespace {NAMESPACE}", "notes": []}
            await shop.set_image("v2")
            await page.until(lambda panels: panels[WEB]["moving"] > 0, "a Pod in flight")
            [change] = page.panels[WEB]["changes"]
            assert (change["container"], change["fromImage"], change["toImage"]) == ("app", "shop:v1", "shop:v2")
            await page.until(
                lambda panels: phase_of(panels, WEB) == "UpToDate" and panels[WEB]["done"] == 3,
                "the end",
            )
            panel = page.panels[WEB]
            assert {one["containers"][0]["evidence"] for one in panel["view"]["pods"]} == {"ImageChanged"}
            assert (panel["failed"], panel["endsAt"], panel["warnings"]) == (0, None, [])
            assert panel["startedAt"] <= panel["endedAt"]
            await page.until(  # the last word of the controller comes after its status
                lambda panels: "UpgradeCompleted" in {event["reason"] for event in panels[WEB]["events"]},
                "the Event of the end",
            )
            await shop.delete()
            await page.until(lambda panels: WEB not in panels, "it to be gone")
            status = await shop.inplace("status", "sts/none", "-o", "json")
            assert status.code == 1
    verbs = Counter((request.verb, request.plural) for request in shop.requests if request.plural in WORKLOADS + AROUND)
    del verbs["get", "statefulsets"]  # of status
    assert verbs == {(verb, plural): 1 for verb in ("list", "watch") for plural in WORKLOADS + AROUND}


async def test_it_says_the_same_as_status(shop):
    async with shop.controller():
        await shop.create_ready(2, annotations=AT_ONCE)
        await shop.patch({"spec": {"template": {"spec": {"hostname": "x"}}}})
        await shop.reported("Refused")
        async with opened(shop.kubeconfig) as page:
            await page.until(lambda panels: phase_of(panels, WEB) == "Refused", "the refusal")
            told = (await shop.inplace("status", "sts/web", "-o", "json")).json()
            seen = page.panels[WEB]["view"]
    told["status"].pop("updatedAt")
    seen["status"].pop("updatedAt")
    same = ("mode", "target", "status", "pods")
    assert {key: seen[key] for key in same} == {key: told[key] for key in same}


async def test_what_a_tenant_writes_is_data(shop):
    async with shop.controller():
        await shop.create_ready(1, annotations=AT_ONCE)
        await shop.patch({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": HOSTILE}]}}}})
        async with opened(shop.kubeconfig) as page:
            await page.until(
                lambda panels: any(change["toImage"] == HOSTILE for change in panels.get(WEB, {}).get("changes", ())),
                "the image",
            )


async def test_with_fewer_rights_it_says_what_is_not_shown(shop):
    await shop.create_ready(1, gate=False)
    shop.denied = lambda request: request.plural in {"nodes", "events", "replicasets", "daemonsets"}
    async with opened(shop.kubeconfig) as page:
        await page.until(lambda panels: WEB in panels, "the workload")
        assert sorted(page.panels[""]["notes"]) == [
            "cannot list daemonsets: DaemonSets are not shown",
            "cannot list events: what happened is not shown",
            "cannot list nodes: node readiness and node images are unknown",
            "cannot list replicasets: ReplicaSets are not shown, nor Deployments, whose Pods belong to them",
        ]


async def test_it_asks_for_what_its_row_of_the_rights_says_and_does_without_all_that_is_optional(shop):
    needs = NEEDS["dashboard"]
    await shop.create_ready(1, gate=False)
    async with opened(shop.kubeconfig) as page:
        await page.until(lambda panels: WEB in panels, "the workload")
    assert {(one.plural, one.verb) for one in shop.requests} == {(right.resource, right.verb) for right in needs}
    optional = {right.resource for right in needs.optional} - {"statefulsets"}
    shop.denied = lambda request: request.plural in optional
    async with opened(shop.kubeconfig) as page:
        await page.until(lambda panels: WEB in panels, "the workload")
        assert len(page.panels[""]["notes"]) == len(optional)
    for right in needs.required:
        shop.denied = lambda request, right=right: (request.plural, request.verb) == (right.resource, right.verb)
        done = await shop.inplace("dashboard")
        assert done.code == 1, right
        assert "pods is forbidden" in done.err, right


@pytest.mark.parametrize(
    ("denied", "said"),
    [(WORKLOADS, "cannot list statefulsets: StatefulSets are not shown"), (("pods",), "pods is forbidden")],
)
async def test_where_there_is_nothing_to_show_it_ends(shop, denied, said):
    shop.denied = lambda request: request.plural in denied
    done = await shop.inplace("dashboard")
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert done.err.count("\n") == 1


async def test_a_workload_that_nobody_has_opted_in_is_not_shown(shop):
    """One that is, and comes after it by its name, is."""
    body = manifests.statefulset("alone", "shop:v1", replicas=1, mode=None, gate=False)
    await shop.client.create(resources.STATEFULSETS, NAMESPACE, body, type=dict)
    await shop.create()
    async with opened(shop.kubeconfig, "-A") as page:
        await page.until(lambda panels: WEB in panels, "the workload")
        assert sorted(page.panels) == ["", WEB]
        assert page.panels[""] == {"key": "", "where": "all namespaces", "notes": []}


async def test_ctrl_c_ends_it_while_a_page_is_open(shop):
    async with opened(shop.kubeconfig) as page:
        page.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await page.process.communicate()
    assert (page.process.returncode, out, err.strip()) == (130, b"", b"")


@pytest.mark.parametrize("arguments", [("-l", "app=web"), ("--port", "65536")])
async def test_what_it_does_not_take_is_refused(shop, arguments):
    done = await shop.inplace("dashboard", *arguments)
    assert done.code == 1
    assert re.search(r"--selector is not supported|'--port': 65536 is not in the range", done.err)


async def test_a_port_that_is_taken_is_named(shop):
    async with opened(shop.kubeconfig) as page:
        port = page.address.split(":")[2].split("/")[0]
        done = await shop.inplace("dashboard", "--port", port)
    assert done.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "--port" in done.err
    assert "off" not in done.err
