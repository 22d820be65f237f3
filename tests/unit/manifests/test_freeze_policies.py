"""Who may lift the freeze: keep-freeze.yaml puts it back, and refuse-lifting.yaml refuses what would do harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.core.objects import names
from kubesim.api import kinds
from kubesim.api.rules import strategy
from tests.unit.manifests import admission
from tests.unit.manifests.admission import OURS, SOMEBODY, changed, workload

HELD = {"type": "RollingUpdate", "rollingUpdate": {"partition": names.FROZEN_PARTITION}}
LOOSE = ({"type": "OnDelete"}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, None)
FROZEN = {kinds.STATEFULSETS: HELD, kinds.DAEMONSETS: {"type": "OnDelete"}}
LOOSENED = {
    kinds.STATEFULSETS: st.sampled_from([*LOOSE, HELD]),
    kinds.DAEMONSETS: st.sampled_from(
        [{"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}, None, LOOSE[0]]
    ),
}
FREEZABLE = (*FROZEN, kinds.DEPLOYMENTS)
LIFTING = "lifts the freeze at once"

marks = st.fixed_dictionaries(
    {}, optional={names.MODE: st.just("InPlaceOnly"), names.FROZEN: st.just("true"), "team": st.just("a")}
)


def frozen(kind, labels):
    spec = {"paused": True} if kind is kinds.DEPLOYMENTS else {"updateStrategy": FROZEN[kind]}
    return workload(kind, labels=labels, **spec)


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


def keep(kind, old, new, **who):
    return admission.mutated(f"inplace-keep-freeze-{kind.resource.plural}", kind, old, new, **who)


@pytest.mark.parametrize("kind", FROZEN)
@given(data=st.data(), before=marks, after=marks)
def test_the_strategy_of_a_frozen_workload_stays(kind, data, before, after):
    old = frozen(kind, before)
    spec = {"updateStrategy": data.draw(LOOSENED[kind])}
    new = loosened(kind, old, after, spec, template=data.draw(st.booleans()))
    found = keep(kind, old, new)
    if names.FROZEN in before and names.MODE in after:
        assert found["spec"]["updateStrategy"] == old["spec"]["updateStrategy"] == FROZEN[kind]
        assert found["metadata"]["labels"] == {**after, names.FROZEN: "true"}
        spec = {key: value for key, value in new["spec"].items() if key != "updateStrategy"}
        assert found["spec"] == {**spec, "updateStrategy": FROZEN[kind]}, "the rest is as it was written"
    else:
        assert found == new
    assert keep(kind, old, new, user=OURS) == new, "we may lift it"
    assert keep(kind, old, new, user=OURS, dry_run=True) == found, "our dry runs show what others would get"


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
    old = frozen(kind, before)
    loose = st.sampled_from([True, False, None]) if kind is kinds.DEPLOYMENTS else LOOSENED[kind]
    field = "paused" if kind is kinds.DEPLOYMENTS else "updateStrategy"
    new = loosened(kind, old, after, {field: data.draw(loose)}, template=template)
    said = admission.refusal("inplace-refuse-lifting", kind, old, new, user=SOMEBODY)
    strategy_ = new["spec"].get("updateStrategy", {})
    kept = new["spec"].get("paused", False) if kind is kinds.DEPLOYMENTS else strategy_ in (HELD, {"type": "OnDelete"})
    opted_in = names.FROZEN in before and names.MODE in before
    assert (LIFTING in said) == bool(opted_in and template and not kept)
    assert bool(said) == (LIFTING in said)
    assert admission.refusal("inplace-refuse-lifting", kind, old, new, user=OURS) == ""
