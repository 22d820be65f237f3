"""What a write must be followed by in the cache, and for how long that is remembered."""

from __future__ import annotations

from inplace.kube.expectations import FORGET_SECONDS, OVERDUE_SECONDS, Expectations
from tests.property.simulation import FakeClock
from tests.unit.kube.server import Recorder


def test_an_object_is_trusted_once_the_cache_shows_the_write_or_it_is_overdue():
    clock, recorder = FakeClock(), Recorder()
    expected = Expectations(clock, recorder)
    expected.expect("a", "7")
    assert not expected.satisfied("a", "6")
    assert expected.satisfied("a", "7")
    expected.expect("a", "9")
    clock.seconds += OVERDUE_SECONDS
    assert expected.satisfied("a", "8")
    assert recorder.total("inplace_expectations_overdue_total") == 1


def test_what_is_expected_of_an_object_that_was_deleted_before_the_answer_came_is_dropped():
    clock = FakeClock()
    expected = Expectations(clock)
    for number in range(1_000):
        expected.forget(f"gone-{number}")
        expected.expect(f"gone-{number}", "5")
        clock.seconds += 10
    assert len(expected) <= FORGET_SECONDS / 10 + 2
    assert "gone-999" in expected
