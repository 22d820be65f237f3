"""`plan -f` reads what `diff` and kubectl read, and plans as if it were applied."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import pytest

from inplace.kube import resource as resources
from kubesim.api.faults import Answer
from tests.commands.conftest import NAMESPACE
from tests.scenarios.manifests import statefulset

AT_ONCE = {"pre-pull": "Never"}


def web(tag="v2", **metadata: Any) -> dict[str, Any]:
    body = statefulset("web", f"shop:{tag}", replicas=2, annotations=AT_ONCE)
    body["metadata"] |= metadata
    return body


def annotated(text: str) -> str:
    """The manifest in YAML, with an annotation of the template written as in `text`."""
    body = json.dumps({**web("v1"), "spec": {**web("v1")["spec"], "template": "TEMPLATE"}})
    template = web("v1")["spec"]["template"]
    template["metadata"]["annotations"] = "ANNOTATIONS"
    return body.replace('"TEMPLATE"', json.dumps(template)).replace('"ANNOTATIONS"', f"{{{text}}}")


SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(json.dumps(web()), "shop:v1 -> shop:v2", id="JSON"),
        pytest.param(json.dumps(web(), indent="\t"), "shop:v1 -> shop:v2", id="JSON with tabs"),
        pytest.param(json.dumps({"kind": "List", "items": [SERVICE, web()]}), "shop:v1 -> shop:v2", id="a List"),
        pytest.param(
            "\n---\n".join(json.dumps(one) for one in (SERVICE, web(), web("v3", name="other"))),
            "shop:v1 -> shop:v2",
            id="among others",
        ),
        pytest.param(
            "\n---\n".join(json.dumps(web(tag, namespace=of)) for tag, of in (("v2", NAMESPACE), ("v3", "other"))),
            "shop:v1 -> shop:v2",
            id="of two namespaces",
        ),
        pytest.param(annotated("released: 2026-13-45"), "labels and annotations only", id="a date that is none"),
        pytest.param(annotated("at: 12:30"), "labels and annotations only", id="base 60"),
    ],
)
async def test_plan_reads_what_diff_reads(shop, tmp_path, text, says):
    await opted_in(shop)
    file = tmp_path / "new"
    file.write_text(text)
    planned = await shop.inplace("plan", "sts/web", "-f", str(file))
    assert planned.code == 2, planned
    assert says in planned.out
    assert (await shop.inplace("plan", "sts/web", "-f", "-", stdin=text)).out == planned.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("a: [1\nb: 2", "standard input: line 2: ", id="broken"),
        pytest.param("", "expected StatefulSet/web of namespace default, found no workload", id="empty"),
        pytest.param(json.dumps(web(name="other")), "found StatefulSet/other", id="another workload"),
        pytest.param(json.dumps(web(namespace="other")), "found StatefulSet/web", id="another namespace"),
        pytest.param(f"{json.dumps(web())}\n---\n{json.dumps(web('v3'))}", "found 2", id="twice"),
    ],
)
async def test_what_cannot_be_planned_is_one_line(shop, text, says):
    await opted_in(shop)
    planned = await shop.inplace("plan", "sts/web", "-f", "-", stdin=text)
    assert planned.code == 1
    assert planned.out == ""
    assert planned.err.count("\n") == 1
    assert says in planned.err


async def test_plan_of_the_file_as_it_is_applied_already(shop):
    await opted_in(shop)
    planned = await shop.inplace("plan", "sts/web", "-f", "-", stdin=json.dumps(web("v1")))
    assert planned.code == 0, planned
    assert "nothing to do: every Pod is at this revision" in planned.out


async def test_plan_off_latest_leaves_the_pull_policy_that_the_server_filled_in(shop):
    """`kubectl apply` of a file without it leaves the field alone, so the policy stays as it was made."""
    live = web("latest")
    del live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"]
    await shop.client.create(resources.STATEFULSETS, NAMESPACE, live, type=dict)
    async with shop.controller():
        await shop.reported("UpToDate")
    file = copy.deepcopy(live)
    file["spec"]["template"]["spec"]["containers"][0]["image"] = "shop:v2"
    planned = await shop.inplace("plan", "sts/web", "-f", "-", stdin=json.dumps(file))
    by_image = await shop.inplace("plan", "sts/web", "--image", "app=shop:v2")
    assert (planned.code, by_image.code) == (2, 2), planned
    assert "shop:latest -> shop:v2" in planned.out
    assert planned.out.splitlines()[1:] == by_image.out.splitlines()[1:]


async def opted_in(shop) -> None:
    """Two Pods at v1."""
    async with shop.controller():
        await shop.create_ready(2, annotations=AT_ONCE)
        await shop.reported("UpToDate")


# --- diff of what is there


async def upgraded(shop):
    """web at shop:v2, whose first revision had shop:v1."""
    async with shop.controller():
        await shop.create_ready(1, annotations={"grace-period-seconds": "0", **AT_ONCE})
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("UpToDate")


async def test_a_workload_is_compared_with_its_manifest(shop, tmp_path):
    await upgraded(shop)
    text = "\n---\n".join(json.dumps(one) for one in (SERVICE, web("v3")))
    for words, stdin in ((("-f", "-"), text), (("sts/web", "-f", "-"), text)):
        done = await shop.inplace("diff", *words, stdin=stdin)
        assert (done.code, done.err) == (2, "")
        assert done.out.splitlines()[:3] == [
            "statefulset/web -n default",
            "in place: 1 container restarts",
            "  image app: shop:v2 -> shop:v3",
        ]
    same = await shop.inplace("diff", "-f", "-", "-o", "jsonpath={.workload.name} {.verdict}", stdin=json.dumps(web()))
    assert (same.code, same.out) == (0, "web Same")
    other = await shop.inplace("diff", "-f", "-", stdin=json.dumps({**web(), "metadata": {"name": "other"}}))
    assert (other.code, other.out) == (1, "")
    assert 'statefulsets.apps "other" not found' in other.err


async def test_a_workload_is_compared_with_itself_at_a_revision(shop):
    await upgraded(shop)
    for numbers, code, says in (
        (("1",), 2, "  image app: shop:v1 -> shop:v2"),
        (("2",), 0, "same: nothing to change on live Pods"),
        (("2", "1"), 2, "  image app: shop:v2 -> shop:v1"),
    ):
        done = await shop.inplace("diff", "sts", "web", *(f"--revision={number}" for number in numbers))
        assert (done.code, done.err) == (code, ""), numbers
        assert says in done.out.splitlines(), numbers
    for words, says in (
        (("sts/web", "--revision", "7"), "statefulset/web has no revision 7: expected one of 1, 2"),
        (("--revision", "1"), "no workload is named: expected TYPE/NAME, TYPE NAME,"),
        (("sts/web", "--revision", "1", "-f", "-"), "--filename and --revision are mutually exclusive: a change is"),
        (("sts/web", *("--revision", "1") * 3), "--revision is given 3 times: expected one, or two"),
    ):
        refused = await shop.inplace("diff", *words, stdin=json.dumps(web()))
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.startswith(f"error: {says}"), refused.err


# --- a plan right after a change


async def test_a_plan_right_after_a_change_waits_for_the_controllers(shop, monkeypatch):
    """Nobody has looked at it at first: the StatefulSet controller of this cluster is slow to answer."""
    await shop.create_ready(1, gate=False, annotations=AT_ONCE, strategy={"type": "OnDelete"})
    hold = asyncio.Event()
    original = shop.cluster.server.plan

    def slow(request):
        status = request.plural == "statefulsets" and request.subresource == "status"
        return Answer(409) if status and not hold.is_set() else original(request)

    shop.cluster.server.plan = slow
    await shop.patch({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "shop:v2"}]}}}})
    planning = asyncio.create_task(shop.inplace("plan", "sts/web"))
    await asyncio.sleep(1.0)
    hold.set()
    planned = await planning
    note = "note: statefulset/web: waiting for the StatefulSet controller, 5s at most\n"
    assert (planned.code, planned.err) == (2, note)
    assert "shop:v1 -> shop:v2" in planned.out
    hold.clear()
    monkeypatch.setattr("inplace.cli.plan.PATIENCE_SECONDS", 0.5)
    await shop.patch({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "shop:v3"}]}}}})
    given_up = await shop.inplace("plan", "sts/web")
    assert given_up.code == 1
    assert given_up.err.splitlines()[-1] == (
        "error: cannot plan statefulset/web: waiting for the StatefulSet controller, for 0.5s: look at"
        " kube-controller-manager"
    )
