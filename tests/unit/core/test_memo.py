"""What pure functions remember is bounded in bytes, for others write what they are asked about."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from inplace.core.kinds import matching
from inplace.core.state import records, statuses
from inplace.core.template import trees


def _used(call, text_of, count=40):
    tracemalloc.start()
    try:
        for number in range(count):
            call(text_of(number))
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return used


@pytest.mark.parametrize(
    ("call", "encoded"),
    [
        (trees.fingerprint, True),
        (records.decode, False),
        (statuses._decode, False),
        (matching._decoded, False),
    ],
    ids=["fingerprint", "record", "status", "templates"],
)
def test_large_texts_are_not_remembered(call, encoded):
    def text_of(number):
        text = f'{{"spec":{{"a":"{number}{"x" * 200_000}"}}}}'
        return text.encode() if encoded else text

    assert _used(call, text_of) < 400_000


def test_a_fingerprint_is_computed_once_for_equal_content(monkeypatch):
    computed = []

    def compute(tree):
        computed.append(tree)
        return "abc"

    monkeypatch.setattr(trees, "fingerprint_of", compute)
    for _ in range(3):
        assert trees.fingerprint(b'{"spec":{"only":"here"}}') == "abc"
    assert len(computed) == 1
