"""honest-status.yaml: every write of a workload's status says whether an upgrade is pending, and if it is stuck."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.core.objects import names
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state.statuses import Phase, Status, encode
from tests.factories import NOW
from tests.unit.manifests import admission
from tests.unit.manifests.admission import SOMEBODY, changed, workload

POLICY = "inplace-honest-status"
STUCK = {Phase.DEGRADED, Phase.REFUSED, Phase.ROLLED_BACK}
GENERATION = 3

conditions = st.lists(
    st.builds(
        lambda type_, status: {"type": type_, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"},
        st.sampled_from(["Available", "Progressing", "Reconciling", "Stalled"]),
        st.sampled_from(["True", "False"]),
    ),
    unique_by=lambda one: one["type"],
)
statuses = st.none() | st.builds(
    lambda phase, generation: json.dumps({"observedGeneration": generation, "phase": phase}, separators=(",", ":")),
    st.sampled_from([*Phase]),
    st.integers(1, 33),
)


def written(kind, opted_in, said, found):
    labels = {names.MODE: "InPlaceOnly"} if opted_in else {}
    one = workload(kind, labels=labels, annotations={} if said is None else {names.STATUS: said})
    one["metadata"]["generation"] = GENERATION
    return changed(one, lambda tree: tree["status"].update(conditions=found) if found else None)


@pytest.mark.parametrize("kind", admission.WORKLOADS)
@given(opted_in=st.booleans(), said=statuses, found=conditions, user=st.sampled_from([SOMEBODY, admission.OURS]))
def test_a_pending_upgrade_is_in_every_status(kind, opted_in, said, found, user):
    old, new = workload(kind), written(kind, opted_in, said, found)
    made = admission.mutated(POLICY, kind, old, new, subresource="status", user=user)
    told = json.loads(said) if said else {}
    current = told.get("observedGeneration") == GENERATION
    if not opted_in or said is None or (current and told["phase"] == Phase.UP_TO_DATE):
        assert made == new
        return
    before = {one["type"]: one for one in found}
    after = {one["type"]: one for one in made["status"]["conditions"]}
    stuck = current and told["phase"] in STUCK
    assert after.keys() == before.keys() | {"Reconciling", "Stalled"}
    assert len(after) == len(made["status"]["conditions"]), "each once"
    assert (after["Reconciling"]["status"], after["Stalled"]["status"]) == (str(not stuck), str(stuck))
    for type_ in ("Reconciling", "Stalled"):
        own = {"reason": "InPlaceUpgrade", "status": after[type_]["status"], "message": after[type_]["message"]}
        assert after[type_] == {**before.get(type_, {}), "type": type_, **own}
    rest = changed(made, lambda tree: tree["status"].pop("conditions"))
    assert rest == changed(new, lambda tree: tree["status"].pop("conditions", None))
    assert {key: after[key] for key in before.keys() - {"Reconciling", "Stalled"}} == {
        key: before[key] for key in before.keys() - {"Reconciling", "Stalled"}
    }


def messages(said, generation=GENERATION):
    kind = admission.WORKLOADS[0]
    one = workload(kind, labels={names.MODE: "InPlaceOnly"}, annotations={names.STATUS: said})
    one["metadata"]["generation"] = generation
    made = admission.mutated(POLICY, kind, workload(kind), one, subresource="status", user=SOMEBODY)
    return {condition["message"] for condition in made["status"]["conditions"]}


UNKNOWN = {"the controller has not looked at this change yet"}


@pytest.mark.parametrize(
    "text",
    ["0 of 3 Pods upgraded: the budget allows no disruption", "", '"message":"quoted"}', "ü … 🚢", 'ends in "'],
)
def test_the_message_of_the_conditions_is_that_of_the_status(text):
    reasons = (Reason(ReasonCode.FieldChanged, "spec", "another message"),)
    status = Status(1, GENERATION, "r", Phase.DEGRADED, 3, 0, 3, 0, 0, NOW, reasons=reasons, message=text)
    assert messages(encode(status)) == {text}
    assert messages(encode(status), generation=GENERATION + 1) == UNKNOWN


@given(
    st.sampled_from(["", '"message":"', '"message":"}', '"message":""}', "}", '"}']).flatmap(
        lambda end: st.text(max_size=20).map(lambda begin: begin + end)
    )
)
def test_no_status_that_others_write_makes_a_write_fail(said):
    current = f'"observedGeneration":{GENERATION},'
    assert messages(current + said)
    assert messages(said) == UNKNOWN


@pytest.mark.parametrize("kind", admission.WORKLOADS)
def test_other_endpoints_are_not_its_business(kind):
    new = written(kind, opted_in=True, said='{"observedGeneration":1,"phase":"Upgrading"}', found=[])
    assert admission.mutated(POLICY, kind, workload(kind), new) == new
