"""Wrong input: a line that names the value, what is accepted or wrong, and what to do next; and the exit code.

The table of docs/reference/errors.md shows each of these once, and this file holds it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from inplace.kube import resource as resources
from kubesim.api.faults import Answer
from tests.commands.conftest import NAMESPACE, Done
from tests.commands.test_several import create
from tests.scenarios import manifests

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
#: Commands that are about workloads; what is wrong with these is the same for all.
READING = ("plan", "status", "history", "check", "events", "report")
WRITING = ("enable", "disable", "pause", "resume", "promote", "retry", "undo", "restart")


@pytest.fixture
async def web(shop):
    """A StatefulSet that is not opted in, and a Pod of nobody."""
    await shop.create_ready(1, gate=False, mode=None)
    bare = {"metadata": {"name": "bare"}, "spec": {"containers": [{"name": "app", "image": "shop:v1"}]}}
    await shop.client.create(resources.PODS, NAMESPACE, bare, type=dict)
    return shop


def is_one_line(done: Done, says: str, code: int = 1) -> None:
    assert (done.code, done.out) == (code, ""), done
    assert done.err == f"error: {says}\n"


async def test_an_unknown_kind(shop):
    for command in (*READING, *WRITING):
        is_one_line(
            await shop.inplace(command, "cm/web"),
            'unknown workload "cm/web": expected sts/NAME, ds/NAME, deploy/NAME, rs/NAME',
        )
        assert shop.requests == []


async def test_what_is_not_there_and_where_it_was_looked_for(web):
    for command in (*READING, *WRITING):
        looked = 'statefulsets.apps "none" not found'
        is_one_line(await web.inplace(command, "sts/none"), f"{looked} in namespace default")
        if command != "disable":  # which only watches
            done = await web.inplace(command, "sts/none", "-n", "nope")
            is_one_line(done, f"{looked}: there is no namespace nope: see `kubectl get namespaces`")
        web.denied = lambda request: request.plural == "namespaces"
        is_one_line(await web.inplace(command, "sts/none", "-n", "nope"), f"{looked} in namespace nope")
        web.denied = lambda request: False


async def test_a_resource_that_the_server_has_not_is_no_missing_name(web):
    before = web.cluster.server.plan
    web.cluster.server.plan = lambda one: Answer(404) if one.plural == "endpointslices" else before(one)
    is_one_line(await web.inplace("plan", "sts/web"), "the server could not find the requested resource")


async def test_a_pod_that_is_not_there(web):
    is_one_line(await web.inplace("explain", "web-7"), 'pods "web-7" not found in namespace default')
    several = await web.inplace("explain", "web-0", "web-7", "-o", "name")
    assert (several.code, several.out) == (1, "pod/web-0\n")
    assert several.err == 'error: default: pods "web-7" not found\n'


async def test_without_rights(web):
    for command in (*READING, *WRITING):
        web.denied = lambda request: True
        done = await web.inplace(command, "sts/web")
        assert (done.code, done.out) == (1, "")
        assert done.err.splitlines()[-1].endswith(": run `inplace check` for the rules that are missing"), done.err
        assert "forbidden" in done.err


async def test_a_server_that_is_down(shop):
    text = yaml.safe_load(shop.kubeconfig.read_text())
    text["clusters"][0]["cluster"] = {"server": "http://127.0.0.1:1"}
    shop.kubeconfig.write_text(yaml.safe_dump(text))
    down = "http://127.0.0.1:1 cannot be reached: connection refused: nothing listens there"
    for words in (("list",), ("plan", "sts/web"), ("disable", "sts/web"), ("explain", "web-0"), ("status", "-A")):
        done = await shop.inplace(*words)
        is_one_line(done, f"{down}: run `kubectl config view --minify` to see which server is asked, and as whom")


async def test_an_expired_login(shop):
    before = shop.cluster.server.plan
    shop.cluster.server.plan = lambda request: Answer(401) if request.agent.startswith("inplace/") else before(request)
    for words in (("list",), ("plan", "sts/web"), ("disable", "sts/web"), ("explain", "web-0"), ("status", "-A")):
        done = await shop.inplace(*words)
        is_one_line(done, "Unauthorized: the credentials are not accepted; if the token has expired, log in again")


async def test_a_control_character_where_a_header_is_made_of_it(shop):
    says = "has the control character U+000A: expected text in one line"
    for flag in ("--as", "--as-group", "--as-uid", "--as-user-extra"):
        who = () if flag == "--as" else ("--as", "jane")
        is_one_line(await shop.inplace("list", *who, f"{flag}=a=\nb"), f"{flag} {says}")
    assert shop.requests == []


async def test_what_is_not_opted_in(web):
    for command in ("status", "pause", "resume", "promote", "retry", "restart"):
        says = "statefulset/web is not opted in: run `inplace enable statefulset/web -n default`"
        is_one_line(await web.inplace(command, "sts/web"), says)


async def test_a_selector_that_no_pod_has(web):
    line = ("sidecars", "-l", "app=none", "-c", "proxy", "--image", "shop:v2", "--yes")
    is_one_line(await web.inplace(*line), "no Pod matches --selector: expected one of Pods that are there")


async def test_a_pod_of_nobody(web):
    kinds = "StatefulSet, DaemonSet, Deployment, ReplicaSet"
    is_one_line(await web.inplace("explain", "bare"), f"pod/bare has no owner of a supported kind: expected {kinds}")
    is_one_line(
        await web.inplace("explain", "sts/web"),
        '"sts/web" is no Pod: expected the name of one, or run `inplace status sts/web`',
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: [", "line 1: expected the node content, but found '<stream end>'"),
        ("a: 1\n\tb: 2", "line 2: found character '\\t' that cannot start any token"),
        ("kind: ConfigMap", "expected a workload (StatefulSet, DaemonSet, Deployment, ReplicaSet), found none"),
        ("{kind: DaemonSet, metadata: {name: A B}, spec: {template: {spec: {}}}}", 'invalid name "A B"'),
    ],
)
async def test_a_malformed_file(shop, tmp_path, text, says):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    for command in ("pause", "plan", "status", "diff"):
        done = await shop.inplace(command, "-f", str(path))
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1), done
        assert says in done.err
        assert str(path) in done.err or says.startswith("invalid name")
    assert shop.requests == []


async def test_one_of_many_that_is_wrong_names_its_namespace(shop):
    await create(shop, "StatefulSet", "web")
    body = manifests.statefulset("web", "shop:v1", replicas=1)
    files = json.dumps({"kind": "List", "items": [body, {**body, "metadata": {"name": "none", "namespace": "other"}}]})
    done = await shop.inplace("pause", "-f", "-", stdin=files)
    assert (done.code, done.out) == (1, "statefulset/web paused\n")
    assert done.err == (
        'error: other: statefulsets.apps "none" not found: there is no namespace other: see `kubectl get namespaces`\n'
    )


async def test_a_command_that_does_not_exist_says_which_was_meant(shop):
    is_one_line(
        await shop.inplace("satus", "sts/web"), "no such command 'satus': did you mean status? (see inplace --help)"
    )
    assert (await shop.inplace("xyz")).err == "error: no such command 'xyz' (see inplace --help)\n"


def test_every_row_of_the_page_is_tested_here():
    """The words of each message on the page stand in this file, in that of flags, or in that of the connection."""
    rows = re.findall(r"^\| [^|]+ \| `error: ([^|]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(rows) >= 9
    root = Path(__file__).parents[1]
    tested = "".join(
        (root / path).read_text()
        for path in ("commands/test_bad_input.py", "unit/cli/test_app.py", "commands/test_bulk.py")
    )
    for row in rows:
        said = row.replace("\\`", "`")
        windows = {said[at : at + 24] for at in range(max(1, len(said) - 23))}
        assert any(window in tested for window in windows), row
