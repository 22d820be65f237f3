"""Annotations -> Settings, or errors that say what is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from inplace.core.objects.known_keys import RESTART_ON
from inplace.core.objects.model import Meta
from inplace.core.objects.reasons import ReasonCode
from inplace.core.settings import annotations as table
from inplace.core.settings.annotations import (
    Amount,
    DisruptionBudgets,
    DrainPolicy,
    Gate,
    GateStep,
    InitImages,
    Mode,
    Native,
    OnFailure,
    PrePullPolicy,
    Settings,
    Step,
)

PREFIX = "inplace.dev/"


def parse(annotations=None, labels=None, **native):
    given = {PREFIX + name: value for name, value in (annotations or {}).items()}
    mode = {PREFIX + "mode": "InPlaceOnly"} if labels is None else labels
    return table.parse(Meta(annotations=given or None, labels=mode), Native(**native))


def only_error(parsed):
    assert len(parsed.errors) == 1, parsed.errors
    return parsed.errors[0]


def test_every_setting_of_the_table_is_a_field_of_settings():
    assert {name.replace("-", "_") for name in table._SETTINGS} | {"mode"} == set(Settings.__struct_fields__)


def test_nothing_given_is_the_defaults_of_product_md():
    parsed = parse()
    assert parsed.settings == Settings(mode=Mode.ONLY)
    assert parsed.errors == ()
    assert parsed.settings.pre_pull is PrePullPolicy.REQUIRED
    assert parsed.settings.progress_deadline_seconds == 600
    assert parsed.settings.restart_on == RESTART_ON


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("max-unavailable", "3", Amount(3)),
        ("max-unavailable", "25%", Amount(25, percent=True)),
        ("partition", "0", Amount(0)),
        ("partition", "50%", Amount(50, percent=True)),
        ("paused", "true", True),
        ("paused", "false", False),
        ("grace-period-seconds", "30", 30),
        ("min-ready-seconds", "10", 10),
        ("progress-deadline-seconds", "60", 60),
        ("on-failure", "Rollback", OnFailure.ROLLBACK),
        ("max-failures", "2", 2),
        ("drain", "Never", DrainPolicy.NEVER),
        ("keep-ready-containers", "a, b", ("a", "b")),
        ("container-order", "a > b", (("a",), ("b",))),
        ("gates", "before-drain=x.y/Z", (Gate(GateStep.BEFORE_DRAIN, "x.y/Z"),)),
        ("order-by", "example.com/weight", "example.com/weight"),
        ("spread-by", "topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
        ("steps", "1:5m,50%", (Step(Amount(1), 300), Step(Amount(50, percent=True)))),
        ("pre-pull", "BestEffort", PrePullPolicy.BEST_EFFORT),
        ("restart-on", "a/*", ("a/*",)),
        ("restart-on", "", ()),
        ("init-images", "SpecOnly", InitImages.SPEC_ONLY),
        ("disruption-budgets", "Ignore", DisruptionBudgets.IGNORE),
    ],
)
def test_every_setting_is_read(name, text, expected):
    parsed = parse({name: text})
    assert parsed.errors == ()
    assert getattr(parsed.settings, name.replace("-", "_")) == expected


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("max-unavailable", "0", "in place cannot surge"),
        ("max-unavailable", "0%", "in place cannot surge"),
        ("max-unavailable", "many", "a count from 1 to 2147483647 or a percentage from 1% to 100%"),
        ("max-unavailable", "99999999999999999999", "a count from 1 to 2147483647"),
        ("partition", "-1", "a count from 0 to 2147483647 or a percentage from 0% to 100%"),
        ("partition", "150%", "0% to 100%"),
        ("paused", "yes", "true or false"),
        ("grace-period-seconds", "30s", "whole seconds from 0 to 2592000"),
        ("grace-period-seconds", "1e9", "whole seconds from 0 to 2592000"),
        ("min-ready-seconds", "-1", "whole seconds from 0 to 2592000"),
        ("progress-deadline-seconds", "0", "whole seconds from 1 to 2592000"),
        ("on-failure", "Panic", "Pause or Rollback"),
        ("max-failures", "all", "a count from 0 to 2147483647"),
        ("drain", "never", "Auto, Required or Never"),
        ("keep-ready-containers", "A", "container names"),
        ("container-order", "a > a", "batches of container names"),
        ("gates", "Idle", "before-drain=example.com/Idle"),
        ("order-by", "a b", "a label key"),
        ("spread-by", "/", "a label key"),
        ("steps", "50%, 10%", "growing counts or percentages"),
        ("pre-pull", "Maybe", "Required, BestEffort or Never"),
        ("restart-on", "a b", "glob patterns"),
        ("init-images", "", "Refuse or SpecOnly"),
        ("disruption-budgets", "respect", "Respect or Ignore"),
    ],
)
def test_every_malformed_value_is_named_with_what_is_accepted(name, text, accepted):
    error = only_error(parse({name: text}))
    assert error.code == ReasonCode.SettingInvalid
    assert error.path == f"metadata.annotations[{PREFIX}{name}]"
    assert repr(text) in error.message
    assert accepted in error.message


def test_one_bad_value_hides_no_other():
    parsed = parse({"drain": "x", "paused": "x", "steps": "x", "max-unavailable": "2", "nonsense": "x"})
    assert [error.path[len("metadata.annotations[inplace.dev/") : -1] for error in parsed.errors] == [
        "paused",
        "drain",
        "steps",
        "nonsense",
    ]
    assert parsed.settings.max_unavailable == Amount(2)
    assert parsed.settings.drain is DrainPolicy.AUTO


def test_a_malformed_pause_is_a_pause():
    assert parse({"paused": "ture"}).settings.paused is True


def test_a_malformed_grace_never_ends_early():
    assert parse({"grace-period-seconds": "30s"}).settings.grace_period_seconds > 24 * 3600


def test_long_and_invisible_values_are_shown_short_and_visible():
    assert only_error(parse({"drain": "x" * 500})).message.startswith(f"'{'x' * 57}'… is not")
    assert "'Auto\\n'" in only_error(parse({"drain": "Auto\n"})).message


# -- the mode


@pytest.mark.parametrize(
    ("labels", "mode"),
    [
        ({}, None),
        ({PREFIX + "mode": "InPlaceOnly"}, Mode.ONLY),
        ({PREFIX + "mode": "InPlaceIfPossible"}, Mode.IF_POSSIBLE),
    ],
)
def test_the_mode_is_a_label(labels, mode):
    parsed = parse(labels=labels)
    assert parsed.settings.mode is mode
    assert parsed.errors == ()


@pytest.mark.parametrize("value", ["", "true", "inplaceonly"])
def test_a_bad_mode_names_both_values_and_does_the_less(value):
    parsed = parse(labels={PREFIX + "mode": value})
    error = only_error(parsed)
    assert error.path == "metadata.labels[inplace.dev/mode]"
    assert "InPlaceOnly or InPlaceIfPossible" in error.message
    assert parsed.settings.mode is Mode.ONLY


# -- the workload's own values


def test_the_workloads_own_values_fill_what_is_not_given():
    native: dict[str, Any] = {
        "max_unavailable": Amount(25, percent=True),
        "partition": Amount(2),
        "min_ready_seconds": 5,
    }
    assert parse(**native).settings == Settings(mode=Mode.ONLY, **native)
    given = parse({"max-unavailable": "1", "partition": "0", "min-ready-seconds": "0"}, **native)
    assert given.settings == Settings(mode=Mode.ONLY)


@pytest.mark.parametrize("own", [Amount(0), Amount(0, percent=True)])
def test_a_workload_that_only_surges_is_told_what_to_set(own):
    parsed = parse(max_unavailable=own)
    assert "set inplace.dev/max-unavailable to 1 or more: in place cannot surge" in only_error(parsed).message
    assert parsed.settings.max_unavailable == Amount(1)
    assert parse({"max-unavailable": "1"}, max_unavailable=own).errors == ()


@pytest.mark.parametrize(
    ("annotations", "native", "named"),
    [
        pytest.param(
            {"min-ready-seconds": "600"}, {}, ("min-ready-seconds (600)", "progress-deadline-seconds (600)"), id="given"
        ),
        pytest.param({}, {"min_ready_seconds": 700}, ("min-ready-seconds (700, from spec.minReadySeconds)",), id="own"),
        pytest.param(
            {"grace-period-seconds": "50", "min-ready-seconds": "30", "progress-deadline-seconds": "80"},
            {},
            ("grace-period-seconds (50)", "min-ready-seconds (30)", "progress-deadline-seconds (80)"),
            id="both waits together",
        ),
    ],
)
def test_waits_that_the_deadline_would_always_cut_are_refused(annotations, native, named):
    message = only_error(parse(annotations, **native)).message
    assert all(part in message for part in named), message


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param({"min-ready-seconds": "599"}, id="just below"),
        pytest.param({"grace-period-seconds": "900", "drain": "Never"}, id="no drain, no grace"),
    ],
)
def test_waits_within_the_deadline_are_fine(annotations):
    assert parse(annotations).errors == ()


def test_a_malformed_deadline_is_not_compared_with():
    assert len(parse({"min-ready-seconds": "700", "progress-deadline-seconds": "x"}).errors) == 1


# -- unknown keys


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("max-unavailble", "did you mean inplace.dev/max-unavailable?"),
        ("maxUnavailable", "did you mean inplace.dev/max-unavailable?"),
        ("PAUSED", "did you mean inplace.dev/paused?"),
        ("xyzzy", "the settings are max-unavailable, partition"),
        ("mode", "inplace.dev/mode is a label, not an annotation"),
    ],
)
def test_a_typing_error_in_a_name_is_an_error(name, hint):
    error = only_error(parse({name: "1"}))
    assert error.path == f"metadata.annotations[inplace.dev/{name}]"
    assert hint in error.message


def test_a_setting_given_as_a_label_is_an_error():
    error = only_error(parse(labels={PREFIX + "mode": "InPlaceOnly", PREFIX + "paused": "true"}))
    assert error.path == "metadata.labels[inplace.dev/paused]"
    assert "is an annotation, not a label" in error.message


def test_our_own_keys_and_those_of_others_are_no_errors():
    annotations = dict.fromkeys(("status", "original-strategy", "state", "retry", "promote"), "x")
    labels = {PREFIX + "mode": "InPlaceOnly", PREFIX + "frozen": "x", PREFIX + "phase": "x", "app": "web"}
    assert parse(annotations, labels).errors == ()
    assert table.parse(Meta(annotations={"inplace.example.com/x": "1"}), Native()).errors == ()


def test_what_belongs_into_the_template_is_told_so():
    (error,) = parse({"restart": "now app"}).errors
    assert error.code == ReasonCode.SettingInvalid
    assert "is an annotation of the Pod template" in error.message


# -- amounts


@pytest.mark.parametrize(
    ("amount", "replicas", "budget"),
    [
        (Amount(2), 5, 2),
        (Amount(10, percent=True), 5, 1),
        (Amount(50, percent=True), 5, 2),
        (Amount(100, percent=True), 0, 1),
    ],
)
def test_the_budget_rounds_down_and_is_at_least_one(amount, replicas, budget):
    assert Settings(max_unavailable=amount).budget(replicas) == budget


@pytest.mark.parametrize(
    ("amount", "replicas", "kept"),
    [(Amount(2), 5, 2), (Amount(10, percent=True), 5, 1), (Amount(2147483647), 5, 5), (Amount(0, percent=True), 5, 0)],
)
def test_the_partition_rounds_up_and_is_at_most_all(amount, replicas, kept):
    assert Settings(partition=amount).held_back(replicas) == kept
