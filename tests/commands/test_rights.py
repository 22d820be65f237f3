"""What the commands say to users who may not see or do everything."""

from __future__ import annotations

import pytest

from inplace.cli.plan import NOT_ASKED
from inplace.cluster.watching import UNSEEN
from tests.commands.test_truth import AT_ONCE, frozen_at_v1

UPGRADE = ("--image", "app=shop:v3")


def deny(*plurals, verbs=()):
    """What RBAC denies: these resources, or only these verbs on them."""
    return lambda request: request.plural in plurals and (not verbs or request.verb in verbs)


def notes(done):
    """The lines on stderr, which are notes and nothing else."""
    lines = done.err.splitlines()
    assert all(line.startswith("note: cannot ") for line in lines), lines
    return sorted(line.removeprefix("note: ") for line in lines)


EVERYTHING = sorted(f"cannot list {plural}: {meaning}" for plural, meaning in UNSEEN.items())


async def test_without_rights_on_what_is_optional(shop):
    await frozen_at_v1(shop)
    shop.denied = deny(*UNSEEN)
    planned = await shop.inplace("plan", "sts/web", *UPGRADE)
    assert planned.code == 2, planned
    assert "3 of 3 Pods change, 3 of them restart containers, at most 1 at a time, in 3 waves" in planned.out
    assert "\n  the kubelet: app restarts (up to 5 s to stop)\n" in f"{planned.out}\n"
    document, explained = await shop.inplace("status", "sts/web", "-o", "json"), await shop.inplace("explain", "web-0")
    watched = await shop.inplace("status", "sts/web", "--watch", "--timeout", "1s")
    assert document.code == explained.code == 0, (document, explained)
    assert watched.code == 124
    assert document.pod("web-0")["stage"] == "Waiting"
    assert "Waiting, Ready" in explained.out
    assert "web-0: Waiting" in watched.out
    for done in (planned, document, explained):
        assert notes(done) == EVERYTHING
    assert watched.err.splitlines()[-1] == "error: timed out after 1s waiting for statefulset/web"
    assert sorted(line.removeprefix("note: ") for line in watched.err.splitlines()[:-1]) == EVERYTHING


async def test_without_rights_on_nodes_the_failure_of_a_pull_is_told(shop):
    """The workload's owner reads Pods, and sees the one that pulls."""
    shop.denied = deny("nodes")
    async with shop.controller():
        await shop.create_ready(2, gate=False)
        await shop.reported("UpToDate")
        await shop.set_image("none")
        await shop.until(lambda: explains(shop, "ImagePull: image shop:none on node"), "the failure to be told")
        once = await shop.inplace("status", "sts/web", "-o", "json")
        watched = await shop.inplace("status", "sts/web", "--watch", "--timeout", "1s")
    assert once.pod("web-1")["reason"]["code"] == "ImagePull"
    assert "ImagePull: image shop:none on node" in " ".join(watched.out.split())


async def explains(shop, text):
    return text in (await shop.inplace("explain", "web-1")).out


async def test_enable_and_disable_without_them(shop):
    await shop.create_ready(2, mode=None, gate=False, annotations=AT_ONCE)
    shop.denied = deny(*UNSEEN)
    enabled = await shop.inplace("enable", "sts/web")
    assert (enabled.code, notes(enabled)) == (0, EVERYTHING)
    assert enabled.out.startswith("statefulset/web enabled (InPlaceOnly)\n")
    disabled = await shop.inplace("disable", "sts/web")
    assert (disabled.code, notes(disabled)) == (0, EVERYTHING)
    assert disabled.out == "statefulset/web disabled\n"
    live = await shop.workload()
    assert not [key for key in {**(live.metadata.labels or {}), **(live.metadata.annotations or {})} if "frozen" in key]


@pytest.mark.parametrize("plural", UNSEEN)
async def test_plan_names_what_it_could_not_see(shop, plural):
    await shop.create_ready(1, gate=False)
    shop.denied = deny(plural)
    planned = await shop.inplace("plan", "sts/web", *UPGRADE)
    assert (planned.code, notes(planned)) == (2, [f"cannot list {plural}: {UNSEEN[plural]}"])


async def test_plan_without_the_right_to_patch_pods(shop):
    await shop.create_ready(1, gate=False)
    shop.denied = deny("pods", verbs={"patch"})
    planned = await shop.inplace("plan", "sts/web", *UPGRADE)
    assert (planned.code, notes(planned)) == (2, [f"cannot patch pods: {NOT_ASKED}"])
    assert "1 of 1 Pods change" in planned.out


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("plan", "sts/web"), id="plan"),
        pytest.param(("status", "sts/web", "-o", "json"), id="status"),
        pytest.param(("status", "sts/web", "--watch"), id="watch"),
        pytest.param(("explain", "web-0"), id="explain"),
        pytest.param(("enable", "sts/web"), id="enable"),
        pytest.param(("disable", "sts/web"), id="disable"),
    ],
)
async def test_without_rights_on_pods_there_is_one_clear_error(shop, arguments):
    await shop.create_ready(1, gate=False)
    shop.denied = deny("pods", *UNSEEN)
    refused = await shop.inplace(*arguments)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith('error: pods is forbidden: User "')
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize(
    ("plural", "arguments"),
    [("pods", ("status", "--watch", "--for", "done", "sts/web")), ("statefulsets", ("disable", "sts/web"))],
)
async def test_who_may_list_but_not_watch_is_told_at_once(shop, plural, arguments):
    async with shop.controller():
        await shop.create_ready(1, gate=False, annotations={"paused": "true"})
        await shop.reported("UpToDate")
        if plural == "pods":
            await shop.set_image("v2")
            await shop.reported("Paused")
    shop.denied = deny(plural, verbs={"watch"})
    refused = await shop.inplace(*arguments)
    assert refused.code == 1
    assert refused.err.startswith("error: pods is forbidden: ")  # the model's words, whatever was denied
    assert refused.err.count("\n") == 1


async def test_what_is_optional_and_may_not_be_watched_is_named(shop):
    await frozen_at_v1(shop)
    shop.denied = deny("nodes", verbs={"watch"})
    watched = await shop.inplace("status", "sts/web", "--watch", "--timeout", "1s")
    assert watched.code == 124
    assert f"note: cannot list nodes: {UNSEEN['nodes']}" in watched.err
