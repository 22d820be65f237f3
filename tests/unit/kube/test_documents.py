"""YAML as kubectl reads it: tests/kubectl/test_documents.py holds this table against kubectl."""

from __future__ import annotations

import time

import pytest

from inplace.kube import documents
from inplace.kube.errors import Malformed

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
        pytest.param("a: !!int x", "file: line 1: a scalar is no int", id="a tag that does not fit"),
        pytest.param("a: !!binary '*'", "file: ", id="no base64"),
        pytest.param("~: x", "file: line 1: a key is not text", id="a key that is nothing"),
        pytest.param(
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "\n".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]" for p, n in zip("abcdef", "bcdefg", strict=True)),
            "file: more than 500000 values",
            id="aliases of aliases",
        ),
        pytest.param(
            f"a: &a '{'x' * 100_000}'\nb: [{', '.join(['*a'] * 1000)}]",
            "file: more than 67108864 characters, with what aliases repeat",
            id="aliases of a long text",
        ),
        pytest.param('a: "\\ud800"', "file: line 1: '\\ud800' is half a character", id="half a character"),
        pytest.param('{"a": {"\\ud800": 1}}', "file: line 1: '\\ud800' is half a character", id="half a key"),
        pytest.param("a: \0", "file: invalid YAML or JSON: unacceptable character", id="control characters"),
        pytest.param('{"a":' * 900 + "1" + "}" * 900, "file: nested more than 100 levels deep", id="deep JSON"),
        pytest.param(f"a: {'[' * 900}x{']' * 900}", "file: nested more than 100 levels deep", id="deep flow"),
        pytest.param("- " * 3000 + "x", "file: nested more than 100 levels deep", id="deep block"),
        pytest.param("[" * 102 + "]" * 102, "file: nested more than 100 levels deep", id="deep JSON"),
    ],
)
def test_bad_input_is_one_line(text, said):
    with pytest.raises(Malformed) as caught:
        documents.read("file", text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_merges_do_not_multiply():
    """Each map merges the one before it nine times: 9 ** 30 pairs, but for those that another overrides."""
    nine = [f"b{n}: &b{n} {{k{n}: {n}, <<: [{', '.join([f'*b{n - 1}'] * 9)}]}}" for n in range(1, 31)]
    began = time.process_time()
    (found,) = documents.read("file", "\n".join(["b0: &b0 {x: 1}", *nine]))
    assert time.process_time() - began < 2
    assert found["b30"] == {"x": 1, **{f"k{n}": n for n in range(1, 31)}}


def test_of_equal_keys_the_last_counts_and_an_own_key_before_what_is_merged():
    assert documents.read("file", "a: &a {x: 1, w: 1}\nb: {x: 2, <<: *a, z: 3, z: 4}")[0]["b"] == {
        "x": 2,
        "w": 1,
        "z": 4,
    }


def test_numbers_of_many_digits_cost_nothing():
    began = time.process_time()
    documents.read("file", f"a: {'9' * 100_000}\nb: 0x{'f' * 100_000}\nc: 0{'7' * 100_000}")
    assert time.process_time() - began < 2
