"""manifests/policies against the code: the same settings, the same grammar, the same account, every kind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from inplace.controller import installed_policies
from inplace.core import kinds
from inplace.core.objects import names
from inplace.core.objects.model import Meta
from inplace.core.settings import schema
from inplace.core.settings.schema import Native

POLICIES = Path(__file__).parents[3] / "manifests" / "policies"
ACCOUNT = "system:serviceaccount:inplace-system:inplace"


def objects():
    found = [one for path in sorted(POLICIES.rglob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]
    return [one for one in found if one["kind"] != "Kustomization"]


def expressions():
    """Every rule about a setting, by the setting's name, and the whole list of names."""
    policy = next(one for one in objects() if one["metadata"]["name"] == "inplace-settings")
    return [one["expression"] for one in policy["spec"]["validations"]]


def test_the_policy_knows_the_settings_that_the_code_knows():
    known = next(one for one in expressions() if "substring" in one)
    listed = set(re.findall(r"'([a-z-]+)'", known.partition(" in [")[2]))
    ours = {key.removeprefix(names.PREFIX) for key in schema._OUR_ANNOTATIONS}
    assert listed == set(schema._SETTINGS) | ours


SAMPLES = {
    "max-unavailable": ("0", "1", "25%", "0%", "100%", "101%", "-1", "many", "1.5", "007", ""),
    "partition": ("0", "1", "0%", "100%", "101%", "-1", "x", ""),
    "progress-deadline-seconds": ("0", "1", "600", "-1", "1.5", "soon", ""),
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in SAMPLES.items() for text in texts])
def test_the_policy_accepts_what_the_code_accepts(name, text):
    rule = next(one for one in expressions() if f"'{names.PREFIX}{name}' in" in one)
    found = re.search(r"matches\('(.*)'\)", rule)
    assert found is not None
    read = schema._SETTINGS[name].parse(text)
    assert (re.search(found[1], text) is not None) == (read is not None)


def test_words_are_the_codes():
    for name in ("drain", "on-failure", "pre-pull"):
        rule = next(one for one in expressions() if f"'{names.PREFIX}{name}' in" in one)
        words = set(re.findall(r"'([A-Za-z]+)'", rule.rpartition(" in [")[2]))
        for word in words:
            meta = Meta(annotations={names.PREFIX + name: word})
            assert not schema.parse(meta, Native()).errors
        assert str(schema._SETTINGS[name].accepts).replace(" or ", ", ").split(", ") == sorted(
            words, key=str(schema._SETTINGS[name].accepts).index
        )


def test_every_policy_is_bound_once_and_fails_closed_but_those_that_could_keep_pods_from_starting():
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
    assert open_ == {f"inplace-gate-{kind.plural}" for kind in kinds.ALL}


def test_the_controller_asks_for_every_binding_and_may():
    bindings = {
        (one["kind"], one["metadata"]["name"])
        for one in objects()
        if one["kind"].endswith("Binding") and not one["metadata"]["name"].endswith("-idle")
    }
    mutating = {("MutatingAdmissionPolicyBinding", name) for name in installed_policies.MUTATING}
    assert bindings == mutating | {("ValidatingAdmissionPolicyBinding", name) for name in installed_policies.VALIDATING}
    roles = [one for one in yaml.safe_load_all((POLICIES.parent / "rbac.yaml").read_text()) if "rules" in one]
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
