"""The chart and the manifests are one truth: Helm renders what kustomize renders, object by object."""

from __future__ import annotations

import re
import shutil

import pytest

from hack.chart import files, objects
from hack.chart.__main__ import BY_HAND
from hack.chart.names import CLUSTER_SCOPED
from tests import helm

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")

POLICIES_ON = {"enabled": True}
GATE_ON = {"enabled": True, "gate": True}
MONITORING_ON = {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")}
HERE = "manifests/overlays/namespaced"
#: What is installed by kustomize, and the values that say the same.
CLUSTER_WIDE = {
    "manifests": (["manifests"], {}),
    "ha": (["manifests/overlays/ha"], {"replicaCount": 2}),
    "monitoring": (["manifests/overlays/monitoring"], {"monitoring": MONITORING_ON}),
    "policies": (["manifests/overlays/policies"], {"policies": GATE_ON}),
    "policies without the gate": (["manifests", "manifests/policies"], {"policies": POLICIES_ON}),
    "policies before 1.36": (
        ["manifests", "manifests/policies/validating"],
        {"policies": {"enabled": True, "mutating": False}},
    ),
}
NAMESPACED = {
    "namespaced": ([HERE], {}),
    "policies": ([HERE, f"{HERE}/policies/all"], {"policies": POLICIES_ON}),
    "gate": ([HERE, f"{HERE}/policies/all", f"{HERE}/policies/gate"], {"policies": GATE_ON}),
    "before 1.36": (
        [HERE, f"{HERE}/policies/validating", f"{HERE}/unwatched"],
        {"policies": {"enabled": True, "mutating": False, "unwatched": True}},
    ),
}
#: Labels by which Helm's objects are told from others, beside those that the manifests have.
OF_HELM = {"helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}
OF_US = {"app.kubernetes.io/name", "app.kubernetes.io/part-of"}


@pytest.mark.parametrize(("folders", "values"), CLUSTER_WIDE.values(), ids=CLUSTER_WIDE)
def test_the_chart_is_what_kustomize_makes(folders, values):
    wanted = by_name(one for folder in folders for one in objects.rendered(folder))
    assert {key for key in wanted if key[0] == "Namespace"} == {("Namespace", "inplace-system")}
    del wanted["Namespace", "inplace-system"]  # helm install --create-namespace
    assert by_name(helm.objects(values)) == wanted


@pytest.mark.parametrize(("folders", "values"), NAMESPACED.values(), ids=NAMESPACED)
def test_in_one_namespace_too(folders, values):
    wanted = by_name(one for folder in folders for one in objects.rendered(folder))
    assert by_name(helm.objects({"namespaced": True, **values}, namespace="default")) == wanted


def test_several_replicas_in_one_namespace():
    wanted = objects.rendered(HERE, objects.HA, "default")
    found = helm.objects({"namespaced": True, "replicaCount": 2}, namespace="default")
    assert by_name(found) == by_name(wanted)


def test_the_chart_in_the_repository_is_what_the_manifests_make():
    made = files.made()
    found = {str(path.relative_to(files.FOLDER)) for path in files.FOLDER.rglob("*") if path.is_file()}
    assert found == made.keys() | BY_HAND
    for name, text in made.items():
        assert (files.FOLDER / name).read_text() == text, f"{name} is stale, run: python -m hack.chart"


def by_name(found):
    return {(one["kind"], one["metadata"]["name"]): plain(one) for one in found}


def plain(one):
    """Without labels that only tell whose the object is, and as kustomize folds lines."""
    made = {**one, "metadata": {**one["metadata"]}}
    if one["kind"] in CLUSTER_SCOPED:
        made["metadata"].pop("namespace", None)
    labels = {key: value for key, value in one["metadata"].get("labels", {}).items() if key not in OF_HELM | OF_US}
    made["metadata"]["labels"] = labels
    return without(made)


def without(node):
    if isinstance(node, dict):
        return {key: without(value) for key, value in node.items() if key not in OF_HELM}
    if isinstance(node, list):
        return [without(one) for one in node]
    return re.sub(r"\s+", " ", node).strip() if isinstance(node, str) else node
