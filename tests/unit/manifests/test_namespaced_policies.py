"""Policies of installations in single namespaces: each about its own, side by side, and opting in nowhere else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
import yaml

from inplace.controller.app import ADVICE
from inplace.core.objects import names
from kubesim.api import kinds
from kubesim.api.admission.policies import Policies
from kubesim.api.failure import Failure
from kubesim.api.registry import Place
from kubesim.api.storage import Storage
from tests.scenarios import policies
from tests.unit.manifests import admission
from tests.unit.manifests.admission import changed, owned_by, pod, workload

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")

MANIFESTS = Path(__file__).parents[3] / "manifests"
#: Where a user puts the namespace's name, and what stands before it on its line.
PLACES = {"kustomization.yaml": "", "policies/installation/namespace.yaml": "  "}
#: Two installations, and a namespace that nobody watches.
FIRST, SECOND, NOBODYS = "default", "shop-floor", "elsewhere"
KIND = kinds.DAEMONSETS
MODE = {names.MODE: "InPlaceOnly"}
HELD, LOOSE = {"type": "OnDelete"}, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


@cache
def built(*path, namespace=FIRST):
    """What kubectl would apply of a copy of the manifests with this name in its two places."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(MANIFESTS, folder, dirs_exist_ok=True)
        overlay = Path(folder, "overlays", "namespaced")
        for place, before in PLACES.items():
            text = overlay.joinpath(place).read_text()
            assert text.count(f"\n{before}namespace: {FIRST}\n") == 1
            overlay.joinpath(place).write_text(text.replace(f"namespace: {FIRST}\n", f"namespace: {namespace}\n"))
        done = subprocess.run(["kubectl", "kustomize", overlay.joinpath(*path)], capture_output=True, check=True)
    return done.stdout.decode()


def of(namespace, *path):
    """The policies of the installation in a namespace."""
    return [one for one in yaml.safe_load_all(built("policies", *path, namespace=namespace)) if one]


@cache
def cluster():
    """Both installations with everything, and the policy for all others."""
    storage = Storage()
    for name in (FIRST, SECOND, NOBODYS):
        watched = {} if name == NOBODYS else {"inplace.dev/watched": "true"}
        labels = {"kubernetes.io/metadata.name": name, **watched}
        storage.put(kinds.NAMESPACES, "", name, {"metadata": {"name": name, "labels": labels}})
    every = [*of(FIRST, "all"), *of(FIRST, "gate"), *of(SECOND, "all"), *of(SECOND, "gate")]
    every += [one for one in yaml.safe_load_all(built("unwatched")) if one]
    for one in every:
        kind = next(kind for kind in kinds.KINDS if kind.resource.kind == one["kind"])
        assert storage.get(kind, "", one["metadata"]["name"]) is None, "two objects of one name"
        storage.put(kind, "", one["metadata"]["name"], one)
    return storage


@pytest.mark.parametrize("part", ["all", "validating", "gate"])
def test_nothing_of_an_installation_is_named_after_another_namespace(part):
    text = built("policies", part, namespace=SECOND)
    assert FIRST not in re.sub("pod-template|orValue|'Default'|default-scheduler", "", text)


def account(namespace):
    return f"system:serviceaccount:{namespace}:inplace"


def written(namespace, old, new, user="somebody", kind=KIND):
    """What is stored of a write, or why it is refused."""
    place, asked = Place(kind, namespace, "web"), Policies(cluster(), user, dry_run=False)
    try:
        stored = asked.mutate(place, old, new)
        asked.validate(place, old, stored)
    except Failure as error:
        return error.message
    return stored


def frozen(namespace):
    old = workload(KIND, labels={**MODE, names.FROZEN: "true"}, annotations={}, updateStrategy=HELD)
    return changed(old, lambda tree: tree["metadata"].update(namespace=namespace))


def lifted(old):
    return changed(old, lambda tree: tree["spec"].update(updateStrategy=LOOSE))


def test_each_installation_has_every_policy_and_binding_under_names_of_its_own():
    shipped = {(one["kind"], one["metadata"]["name"]) for one in policies.manifests()}
    for namespace in (FIRST, SECOND):
        found = [*of(namespace, "all"), *of(namespace, "gate")]
        assert {(one["kind"], one["metadata"]["name"].removesuffix(f"-{namespace}")) for one in found} == shipped
        assert all(one["metadata"]["name"].endswith(f"-{namespace}") for one in found)
        policies_ = {one["metadata"]["name"] for one in found if not one["kind"].endswith("Binding")}
        assert {one["spec"]["policyName"] for one in found if one["kind"].endswith("Binding")} == policies_
        assert "inplace-system" not in str(found)
    validating = {(one["kind"], one["metadata"]["name"]) for one in of(FIRST, "validating")}
    assert validating == {
        (one["kind"], one["metadata"]["name"]) for one in of(FIRST, "all") if one["kind"].startswith("Validating")
    }


@pytest.mark.parametrize("path", [(), ("policies", "all"), ("policies", "gate"), ("policies", "validating")], ids=str)
def test_two_installations_have_no_object_outside_of_their_namespaces_in_common(path):
    first, second = (
        {
            (one["kind"], one["metadata"]["name"])
            for one in yaml.safe_load_all(built(*path, namespace=namespace))
            if "namespace" not in one["metadata"]
        }
        for namespace in (FIRST, SECOND)
    )
    assert first
    assert not first & second


def test_the_advice_on_missing_rights_is_about_what_was_installed_and_not_about_another_installation():
    assert "manifests/" not in ADVICE
    assert "kubectl" not in ADVICE


def test_an_installation_names_no_namespace_but_its_own():
    for path in ((), ("policies", "all"), ("policies", "gate")):
        assert not re.search(rf"[ :-]{FIRST}\b(?!-)", built(*path, namespace=SECOND))


def test_a_kustomization_that_sets_the_namespace_itself_names_the_role_after_it_by_the_same_file():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(MANIFESTS, Path(folder, "manifests"))
        here = "manifests/overlays/namespaced"
        kustomization = {
            "namespace": SECOND,
            "resources": [here],
            "replacements": [{"path": f"{here}/replacements.yaml"}],
        }
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True)
    wanted = list(yaml.safe_load_all(built(namespace=SECOND)))
    assert sorted(map(str, yaml.safe_load_all(done.stdout))) == sorted(map(str, wanted))


def test_every_binding_is_about_the_namespace_that_is_watched_and_no_other():
    for one in [*of(FIRST, "all"), *of(FIRST, "gate")]:
        if one["kind"].endswith("Binding"):
            selector = one["spec"]["matchResources"]["namespaceSelector"]["matchLabels"]
            idle = one["metadata"]["name"].endswith(f"-idle-{FIRST}")
            wanted = {"inplace.dev/idle": "binding"} if idle else {"kubernetes.io/metadata.name": FIRST}
            assert selector == wanted, one["metadata"]["name"]


def test_but_for_the_account_the_names_and_the_namespace_they_say_what_is_shipped():
    shipped = {(one["kind"], one["metadata"]["name"]): one["spec"] for one in policies.manifests()}
    for one in [*of(FIRST, "all"), *of(FIRST, "gate")]:
        spec = shipped[one["kind"], one["metadata"]["name"].removesuffix(f"-{FIRST}")]
        if one["kind"].endswith("Binding"):
            spec = {**spec, "policyName": f"{spec['policyName']}-{FIRST}", "matchResources": None}
            one["spec"]["matchResources"] = None
        wanted = squeezed(spec).replace(policies.ACCOUNT, account(FIRST))
        assert wanted == squeezed(one["spec"]), one["metadata"]["name"]


def squeezed(tree):
    """As text without white space, which kustomize adds to expressions of several lines."""
    return re.sub(r"\\n|\s", "", json.dumps(tree, sort_keys=True))


@pytest.mark.parametrize(("mine", "other"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_each_keeps_the_freeze_in_its_own_namespace_against_all_but_its_own_account(mine, other):
    old = frozen(mine)
    assert written(mine, old, lifted(old), account(mine))["spec"]["updateStrategy"] == LOOSE
    for user in ("somebody", account(other), policies.ACCOUNT):
        assert written(mine, old, lifted(old), user)["spec"]["updateStrategy"] == {**LOOSE, **HELD}
    beyond = changed(old, lambda tree: tree["spec"].update(minReadySeconds=5))
    assert "nothing but the freeze" in written(mine, old, beyond, account(mine))
    assert written(mine, old, beyond, account(other)) == beyond, "its fence is about its own namespace"


def test_nothing_is_kept_where_nobody_watches():
    old = frozen(NOBODYS)
    assert written(NOBODYS, old, lifted(old))["spec"]["updateStrategy"] == LOOSE


@pytest.mark.parametrize("kind", admission.WORKLOADS)
def test_opting_in_where_nobody_watches_is_refused_at_once_with_the_reason(kind):
    out, into = workload(kind), workload(kind, labels=MODE)
    for old in (None, out):
        said = written(NOBODYS, old, into, kind=kind)
        assert f"no installation of inplace watches the namespace {NOBODYS}. Install" in said
        assert f"kubectl label namespace {NOBODYS} inplace.dev/watched=true" in said
        for namespace in (FIRST, SECOND):
            assert not isinstance(written(namespace, old, into, kind=kind), str)


@pytest.mark.parametrize("kind", admission.WORKLOADS)
def test_what_is_opted_in_there_already_is_in_nobodys_way(kind):
    old = workload(kind, labels={**MODE, "tier": "web"})
    old["metadata"]["finalizers"] = ["foregroundDeletion"]
    for change in (
        lambda tree: tree["metadata"]["labels"].update(team="a"),
        lambda tree: tree["metadata"].pop("finalizers"),
        lambda tree: tree["metadata"]["labels"].pop(names.MODE),
    ):
        new = changed(old, change)
        assert written(NOBODYS, old, new, kind=kind) == new
    going = changed(old, lambda tree: tree["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z"))
    out = changed(going, lambda tree: tree["metadata"]["labels"].pop(names.MODE))
    assert written(NOBODYS, out, going, kind=kind) == going
    Policies(cluster(), "somebody", dry_run=False).validate(Place(kind, NOBODYS, "web"), old, None)


@pytest.mark.parametrize(("namespace", "born"), [(FIRST, True), (SECOND, True), (NOBODYS, False)])
def test_no_pod_is_born_with_a_gate_that_nobody_serves(namespace, born):
    owner = workload(kinds.STATEFULSETS, labels=MODE)
    cluster().put(kinds.STATEFULSETS, namespace, "web", owner)
    made = written(namespace, None, pod(owner=owned_by("StatefulSet")), kind=kinds.PODS)
    assert bool(made["spec"].get("readinessGates")) is born
