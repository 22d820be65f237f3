"""gate.yaml: new Pods of opted-in workloads are born with the readiness gate, and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.core.objects import names
from kubesim.api import kinds
from tests.unit.manifests import admission
from tests.unit.manifests.admission import owned_by, pod, workload

GATES = ({"conditionType": "example.com/other"}, {"conditionType": names.GATE})
HASH = "5c8f"

gates = st.none() | st.lists(st.sampled_from(GATES), unique_by=lambda one: one["conditionType"], max_size=2)
controllers = st.sampled_from([True, False, None])


def born(kind, new, *, opted_in):
    """What the policy of a kind makes of a Pod, if a workload of this kind is there."""
    owner = workload(kind, labels={names.MODE: "InPlaceOnly"} if opted_in else {})
    other = admission.changed(workload(kind, labels={names.MODE: "InPlaceOnly"}), _renamed)
    name = f"inplace-gate-{kind.resource.plural}"
    return admission.mutated(name, kinds.PODS, None, new, params=((kind, owner), (kind, other)))


def _renamed(tree):
    tree["metadata"] |= {"name": "another", "uid": "uid-of-another"}


def given_gates(new, found):
    return new if found is None else admission.changed(new, lambda tree: tree["spec"].update(readinessGates=found))


def expected(new, found, *, gated):
    if not gated or GATES[1] in (found or []):
        return new
    return admission.changed(new, lambda tree: tree["spec"].update(readinessGates=[*(found or []), GATES[1]]))


@pytest.mark.parametrize("kind", [one for one in admission.WORKLOADS if one is not kinds.DEPLOYMENTS])
@given(found=gates, controller=controllers, opted_in=st.booleans(), uid=st.sampled_from(["uid-of-web", "uid-of-x"]))
def test_pods_that_an_opted_in_workload_controls_get_the_gate(kind, found, controller, opted_in, uid):
    owner = owned_by(kind.resource.kind, controller=controller, uid=uid)
    new = given_gates(pod(owner=owner), found)
    gated = bool(opted_in and controller and uid == "uid-of-web")
    assert born(kind, new, opted_in=opted_in) == expected(new, found, gated=gated)


@given(
    found=gates,
    controller=controllers,
    opted_in=st.booleans(),
    kind=st.sampled_from(["ReplicaSet", "Job"]),
    name=st.sampled_from([f"web-{HASH}", "web-other", "web"]),
    hashed=st.booleans(),
)
def test_pods_of_an_opted_in_deployment_are_known_by_the_name_of_their_replica_set(
    found, controller, opted_in, kind, name, hashed
):
    owner = owned_by(kind, controller=controller, name=name, uid="uid-of-rs")
    labels = {names.TEMPLATE_HASH_LABEL: HASH} if hashed else {}
    new = given_gates(pod(owner=owner, labels=labels), found)
    gated = bool(opted_in and controller and hashed and kind == "ReplicaSet" and name == f"web-{HASH}")
    assert born(kinds.DEPLOYMENTS, new, opted_in=opted_in) == expected(new, found, gated=gated)


@pytest.mark.parametrize("kind", admission.WORKLOADS)
def test_a_pod_without_an_owner_and_an_old_pod_get_none(kind):
    assert born(kind, pod(), opted_in=True) == pod()
    old = pod(owner=owned_by(kind.resource.kind))
    name = f"inplace-gate-{kind.resource.plural}"
    params = ((kind, workload(kind, labels={names.MODE: "InPlaceOnly"})),)
    assert admission.mutated(name, kinds.PODS, old, old, params=params) == old
