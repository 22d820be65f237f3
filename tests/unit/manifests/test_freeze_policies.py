"""Who may lift the freeze: keep-freeze.yaml puts it back, and refuse-lifting.yaml refuses what would do harm."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inplace.core.kinds import freezing
from inplace.core.objects import names
from kubesim.api import kinds
from kubesim.api.rules import strategy
from tests import factories
from tests.unit.manifests import admission
from tests.unit.manifests.admission import OURS, SOMEBODY, changed, workload

ROLLING = {"partition": names.FROZEN_PARTITION}
HELD = {"type": "RollingUpdate", "rollingUpdate": ROLLING}
TWO = {"partition": 2, "maxUnavailable": "30%"}
LOOSE = ({"type": "OnDelete"}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, None)
#: What the freeze makes of a strategy; a StatefulSet with OnDelete of its own needs no other.
FROZEN = {kinds.STATEFULSETS: (HELD, LOOSE[0]), kinds.DAEMONSETS: (LOOSE[0],)}
LOOSENED = {
    kinds.STATEFULSETS: st.sampled_from(
        [*LOOSE, HELD, {**HELD, "rollingUpdate": TWO}, {**HELD, "rollingUpdate": {**TWO, **ROLLING}}]
    ),
    kinds.DAEMONSETS: st.sampled_from(
        [
            {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            None,
            LOOSE[0],
            {**LOOSE[0], "rollingUpdate": {}},
        ]
    ),
}
FREEZABLE = (*FROZEN, kinds.DEPLOYMENTS)
LIFTING = "lifts the freeze at once"

marks = st.fixed_dictionaries(
    {}, optional={names.MODE: st.just("InPlaceOnly"), names.FROZEN: st.just("true"), "team": st.just("a")}
)

RECORD = names.ORIGINAL_STRATEGY
records = st.sampled_from([None, {"team": "a"}, {RECORD: '{"type":"OnDelete"}', "team": "a"}])


def frozen(kind, labels, annotations=None, how=0):
    spec = {"paused": True} if kind is kinds.DEPLOYMENTS else {"updateStrategy": FROZEN[kind][how]}
    return workload(kind, labels=labels, annotations=annotations, **spec)


def loosened(kind, old, labels, spec, *, template):
    """The write of somebody who renders the whole object."""
    new = changed(old, lambda tree: tree["metadata"].update(labels=labels))
    for key, value in spec.items():
        new["spec"].pop(key, None)
        if value is not None:
            new["spec"][key] = value
    if template:
        new["spec"]["template"]["spec"]["containers"][0]["image"] = "app:v2"
    return strategy.completed(kind, new)


def is_held(written):
    partition = written.get("rollingUpdate", {}).get("partition")
    return written["type"] == "OnDelete" or partition == names.FROZEN_PARTITION


def keep(kind, old, new, **who):
    return admission.mutated(f"inplace-keep-freeze-{kind.resource.plural}", kind, old, new, **who)


@pytest.mark.parametrize("kind", FROZEN)
@settings(deadline=None)  # the first example compiles
@given(data=st.data(), before=marks, after=marks, known=records, writes=records)
def test_the_freeze_stays_and_the_owners_strategy_is_recorded(kind, data, before, after, known, writes):
    old = frozen(kind, before, known, data.draw(st.sampled_from(range(len(FROZEN[kind])))))
    spec = {"updateStrategy": data.draw(LOOSENED[kind])}
    new = loosened(kind, old, after, spec, template=data.draw(st.booleans()))
    new["metadata"].pop("annotations", None)
    new["metadata"] |= {} if writes is None else {"annotations": writes}
    found = keep(kind, old, new)
    if names.FROZEN in before and names.MODE in after:
        wanted, text = kept(kind, old["spec"]["updateStrategy"], new["spec"]["updateStrategy"])
        assert found["spec"] == {**new["spec"], "updateStrategy": wanted}, "the rest is as it was written"
        text = text or (writes or {}).get(RECORD) or (known or {}).get(RECORD)
        assert found["metadata"].get("annotations") == ({**(writes or {}), RECORD: text} if text else writes)
        touched = found != new
        assert found["metadata"]["labels"] == ({**after, names.FROZEN: "true"} if touched else after)
        assert names.FROZEN in found["metadata"]["labels"]
    else:
        assert found == new
    assert keep(kind, old, new, user=OURS) == new, "we may lift it"
    assert keep(kind, old, new, user=OURS, dry_run=True) == found, "our dry runs show what others would get"
    assert keep(kind, old, found) == found, "twice is once"


def kept(kind, old, new):
    """The strategy that is stored, and what is recorded of the one that was written; empty if that lifts nothing."""
    if kind is kinds.DAEMONSETS:
        return {**new, "type": "OnDelete"}, '{"type":"RollingUpdate"}' if new["type"] == "RollingUpdate" else ""
    rolling = new.get("rollingUpdate", {})
    partition = rolling.get("partition", 0)
    if new["type"] == "OnDelete":
        return (new, "") if old["type"] == "OnDelete" else (HELD, '{"type":"OnDelete"}')
    if partition == names.FROZEN_PARTITION:
        return new, ""
    text = f'{{"type":"RollingUpdate","rollingUpdate":{{"partition":{partition}}}}}'
    return {**HELD, "rollingUpdate": {**rolling, **ROLLING}}, text


@pytest.mark.parametrize(
    "written", [{"type": "Sometimes"}, {"type": "RollingUpdate", "rollingUpdate": {"partition": -1}}], ids=str
)
def test_what_the_server_would_refuse_is_left_for_it_to_refuse(written):
    labels = {names.MODE: "InPlaceOnly", names.FROZEN: "true"}
    old = frozen(kinds.STATEFULSETS, labels)
    new = changed(old, lambda tree: tree["spec"].update(updateStrategy=written))
    assert keep(kinds.STATEFULSETS, old, new) == new


@pytest.mark.parametrize("kind", FROZEN)
@given(data=st.data())
def test_the_controller_reads_what_the_policy_records(kind, data):
    labels = {names.MODE: "InPlaceOnly", names.FROZEN: "true"}
    old = frozen(kind, labels)
    new = loosened(kind, old, labels, {"updateStrategy": data.draw(LOOSENED[kind])}, template=False)
    text = keep(kind, old, new)["metadata"].get("annotations", {}).get(RECORD)
    known = freezing.recorded(factories.workload(original=text))
    written = freezing.replaced(msgspec.Raw(msgspec.json.encode(new["spec"]["updateStrategy"])))
    lifted = kept(kind, old["spec"]["updateStrategy"], new["spec"]["updateStrategy"])[1] != ""
    assert (known is not None) is lifted
    assert known is None or (known.type, known.partition or 0) == (written.type, written.partition or 0)


@pytest.mark.parametrize("kind", FROZEN)
def test_a_freeze_that_is_not_ours_is_not_kept(kind):
    loose = {kinds.STATEFULSETS: LOOSE[1], kinds.DAEMONSETS: {"type": "RollingUpdate"}}[kind]
    labels = {names.MODE: "InPlaceOnly", names.FROZEN: "true"}
    old = workload(kind, labels=labels, updateStrategy=loose)
    new = loosened(kind, old, labels, {}, template=True)
    assert keep(kind, old, new) == new


@given(before=marks, after=marks, was=st.booleans(), now=st.sampled_from([True, False, None]), template=st.booleans())
def test_a_deployment_is_paused_in_the_write_that_would_roll_it(before, after, was, now, template):
    kind = kinds.DEPLOYMENTS
    old = workload(kind, labels=before, paused=was)
    new = loosened(kind, old, after, {"paused": now}, template=template)
    found = keep(kind, old, new)
    if names.MODE in before and names.MODE in after and not now and (template or was):
        wanted = changed(new, lambda tree: tree["spec"].update(paused=True))
        wanted["metadata"]["labels"] = {**after, names.FROZEN: "true"}
        assert found == wanted
    else:
        assert found == new
    assert keep(kind, old, new, user=OURS) == new
    assert keep(kind, old, new, user=OURS, dry_run=True) == found


@pytest.mark.parametrize("kind", FREEZABLE)
@given(data=st.data(), before=marks, after=marks, template=st.booleans())
def test_lifting_it_together_with_a_new_template_is_refused(kind, data, before, after, template):
    old = frozen(kind, before, how=data.draw(st.sampled_from(range(len(FROZEN.get(kind, "1"))))))
    loose = st.sampled_from([True, False, None]) if kind is kinds.DEPLOYMENTS else LOOSENED[kind]
    field = "paused" if kind is kinds.DEPLOYMENTS else "updateStrategy"
    new = loosened(kind, old, after, {field: data.draw(loose)}, template=template)
    said = admission.refusal("inplace-refuse-lifting", kind, old, new, user=SOMEBODY)
    stays = new["spec"].get("paused", False) if kind is kinds.DEPLOYMENTS else is_held(new["spec"]["updateStrategy"])
    opted_in = names.FROZEN in before and names.MODE in before
    assert (LIFTING in said) == bool(opted_in and template and not stays)
    assert bool(said) == (LIFTING in said)
    assert admission.refusal("inplace-refuse-lifting", kind, old, new, user=OURS) == ""


def test_what_our_field_manager_has_of_the_spec_is_nobodys():
    """And all else stays as it is managed: the writer's list is the server's."""
    kind = kinds.DAEMONSETS
    ours = {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:updateStrategy": {"f:type": {}}}}
    theirs = {"f:spec": {"f:template": {}}}
    entries = [
        {"manager": "helm", "operation": "Apply", "fieldsV1": theirs},
        {"manager": names.FIELD_MANAGER, "operation": "Update", "fieldsV1": ours},
        {"manager": names.FIELD_MANAGER, "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]
    old = workload(kind)
    new = changed(old, lambda tree: tree["metadata"].update(managedFields=entries))
    found = admission.mutated("inplace-keep-freeze-unowned", kind, old, new, user=OURS)
    left = [entries[0], {**entries[1], "fieldsV1": {"f:metadata": ours["f:metadata"]}}, entries[2]]
    assert found["metadata"]["managedFields"] == left
    assert admission.mutated("inplace-keep-freeze-unowned", kind, old, found, user=OURS) == found
    assert admission.mutated("inplace-keep-freeze-unowned", kind, old, old) == old
