"""How the tutorial is run: output goes below its command, and what is compared is what does not vary."""

from __future__ import annotations

import re

import pytest
import yaml

from hack.cluster.api import Cluster
from hack.pages import tutorial


@pytest.fixture
def cluster(tmp_path):
    """None is needed: the commands are a shell's."""
    return Cluster(
        name="other",
        kubeconfig=tmp_path / "kubeconfig",
        server="",
        registry="127.0.0.1:9",
        audit_log=None,
        k8s="1.36.3",
        runtime="2.2.9",
        node="localhost",
        state=tmp_path,
    )


def page(*lines):
    return "Text.\n\n```console\n" + "".join(f"{line}\n" for line in lines) + "```\n\nMore `$ text`.\n"


def test_output_takes_the_place_of_the_old_and_names_are_those_of_the_page(cluster):
    shown = page("$ A=1", "$ echo $A; echo no >&2", "old", f"$ echo {tutorial.REGISTRY}/app {tutorial.STATE}/x")
    said = f"{tutorial.REGISTRY}/app {tutorial.STATE}/x"
    expected = page("$ A=1", "$ echo $A; echo no >&2", "1", "no", f"$ echo {said}", said)
    assert tutorial.run(shown, cluster) == expected


def test_the_commands_get_the_names_of_the_cluster(cluster):
    shown = page(f"$ test {tutorial.REGISTRY} != 127.0.0.1:2100$((2+1)) && echo so")
    assert tutorial.run(shown, cluster) == shown.replace("so\n```", "so\nso\n```")


def test_text_that_is_typed_in_goes_with_its_command(cluster):
    assert tutorial.run(page("$ cat <<EOF", "> one", "> EOF"), cluster) == page("$ cat <<EOF", "> one", "> EOF", "one")


def test_a_command_may_fail_only_if_the_next_asks_for_it(cluster):
    assert tutorial.run(page("$ false", "$ echo $?"), cluster) == page("$ false", "$ echo $?", "1")
    with pytest.raises(AssertionError, match="ended with 1"):
        tutorial.run(page("$ false", "$ true"), cluster)


UID = "bd39e68f-e6b7-40d2-9222-973eac7d20ed"
OTHER = "c2112259-71af-402f-ad0f-8c9b82d05afb"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"web-0 {UID} 10.1.0.3\nweb-0 {UID}", f"web-0 {OTHER}   10.2.0.4\nweb-0 {OTHER}"),
        ("up after 14.2 s, 30.3 MB, 3m2s, 1 (6s ago)", "up after 0.0 s, 31.0 MB, 12s, 1 (1m ago)"),
        ("sts/web: Progressing: 0 of 3\n  2 Budget\nsts/web: UpToDate\n", "sts/web: UpToDate\n"),
    ],
)
def test_what_varies_is_not_compared(one, other):
    assert tutorial.masked(one) == tutorial.masked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"web-0 {UID}\nweb-0 {UID}", f"web-0 {UID}\nweb-0 {OTHER}"),
        ("sts/web: UpToDate: 3 Pods up to date", "sts/web: UpToDate: 2 Pods upgraded"),
        ("web-0 1/1 Running 1 (6s ago)", "web-0 1/1 Running 2 (6s ago)"),
        ("app:v1", "app:v2"),
    ],
)
def test_what_matters_is_compared(one, other):
    assert tutorial.masked(one) != tutorial.masked(other)


@pytest.mark.parametrize("done", ["created", "deleted"])
def test_what_is_installed_and_removed_is_what_the_manifests_have(done):
    """A run on a cluster shows more (tests/e2e/test_tutorial.py), but not every change of a manifest waits for one."""
    page = tutorial.PAGE.read_text(encoding="utf-8")
    told = page.split({"created": "$ kubectl apply -k ", "deleted": "$ kubectl delete -k "}[done], 1)[1].split("\n$ ")[
        0
    ]
    shown = re.findall(rf'^([a-z]+)\S*[/ ]"?([\w-]+)"? .*{done}', told, re.MULTILINE)
    assert sorted(shown) == sorted(installed(tutorial.ROOT / "manifests"))


def installed(folder):
    """The kind, in small letters, and the name of each object of a kustomization."""
    found = []
    for name in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]:
        path = folder / name
        if path.is_dir():
            found += installed(path)
        else:
            objects = (one for one in yaml.safe_load_all(path.read_text()) if one)
            found += [(one["kind"].lower(), one["metadata"]["name"]) for one in objects]
    return found
