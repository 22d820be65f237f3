"""Any release name in any namespace: everything that refers to something by name refers to something that is there."""

from __future__ import annotations

import re

import pytest
import yaml

from hack.chart.names import CLUSTER_SCOPED, POLICIES
from inplace.core.objects import names
from tests import helm

EVERYTHING = {
    "replicaCount": 2,
    "policies": {"enabled": True, "gate": True},
    "monitoring": {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")},
}
RELEASES = {
    "of another name": ({}, "upgrades", "shop", "upgrades-inplace"),
    "with our name in it": ({}, "my-inplace", "shop", "my-inplace"),
    "of digits": ({}, "123", "456", "123-inplace"),
    "in one namespace": ({"namespaced": True}, "upgrades", "shop", "upgrades-inplace"),
    "renamed": ({"fullnameOverride": "web"}, "upgrades", "shop", "web"),
    "with its own account": (
        {"serviceAccount": {"create": False, "name": "robot"}},
        "upgrades",
        "shop",
        "upgrades-inplace",
    ),
    "of the longest name": ({}, "r" * 53, "n" * 63, "r" * 48),
}


@pytest.mark.parametrize(("values", "name", "namespace", "fullname"), RELEASES.values(), ids=RELEASES)
def test_every_reference_leads_to_an_object_of_the_release(values, name, namespace, fullname):
    found = helm.objects({**EVERYTHING, **values}, name=name, namespace=namespace)
    assert "inplace-system" not in yaml.safe_dump_all(found)
    there = {(one["kind"], one["metadata"]["name"]) for one in found}
    assert ("Deployment", fullname) in there
    account = values.get("serviceAccount", {}).get("name", fullname)
    pods = next(one for one in found if one["kind"] == "Deployment")["spec"]["template"]
    assert pods["spec"]["serviceAccountName"] == account
    for one in found:
        assert one["metadata"].get("namespace", namespace) == namespace
        assert ("namespace" in one["metadata"]) == (one["kind"] not in CLUSTER_SCOPED)
        if "roleRef" in one:
            assert (one["roleRef"]["kind"], one["roleRef"]["name"]) in there
            assert one["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]
        if one["kind"].endswith("PolicyBinding"):
            assert (one["kind"].removesuffix("Binding"), one["spec"]["policyName"]) in there
        for accounts in re.findall(r"system:serviceaccount:([\w.-]+:[\w.-]+)", str(one)):
            assert accounts == f"{namespace}:{account}"
        for selector in selectors(one):
            assert selector.items() <= pods["metadata"]["labels"].items()
            assert selector["app.kubernetes.io/instance"] == name


def selectors(node, key=""):
    """Every selector of our Pods in an object."""
    if isinstance(node, list):
        return [found for one in node for found in selectors(one, key)]
    if not isinstance(node, dict):
        return []
    if key != "labels" and "app.kubernetes.io/name" in node:
        return [node]
    return [found for name, one in node.items() for found in selectors(one, name)]


def test_two_installations_in_namespaces_of_their_own_share_no_name():
    first, second = (
        {
            (one["kind"], one["metadata"]["name"])
            for one in helm.objects({**EVERYTHING, "namespaced": True}, name="inplace", namespace=namespace)
            if one["kind"] in CLUSTER_SCOPED
        }
        for namespace in ("shop", "bank")
    )
    assert not first & second
    assert {kind for kind, _ in first} >= POLICIES


def test_two_releases_in_one_namespace_select_their_own_pods():
    labels = [
        next(one for one in helm.objects(name=name) if one["kind"] == "Deployment")["spec"]["selector"]["matchLabels"]
        for name in ("inplace", "inplace-canary")
    ]
    assert labels[0] != labels[1]


def test_in_one_namespace_nothing_is_bound_elsewhere():
    found = helm.objects({**EVERYTHING, "namespaced": True}, namespace="shop")
    for one in found:
        if one["kind"].endswith("PolicyBinding") and "-idle" not in one["metadata"]["name"]:
            selector = one["spec"]["matchResources"]["namespaceSelector"]
            assert selector == {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}
    everywhere = [one["roleRef"]["name"] for one in found if one["kind"] == "ClusterRoleBinding"]
    assert everywhere == ["inplace-nodes-shop"]


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        ({}, ["-A -l inplace.dev/mode", "policies.enabled"], ["watched=true"]),
        ({"policies": {"enabled": True, "gate": True}}, [], ["policies.enabled"]),
        (
            {"namespaced": True, "policies": {"enabled": True, "unwatched": True}},
            ["-n shop -l inplace.dev/mode", "kubectl label namespace shop inplace.dev/watched=true"],
            ["-A"],
        ),
    ],
)
def test_the_notes_say_what_is_so(values, said, unsaid):
    notes = helm.render(values, name="upgrades", namespace="shop")["templates/NOTES.txt"]
    assert "deployment/upgrades-inplace -n shop" in notes
    assert notes.index("inplace disable") < notes.index(f"gate {names.GATE} out of the Pod templates")
    assert all(one in notes for one in said)
    assert not any(one in notes for one in unsaid)
    assert all(len(line) <= 120 for line in notes.splitlines())
