"""Commands about several workloads, named as for kubectl; and those that change what the owner wants."""

from __future__ import annotations

import asyncio
import json

import pytest

from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.commands.conftest import NAMESPACE
from tests.scenarios import manifests
from tests.scenarios.kinds import BY_NAME

PAUSED = f"{names.PREFIX}paused"


async def create(shop, kind, name, *, replicas=1, mode="InPlaceOnly", namespace=NAMESPACE, labels=None, **settings):
    annotations = {key.replace("_", "-"): value for key, value in settings.items()}
    body = manifests.workload(BY_NAME[kind], name, "shop:v1", replicas=replicas, mode=mode, annotations=annotations)
    body["metadata"]["namespace"] = namespace
    body["metadata"].setdefault("labels", {}).update(labels or {})
    where = resources.find("apps", f"{kind.lower()}s")
    await shop.client.create(where, namespace, body, type=dict)


async def get(shop, kind, name):
    return await shop.client.get(resources.find("apps", f"{kind.lower()}s"), name, NAMESPACE, type=Workload)


async def reported(shop, kind, name, phase):
    async def is_reported():
        text = (await get(shop, kind, name)).metadata.annotation(names.STATUS)
        workload = await get(shop, kind, name)
        status = json.loads(text) if text else {}
        return status.get("phase") == phase and status.get("observedGeneration") == workload.metadata.generation

    await shop.until(is_reported, f"{name} to be {phase}")


async def paused(shop, *named):
    return [(await get(shop, kind, name)).metadata.annotation(PAUSED) for kind, name in named]


# --- naming


@pytest.fixture
async def two(shop):
    """A StatefulSet and a Deployment that are opted in, and one that is not."""
    await create(shop, "StatefulSet", "web", labels={"tier": "front"})
    await create(shop, "Deployment", "api", labels={"tier": "back"})
    await create(shop, "Deployment", "plain", mode=None, labels={"tier": "back"})
    return shop


WEB, API = ("StatefulSet", "web"), ("Deployment", "api")


@pytest.mark.parametrize(
    ("words", "of"),
    [
        (("sts/web", "deploy/api"), [WEB, API]),
        (("statefulset", "web"), [WEB]),
        (("sts,deploy", "-l", "tier in (front, back)"), [WEB, API]),
        (("-l", "tier=back"), [API]),
        (("-A",), [WEB, API]),
        (("deployments.apps", "-A"), [API]),
    ],
)
async def test_workloads_are_named_as_for_kubectl(two, words, of):
    done = await two.inplace("pause", *words)
    assert done.code == 0, done
    assert done.out == "".join(f"{kind.lower()}/{name} paused\n" for kind, name in of)
    assert await paused(two, *of) == ["true"] * len(of)
    rest = [one for one in (WEB, API) if one not in of]
    assert await paused(two, *rest, ("Deployment", "plain")) == [None] * (len(rest) + 1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "no workload is named: expected TYPE/NAME, TYPE NAME, TYPE with -l SELECTOR or -A, or -f FILE"),
        (("sts",), "no workload is named: expected TYPE/NAME, TYPE NAME, TYPE with -l SELECTOR or -A, or -f FILE"),
        (("pods", "web"), 'unknown workload type "pods": expected sts, ds, deploy, rs, or TYPE/NAME'),
        (("sts/web", "api"), 'unknown workload "api": expected sts/NAME, ds/NAME, deploy/NAME, rs/NAME'),
        (("sts/web", "-l", "a=b"), "--selector cannot be given when a workload is named: expected TYPE/NAME,"),
        (("sts", "web", "-A"), "--all-namespaces cannot be given when a workload is named: expected TYPE/NAME,"),
        (("sts", "We b"), 'invalid name "We b": expected the name of a workload'),
        (("-l", "tier=none"), "no workload that is opted in matches tier=none in namespace default"),
    ],
)
async def test_what_names_nothing_says_what_is_accepted(two, words, says):
    done = await two.inplace("pause", *words)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: {says}")


async def test_one_that_fails_keeps_no_other_from_being_done(two):
    done = await two.inplace("pause", "deploy/plain", "sts/none", "sts/web")
    assert done.code == 1
    assert done.out == "statefulset/web paused\n"
    first, second = done.err.splitlines()
    assert first == "error: default: deployment/plain is not opted in: run `inplace enable deployment/plain -n default`"
    assert second.startswith('error: default: statefulsets.apps "none" not found')


async def test_a_kind_that_may_not_be_listed_is_left_out_with_a_note(two):
    two.denied = lambda request: request.plural == "deployments"
    done = await two.inplace("list")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["WORKLOAD", "statefulset/web"]
    assert done.err.startswith("note: ")
    two.denied = lambda request: True
    assert (await two.inplace("list")).code == 1


# --- list


async def test_list_says_where_each_stands(two):
    async with two.controller():
        await reported(two, *WEB, "UpToDate")
        listed = await two.inplace("list")
        wide = await two.inplace("list", "-A", "-o", "wide")
        document = (await two.inplace("list", "-o", "json")).json()
        named = await two.inplace("list", "-o", "name")
    head, *rest = listed.out.splitlines()
    assert head.split() == ["WORKLOAD", "MODE", "PHASE", "UPDATED", "READY", "SINCE", "MESSAGE"]
    assert rest[0].split()[:5] == ["statefulset/web", "InPlaceOnly", "UpToDate", "1/1", "1/1"]
    assert rest[1].startswith("deployment/api")
    assert wide.out.splitlines()[0].split()[:2] == ["NAMESPACE", "WORKLOAD"]
    assert " shop:v1 " in wide.out
    assert [(one["workload"]["kind"], one["workload"]["name"]) for one in document["items"]] == [WEB, API]
    assert document["items"][0]["status"]["phase"] == "UpToDate"
    assert named.out == "statefulset.apps/web\ndeployment.apps/api\n"


async def test_list_without_a_controller_and_without_workloads(two):
    listed = await two.inplace("list", "sts/web")
    assert "Unobserved" in listed.out
    assert "waiting for the controller to observe this change" in listed.out
    nothing = await two.inplace("list", "ds")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no workload that is opted in in namespace default\n")


async def test_a_list_that_goes_on_has_a_line_for_each_that_changes(two):
    """By watches: what has not changed is not asked for again."""
    async with two.controller():
        await reported(two, *WEB, "UpToDate")
        await reported(two, *API, "UpToDate")
        two.requests.clear()
        watching = asyncio.create_task(two.inplace("list", "-A", "-w", "--timeout", "4s"))
        await two.until(lambda: any(one.verb == "watch" for one in two.requests), "a watch")
        await asyncio.sleep(0.5)
        await two.inplace("pause", "sts/web")
        await two.inplace("set", "image", "sts/web", "app=shop:v2")
        await reported(two, *WEB, "Paused")
        await two.client.delete(resources.find("apps", "deployments"), "api", NAMESPACE)
        done = await watching
    assert (done.code, done.err) == (0, "")
    head, *rows = [line.split() for line in done.out.splitlines()]
    assert head[:4] == ["NAMESPACE", "WORKLOAD", "MODE", "PHASE"]
    phases = {name: [row[2 if "Gone" in row else 3] for row in rows if row[1] == name] for name in names_of(rows)}
    assert phases["statefulset/web"][0] == "UpToDate"
    assert phases["statefulset/web"][-1] == "Paused"
    assert phases["deployment/api"][-1] == "Gone"
    lists = [one.plural for one in two.requests if one.verb == "list"]
    assert sorted(lists) == sorted(set(lists))


def names_of(rows):
    return {row[1] for row in rows}


async def test_a_list_that_goes_on_without_rights(two):
    two.denied = lambda request: request.plural == "deployments"
    done = await two.inplace("list", "-w", "--timeout", "1s")
    assert (done.code, len(done.err.splitlines())) == (0, 1)
    assert done.err.startswith("note: ")
    assert "statefulset/web" in done.out
    two.denied = lambda request: True
    refused = await two.inplace("list", "-w", "--timeout", "1s")
    assert (refused.code, refused.out) == (1, "")
    assert "forbidden" in refused.err
    for words, said in (
        (("-o", "json", "-w"), "--watch prints lines: expected --output text or wide, not json"),
        (("--timeout", "1s"), "--timeout is for --watch: expected both, or neither"),
    ):
        assert (await two.inplace("list", *words)).err == f"error: {said}\n"


# --- pause, resume, promote, retry


async def test_a_pause_holds_and_a_resume_goes_on(shop):
    async with shop.controller():
        await shop.create_ready(2)
        await shop.reported("UpToDate")
        assert (
            await shop.inplace("pause", "sts/web", "--dry-run", "client")
        ).out == "statefulset/web paused (dry run)\n"
        assert await paused(shop, WEB) == [None]
        assert (await shop.inplace("pause", "sts/web")).code == 0
        again = await shop.inplace("pause", "sts/web")
        assert (again.code, again.out) == (0, "statefulset/web is already paused\n")
        await shop.set_image("v2")
        await shop.reported("Paused")
        assert (await shop.inplace("resume", "sts/web")).out == "statefulset/web resumed\n"
        await shop.reported("UpToDate")
        assert (await shop.inplace("resume", "sts/web")).out == "statefulset/web is not paused\n"
    assert await paused(shop, WEB) == [None]


async def test_a_full_promotion_skips_every_step_that_is_left(shop):
    async with shop.controller():
        await shop.create_ready(3, annotations={"steps": "1, 2", "pre-pull": "Never", "grace-period-seconds": "0"})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("AwaitingPromotion")
        asked = await shop.inplace("promote", "sts/web", "--full")
        assert (asked.code, asked.out) == (0, "statefulset/web: full promotion requested\n")
        await shop.reported("UpToDate")
        again = await shop.inplace("promote", "sts/web", "--full")
        assert again.code == 1
        await shop.set_image("v3")  # the request was answered: the next rollout has its steps again
        await shop.reported("AwaitingPromotion")


# --- set image, history, undo


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
async def test_an_undo_goes_back_in_place(shop, kind):
    short = {"StatefulSet": "sts", "Deployment": "deploy"}[kind] + "/web"
    async with shop.controller():
        await create(shop, kind, "web", replicas=2, max_unavailable="100%", pre_pull="Never", grace_period_seconds="0")
        await reported(shop, kind, "web", "UpToDate")
        for tag in ("v2", "v3"):
            done = await shop.inplace("set", "image", short, f"app=shop:{tag}")
            assert done.out.startswith(f"{kind.lower()}/web image updated\n  app: shop:"), done
            await reported(shop, kind, "web", "UpToDate")
        before = await uids(shop)
        kept = (await shop.inplace("history", short, "-o", "json")).json()["items"]
        assert [(one["images"]["app"], one["isCurrent"], one["pods"]) for one in kept] == [
            ("shop:v1", False, 0),
            ("shop:v2", False, 0),
            ("shop:v3", True, 2),
        ]
        table = (await shop.inplace("history", short)).out.splitlines()
        assert table[0].split() == ["REVISION", "PODS", "IMAGES", "CHANGE-CAUSE"]
        assert table[3].split()[0] == f"{kept[2]['revision']}*"
        dry = await shop.inplace("undo", short, "--dry-run", "server")
        assert (
            dry.out
            == f"{kind.lower()}/web rolled back to revision {kept[1]['revision']} (app=shop:v2) (server dry run)\n"
        )
        assert (await shop.inplace("undo", short)).code == 0
        await reported(shop, kind, "web", "UpToDate")
        assert await images(shop) == ["shop:v2"] * 2
        assert await uids(shop) == before
        first = str(kept[0]["revision"])
        assert (await shop.inplace("undo", short, "--to-revision", first)).code == 0
        await reported(shop, kind, "web", "UpToDate")
        assert (await images(shop), await uids(shop)) == (["shop:v1"] * 2, before)
        unknown = await shop.inplace("undo", short, "--to-revision", "99")
        assert unknown.err.startswith(f"error: {kind.lower()}/web has no revision 99: expected one of ")


async def uids(shop):
    return sorted(one["metadata"]["uid"] for one in await live_pods(shop))


async def images(shop):
    return [one["spec"]["containers"][0]["image"] for one in await live_pods(shop)]


async def live_pods(shop):
    return (await shop.client.list(resources.PODS, NAMESPACE, type=dict)).items


async def test_the_owner_keeps_the_fields_that_he_has_set_by_our_commands(shop):
    """What is written for him stays his when the workload is opted out."""
    await create(shop, *WEB)
    await shop.inplace("set", "image", "sts/web", "app=shop:v2")
    found = await shop.client.get(resources.STATEFULSETS, "web", NAMESPACE, type=dict)
    managers = {one["manager"] for one in found["metadata"]["managedFields"]}
    assert "inplace-cli" in managers
    assert names.FIELD_MANAGER not in managers


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("sts/web",), "no image is given: expected CONTAINER=IMAGE after the workloads, such as app=shop:v2"),
        (("sts/web", "app="), "no image is given: expected CONTAINER=IMAGE after the workloads, such as app=shop:v2"),
        (("sts/web", "main=shop:v2"), 'statefulset/web has no container "main": expected app, or *'),
    ],
)
async def test_set_image_says_what_it_needs(shop, words, says):
    await create(shop, *WEB)
    done = await shop.inplace("set", "image", *words)
    assert (done.code, done.err) == (1, f"error: {says}\n")


async def test_set_image_of_all_containers_of_what_is_not_opted_in(shop):
    await create(shop, "Deployment", "plain", mode=None)
    done = await shop.inplace("set", "image", "deploy/plain", "*=shop:v2")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "  deployment/plain is not opted in: its own controller replaces the Pods"
    assert (await shop.inplace("set", "image", "deploy/plain", "app=shop:v2")).out == "deployment/plain unchanged\n"


async def test_a_bare_replica_set_has_no_history(shop):
    body = manifests.workload(BY_NAME["ReplicaSet"], "bare", "shop:v1", replicas=1)
    await shop.client.create(resources.REPLICASETS, NAMESPACE, body, type=dict)
    for command in ("history", "undo"):
        done = await shop.inplace(command, "rs/bare")
        assert (done.code, done.err) == (
            1,
            "error: replicaset/bare has no rollout history: a ReplicaSet of its own keeps none\n",
        )


async def test_a_resume_says_what_holds_it_still(shop):
    await create(shop, *API)
    change = {"spec": {"paused": True}}
    await shop.client.patch(resources.DEPLOYMENTS, "api", NAMESPACE, change, patch_type=PatchType.MERGE, type=dict)
    done = await shop.inplace("resume", "deploy/api")
    assert done.out.splitlines()[-1].startswith("  its own spec.paused holds it still: run `kubectl rollout resume")
