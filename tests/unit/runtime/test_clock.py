"""The server's time, from the dates of its answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inplace.runtime.clock import STEADY, TOLERANCE, ServerClock
from tests.property.simulation import EPOCH, FakeClock


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_first_answer_is_believed(seconds):
    own = FakeClock()
    clock = ServerClock(own)
    assert clock.now() == EPOCH
    assert clock.heard(EPOCH + timedelta(seconds=seconds))
    assert clock.now() == EPOCH + timedelta(seconds=seconds)
    assert clock.monotonic() == own.monotonic()


def test_an_answer_in_whole_seconds_that_took_a_while_says_nothing():
    clock = ServerClock(FakeClock())
    assert not clock.heard(EPOCH - TOLERANCE + timedelta(seconds=1))
    assert clock.now() == EPOCH


def test_another_time_is_believed_once_it_is_told_for_long_enough():
    own = FakeClock()
    clock = ServerClock(own)
    clock.heard(EPOCH)
    for passed, changed in ((0.0, False), (STEADY / 2, False), (STEADY, True), (STEADY + 1, False)):
        own.seconds = passed
        assert clock.heard(own.now() + timedelta(hours=1)) is changed
    assert clock.ahead == timedelta(hours=1)


def test_two_servers_behind_one_address_do_not_make_time_jump():
    own = FakeClock()
    clock = ServerClock(own)
    for second in range(60):
        own.seconds = float(second)
        clock.heard(own.now() + timedelta(minutes=second % 2))
    assert clock.ahead == timedelta()


class Set(FakeClock):
    """A machine whose clock somebody sets."""

    def __init__(self):
        super().__init__()
        self.set = timedelta()

    def now(self):
        return super().now() + self.set


@pytest.mark.parametrize("hours", [-1000, -1, 1, 1000])
def test_whoever_sets_the_machines_clock_moves_no_time(hours):
    own = Set()
    clock = ServerClock(own)
    clock.heard(EPOCH + timedelta(minutes=5))
    before = clock.now()
    own.set = timedelta(hours=hours)
    own.seconds += 3
    assert clock.now() - before == timedelta(seconds=3)
    assert not clock.heard(before + timedelta(seconds=3)), "and the server's time is what it was"
