"""What the commands say of cpu and memory: before, during and after a resize."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from inplace.cli.app import main
from inplace.cli.plan import NOT_ASKED
from inplace.kube import resource as resources
from tests.commands.conftest import NAMESPACE, Done
from tests.commands.test_rights import notes
from tests.scenarios import manifests

SMALL = {"requests": {"cpu": "20m", "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}
LARGE = {"requests": {"cpu": "40m", "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}
CHANGE = "app: requests cpu 20m; limits memory 64Mi -> requests cpu 40m; limits memory 128Mi"
RESTART = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]


def web(size, image="shop:v1", **container):
    """The StatefulSet with this size."""
    body = manifests.statefulset("web", image, replicas=1)
    body["spec"]["template"]["spec"]["containers"][0] |= {"resources": size, **container}
    return body


async def create(shop, **container):
    await shop.client.create(resources.STATEFULSETS, NAMESPACE, web(SMALL, **container), type=dict)
    await shop.reported("UpToDate")


async def plan(shop, tmp_path, wanted):
    """`inplace plan` of a file."""
    file = tmp_path / "web.json"
    file.write_text(json.dumps(wanted))
    return await shop.inplace("plan", "sts/web", "-f", str(file))


async def test_plan_says_that_a_size_restarts_nothing_and_asks_the_server_for_it(shop, tmp_path):
    async with shop.controller():
        await create(shop)
        planned = await plan(shop, tmp_path, web(LARGE))
    assert planned.code == 2
    assert f"web-0 (node-0): {CHANGE} (no restart, not drained)" in planned.out
    asked = [one for one in shop.requests if one.subresource == "resize"]
    assert [(one.verb, one.dry_run) for one in asked] == [("patch", True)]


async def test_plan_and_explain_say_the_size_of_the_pod_as_a_whole_beside_those_of_its_containers(shop, tmp_path):
    """Where it has limits alone its requests are those of its containers, and follow them."""
    before, after = ({**web(size), "spec": dict(web(size)["spec"])} for size in (SMALL, LARGE))
    for body, cpu in ((before, "1"), (after, "2")):
        body["spec"]["template"]["spec"]["resources"] = {"limits": {"cpu": cpu}}
    async with shop.controller():
        await shop.client.create(resources.STATEFULSETS, NAMESPACE, before, type=dict)
        await shop.reported("UpToDate")
        planned = await plan(shop, tmp_path, after)
        told = diff(tmp_path, before, after)
        await shop.patch({"spec": after["spec"]})
        await shop.reported("UpToDate")
        explained = await shop.inplace("explain", "web-0")
    whole = "Pod: requests cpu 20m; limits cpu 1 -> requests cpu 40m; limits cpu 2"
    assert f"web-0 (node-0): {CHANGE}, {whole} (no restart, not drained)" in planned.out
    assert "size Pod: requests cpu 40m; limits cpu 2" in told.out
    assert f"  {whole}\n" in explained.out


async def test_plan_says_that_a_size_restarts_its_container(shop, tmp_path):
    async with shop.controller():
        await create(shop, resizePolicy=RESTART)
        await shop.annotate(pre_pull="Never")
        planned = await plan(shop, tmp_path, web(LARGE, "shop:v2", resizePolicy=RESTART))
    assert f"web-0 (node-0): {CHANGE}, app: shop:v1 -> shop:v2 (drained first)" in planned.out


async def test_plan_without_the_right_to_resize_pods(shop, tmp_path):
    async with shop.controller():
        await create(shop)
        shop.denied = lambda request: request.subresource == "resize"
        planned = await plan(shop, tmp_path, web(LARGE, "shop:v2"))
    asked = [one.subresource for one in shop.requests if one.verb == "patch"]
    assert sorted(asked) == ["", "resize"], "the one right says nothing of the other"
    assert (planned.code, notes(planned)) == (2, [f"cannot patch pods/resize: {NOT_ASKED}"])
    assert "1 of 1 Pods change" in planned.out


async def test_plan_and_diff_say_what_no_resize_can_do(shop, tmp_path):
    wanted = web({**SMALL, "limits": {"cpu": "200m"}})
    async with shop.controller():
        await create(shop)
        planned = await plan(shop, tmp_path, wanted)
    told = diff(tmp_path, web(SMALL), wanted)
    for done in (planned, told):
        assert done.code == 3
        assert "spec.containers[app].resources.limits[memory]: removed: a resize changes or adds" in done.out


@pytest.mark.parametrize(("policy", "said"), [([], "no restart"), (RESTART, "1 container restarts")])
def test_diff_says_whether_a_size_restarts_its_container(tmp_path, policy, said):
    told = diff(tmp_path, web(SMALL, resizePolicy=policy), web(LARGE, resizePolicy=policy))
    assert told.code == 2
    assert said in told.out
    assert "requests cpu 40m; limits memory 128Mi" in told.out


def diff(tmp_path, *both):
    """`inplace diff` of two files."""
    files = [tmp_path / name for name in ("old.json", "new.json")]
    for file, body in zip(files, both, strict=True):
        file.write_text(json.dumps(body))
    result = CliRunner().invoke(main, ["diff", *map(str, files)])
    return Done(result.exit_code, result.stdout, result.stderr)


async def test_explain_says_from_what_to_what_a_pod_was_resized(shop):
    async with shop.controller():
        await create(shop)
        await shop.patch({"spec": web(LARGE)["spec"]})
        await shop.reported("UpToDate")
        told = await shop.inplace("explain", "web-0")
    assert told.code == 0
    assert f"  {CHANGE}\n" in told.out
