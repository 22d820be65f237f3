"""`-o jsonpath=…`: as kubectl's, which `tests/kubectl/test_jsonpath.py` asks the same."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.cli.render import jsonpath

DOCUMENT = {
    "phase": "Done",
    "count": 2,
    "share": 1.5,
    "ok": True,
    "none": None,
    "a.b": "dotted",
    "a": {"b": "nested"},
    "markup": ["<a & b>", "é"],
    "pods": [{"name": "x", "tags": ["t", "u"], "n": 1}, {"name": "y)", "tags": [], "n": 3, "old": True}],
    "numbers": [1, 2, 3, 4],
    "empty": [],
}
#: A template, and what kubectl prints for it.
CASES = {
    "plain": "plain",
    "a } b": "a } b",
    "{.phase}": "Done",
    "{$.phase}": "Done",
    "{@.phase}": "Done",
    "{ .phase }": "Done",
    "{.count} of {.ok}, {.share}": "2 of true, 1.5",
    "{.none}|{.nothing}|{.nothing.below}": "null||",
    r"{.a\.b}": "dotted",
    r"{['a\.b']}": "dotted",
    "{['a.b']}": "nested",
    "{['phase']}": "Done",
    "{.a['b']}": "nested",
    "{.a}": '{"b":"nested"}',
    "{.a.*}": "nested",
    "{.markup}": '["\\u003ca \\u0026 b\\u003e","é"]',
    "{.pods[0].name}": "x",
    "{.pods[-1].name}": "y)",
    "{.pods[*].name}": "x y)",
    "{.pods[].name}": "x",
    "{.pods.*.name}": "x y)",
    "{.pods[*].tags[*]}": "t u",
    "{.pods[0].tags}": '["t","u"]',
    "{.pods[*]['name','n']}": "x y) 1 3",
    "{.numbers[0,2]}": "1 3",
    "{.numbers[1:3]}": "2 3",
    "{.numbers[:2]}": "1 2",
    "{.numbers[2:]}": "3 4",
    "{.numbers[::2]}": "1 3",
    "{.numbers[-2:]}": "3 4",
    "{.numbers[2:2]}": "",
    "{.empty[*]}": "",
    "{.none[0]}": "",
    "{..name}": "x y)",
    "{.pods..name}": "x y)",
    "{.a..}": '{"b":"nested"} nested',
    '{.pods[?(@.name=="x")].tags[0]}': "t",
    '{.pods[?(@.name=="y)")].n}': "3",
    "{.pods[?(@.name=='x')].n}": "1",
    "{.pods[?(@.name!='x')].n}": "3",
    "{.pods[?(@.n>1)].name}": "y)",
    "{.pods[?(@.n<=1)].name}": "x",
    "{.pods[?(@.old)].name}": "y)",
    "{.pods[?(@.old==true)].name}": "y)",
    "{.pods[?(@.missing==1)].name}": "",
    "{.pods[?(@.n==@.n)].name}": "x y)",
    '{range .pods[*]}{.name}{"\\t"}{.tags[*]}{"\\n"}{end}': "x\tt u\ny)\t\n",
    "{range .pods[*]}<{range .tags[*]}{@}{end}>{end}|{.phase}": "<tu><>|Done",
    "{range .empty[*]}no{end}|{.phase}": "|Done",
    "{'single'}{\"double\"}": "singledouble",
    "{5}{-1.5}": "5-1.5",
    "{true}": "true",
    "{.phase.*}": "68 111 110 101",
}
#: What kubectl refuses, and what is said of it.
REFUSED = {
    "{.a": "unclosed action",
    "{.a\n}": "unclosed action",
    "{end}": "not in range, nothing to end",
    "{a}": "unrecognized identifier a",
    "{#}": "unrecognized character in action: '#'",
    "{.pods[0}": "unterminated array",
    "{.pods[x]}": "invalid array index x",
    "{.pods[-]}": "array index - is not a number",
    "{.pods[7].name}": "array index out of bounds: index 7, length 2",
    "{.pods[-7].name}": "array index out of bounds: index -5, length 2",
    "{.numbers[3:1]}": "starting index 3 is greater than ending index 1",
    "{.numbers[::0]}": "step must be > 0",
    "{.phase[0]}": "Done is not array or slice",
    "{.a[?(@.b)]}": "is not array or slice and cannot be filtered",
    "{.pods[?(@.n==1]}": "unterminated filter",
    "{.pods[?(@.n=1)]}": "unrecognized filter operator =",
    "{.pods[?(@.n=='1')]}": "incompatible types for comparison",
    "{.pods[?(@.ok<true)]}{.pods[?(@.tags=='1')]}": "invalid type for comparison",
    "{....a}": "invalid multiple recursive descent",
    '{"\\q"}': "unquote",
    '{"open}': "unterminated quoted string",
    "{1.2.3}": "cannot parse number 1.2.3",
}


@pytest.mark.parametrize("template", CASES)
def test_what_a_path_finds(template):
    assert jsonpath.evaluate(template, DOCUMENT) == CASES[template]


@pytest.mark.parametrize("template", REFUSED)
def test_what_is_not_accepted_says_why(template):
    with pytest.raises(jsonpath.PathError) as refused:
        jsonpath.evaluate(template, DOCUMENT)
    assert REFUSED[template] in str(refused.value)


_PIECES = [
    "{",
    "}",
    ".",
    "..",
    "[",
    "]",
    "[?(",
    ")]",
    "*",
    ":",
    ",",
    "'",
    '"',
    "\\",
    "@",
    "$",
    " ",
    "\n",
    "=",
    "<",
    "-",
]
_PIECES += ["pods", "name", "numbers", "range ", "end", "true", "0", "9", "a", "é", "{range .pods[*]}", "{end}", "{.a}"]


@given(st.lists(st.sampled_from(_PIECES), max_size=16).map("".join))
def test_any_template_gives_text_or_says_what_is_wrong(template):
    with contextlib.suppress(jsonpath.PathError):
        assert isinstance(jsonpath.evaluate(template, DOCUMENT), str)


def test_a_range_that_is_not_closed_is_refused():
    """kubectl runs what follows once more, of the whole document."""
    with pytest.raises(jsonpath.PathError, match="range without"):
        jsonpath.evaluate("{range .pods[*]}{.name}", DOCUMENT)


def test_a_template_that_is_too_deep_is_refused():
    for template in ("{range .pods[*]}" * 1000, "{.pods" + "[?(@.a" * 1000 + ")]" * 1000 + "}"):
        with pytest.raises(jsonpath.PathError):
            jsonpath.evaluate(template, DOCUMENT)
