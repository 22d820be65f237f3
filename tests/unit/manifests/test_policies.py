"""manifests/policies against the code: the same account, every kind, every binding.

What each policy allows and rejects stands in the modules beside this one.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from inplace.controller import installed_policies
from inplace.core import kinds

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "manifests" / "policies"
ACCOUNT = "system:serviceaccount:inplace-system:inplace"


def objects():
    found = [one for path in sorted(POLICIES.rglob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]
    return [one for one in found if one["kind"] != "Kustomization"]


def test_every_policy_is_bound_once_and_fails_closed_but_those_that_nothing_rests_on():
    every = {one["metadata"]["name"] for one in objects() if not one["kind"].endswith("Binding")}
    bindings = [one for one in objects() if one["kind"].endswith("Binding")]
    idle = {one["spec"]["policyName"] for one in bindings if one["metadata"]["name"].endswith("-idle")}
    bound = [one["spec"]["policyName"] for one in bindings if not one["metadata"]["name"].endswith("-idle")]
    assert sorted(bound) == sorted(every)
    assert idle == {f"inplace-gate-{kind.plural}" for kind in kinds.ALL}, "those with parameters"
    open_ = {
        one["metadata"]["name"]
        for one in objects()
        if not one["kind"].endswith("Binding") and one["spec"]["failurePolicy"] != "Fail"
    }
    assert open_ == {"inplace-keep-freeze-unowned", *(f"inplace-gate-{kind.plural}" for kind in kinds.ALL)}


def test_the_controller_asks_for_every_binding_and_may():
    bindings = {
        (one["kind"], one["metadata"]["name"])
        for one in objects()
        if one["kind"].endswith("Binding") and not one["metadata"]["name"].endswith("-idle")
    }
    mutating = {("MutatingAdmissionPolicyBinding", name) for name in installed_policies.MUTATING}
    assert bindings == mutating | {("ValidatingAdmissionPolicyBinding", name) for name in installed_policies.VALIDATING}
    roles = [
        one for one in yaml.safe_load_all((POLICIES.parent / "cluster" / "rbac.yaml").read_text()) if "rules" in one
    ]
    (role,) = [one for one in roles if one["metadata"]["name"] == "inplace"]
    (rule,) = [one for one in role["rules"] if "mutatingadmissionpolicybindings" in one["resources"]]
    assert set(rule["resourceNames"]) == {name for _, name in bindings}


def test_our_own_account_is_named_wherever_an_account_is():
    accounts = set(
        re.findall(r"system:serviceaccount:[a-z:-]+", "".join(p.read_text() for p in POLICIES.rglob("*.yaml")))
    )
    assert accounts == {ACCOUNT}


def test_every_kind_that_can_be_frozen_keeps_its_freeze():
    held = {
        one["metadata"]["name"].removeprefix("inplace-keep-freeze-") for one in objects() if "keep-freeze" in str(one)
    }
    assert held - {""} >= {kind.plural for kind in kinds.ALL if kind.name != "ReplicaSet"}


def test_the_page_has_every_policy_and_names_tests_that_there_are():
    page = (ROOT / "docs" / "reference" / "policies.md").read_text()
    unwatched = ROOT / "manifests" / "overlays" / "namespaced" / "unwatched" / "policy.yaml"
    every = [*objects(), *yaml.safe_load_all(unwatched.read_text())]
    policies = {one["metadata"]["name"] for one in every if not one["kind"].endswith("Binding")}
    assert policies == set(re.findall(r"`(inplace-[a-z-]+)`", page))
    tests = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert set(re.findall(r"`(test_\w+)`", page)) <= tests
