"""Documents for programs: their form is held by files, and whatever the format, the exit code is the same."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from inplace.cli.app import main
from tests.commands.conftest import Done
from tests.commands.test_several import API, create, reported
from tests.commands.test_truth import AT_ONCE

GOLDEN = Path(__file__).with_name("golden")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "output.md"
#: What each file holds; all of the same cluster, in which web has just been upgraded.
DOCUMENTS = {
    "list": ("list",),
    "plan": ("plan", "sts/web", "--image", "app=shop:v3"),
    "plan-several": ("plan", "sts/web", "deploy/api"),
    "status": ("status", "sts/web"),
    "explain": ("explain", "web-1"),
    "history": ("history", "sts/web"),
    "history-revision": ("history", "sts/web", "--revision", "1"),
    "events": ("events", "sts/web"),
    "check": ("check", "--lease-namespace", "default"),
    "check-workload": ("check", "sts/web"),
    "diff": ("diff", "OLD", "NEW"),
    "version": ("version",),
}
#: What differs from run to run: times, what is random in names, and how the versions of this machine are called.
VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\dZ?\b"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "<digest>"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "<seconds> s"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<server>"),
    (re.compile(r"\bapi-(\w+)-\w{5}\b"), r"api-\1-<name>"),
)


@pytest.fixture
async def upgraded(shop, tmp_path):
    """A StatefulSet that has been upgraded from shop:v1 to shop:v2, and a Deployment that has not."""
    async with shop.controller():
        await shop.create_ready(2, annotations=AT_ONCE)
        await create(shop, *API)
        await reported(shop, *API, "UpToDate")
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("UpToDate")
        await shop.until(lambda: may_start(shop), "the last of its Pods to have served for a second")
        for name, tag in (("OLD", "v1"), ("NEW", "v2")):
            (tmp_path / name).write_text(
                json.dumps({"spec": {"containers": [{"name": "app", "image": f"shop:{tag}"}]}})
            )
        yield shop


async def may_start(shop):
    plan = await shop.inplace(*DOCUMENTS["plan"], "-o", "jsonpath={.pods[0].verdict}")
    return plan.out == "Starts"


def shape(value):
    """A document without what differs from run to run."""
    text = json.dumps(value)
    for pattern, stands_for in VOLATILE:
        text = pattern.sub(stands_for, text)
    return json.loads(text)


def form(value, path=""):
    """Every path of a document, with the type of what is there."""
    if isinstance(value, dict):
        yield from (found for key, below in value.items() for found in form(below, f"{path}.{key}"))
    elif isinstance(value, list):
        yield from (found for below in value for found in form(below, f"{path}[]"))
    else:
        yield path, type(value).__name__


def lacking(kept, found):
    """The paths of one that the other has not, or of another type; what is null in one may be anything in the other."""
    there = set(form(found))
    paths, nulls = {path for path, _ in there}, {path for path, type_ in there if type_ == "NoneType"}
    for path, type_ in form(kept):
        if type_ == "NoneType":
            if not any(one == path or one.startswith((f"{path}.", f"{path}[")) for one in paths):
                yield path, type_
        elif (path, type_) not in there and not any(path == null or path.startswith(f"{null}.") for null in nulls):
            yield path, type_


def test_what_a_document_lacks_is_found():
    kept = {"a": 1, "b": None, "c": [{"d": "x", "e": None}]}
    assert set(lacking(kept, {**kept, "b": {"f": 2}, "more": 1})) == set()
    assert set(lacking({**kept, "b": {"f": 2}}, kept)) == set()
    assert set(lacking(kept, {"a": "1", "b": None, "c": [{"d": "x"}]})) == {(".a", "int"), (".c[].e", "NoneType")}


async def run(shop, folder, *words):
    """The command, which gets the cluster's kubeconfig if it is about a cluster."""
    words = tuple(str(folder / word) if word in {"OLD", "NEW"} else word for word in words)
    if words[0] not in {"diff", "version"}:
        return await shop.inplace(*words)
    done = CliRunner().invoke(main, words)
    return Done(done.exit_code, done.stdout, done.stderr)


async def test_documents_have_the_form_that_is_kept(upgraded, tmp_path):
    """UPDATE_GOLDEN=1 writes them anew; within a version of the API fields are only added."""
    GOLDEN.mkdir(exist_ok=True)
    wrong = {}
    for name, words in DOCUMENTS.items():
        done = await run(upgraded, tmp_path, *words, "-o", "json")
        assert done.err == "", name
        found, path = shape(done.json()), GOLDEN / f"{name}.json"
        if "UPDATE_GOLDEN" in os.environ:
            path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        kept = json.loads(path.read_text())
        if differ := {*lacking(kept, found), *lacking(found, kept)}:
            wrong[name] = differ
    assert wrong == {}
    assert {path.stem for path in GOLDEN.iterdir()} == set(DOCUMENTS)


#: Exit codes that are not 0, by what is asked; `history` of what does not exist fails in every format.
CODES = {
    ("plan", "sts/web", "--image", "app=shop:v3"): 2,
    ("plan", "sts/web"): 0,
    ("status", "sts/web"): 0,
    ("status", "sts", "web", "none"): 1,
    ("diff", "OLD", "NEW"): 2,
    ("check", "deploy/none", "sts/web"): 4,
    ("history", "sts/none"): 1,
    ("list",): 0,
    ("explain", "web-0"): 0,
}


async def test_the_exit_code_is_the_same_in_every_format(upgraded, tmp_path):
    for words, code in CODES.items():
        formats = ["text", "json", "yaml", "jsonpath={.kind}"]
        formats += ["wide", "name"] if words[0] != "diff" else []
        done = {one: await run(upgraded, tmp_path, *words, "-o", one) for one in formats}
        assert {one: found.code for one, found in done.items()} == dict.fromkeys(formats, code), words
        if code != 1:
            assert yaml.safe_load(done["yaml"].out) == done["json"].json(), words
            assert done["jsonpath={.kind}"].out == done["json"].json()["kind"], words


async def test_names_are_those_of_kubectl_and_wide_is_a_table(upgraded):
    assert (await upgraded.inplace("plan", "-A", "-o", "name")).out == "statefulset.apps/web\ndeployment.apps/api\n"
    assert (await upgraded.inplace("explain", "pod", "web-0", "web-1", "-o", "name")).out == "pod/web-0\npod/web-1\n"
    for words, head in (
        (("plan", "sts/web", "--image", "app=shop:v3"), "POD NODE REVISION VERDICT DRAINED CHANGES WHY-NOT"),
        (("status", "sts/web"), "POD NODE STAGE READY REVISION UNTIL IMAGES REASON"),
        (("explain", "web-0"), "NAME STATE READY RESTARTS IMAGE WANTED"),
        (("history", "sts/web"), "REVISION PODS NAME IMAGES CHANGE-CAUSE"),
        (("check", "sts/web"), "NAMESPACE OBJECT LEVEL TOPIC MESSAGE"),
    ):
        lines = (await upgraded.inplace(*words, "-o", "wide")).out.splitlines()
        assert head.split() in [line.split() for line in lines], (words, lines)


async def test_several_are_a_list_and_one_that_is_missing_fails_alone(upgraded):
    done = await upgraded.inplace("status", "sts/web", "deploy/none", "-o", "json")
    assert done.code == 1
    assert done.err.startswith('error: default: deployments.apps "none" not found')
    assert (done.json()["kind"], len(done.json()["items"])) == ("WorkloadStatusList", 1)
    chosen = await upgraded.inplace("plan", "sts", "-A", "-o", "jsonpath={.kind} {.items[*].workload.name}")
    assert (chosen.code, chosen.out) == (0, "PlanList web")


async def test_a_template_of_which_the_document_has_too_little_is_an_error(upgraded):
    done = await upgraded.inplace("status", "sts/web", "-o", "jsonpath={.pods[7].name}")
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: array index out of bounds: index 7, length 2\n"
    upgraded.requests.clear()
    refused = await upgraded.inplace("status", "sts/web", "-o", "jsonpath={.a")
    assert (refused.code, upgraded.requests) == (1, [])
    assert "invalid jsonpath: unclosed action: '{.a': expected a template of kubectl's, such as {" in refused.err


def test_every_field_stands_on_the_page():
    """But for what is inside of Kubernetes' own objects, and names of containers."""
    page = PAGE.read_text()
    fields = {
        name
        for path in GOLDEN.iterdir()
        for place, _ in form(json.loads(path.read_text()))
        if ".template." not in place
        for name in re.findall(r"\w+", re.sub(r"\.(images|fromImages|fates|waiting)\.\w+", "", place))
    }
    assert {name for name in fields if f"`{name}`" not in page} == set()
