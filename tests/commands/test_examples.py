"""Every command of ours that the README and the pages show in a code block is run, on a cluster that has what it names.

A command that is added to a page is run without anybody's doing: it fails here unless it works, or unless this file
says which test runs it instead.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from hack.pages import examples
from inplace.cli.app import main
from inplace.core.objects import names
from inplace.kube import resource as resources
from tests.commands.conftest import Done
from tests.commands.test_several import create
from tests.commands.test_truth import AT_ONCE
from tests.scenarios import manifests

#: What goes on until it is ended, or asks for what this cluster has not, and the test that runs it.
ELSEWHERE = {
    "run": "e2e/test_commands.py::test_dry_run_writes_nothing_and_says_what_it_would",
    "dashboard": "commands/test_dashboard.py::test_it_shows_an_upgrade_from_its_beginning_to_its_end",
    "sidecars": "scenarios/test_sidecars.py",
    "demo": "commands/test_demo.py::test_the_whole_demo_in_under_a_minute",
}
#: What stands for something of the reader's, and for images and names of this cluster.
WORDS = {"TYPE/NAME": "sts/web", "POD": "web-0", "NAMESPACE": "shop", "proxy": "sidecar", "sts/game": "sts/web"}
WORDS |= {"deploy/inference": "deploy/api", "web-2": "web-0"}
#: Ask no cluster, and so have no option that names one behind them.
OFFLINE = {"diff", "version"}
#: Those that need another state than the one in which all is well say so, and nothing else.
STATES = {
    "retry": "cannot be retried: phase is",
    "promote": "cannot be promoted: phase is",
    "logs": "no Pod of statefulset/web failed or is in flight",
}
#: In which order: what only looks, what changes a wish, what changes Pods, what ends all.
ORDER = ("", "retry", "promote", "pause", "enable", "restart", "set", "disable")


def shown():
    """Each once, without `kubectl` before it."""
    found = {}
    for example in examples.commands():
        words = example.words[1:] if example.words[:2] == ("kubectl", "inplace") else example.words
        if words[0] == "inplace":
            found.setdefault(words[1:], example.page)
    return sorted(found, key=lambda words: ORDER.index(words[0]) if words[0] in ORDER else 0)


def as_here(words):
    """With the images of this cluster."""
    for word in words:
        image = re.fullmatch(r"(\w+)=\S+/app:(\w+)", word)
        yield f"{image[1]}=shop:{image[2]}" if image else WORDS.get(word, word)


@pytest.fixture
async def everything(shop, tmp_path, monkeypatch):
    """The workloads that the pages name, in two namespaces, and their files in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("inplace.cli.select.is_terminal", lambda: True)
    (tmp_path / "main").mkdir()
    for path, tag in (("main/web.yaml", "v1"), ("old.yaml", "v1"), ("web.yaml", "v2"), ("new.yaml", "v2")):
        body = manifests.statefulset("web", f"shop:{tag}", replicas=1, sidecar="shop:v1", annotations=AT_ONCE)
        Path(path).write_text(json.dumps({**body, "metadata": {**body["metadata"], "namespace": ""}}))
    async with shop.controller():
        await shop.create_ready(1, sidecar="shop:v1", annotations=AT_ONCE)
        await shop.client.create(resources.NAMESPACES, None, {"metadata": {"name": "shop"}}, type=dict)
        await create(shop, "StatefulSet", "web", namespace="shop")
        await create(shop, "Deployment", "api")
        await shop.reported("UpToDate")
        yield shop


async def run(shop, words):
    if words[0] in OFFLINE:
        done = CliRunner().invoke(main, words)
        return Done(done.exit_code, done.stdout, done.stderr)
    limit = ("--timeout", "5s") if words[0] == "status" else ()
    return await shop.inplace(*words, *limit, stdin="y\n")


async def test_every_command_of_the_pages_works(everything):
    codes = {0, 2, 3, 4, 5, 124}
    ran = [words for words in shown() if words[0] not in ELSEWHERE]
    assert len(ran) > 30
    wrong = {}
    for words in ran:
        here = tuple(as_here(words))
        if here[0] != "enable" and (await everything.workload()).metadata.label(names.MODE) is None:
            assert (await everything.inplace("enable", "sts/web")).code == 0
            await everything.reported("UpToDate")
        Path("inplace-default-web.tar.gz").unlink(missing_ok=True)
        done = await run(everything, here)
        state = STATES.get(here[0])
        if done.code not in codes and not (state is not None and state in done.err):
            wrong[" ".join(words)] = done
    assert wrong == {}


def test_what_is_run_elsewhere_is():
    root = Path(__file__).parents[1]
    for command, where in ELSEWHERE.items():
        path, _, name = where.partition("::")
        text = (root / path).read_text()
        assert f"def {name}" in text, command
        assert any(words[0] == command for words in shown()), f"{command} is on no page any more"
