"""Many workloads at once: what a selector chooses is listed and asked for before it is changed."""

from __future__ import annotations

import json

import pytest

from inplace.core.objects import names
from tests.commands.test_several import API, WEB, create, get, reported


@pytest.fixture
async def three(shop):
    """Two workloads in one namespace, and one in another, none of them opted in."""
    await create(shop, *WEB, mode=None, labels={"tier": "front"})
    await create(shop, *API, mode=None, labels={"tier": "front"})
    await create(shop, "Deployment", "back", mode=None, labels={"tier": "back"})
    return shop


async def modes(shop, *named):
    return [(await get(shop, *one)).metadata.label(names.MODE) for one in named]


BACK = ("Deployment", "back")
LISTED = "default: statefulset/web\ndefault: deployment/api\n"


async def test_what_a_selector_chooses_is_listed_and_enabled_only_with_yes(three):
    refused = await three.inplace("enable", "-l", "tier=front")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"{LISTED}error: nobody can be asked here whether to enable these: expected --yes\n"
    assert await modes(three, WEB, API, BACK) == [None] * 3
    done = await three.inplace("enable", "-l", "tier=front", "--yes", "--mode", "InPlaceIfPossible")
    assert (done.code, done.err) == (0, LISTED)
    assert [line for line in done.out.splitlines() if not line.startswith(" ")] == [
        "statefulset/web enabled (InPlaceIfPossible)",
        "deployment/api enabled (InPlaceIfPossible)",
    ]
    assert await modes(three, WEB, API, BACK) == ["InPlaceIfPossible", "InPlaceIfPossible", None]
    again = await three.inplace("enable", "-A", "--yes")
    assert again.code == 0
    assert await modes(three, WEB, API, BACK) == ["InPlaceOnly"] * 3


async def test_a_person_is_asked(three, monkeypatch):
    monkeypatch.setattr("inplace.cli.select.is_terminal", lambda: True)
    no = await three.inplace("enable", "deploy", "-l", "tier=front", stdin="n\n")
    assert (no.code, no.out) == (130, "")
    assert "Enable 1 workload? [y/N]: " in no.err
    assert await modes(three, API) == [None]
    yes = await three.inplace("enable", "deploy", "-l", "tier=front", stdin="y\n")
    assert yes.code == 0, yes
    assert await modes(three, API, BACK) == ["InPlaceOnly", None]


async def test_disable_takes_those_that_are_opted_in(three):
    async with three.controller():
        await three.inplace("enable", "sts/web", "deploy/api")
        await reported(three, *WEB, "UpToDate")
        await reported(three, *API, "UpToDate")
        done = await three.inplace("disable", "-A", "-y")
    assert (done.code, done.err) == (0, LISTED)
    assert [line for line in done.out.splitlines() if not line.startswith(" ")] == [
        "statefulset/web disabled",
        "deployment/api disabled",
    ]
    assert await modes(three, WEB, API) == [None, None]
    nothing = await three.inplace("disable", "-A", "-y")
    assert (nothing.code, nothing.err) == (1, "error: no workload that is opted in in any namespace\n")


async def test_workloads_are_named_by_files_of_a_folder(three, tmp_path):
    for name, kind in (("web", "StatefulSet"), ("api", "Deployment")):
        text = json.dumps({"kind": kind, "metadata": {"name": name}, "spec": {"template": {"spec": {}}}})
        (tmp_path / f"{name}.yaml").write_text(f"kind: Service\nmetadata: {{name: x}}\n---\n{text}\n")
    done = await three.inplace("enable", "-f", str(tmp_path))
    assert (done.code, done.err) == (0, "")
    assert await modes(three, WEB, API, BACK) == ["InPlaceOnly", "InPlaceOnly", None]
    paused = await three.inplace("pause", "-f", str(tmp_path / "web.yaml"), "-f", str(tmp_path / "api.yaml"))
    assert paused.out == "statefulset/web paused\ndeployment/api paused\n"
    listed = await three.inplace("list", "-f", "-", "-o", "name", stdin=(tmp_path / "web.yaml").read_text())
    assert listed.out == "statefulset.apps/web\n"


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        ("kind: Service", (), "FILE: expected a workload (StatefulSet, DaemonSet, Deployment, ReplicaSet), found none"),
        (
            "{kind: Deployment, metadata: {name: api, namespace: other}, spec: {template: {spec: {}}}}",
            ("-n", "shop"),
            "FILE: deployment/api is of namespace other: expected --namespace other, not shop",
        ),
        ("kind: [", (), "FILE:"),
        ("kind: Service", ("sts/web",), "--filename cannot be given when a workload is named: expected TYPE/NAME,"),
        ("kind: Service", ("-A",), "--all-namespaces cannot be given when files name the workloads: expected"),
    ],
)
async def test_files_that_name_nothing_say_so_before_a_cluster_is_asked(shop, tmp_path, text, arguments, says):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    done = await shop.inplace("pause", *arguments, "-f", str(path))
    assert (done.code, done.out, shop.requests) == (1, "", [])
    assert done.err.startswith(f"error: {says.replace('FILE', str(path))}"), done.err


async def test_restart_asks_for_what_a_selector_chooses_and_takes_several(three):
    await three.inplace("enable", "sts/web", "deploy/api")
    refused = await three.inplace("restart", "-l", "tier=front")
    assert (refused.code, refused.err) == (
        1,
        f"{LISTED}error: nobody can be asked here whether to restart these: expected --yes\n",
    )
    done = await three.inplace("restart", "-l", "tier=front", "--yes")
    assert done.out == "statefulset/web: restart requested\ndeployment/api: restart requested\n"
    mixed = await three.inplace("restart", "sts/web", "pod/web-0")
    assert (
        mixed.err == "error: Pods and workloads restart in different ways: expected only pod/NAME, or only TYPE/NAME\n"
    )


async def test_a_dry_run_by_the_server_asks_it_and_changes_nothing(three):
    """As for kubectl: `client` sends no write, `server` sends it to be tried, `none` does it."""
    async with three.controller():
        await three.inplace("enable", "sts/web")
        await reported(three, *WEB, "UpToDate")
    before = (await get(three, *WEB)).metadata
    for command in (
        ("disable", "sts/web"),
        ("pause", "sts/web"),
        ("restart", "sts/web"),
        ("set", "image", "sts/web", "app=shop:v2"),
        ("enable", "sts/web", "--mode", "InPlaceIfPossible"),
        ("enable", "deploy/api"),
    ):
        three.requests.clear()
        dry = await three.inplace(*command, "--dry-run=client")
        assert (dry.code, dry.err) == (0, ""), dry
        assert dry.out.splitlines()[0].endswith(" (dry run)"), dry
        assert [one for one in three.requests if one.verb not in {"get", "list", "watch"}] == []
        dry = await three.inplace(*command, "--dry-run=server")
        assert (dry.code, dry.err) == (0, ""), dry
        assert dry.out.splitlines()[0].endswith(" (server dry run)"), dry
        assert {one.verb for one in three.requests} & {"patch"}, command
        three.denied = lambda request: request.verb == "patch"
        refused = await three.inplace(*command, "--dry-run=server")
        assert refused.code == 1, command
        assert "forbidden" in refused.err
        three.denied = lambda request: False
    after = (await get(three, *WEB)).metadata  # its version counts what its own controller reports of it too
    assert (after.generation, after.labels, after.annotations) == (before.generation, before.labels, before.annotations)
