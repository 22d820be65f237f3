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


OWN_LABELS = (names.FROZEN, names.PHASE)
OWN_ANNOTATIONS = (names.STATUS, names.ORIGINAL_STRATEGY, names.TEMPLATES, names.SETTINGS)
marks = st.none() | st.dictionaries(
    st.sampled_from(
        ["team", "app.kubernetes.io/name", names.MODE, names.PREFIX + "drain", *OWN_LABELS, *OWN_ANNOTATIONS]
    ),
    st.sampled_from(["1", "2"]),
)


@pytest.mark.parametrize("kind", admission.WORKLOADS)
@given(
    before=marks, after=marks, field=st.sampled_from(["labels", "annotations"]), below=st.sampled_from(["", "status"])
)
def test_of_marks_only_our_own_change(kind, before, after, field, below):
    fence = fences.of_status(kind) if below else fences.of_workload(kind)
    other = "annotations" if field == "labels" else "labels"
    base = changed(fence.old(), put("metadata", other, value={names.STATUS: "{}"}))
    old, new = (changed(base, _with(field, found)) for found in (before, after))
    before, after = before or {}, after or {}
    edited = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    message = {"labels": fences.LABELS, "annotations": fences.ANNOTATIONS}[field]
    allowed = all(_may_change(kind, field, below, key, after) for key in edited)
    assert refusal(fence, old, new) == ("" if allowed else message)


def _may_change(kind, field, below, key, after):
    if field == "labels":
        return key in OWN_LABELS
    if below:
        return key == names.STATUS
    set_freely = kind is kinds.DEPLOYMENTS or key in OWN_ANNOTATIONS or key not in after
    return key.startswith(names.PREFIX) and set_freely


def _with(field, found):
    return drop("metadata", field) if found is None else put("metadata", field, value=found)


@pytest.mark.parametrize("kind", admission.WORKLOADS)
@pytest.mark.parametrize("below", ["", "status"])
def test_nothing_is_opted_in_or_frozen_by_us(kind, below):
    fence = fences.of_status(kind) if below else fences.of_workload(kind)
    old = changed(fence.old(), drop("metadata", "labels"), drop("metadata", "annotations"))
    begins = [fence.changes[what][0] for what in ("our label", "our annotation", "freeze") if what in fence.changes]
    begins += [put("metadata", "annotations", value={names.STATUS: "{}"})]
    for change in begins:
        assert refusal(fence, old, changed(old, change)) == fences.NOT_OPTED_IN
    if below:
        assert refusal(fence, old, changed(old, fence.changes["stalled"][0])) == fences.NOT_OPTED_IN
        cleared = changed(old, put("status", "conditions", value=[{"type": "Available"}]))
        assert refusal(fence, changed(old, fence.changes["stalled"][0]), cleared) == "", "the last write of an opt-out"
    else:
        owned = changed(old, put("metadata", "ownerReferences", value=[owned_by("Deployment")]))
        belongs = kind is kinds.REPLICASETS
        new = changed(owned, put("metadata", "annotations", value={names.SETTINGS: "{}"}))
        assert refusal(fence, owned, new) == ("" if belongs else fences.NOT_OPTED_IN)


CONTENT = {
    "image": put("spec", "template", "spec", "containers", 0, "image", value="app:v2"),
    "pull policy": put("spec", "template", "spec", "containers", 0, "imagePullPolicy", value="Always"),
    "label": put("spec", "template", "metadata", "labels", "version", value="2"),
    "annotation": put("spec", "template", "metadata", "annotations", value={"a": "b"}),
    "size of its Pods": put("spec", "template", "spec", "resources", "requests", value={"cpu": "1", "memory": "1Gi"}),
}
BREAKS_OUT = {
    "host's processes": put("spec", "template", "spec", "hostPID", value=True),
    "host's files": put("spec", "template", "spec", "volumes", value=[{"name": "x", "hostPath": {"path": "/"}}]),
    "rights": put("spec", "template", "spec", "containers", 0, "securityContext", value={"privileged": True}),
    "account": put("spec", "template", "spec", "serviceAccountName", value="admin"),
    "command": put("spec", "template", "spec", "containers", 0, "command", value=["sh"]),
    "node": put("spec", "template", "spec", "nodeName", value="control-plane"),
    "container": lambda tree: tree["spec"]["template"]["spec"]["containers"].append({"name": "x", "image": "x"}),
    "init container": put("spec", "template", "spec", "initContainers", value=[{"name": "x", "image": "x"}]),
    "another's name": put("spec", "template", "spec", "containers", 0, "name", value="x"),
    "finalizer": put("spec", "template", "metadata", "finalizers", value=["example.com/x"]),
    "large pages": put("spec", "template", "spec", "resources", "limits", "hugepages-2Mi", value="2Mi"),
    "a device": put("spec", "template", "spec", "resources", "claims", value=[{"name": "gpu"}]),
}


@pytest.mark.parametrize("kind", admission.WORKLOADS)
@given(
    dry_run=st.booleans(),
    controller=st.sampled_from([True, False, None]),
    owner=st.sampled_from(["Deployment", "Job"]),
    content=st.sets(st.sampled_from(sorted(CONTENT)), min_size=1),
    breaks=st.sets(st.sampled_from(sorted(BREAKS_OUT)), max_size=1),
)
def test_a_template_changes_in_dry_runs_and_below_a_deployment_only(kind, dry_run, controller, owner, content, breaks):
    fence = fences.of_workload(kind)
    old = changed(fence.old(), put("metadata", "ownerReferences", value=[owned_by(owner, controller=controller)]))
    new = changed(old, *(CONTENT[what] for what in sorted(content)), *(BREAKS_OUT[what] for what in breaks))
    follows = kind is kinds.REPLICASETS and bool(controller) and owner == "Deployment" and not breaks
    assert refusal(fence, old, new, dry_run=dry_run) == ("" if dry_run or follows else fences.TEMPLATE)


def test_an_owner_that_the_write_itself_names_is_none():
    fence = fences.of_workload(kinds.REPLICASETS)
    adopts = put("metadata", "ownerReferences", value=[owned_by("Deployment")])
    assert refusal(fence, fence.old(), changed(fence.old(), adopts, CONTENT["image"])) in (
        fences.TEMPLATE,
        fences.METADATA,
    )


@given(
    replicas=st.integers(0, 3),
    running=st.integers(0, 1),
    controller=st.sampled_from([True, False, None]),
    owner=st.sampled_from(["Deployment", "Job", ""]),
)
def test_replica_sets_come_and_go_only_without_pods_and_below_a_deployment(replicas, running, controller, owner):
    tree = _kept(replicas=replicas)
    tree["status"] = {"replicas": running}
    tree["metadata"]["ownerReferences"] = [owned_by(owner, controller=controller)] if owner else []
    allowed = replicas == running == 0 and owner == "Deployment" and bool(controller)
    for old, new in ((None, tree), (tree, None)):
        said = admission.refusal("inplace-fence-replicasets", kinds.REPLICASETS, old, new)
        assert said == ("" if allowed else fences.REPLICA_SETS)
        assert admission.refusal("inplace-fence-replicasets", kinds.REPLICASETS, old, new, user=SOMEBODY) == ""


def _kept(**spec):
    """A ReplicaSet without Pods, as it is made to keep a template."""
    tree = workload(kinds.REPLICASETS, labels={"app": "web", "pod-template-hash": "12ab"}, **{"replicas": 0, **spec})
    return changed(tree, put("metadata", "name", value="web-12ab"), put("metadata", "ownerReferences", value=[_OWNER]))


_OWNER = owned_by("Deployment")
UNLIKE = {
    "finalizers": (put("metadata", "finalizers", value=["example.com/x"]), fences.LIKE_A_DEPLOYMENT),
    "no hash": (drop("metadata", "labels", "pod-template-hash"), fences.LIKE_A_DEPLOYMENT),
    "another hash": (put("metadata", "labels", "pod-template-hash", value="34cd"), fences.LIKE_A_DEPLOYMENT),
    "a later field": (put("spec", "somethingNew", value=1), fences.LIKE_A_DEPLOYMENT),
    "another's name": (put("metadata", "name", value="shop-12ab"), fences.REPLICA_SETS),
    "two owners": (put("metadata", "ownerReferences", value=[_OWNER, owned_by("Job")]), fences.REPLICA_SETS),
    "another group": (
        put("metadata", "ownerReferences", value=[{**_OWNER, "apiVersion": "example.com/v1"}]),
        fences.REPLICA_SETS,
    ),
}


@pytest.mark.parametrize("what", UNLIKE)
def test_a_replica_set_is_made_as_a_deployment_has_it(what):
    change, message = UNLIKE[what]
    made = changed(_kept(), change)
    assert admission.refusal("inplace-fence-replicasets", kinds.REPLICASETS, None, made) == message
    gone = admission.refusal("inplace-fence-replicasets", kinds.REPLICASETS, made, None)
    assert gone == ("" if message == fences.LIKE_A_DEPLOYMENT else message)


# --- Pods of others ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", [None, owned_by("Job"), owned_by("Node"), owned_by("StatefulSet", controller=None)])
@pytest.mark.parametrize(
    "fence", [fences.POD, fences.POD_RESIZE, fences.POD_STATUS_FENCE], ids=["pods", "resize", "status"]
)
def test_a_pod_that_no_workload_of_ours_controls_keeps_all_but_our_record_and_gate(owner, fence):
    old = changed(fence.old(), put("metadata", "ownerReferences", value=[owner] if owner else []))
    ours = {"record", "gate"}
    taken = {
        "image": fences.IMAGES,
        "size": fences.IMAGES,
        "size of the Pod": fences.IMAGES,
        "template's annotation": fences.POD_ANNOTATIONS,
    }
    taken |= {"template's label": fences.POD_LABELS, "revision": fences.POD_LABELS}
    for what, message in {**taken, **dict.fromkeys(ours, "")}.items():
        if what in fence.changes:
            assert refusal(fence, old, changed(old, fence.changes[what][0])) == message


# --- Events -----------------------------------------------------------------------------------------------------------


def event(**fields):
    """As kube.events writes it."""
    about = {"kind": "Deployment", "name": "web", "namespace": "test", "uid": "u"}
    said = {"reason": "Upgraded", "message": "done", "type": "Normal", "count": 1}
    ours = {"source": {"component": names.CONTROLLER_NAME}, "reportingComponent": names.CONTROLLER_NAME}
    return {"metadata": {"name": "web.1", "namespace": "test"}, "involvedObject": about, **said, **ours, **fields}


FORGED = {
    "reporter": (put("reportingComponent", value="kubelet"), fences.EVENTS),
    "source": (put("source", value={"component": "kubelet"}), fences.EVENTS),
    "no source": (drop("source"), fences.EVENTS),
    "finalizers": (put("metadata", "finalizers", value=["example.com/x"]), fences.SAYS_AGAIN),
    "owners": (put("metadata", "ownerReferences", value=[owned_by("Deployment")]), fences.SAYS_AGAIN),
}
RETOLD = {
    "about something else": put("involvedObject", "name", value="other"),
    "for another reason": put("reason", value="Failed"),
    "as a warning": put("type", value="Warning"),
}


def of_event(old, new, **who):
    return admission.refusal("inplace-fence-events", kinds.EVENTS, old, new, **who)


def test_our_own_events_come_and_are_repeated():
    assert of_event(None, event()) == of_event(event(), event(count=2, message="done again")) == ""


@pytest.mark.parametrize("what", FORGED)
def test_an_event_of_others_is_neither_forged_nor_changed(what):
    change, message = FORGED[what]
    forged = changed(event(), change)
    assert of_event(None, forged) == of_event(event(), forged) == message
    if message == fences.EVENTS:
        assert of_event(forged, event()) == message
    assert of_event(None, forged, user=SOMEBODY) == ""


@pytest.mark.parametrize("what", RETOLD)
def test_an_event_of_ours_says_the_same_again(what):
    assert of_event(event(), changed(event(), RETOLD[what])) == fences.SAYS_AGAIN


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
    "probe": put("spec", "containers", 0, "livenessProbe", value={"exec": {"command": ["x"]}}),
    "port": put("spec", "containers", 0, "ports", value=[{"containerPort": 1}]),
    "a field of a later Kubernetes": put("spec", "containers", 0, "somethingNew", value=1),
    "for ever": drop("spec", "activeDeadlineSeconds"),
    "for long": put("spec", "activeDeadlineSeconds", value=86400),
}
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
    "port": put(
        "spec", "initContainers", value=[{"name": "x", "image": "x", "ports": [{"containerPort": 1, "hostPort": 1}]}]
    ),
    "devices": put("spec", "resourceClaims", value=[{"name": "gpu"}]),
    "proc": put("spec", "initContainers", value=[{"name": "x", "securityContext": {"procMount": "Unmasked"}}]),
    "host process": put("spec", "securityContext", value={"windowsOptions": {"hostProcess": True}}),
}
_ENVIRONMENT = {
    "env": [
        {"name": "A", "value": "b"},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "x"}}},
    ],
    "envFrom": [{"prefix": "P_", "configMapRef": {"name": "x", "optional": True}}],
}
#: What Istio, EKS, OpenShift and others add to every Pod.
ADDED = {
    "container": lambda tree: tree["spec"]["containers"].append(
        {"name": "proxy", "image": "x", "env": [{"name": "A"}]}
    ),
    "init container": put("spec", "initContainers", value=[{"name": "init", "image": "x"}]),
    "volume": put("spec", "volumes", value=[{"name": "token", "projected": {"sources": []}}]),
    "mount": put("spec", "containers", 0, "volumeMounts", value=[{"name": "token", "mountPath": "/x"}]),
    "environment": lambda tree: tree["spec"]["containers"].append({"name": "proxy", **_ENVIRONMENT}),
    "level of SELinux": put("spec", "securityContext", "seLinuxOptions", value={"level": "s0:c26,c5"}),
    "level of its SELinux": put("spec", "containers", 0, "securityContext", "seLinuxOptions", value={"level": "s0:c1"}),
}
NOT_OURS = {
    "label": lambda tree: tree["metadata"]["labels"].pop(names.HELPER),
    "another label": put("metadata", "labels", names.HELPER, value="else"),
    "another Pod's name": put("metadata", "name", value="web-0"),
    "controller": put("metadata", "ownerReferences", value=[owned_by("StatefulSet")]),
}


UNSERVED = {
    "nobody": drop("metadata", "ownerReferences"),
    "two": lambda tree: tree["metadata"]["ownerReferences"].append(owned_by("Pod", controller=None, uid="other")),
    "another kind": put("metadata", "ownerReferences", value=[owned_by("Deployment", controller=None)]),
    "finalizers": put("metadata", "finalizers", value=["example.com/x"]),
    "no image": drop("metadata", "annotations", names.PULLED),
}
CRITICAL = {
    "class": put("spec", "priorityClassName", value="system-node-critical"),
    "number": put("spec", "priority", value=2000001000),
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


@pytest.mark.parametrize(
    "beside",
    [
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "x", "key": "x"}}}]},
        {"env": [{"name": "A", "valueFrom": {"somethingNew": {"name": "x"}}}]},
        {"envFrom": [{"configMapRef": {"name": "x"}}, {"secretRef": {"name": "x"}}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_no_container_beside_it_reads_a_secret(field, beside):
    one = helper()
    one["spec"].setdefault(field, []).append({"name": "x", "image": "x", **beside})
    assert of_helper(None, one) == fences.READS_NO_SECRET
    assert of_helper(one, None) == ""


APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


@pytest.mark.parametrize(
    "context",
    [
        {"seccompProfile": {"type": "Unconfined"}},
        {"appArmorProfile": {"type": "Unconfined"}},
        {"seLinuxOptions": {"type": "spc_t"}},
        {"seLinuxOptions": {"user": "system_u"}},
        {"seLinuxOptions": {"role": "system_r"}},
    ],
    ids=str,
)
def test_it_and_what_is_beside_it_are_confined_as_others_are(context):
    own = helper()["spec"]["containers"][0]["securityContext"]
    for one in (
        changed(helper(), put("spec", "securityContext", value=context)),
        changed(helper(), put("spec", "containers", 0, "securityContext", value={**own, **context})),
        changed(helper(), put("spec", "initContainers", value=[{"name": "x", "securityContext": context}])),
    ):
        assert of_helper(None, one) == fences.CONFINED
        assert of_helper(one, None) == ""


def test_it_is_confined_by_annotations_too():
    for profile, said in (("unconfined", fences.CONFINED), ("runtime/default", "")):
        assert (
            of_helper(None, changed(helper(), put("metadata", "annotations", f"{APPARMOR}pull", value=profile))) == said
        )


@pytest.mark.parametrize("what", UNSERVED)
def test_it_belongs_to_the_pod_that_it_serves(what):
    one = changed(helper(), UNSERVED[what])
    assert of_helper(None, one) == fences.SERVES
    assert of_helper(one, None) == "", "whoever has taken its owner away, it may go"


@pytest.mark.parametrize("what", CRITICAL)
def test_no_other_pod_makes_room_for_it(what):
    one = changed(helper(), CRITICAL[what])
    assert of_helper(None, one) == fences.CRITICAL
    assert of_helper(one, None) == ""
    assert of_helper(None, changed(helper(), put("spec", "priorityClassName", value="globally-default"))) == ""


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
