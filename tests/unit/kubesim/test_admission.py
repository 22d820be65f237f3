"""Admission policies of anybody: what is selected, in which order, and what errors do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import Forbidden, Invalid
from kubesim.api import kinds
from kubesim.api.admission.policies import Policies
from kubesim.api.failure import Failure
from kubesim.api.registry import Place
from kubesim.api.storage import Storage

CONFIGMAPS = next(kind for kind in kinds.KINDS if kind.resource.plural == "configmaps")
RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
SET = """[JSONPatch{op: "add", path: "/data/" + jsonpatch.escapeKey("a/b"), value: "%s"}]"""


def stored(*objects):
    """A storage with these policies, bindings and parameters, in a namespace `test` that is labelled `team: a`."""
    storage = Storage()
    storage.put(kinds.NAMESPACES, "", "test", {"metadata": {"name": "test", "labels": {"team": "a"}}})
    for kind, tree in objects:
        namespace = "test" if kind.resource.namespaced else ""
        storage.put(kind, namespace, tree["metadata"]["name"], tree)
    return storage


def bound(kind, spec, *, binding=None, name="p"):
    """A policy and its binding."""
    whole = {"matchConstraints": {"resourceRules": [RULE]}, **spec}
    ref = {"policyName": name, "validationActions": ["Deny"], **(binding or {})}
    return (
        (kind, {"metadata": {"name": name}, "spec": whole}),
        (kinds.POLICIES[kind], {"metadata": {"name": f"b-{name}"}, "spec": ref}),
    )


def validating(spec, **options):
    return bound(kinds.VALIDATING_POLICIES, spec, **options)


def mutating(spec, **options):
    return bound(kinds.MUTATING_POLICIES, spec, **options)


def patching(expression, **spec):
    return {"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}], **spec}


def one(**fields):
    return {"metadata": {"name": "c", "namespace": "test", "labels": {"app": "web"}}, "data": {}, **fields}


def refusal(*objects, new=None, old=None, place=None, user="somebody"):
    """What is said against a write; empty if it may be."""
    chosen = place or Place(CONFIGMAPS, "test", "c")
    try:
        Policies(stored(*objects), user, dry_run=False).validate(chosen, old, one() if new is None and not old else new)
    except Failure as error:
        return f"{error.code} {error.reason} {error.message}"
    return ""


def mutated(*objects, new=None, user="somebody"):
    place = Place(CONFIGMAPS, "test", "c")
    return Policies(stored(*objects), user, dry_run=False).mutate(place, None, new or one())


NO = {"validations": [{"expression": "false", "message": " no \n"}]}
DENIED = "configmaps \"c\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b-p' denied request: "


def test_a_refusal_reads_as_the_real_servers():
    assert refusal(*validating(NO)) == f"422 Invalid {DENIED}no"
    forbidden = {"validations": [{"expression": "false", "reason": "Forbidden"}]}
    assert refusal(*validating(forbidden)) == f"403 Forbidden {DENIED}failed expression: false"


@pytest.mark.parametrize(
    ("spoken", "says"),
    [
        ("'it is ' + object.metadata.name", "it is c"),
        ("'  '", "no"),
        ("'a\\nb'", "no"),
        ("object.nowhere", "no"),
        ("1", "no"),
        ("object.?nowhere", "no"),
    ],
)
def test_a_message_expression_that_says_nothing_gives_way_to_the_message(spoken, says):
    spec = {"validations": [{**NO["validations"][0], "messageExpression": spoken}]}
    assert refusal(*validating(spec)).endswith(f"denied request: {says}")


@pytest.mark.parametrize(
    "expression", ["object.nowhere == 1", "'text'", "quantity('1') == quantity('1')", "variables.bad", "object.?data"]
)
def test_an_error_refuses_unless_the_policy_fails_open(expression):
    spec = {"variables": [{"name": "bad", "expression": "1 / 0 == 1"}], "validations": [{"expression": expression}]}
    assert refusal(*validating(spec)).startswith(f"422 Invalid {DENIED}")
    assert refusal(*validating({**spec, "failurePolicy": "Ignore"})) == ""
    conditions = {**NO, "matchConditions": [{"name": "bad", "expression": expression}], "variables": spec["variables"]}
    assert refusal(*validating(conditions)).startswith(f"422 Invalid {DENIED}")
    assert refusal(*validating({**conditions, "failurePolicy": "Ignore"})) == ""


def test_an_error_in_a_variable_counts_only_where_it_is_needed():
    bad = [{"name": "bad", "expression": "object.nowhere.size() > 0"}]
    spec = {"variables": bad, "validations": [{"expression": "has(object.data) || variables.bad"}]}
    assert refusal(*validating(spec)) == ""


def test_a_condition_that_does_not_hold_settles_it_whatever_the_others_say():
    conditions = [{"name": "error", "expression": "object.nowhere"}, {"name": "no", "expression": "false"}]
    assert refusal(*validating({**NO, "matchConditions": conditions})) == ""


@pytest.mark.parametrize(
    ("constraints", "matches"),
    [
        ({"resourceRules": [{**RULE, "resources": ["*"]}]}, True),
        ({"resourceRules": [{**RULE, "resources": ["*/*"]}]}, True),
        ({"resourceRules": [{**RULE, "resources": ["configmaps/*"]}]}, True),
        ({"resourceRules": [{**RULE, "resources": ["*/status", "pods"]}]}, False),
        ({"resourceRules": [{**RULE, "operations": ["UPDATE", "DELETE"]}]}, False),
        ({"resourceRules": [{**RULE, "apiGroups": ["apps"]}]}, False),
        ({"resourceRules": [{**RULE, "apiVersions": ["v2"]}]}, False),
        ({"resourceRules": [{**RULE, "resourceNames": ["d"]}]}, False),
        ({"resourceRules": [{**RULE, "resourceNames": ["c"]}]}, True),
        ({"resourceRules": [{**RULE, "scope": "Cluster"}]}, False),
        ({"resourceRules": [{**RULE, "scope": "Namespaced"}]}, True),
        ({"resourceRules": [RULE], "excludeResourceRules": [{**RULE, "resourceNames": ["c"]}]}, False),
        ({"resourceRules": [RULE], "namespaceSelector": {"matchLabels": {"team": "a"}}}, True),
        ({"resourceRules": [RULE], "namespaceSelector": {"matchLabels": {"team": "b"}}}, False),
        ({"resourceRules": [RULE], "objectSelector": {"matchLabels": {"app": "web"}}}, True),
        (
            {"resourceRules": [RULE], "objectSelector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}},
            False,
        ),
    ],
)
def test_what_a_policy_is_about(constraints, matches):
    assert bool(refusal(*validating({**NO, "matchConstraints": constraints}))) is matches
    narrowed = {"matchResources": constraints}
    assert bool(refusal(*validating(NO, binding=narrowed))) is matches


def test_a_namespace_is_chosen_by_its_own_labels_and_what_has_none_always():
    rule = {**RULE, "resources": ["namespaces", "nodes"]}
    spec = {**NO, "matchConstraints": {"resourceRules": [rule], "namespaceSelector": {"matchLabels": {"team": "a"}}}}
    for kind, labels, matches in (
        (kinds.NAMESPACES, {"team": "a"}, True),
        (kinds.NAMESPACES, {"team": "b"}, False),
        (kinds.NODES, {}, True),
    ):
        new = {"metadata": {"name": "x", "labels": labels}}
        assert bool(refusal(*validating(spec), new=new, place=Place(kind, "", "x"))) is matches


def test_only_bindings_that_deny_refuse():
    policy, _ = validating(NO)
    assert refusal(policy) == ""
    assert refusal(*validating(NO, binding={"validationActions": ["Warn", "Audit"]})) == ""


def test_expressions_see_the_request():
    says = (
        "request.operation + ' ' + request.resource.resource + ' ' + request.userInfo.username + ' '"
        " + request.userInfo.groups.join(',') + ' ' + namespaceObject.metadata.labels.team"
        " + (has(request.subResource) ? '?' : '!') + string(request.dryRun) + string(oldObject == null)"
    )
    spec = {"validations": [{"expression": "false", "messageExpression": says}]}
    groups = "system:serviceaccounts,system:serviceaccounts:ns,system:authenticated"
    account = "system:serviceaccount:ns:me"
    said = refusal(*validating(spec), user=account)
    assert said.endswith(f"denied request: CREATE configmaps {account} {groups} a!falsetrue")
    gone = {"validations": [{"expression": "object != null || request.operation != 'DELETE'", "message": "kept"}]}
    assert refusal(*validating(gone), old=one()).endswith("kept")


# --- parameters -------------------------------------------------------------------------------------------------------

PARAM = {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}


def limit(name, value):
    return CONFIGMAPS, {"metadata": {"name": name, "labels": {"limit": "yes"}}, "data": {"is": value}}


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ({"name": "low"}, "low"),
        ({"name": "low", "namespace": "test"}, "low"),
        ({"name": "missing", "parameterNotFoundAction": "Allow"}, ""),
        ({"name": "missing", "parameterNotFoundAction": "Deny"}, "no params found"),
        ({"selector": {"matchLabels": {"limit": "yes"}}}, "high"),
        ({"selector": {"matchLabels": {"limit": "no"}}, "parameterNotFoundAction": "Allow"}, ""),
        ({}, "one of name or selector must be provided"),
        ({"name": "low", "selector": {}}, "mutually exclusive"),
    ],
)
def test_parameters_are_found_by_name_or_selector(reference, says):
    spec = {**PARAM, "validations": [{"expression": "false", "messageExpression": "params.data.is"}]}
    policy = validating(spec, binding={"paramRef": reference or {"namespace": "test"}})
    said = refusal(*policy, limit("low", "low"), limit("high", "high"))
    assert said.endswith(says) if says in {"low", "high"} else (says in said if says else said == "")


def test_a_policy_whose_parameters_cannot_be_found_fails_as_it_says():
    unknown = {**NO, "paramKind": {"apiVersion": "v9", "kind": "Nothing"}}
    binding = {"paramRef": {"name": "x"}}
    assert "failed to configure binding: paramKind kind `v9, Kind=Nothing` not known" in refusal(
        *validating(unknown, binding=binding)
    )
    assert refusal(*validating({**unknown, "failurePolicy": "Ignore"}, binding=binding)) == ""
    cluster = {**NO, "paramKind": {"apiVersion": "v1", "kind": "Node"}}
    wrong = {"paramRef": {"name": "x", "namespace": "test"}}
    assert "must not be provided for a cluster-scoped" in refusal(*validating(cluster, binding=wrong))


# --- mutations --------------------------------------------------------------------------------------------------------


def test_mutations_run_in_the_order_of_their_names_and_see_what_the_last_one_made():
    second = patching('[JSONPatch{op: "copy", from: "/data/a~1b", path: "/data/copied"}]')
    made = mutated(*mutating(second, name="q"), *mutating(patching(SET % "x")))
    assert made["data"] == {"a/b": "x", "copied": "x"}


def test_a_policy_that_wants_it_is_asked_again_after_a_later_change():
    count = """[JSONPatch{op: "add", path: "/data/count", value: string(size(object.data))}]"""
    later = mutating(patching(SET % "x"), name="q")
    once = mutated(*mutating(patching(count, reinvocationPolicy="Never")), *later)
    again = mutated(*mutating(patching(count, reinvocationPolicy="IfNeeded")), *later)
    assert (once["data"]["count"], again["data"]["count"]) == ("0", "2")


def test_a_test_that_fails_leaves_the_object_alone_and_a_patch_that_cannot_be_applied_is_an_error():
    guarded = (
        """[JSONPatch{op: "add", path: "/data/x", value: "y"}, JSONPatch{op: "test", path: "/data/x", value: "z"}]"""
    )
    assert mutated(*mutating(patching(guarded)))["data"] == {}
    lost = patching("""[JSONPatch{op: "remove", path: "/nowhere/x"}]""")
    with pytest.raises(Failure, match="policy 'p' with binding 'b-p' denied request: JSONPath: ") as caught:
        mutated(*mutating(lost))
    assert (caught.value.code, caught.value.reason) == (403, "Invalid")
    assert mutated(*mutating({**lost, "failurePolicy": "Ignore"}))["data"] == {}


@pytest.mark.parametrize("expression", ["1", "[1]", "object.nowhere"])
def test_what_is_no_patch_is_an_error(expression):
    with pytest.raises(Failure, match="denied request"):
        mutated(*mutating(patching(expression)))


def test_an_applied_configuration_is_merged_by_keys():
    expression = """Object{metadata: Object.metadata{labels: {"new": "1"}}, data: {"x": params == null ? "y" : "z"}}"""
    spec = {"mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]}
    made = mutated(*mutating(spec), new=one(data={"kept": "1"}))
    assert made["metadata"]["labels"] == {"app": "web", "new": "1"}
    assert made["data"] == {"kept": "1", "x": "y"}
    wrong = {"mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "[1]"}}]}
    with pytest.raises(Failure, match="should evaluate to Object"):
        mutated(*mutating(wrong))


# --- over HTTP --------------------------------------------------------------------------------------------------------


BAD, SCALE = {"data": {"x": "bad"}}, {"spec": {"replicas": 3}}


@pytest.mark.looptime
async def test_policies_are_objects_of_the_api_and_in_force_until_they_are_deleted(serve):
    async with serve() as served:
        client = served.client
        policies = [
            *validating({"validations": [{"expression": "object.data.x != 'bad'", "message": "bad"}]}),
            *mutating(patching(SET % "x"), name="m"),
        ]
        for kind, tree in policies:
            await client.create(kind.resource, None, tree, type=dict)
        made = await client.create(CONFIGMAPS.resource, "test", one(data={"x": "good"}), type=dict)
        assert made["data"] == {"x": "good", "a/b": "x"}
        with pytest.raises(Invalid, match="denied request: bad"):
            await client.patch(CONFIGMAPS.resource, "c", "test", BAD, patch_type=PatchType.MERGE, type=dict)
        for kind, tree in policies:
            await client.delete(kind.resource, tree["metadata"]["name"])
        await client.patch(CONFIGMAPS.resource, "c", "test", BAD, patch_type=PatchType.MERGE, type=dict)


@pytest.mark.looptime
async def test_deletions_are_validated_and_evictions_and_scales_are_not(serve):
    every = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["UPDATE", "DELETE"], "resources": ["*"]}
    spec = {
        "matchConstraints": {"resourceRules": [every]},
        "validations": [{"expression": "false", "message": "never", "reason": "Forbidden"}],
    }
    selector = {"matchLabels": {"app": "x"}}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
    async with serve() as served:
        client = served.client
        for name in ("a", "b"):
            body = {"metadata": {"name": name}, "spec": template["spec"]}
            await client.create(resources.PODS, "test", body, type=dict)
        body = {"metadata": {"name": "rs"}, "spec": {"selector": selector, "template": template}}
        await client.create(resources.REPLICASETS, "test", body, type=dict)
        for kind, tree in validating(spec):
            await client.create(kind.resource, None, tree, type=dict)
        with pytest.raises(Forbidden, match="never"):
            await client.delete(resources.PODS, "a", "test")
        with pytest.raises(Forbidden, match="never"):
            await client.patch(resources.REPLICASETS, "rs", "test", SCALE, patch_type=PatchType.MERGE, type=dict)
        how = {"patch_type": PatchType.MERGE, "type": dict, "subresource": "scale"}
        await client.patch(resources.REPLICASETS, "rs", "test", SCALE, **how)
        assert (await client.get(resources.REPLICASETS, "rs", "test", type=dict))["spec"]["replicas"] == 3
        how = {"name": "b", "subresource": "eviction", "type": dict}
        await client.create(resources.PODS, "test", {"metadata": {"name": "b"}}, **how)


def test_a_cluster_without_policies_does_not_load_the_package():
    code = "import sys, kubesim.cluster, kubesim.kubelet; sys.exit(any('cel_expr' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
