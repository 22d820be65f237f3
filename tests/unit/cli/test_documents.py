"""YAML as kubectl reads it: tests/kubectl/test_documents.py holds this table against kubectl."""

from __future__ import annotations

import pytest

from inplace.cli import documents
from inplace.cli.errors import InputError

#: What a scalar stands for. Values are compared with their types: true is not 1.
SCALARS = {
    "12:30": "12:30",
    "1:20:30.5": "1:20:30.5",
    "2026-01-01": "2026-01-01",
    "2026-13-45": "2026-13-45",
    "2026-01-01T00:00:00Z": "2026-01-01T00:00:00Z",
    "1e3": 1000,
    "12345e6": 12345000000,
    "12e-1": 1.2,
    "1e400": "1e400",
    "1.5": 1.5,
    "1.0": 1,
    ".5": 0.5,
    "1.": 1,
    ".": ".",
    "010": 8,
    "-010": -8,
    "0o10": 8,
    "08": 8,
    "0x1F": 31,
    "0b101": 5,
    "1_000": 1000,
    "_1": "_1",
    "+1": 1,
    "-0x10": -16,
    "9223372036854775807": 9223372036854775807,
    "1.10.2": "1.10.2",
    "v1": "v1",
    "a:b": "a:b",
    "=": "=",
    "y": True,
    "Yes": True,
    "yES": "yES",
    "on": True,
    "n": False,
    "OFF": False,
    "~": None,
    "Null": None,
    "'12'": "12",
    "!!str 12": "12",
    "!!int '3'": 3,
    "!!float 1": 1,
    "!!binary aGVsbG8=": "hello",
}


@pytest.mark.parametrize("text", SCALARS)
def test_scalars(text):
    (found,) = documents.read("file", f"x: {text}")
    assert (found["x"], type(found["x"])) == (SCALARS[text], type(SCALARS[text]))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("a: 1\n1: b\ntrue: c\n1.5: d", {"a": 1, "1": "b", "true": "c", "1.5": "d"}, id="keys are text"),
        pytest.param("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}, id="merge keys"),
        pytest.param("a:\tb\t# c\nd: {\n\te: f\t}", {"a": "b", "d": {"e": "f"}}, id="tabs that separate"),
        pytest.param("a: 1\na: 2", {"a": 2}, id="twice"),
    ],
)
def test_documents(text, read):
    assert documents.read("file", text) == [read]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: .inf", "file: .inf is no number of JSON", id="infinity"),
        pytest.param("a:\n\tb: 1", "file: line 2: ", id="a tab that indents"),
        pytest.param("a: !!int x", "file: line 1: 'x' is no int", id="a tag that does not fit"),
        pytest.param("a: !!binary '*'", "file: ", id="no base64"),
        pytest.param("~: x", "file: line 1: a key is not text", id="a key that is nothing"),
        pytest.param(
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "\n".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]" for p, n in zip("abcdef", "bcdefg", strict=True)),
            "file: more than 1000000 values",
            id="aliases of aliases",
        ),
        pytest.param("[" * 102 + "]" * 102, "file: nested more than 100 levels deep", id="deep JSON"),
    ],
)
def test_bad_input_is_one_line(text, said):
    with pytest.raises(InputError) as caught:
        documents.read("file", text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
