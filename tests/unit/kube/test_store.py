"""The cache and the expectations beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.kube.expectations import OVERDUE_SECONDS, Expectations
from inplace.kube.resource import PODS, STATEFULSETS, find
from inplace.kube.store import Store
from tests.unit.kube.server import Recorder

OBJECTS = st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.frozensets(st.sampled_from("123")))


@given(st.lists(st.tuples(st.booleans(), OBJECTS)))
def test_indexes_agree_with_a_scan(steps):
    store = Store(key=lambda one: (one[0], one[1]), version=str, indexers={"tag": lambda one: one[2]})
    model = {}
    for put, one in steps:
        key = (one[0], one[1])
        assert (store.put(one) if put else store.remove(key)) == model.get(key)
        model.update({key: one}) if put else model.pop(key, None)
    assert store.values() == tuple(model[key] for key in sorted(model))
    for tag in "123":
        assert store.by("tag", tag) == tuple(model[key] for key in sorted(model) if tag in model[key][2])


def test_the_size_of_what_is_kept_is_known():
    store = Store(key=lambda one: (one[0], one[1]), version=str)
    store.put(("a", "x", 1), 100)
    store.put(("a", "y", 1), 10)
    store.put(("a", "x", 2), 50)
    assert store.bytes == 60
    store.remove(("a", "x"))
    store.remove(("a", "z"))
    assert store.bytes == 10


class Clock:
    seconds = 0.0

    def monotonic(self):
        return self.seconds

    def computing(self):
        return 0.0

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("written", "cached", "satisfied"),
    [
        ("10", "9", False),
        ("10", "10", True),
        ("9", "10", True),
        ("10", "100", True),
        ("x", "x", True),
        ("x", "y", False),
    ],
)
def test_an_expectation_is_met_by_the_version_or_a_later_one(written, cached, satisfied):
    expectations = Expectations(Clock())
    expectations.expect("uid", written)
    assert expectations.satisfied("uid", cached) is satisfied
    assert len(expectations) == (0 if satisfied else 1)
    assert expectations.satisfied("other", "1")


def test_an_expectation_expires_loudly():
    clock, recorder = Clock(), Recorder()
    expectations = Expectations(clock, recorder)
    expectations.expect("uid", "10")
    clock.seconds = OVERDUE_SECONDS + 1
    assert expectations.satisfied("uid", "9")
    assert recorder.total("inplace_expectations_overdue_total") == 1


def test_paths():
    assert PODS.path("ns", "a", "status") == "/api/v1/namespaces/ns/pods/a/status"
    assert PODS.path() == "/api/v1/pods"
    assert find("apps", "statefulsets") is STATEFULSETS
    assert STATEFULSETS.path("ns") == "/apis/apps/v1/namespaces/ns/statefulsets"
    with pytest.raises(KeyError):
        find("", "things")
