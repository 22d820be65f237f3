"""The grammar of setting values."""

from __future__ import annotations

import pytest

from inplace.core.settings import grammar
from inplace.core.settings.annotations import DrainPolicy
from inplace.core.settings.grammar import MAX_COUNT, MAX_SECONDS, Amount, Gate, GateStep, Step


@pytest.mark.parametrize(
    ("amount", "total", "up", "down"),
    [
        pytest.param(Amount(3), 10, 3, 3, id="a count is itself"),
        pytest.param(Amount(3), 2, 3, 3, id="even beyond the total"),
        pytest.param(Amount(50, percent=True), 3, 2, 1, id="half of three"),
        pytest.param(Amount(10, percent=True), 3, 1, 0, id="less than one"),
        pytest.param(Amount(100, percent=True), 7, 7, 7, id="all"),
        pytest.param(Amount(0, percent=True), 7, 0, 0, id="none"),
        pytest.param(Amount(33, percent=True), 0, 0, 0, id="of nothing"),
        pytest.param(Amount(29, percent=True), 100, 29, 29, id="exact, as floats would not be"),
    ],
)
def test_amounts_resolve(amount, total, up, down):
    assert amount.resolve(total, round_up=True) == up
    assert amount.resolve(total, round_up=False) == down


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, Amount(1)),
        ("1", Amount(1)),
        ("0%", Amount(0, percent=True)),
        (MAX_COUNT, Amount(MAX_COUNT)),
        (MAX_COUNT + 1, None),
        (None, None),
        ("", None),
        ("%", None),
        ("-1", None),
        ("1.5", None),
        ("1 %", None),
        ("٣", None),
        ("9" * 5000, None),
    ],
)
def test_amount_of(value, expected):
    assert grammar.amount_of(value) == expected


def test_amounts_are_written_as_they_are_read():
    assert (str(Amount(3)), str(Amount(25, percent=True))) == ("3", "25%")


@pytest.mark.parametrize(("text", "ok"), [("1", True), ("100%", True), ("0", False), ("0%", False), ("101%", False)])
def test_amount_has_bounds(text, ok):
    assert (grammar.amount(1)(text) is not None) is ok


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("10", 10), ("007", 7), ("11", None), ("-1", None), ("1_0", None), (" 1", None)]
)
def test_integer(text, expected):
    assert grammar.integer(0, 10)(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("Auto", DrainPolicy.AUTO), ("auto", None), ("", None)])
def test_word(text, expected):
    assert grammar.word(DrainPolicy)(text) is expected


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("false", False), ("True", None), ("1", None)])
def test_boolean(text, expected):
    assert grammar.boolean(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("  ", ()),
        ("a", ("a",)),
        ("a, b-c ,d1", ("a", "b-c", "d1")),
        ("a,a", None),
        ("a,,b", None),
        ("A", None),
        ("-a", None),
        ("a" * 64, None),
    ],
)
def test_container_names(text, expected):
    assert grammar.container_names(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("proxy > app, worker", (("proxy",), ("app", "worker"))),
        ("app", (("app",),)),
        ("", ()),
        ("a >", None),
        ("> a", None),
        ("a > a", None),
        ("a >> b", None),
    ],
)
def test_batches(text, expected):
    assert grammar.batches(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (
            "before-drain=example.com/Idle, before-ready=Warm",
            (Gate(GateStep.BEFORE_DRAIN, "example.com/Idle"), Gate(GateStep.BEFORE_READY, "Warm")),
        ),
        (
            "before-swap=a.b/C,before-swap=a.b/D",
            (Gate(GateStep.BEFORE_SWAP, "a.b/C"), Gate(GateStep.BEFORE_SWAP, "a.b/D")),
        ),
        ("before-lunch=a.b/C", None),
        ("before-drain", None),
        ("before-drain=", None),
        ("before-drain=-x", None),
        ("before-drain=Ready", None),
        ("before-ready=InPlaceUpdateReady", None),
        ("before-drain=a/B,before-drain=a/B", None),
    ],
)
def test_gates(text, expected):
    assert grammar.gates(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5m", 300), ("1h30m", 5400), ("1h1m1s", 3661), ("90s", 90), ("720h", MAX_SECONDS)],
)
def test_durations(text, expected):
    assert grammar.duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "5m1h", "0s", "-5m", "1.5h", "5M", "721h", "99999999h", "5 m"])
def test_what_is_no_duration(text):
    assert grammar.duration(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:5m, 10%, 50%", (Step(Amount(1), 300), Step(Amount(10, percent=True)), Step(Amount(50, percent=True)))),
        ("", ()),
        ("3", (Step(Amount(3)),)),
        ("0", None),
        ("101%", None),
        ("1:", None),
        ("1:x", None),
        ("2, 1", None),
        ("1, 1:5m", None),
        ("50%, 1, 10%", None),
        ("1,", None),
    ],
)
def test_steps(text, expected):
    assert grammar.steps(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("a", "a"), ("a.b/c_d", "a.b/c_d"), ("a b", None), ("/a", None), ("a/", None), ("A.b/c", None)],
)
def test_label_keys(text, expected):
    assert grammar.label_key(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ()), ("checksum/*", ("checksum/*",)), ("a*,b?", ("a*", "b?")), ("a b", None), ("a,,b", None)],
)
def test_globs(text, expected):
    assert grammar.globs(text) == expected
