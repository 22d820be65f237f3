"""manifests/policies/validating/settings.yaml accepts what the settings table of the code accepts, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.core.objects import names
from inplace.core.objects.known_keys import RESTART_ON
from inplace.core.settings import annotations as table
from inplace.core.settings.annotations import Mode
from inplace.core.settings.grammar import MAX_COUNT, MAX_GLOBS, MAX_GLOBS_TEXT, MAX_SECONDS
from kubesim.api import kinds
from tests.unit.manifests import admission

POLICY = "inplace-settings"
#: Lists and patterns, which CEL could read but nobody could maintain: the policy lets every value of these pass.
LEFT_TO_THE_CONTROLLER = frozenset(
    {"keep-ready-containers", "container-order", "gates", "order-by", "spread-by", "steps", "restart-on"}
)
CHECKED = tuple(name for name in table._SETTINGS if name not in LEFT_TO_THE_CONTROLLER)
WORDS = ("paused", "drain", "on-failure", "pre-pull", "init-images", "disruption-budgets")
OURS = tuple(sorted(key.removeprefix(names.PREFIX) for key in table._OUR_ANNOTATIONS))
#: Around every bound.
EDGES = (0, 1, 100, 101, MAX_SECONDS, MAX_SECONDS + 1, MAX_COUNT, MAX_COUNT + 1, 9999999999, 10**10)
SAMPLES = (
    *(f"{number}{sign}" for number in EDGES for sign in ("", "%")),
    *("25%", "-1", "many", "1.5", "007", "600", "soon", "x", ""),
)

words = sorted(
    {word for name in WORDS for word in str(table._SETTINGS[name].accepts).replace(" or ", ", ").split(", ")}
)
numbers = st.builds(
    lambda zeros, number, sign: "0" * zeros + str(number) + sign,
    st.integers(0, 3),
    st.sampled_from(EDGES) | st.integers(0, 10**11),
    st.sampled_from(["", "%", "%%", " ", "\n", ".0"]),
)
#: Without NUL, at which the library that evaluates policies here ends a text; that of API servers does not.
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
values = st.one_of(numbers, st.sampled_from([*words, "-1", "", "x", "auto", "True", "٣"]), texts)


def refusal(annotations, mode="InPlaceOnly", kind=kinds.DEPLOYMENTS, old=None):
    labels = None if mode is None else {names.MODE: mode}
    return admission.refusal(POLICY, kind, old, admission.workload(kind, labels=labels, annotations=annotations))


@pytest.mark.parametrize("name", CHECKED)
@given(text=values)
def test_it_accepts_what_the_code_accepts(name, text):
    said = refusal({names.PREFIX + name: text})
    assert (said == "") == (table._SETTINGS[name].parse(text) is not None), said
    assert not said or said.startswith(f"metadata.annotations[{names.PREFIX}{name}]: ")


@pytest.mark.parametrize("name", sorted(LEFT_TO_THE_CONTROLLER))
@given(text=values)
def test_what_is_left_to_the_controller_passes(name, text):
    assert refusal({names.PREFIX + name: text}) == ""


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        (",".join(f"a{one}" for one in range(MAX_GLOBS)), True),
        (",".join(f"a{one}" for one in range(MAX_GLOBS + 1)), False),
        ("a" * MAX_GLOBS_TEXT, True),
        ("a" * (MAX_GLOBS_TEXT + 1), False),
        (",".join(RESTART_ON), True),
    ],
)
def test_patterns_are_as_many_and_as_long_as_the_code_accepts(text, accepted):
    assert (refusal({names.PREFIX + "restart-on": text}) == "") is accepted
    assert (table._SETTINGS["restart-on"].parse(text) is not None) is accepted


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("text", SAMPLES)
def test_the_bounds_are_the_codes(name, text):
    assert (refusal({names.PREFIX + name: text}) == "") == (table._SETTINGS[name].parse(text) is not None)


@pytest.mark.parametrize("name", WORDS)
def test_a_refusal_names_the_words_that_the_code_accepts(name):
    accepts = str(table._SETTINGS[name].accepts)
    assert refusal({names.PREFIX + name: "?"}) == f"metadata.annotations[{names.PREFIX}{name}]: use {accepts}"
    for word in accepts.replace(" or ", ", ").split(", "):
        assert refusal({names.PREFIX + name: word}) == ""


@given(st.sampled_from([str(mode) for mode in Mode]) | st.text(max_size=20))
def test_the_modes_are_the_codes(mode):
    said = refusal(None, mode=mode)
    assert said == (
        ""
        if mode in {str(one) for one in Mode}
        else f"metadata.labels[{names.MODE}]: use InPlaceOnly or InPlaceIfPossible"
    )


@given(
    st.sampled_from([*table._SETTINGS, *OURS]) | st.from_regex(r"[a-z-]{0,12}", fullmatch=True),
    st.booleans(),
)
def test_it_knows_the_settings_that_the_code_knows(name, ours):
    prefix = names.PREFIX if ours else "example.com/"
    value = {"max-unavailable": "1", "partition": "1", "progress-deadline-seconds": "1"}.get(name, "0")
    said = refusal({prefix + name: value, "checksum/config": "0"})
    unknown = f"metadata.annotations: no such setting: {prefix}{name}"
    assert (said == unknown) == (ours and name not in {*table._SETTINGS, *OURS})


def test_it_names_only_what_it_does_not_know():
    given = {names.PREFIX + key: "1" for key in ("max-unavailable", "foo", "bar", "retry")}
    what, _, told = refusal(given).rpartition(": ")
    assert what == "metadata.annotations: no such setting"
    assert sorted(told.split(", ")) == [names.PREFIX + "bar", names.PREFIX + "foo"], "a map has no order"


@pytest.mark.parametrize("kind", admission.WORKLOADS)
def test_every_kind_is_asked_when_it_is_created_and_when_it_is_changed(kind):
    bad = {names.PREFIX + "paused": "maybe"}
    old = admission.workload(kind, labels={names.MODE: "InPlaceOnly"})
    assert refusal(bad, kind=kind) == "metadata.annotations[inplace.dev/paused]: use true or false"
    assert refusal(bad, kind=kind, old=old) == refusal(bad, kind=kind)
    assert refusal(bad, kind=kind, mode=None) == "", "not opted in, not our business"
    assert refusal(None, kind=kind) == ""


# --- what is older than the policy ------------------------------------------------------------------------------------

MODE = {names.MODE: "InPlaceOnly"}
BAD = {names.PREFIX + "paused": "maybe", names.PREFIX + "no-such-setting": "1", names.PREFIX + "partition": "-1"}


def later(kind, old, *changes):
    """What is said against a change of an object that was there before."""
    return admission.refusal(POLICY, kind, old, admission.changed(old, *changes), user=admission.SOMEBODY)


def meta(field, **values):
    def change(tree):
        tree["metadata"][field] = {**(tree["metadata"].get(field) or {}), **values}

    return change


@pytest.mark.parametrize("kind", admission.WORKLOADS)
@pytest.mark.parametrize("labels", [MODE, {names.MODE: "Sometimes"}], ids=["settings", "mode"])
def test_an_object_that_is_older_than_the_policy_is_in_nobodys_way(kind, labels):
    old = admission.workload(kind, labels=labels, annotations=BAD)
    old["metadata"]["finalizers"] = ["foregroundDeletion"]
    for change in (
        meta("labels", team="a"),
        meta("annotations", **{"example.com/note": "1"}),
        meta("annotations", **{names.STATUS: "{}", names.ORIGINAL_STRATEGY: "{}"}),
        meta("labels", **{names.FROZEN: "true"}),
        meta("annotations", **{names.PREFIX + "max-unavailable": "2"}),
        lambda tree: tree["spec"]["template"]["spec"]["containers"][0].update(image="app:v2"),
        lambda tree: tree["metadata"].pop("annotations"),
        lambda tree: tree["metadata"]["labels"].pop(names.MODE),
    ):
        assert later(kind, old, change) == ""


@pytest.mark.parametrize("kind", admission.WORKLOADS)
def test_what_a_write_makes_worse_is_refused_and_what_it_opts_in_is_looked_at_as_a_whole(kind):
    old = admission.workload(kind, labels=MODE, annotations=BAD)
    assert "use true or false" in later(kind, old, meta("annotations", **{names.PREFIX + "paused": "perhaps"}))
    wrong = {names.PREFIX + "another": "1"}
    assert f"no such setting: {names.PREFIX}another" in later(kind, old, meta("annotations", **wrong))
    assert "InPlaceOnly or" in later(kind, old, meta("labels", **{names.MODE: "Sometimes"}))
    out = admission.workload(kind, annotations={names.PREFIX + "paused": "maybe"})
    assert "use true or false" in later(kind, out, meta("labels", **MODE))


@pytest.mark.parametrize("kind", admission.WORKLOADS)
@pytest.mark.parametrize("name", [one["metadata"]["name"] for one in admission.validating()])
def test_no_policy_keeps_an_object_from_being_deleted(kind, name):
    """The garbage collector takes its finalizers away, one by one, and others still change what they like."""
    labels, held = {**MODE, names.FROZEN: "true"}, {"paused": True} if kind is kinds.DEPLOYMENTS else {}
    old = admission.workload(kind, labels=labels, annotations=BAD, **held)
    old["metadata"] |= {"finalizers": ["foregroundDeletion", "orphan"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    collected = admission.changed(old, lambda tree: tree["metadata"].update(finalizers=["orphan"]))
    worse = admission.changed(old, meta("annotations", **{names.PREFIX + "paused": "perhaps"}))
    for user in (admission.SOMEBODY, "system:serviceaccount:kube-system:generic-garbage-collector"):
        assert admission.refusal(name, kind, old, collected, user=user) == ""
        assert admission.refusal(name, kind, old, worse, user=user) == ""
        assert admission.refusal(name, kind, old, None, user=user) == ""
