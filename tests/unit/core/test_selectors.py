"""Label selectors as kubectl takes them."""

from __future__ import annotations

import pytest

from inplace.core.objects import selectors

LABELS = {"app": "web", "env": "a", "example.com/tier": "front", "mesh": ""}


@pytest.mark.parametrize(
    ("text", "selects"),
    [
        ("app=web", True),
        ("app==web", True),
        ("app = web , env=a", True),
        ("app=web,env=b", False),
        ("app!=web", False),
        ("other!=web", True),
        ("env in (a,b)", True),
        ("env in (b, c)", False),
        ("env notin (a,b)", False),
        ("env notin (b),app=web", True),
        ("example.com/tier=front", True),
        ("mesh", True),
        ("mesh=", True),
        ("!mesh", False),
        ("!other", True),
        ("other", False),
    ],
)
def test_what_a_selector_selects(text, selects):
    parsed = selectors.parse(text)
    assert parsed is not None
    assert selectors.matches(parsed, LABELS) is selects


WRONG = ("", " ", "app=web,", ",", "app=we b", "=web", "app in a,b", "app in ()b", "a/b/c=d", "app>1", "app=-web")


@pytest.mark.parametrize("text", [*WRONG, "x" * 64])
def test_what_is_no_selector(text):
    assert selectors.parse(text) is None
