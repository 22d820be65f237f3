"""manifests/policies/validating/fence.yaml: our account may do what inplace does, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.core import kinds as core_kinds
from inplace.core.objects import names
from inplace.core.rollout import pull_pods
from inplace.core.rollout.pull_pods import ImageOnNode
from kubesim.api import kinds
from tests import factories
from tests.unit.manifests import admission, fences, test_freeze_policies, test_settings_policy
from tests.unit.manifests.admission import SOMEBODY, changed, owned_by, workload
from tests.unit.manifests.fences import FENCES, drop, put

named = pytest.mark.parametrize(
    "fence", FENCES, ids=lambda one: f"{one.kind.resource.plural}{'/' * bool(one.subresource)}{one.subresource}"
)


def refusal(fence, old, new, **who):
    return admission.refusal(fence.policy, fence.kind, old, new, subresource=fence.subresource, **who)


@named
def test_every_change_alone_is_answered_as_it_should_be(fence):
    old = fence.old()
    assert refusal(fence, old, old) == ""
    for change, message in fence.changes.values():
        new = changed(old, change)
        assert new != old
        assert refusal(fence, old, new) == message
        assert refusal(fence, old, new, user=SOMEBODY) == "", "others are not fenced"


@named
@given(data=st.data())
def test_no_mixture_of_changes_gets_past_it(fence, data):
    chosen = data.draw(st.permutations(sorted(fence.changes)).flatmap(_some))
    old = fence.old()
    new = changed(old, *(fence.changes[name][0] for name in chosen))
    standing = [name for name in chosen if _stands(fence, name, chosen, new)]  # of two changes of one field the last
    messages = {fence.changes[name][1] for name in standing} - {""}
    said = refusal(fence, old, new)
    assert said in messages if messages else said == ""


def _stands(fence, name, chosen, new):
    """Whether a change is not overwritten by another: without it the outcome is another."""
    return changed(fence.old(), *(fence.changes[other][0] for other in chosen if other != name)) != new


def _some(every):
    return st.integers(0, 4).map(lambda number: every[:number])


marks = st.none() | st.dictionaries(
    st.sampled_from(["team", "app.kubernetes.io/name", names.MODE, names.FROZEN, "inplace.development/x"]),
    st.sampled_from(["1", "2"]),
)


def _foreign(found):
    return {key: value for key, value in (found or {}).items() if not key.startswith(names.PREFIX)}


@pytest.mark.parametrize("kind", admission.WORKLOADS)
@given(
    before=marks, after=marks, field=st.sampled_from(["labels", "annotations"]), below=st.sampled_from(["", "status"])
)
def test_the_marks_of_others_stay(kind, before, after, field, below):
    fence = fences.of_status(kind) if below else fences.of_workload(kind)
    old, new = (changed(fence.old(), _with(field, found)) for found in (before, after))
    guarded = field == "annotations" or not below  # the status endpoint drops labels, or takes no notice of them
    allowed = _foreign(before) == _foreign(after) or not guarded
    message = {"labels": fences.LABELS, "annotations": fences.ANNOTATIONS}[field]
    assert refusal(fence, old, new) == ("" if allowed else message)


def _with(field, found):
    return drop("metadata", field) if found is None else put("metadata", field, value=found)


@pytest.mark.parametrize("kind", admission.WORKLOADS)
@given(
    dry_run=st.booleans(), controller=st.sampled_from([True, False, None]), owner=st.sampled_from(["Deployment", "Job"])
)
def test_a_template_changes_in_dry_runs_and_below_a_deployment_only(kind, dry_run, controller, owner):
    fence = fences.of_workload(kind)
    old = changed(fence.old(), put("metadata", "ownerReferences", value=[owned_by(owner, controller=controller)]))
    new = changed(old, fence.changes["template"][0])
    follows = kind is kinds.REPLICASETS and bool(controller) and owner == "Deployment"
    assert refusal(fence, old, new, dry_run=dry_run) == ("" if dry_run or follows else fences.TEMPLATE)


@given(
    replicas=st.integers(0, 3),
    controller=st.sampled_from([True, False, None]),
    owner=st.sampled_from(["Deployment", "Job", ""]),
)
def test_replica_sets_come_and_go_only_without_pods_and_below_a_deployment(replicas, controller, owner):
    tree = workload(kinds.REPLICASETS, replicas=replicas)
    if owner:
        tree["metadata"]["ownerReferences"] = [owned_by(owner, controller=controller)]
    allowed = replicas == 0 and owner == "Deployment" and bool(controller)
    for old, new in ((None, tree), (tree, None)):
        said = admission.refusal("inplace-fence-replicasets", kinds.REPLICASETS, old, new)
        assert said == ("" if allowed else fences.REPLICA_SETS)
        assert admission.refusal("inplace-fence-replicasets", kinds.REPLICASETS, old, new, user=SOMEBODY) == ""


# --- helpers ----------------------------------------------------------------------------------------------------------


def helper(**spec):
    """The very Pod that the code makes for a template with this in its spec."""
    snapshot = factories.snapshot()
    target = factories.template(factories.NEW, "app:v2", **spec)
    made = pull_pods.manifest(snapshot, factories.pod(), ImageOnNode("n", "app:v2"), "inplace-pull-1", target)
    return {**made, "metadata": {**made["metadata"], "namespace": "test"}}


RUNS = {
    "command": put("spec", "containers", 0, "command", value=["/bin/sh"]),
    "no command": lambda tree: tree["spec"]["containers"][0].pop("command"),
    "arguments": put("spec", "containers", 0, "args", value=["x"]),
    "hook": put("spec", "containers", 0, "lifecycle", value={"preStop": {"exec": {"command": ["x"]}}}),
    "environment": put("spec", "containers", 0, "env", value=[{"name": "A", "value": "b"}]),
    "secrets": put("spec", "containers", 0, "envFrom", value=[{"secretRef": {"name": "x"}}]),
    "token": put("spec", "automountServiceAccountToken", value=True),
    "token by default": drop("spec", "automountServiceAccountToken"),
    "restarts": put("spec", "restartPolicy", value="Always"),
    "more rights": put("spec", "containers", 0, "securityContext", value={"allowPrivilegeEscalation": True}),
    "devices": put("spec", "containers", 0, "volumeDevices", value=[{"name": "x", "devicePath": "/dev/x"}]),
    "another name": put("spec", "containers", 0, "name", value="else"),
}
MOUNTS = ("/", "/proc", "//proc/", "/./proc", "/x/../proc", "/proc/inplace.dev", "proc")
RUNS |= {
    f"mount at {path}": put("spec", "containers", 0, "volumeMounts", value=[{"name": "x", "mountPath": path}])
    for path in MOUNTS
}
PRIVILEGED = {"name": "x", "image": "x", "securityContext": {"privileged": True}}
CAPABLE = {"name": "x", "image": "x", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}
REACHES = {
    "volumes": put("spec", "volumes", value=[{"name": "host", "hostPath": {"path": "/"}}]),
    "processes": put("spec", "hostPID", value=True),
    "memory": put("spec", "hostIPC", value=True),
    "privileged": lambda tree: tree["spec"]["containers"].append(PRIVILEGED),
    "privileged init": put("spec", "initContainers", value=[PRIVILEGED]),
    "capabilities": put("spec", "initContainers", value=[CAPABLE]),
    "port": put("spec", "containers", 0, "ports", value=[{"containerPort": 1, "hostPort": 1}]),
    "proc": put("spec", "initContainers", value=[{"name": "x", "securityContext": {"procMount": "Unmasked"}}]),
    "host process": put("spec", "securityContext", value={"windowsOptions": {"hostProcess": True}}),
}
#: What Istio, EKS and others add to every Pod.
ADDED = {
    "container": lambda tree: tree["spec"]["containers"].append(
        {"name": "proxy", "image": "x", "env": [{"name": "A"}]}
    ),
    "init container": put("spec", "initContainers", value=[{"name": "init", "image": "x"}]),
    "volume": put("spec", "volumes", value=[{"name": "token", "projected": {"sources": []}}]),
    "mount": put("spec", "containers", 0, "volumeMounts", value=[{"name": "token", "mountPath": "/x"}]),
}
NOT_OURS = {
    "label": lambda tree: tree["metadata"]["labels"].pop(names.HELPER),
    "another label": put("metadata", "labels", names.HELPER, value="else"),
    "another Pod's name": put("metadata", "name", value="web-0"),
    "controller": put("metadata", "ownerReferences", value=[owned_by("StatefulSet")]),
}


def of_helper(old, new, **who):
    return admission.refusal("inplace-fence-helpers", kinds.PODS, old, new, **who)


@pytest.mark.parametrize("spec", [{}, {"hostNetwork": True}, {"os": {"name": "windows"}}], ids=str)
def test_the_helper_that_the_code_makes_may_come_and_go(spec):
    assert of_helper(None, helper(**spec)) == ""
    assert of_helper(helper(**spec), None) == ""


@pytest.mark.parametrize("what", ["container", "init container"])
def test_nothing_else_runs_in_the_network_of_the_host(what):
    assert of_helper(None, changed(helper(hostNetwork=True), ADDED[what])) == fences.REACHES_HOST


@pytest.mark.parametrize("what", ADDED)
def test_what_admission_adds_beside_it_may_stay(what):
    assert of_helper(None, changed(helper(), ADDED[what])) == ""


@pytest.mark.parametrize("what", REACHES)
def test_nothing_of_it_reaches_the_host(what):
    one = changed(helper(), REACHES[what])
    assert of_helper(None, one) == fences.REACHES_HOST
    assert of_helper(one, None) == ""


@given(st.sets(st.sampled_from(sorted(RUNS))), st.sets(st.sampled_from(sorted(NOT_OURS)), max_size=1))
def test_no_other_pod_may(runs, not_ours):
    one = changed(helper(), *(RUNS[name] for name in sorted(runs)), *(NOT_OURS[name] for name in not_ours))
    expected = fences.HELPERS if not_ours else fences.RUNS_NOTHING if runs else ""
    assert of_helper(None, one) == expected
    assert of_helper(one, None) == (fences.HELPERS if not_ours else ""), "whatever it runs, it may go"
    assert of_helper(None, one, user=SOMEBODY) == of_helper(one, None, user=SOMEBODY) == ""


# --- none is forgotten ------------------------------------------------------------------------------------------------


def test_every_message_of_every_validating_policy_is_tested():
    shipped = {
        " ".join(validation["message"].split())
        for policy in admission.validating()
        if policy["metadata"]["name"].startswith("inplace-fence")
        for validation in policy["spec"]["validations"]
    }
    tested = {value for value in vars(fences).values() if isinstance(value, str) and value.startswith("inplace may")}
    assert shipped == tested
    rest = {one["metadata"]["name"] for one in admission.validating()} - {
        one["metadata"]["name"] for one in admission.validating() if "fence" in one["metadata"]["name"]
    }
    assert rest == {"inplace-refuse-lifting", test_settings_policy.POLICY}
    (lifting,) = admission.policy("inplace-refuse-lifting")["spec"]["validations"]
    assert test_freeze_policies.LIFTING in " ".join(lifting["message"].split())


def test_the_kinds_are_those_of_the_code():
    assert {kind.resource.plural for kind in admission.WORKLOADS} == {kind.plural for kind in core_kinds.ALL}
