"""How far an upgrade is, and how long the rest may take."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inplace.core.state.statuses import Phase
from inplace.core.views.progress import ImageChange, changes, progress
from tests.factories import NOW, later
from tests.unit.cli.showing import EACH, NEW, OLD, pod, pods, workload


def swapped(number, start, end):
    """A Pod whose swap took from `start` to `end`, in seconds."""
    return replace(pod(number, "Done"), started_at=later(start), ended_at=later(end))


def left(*shown, now, phase=Phase.PROGRESSING):
    found = progress(workload(*shown, phase=phase), later(now)).left
    return None if found is None else found.total_seconds()


def test_pods_are_counted_by_how_far_they_are():
    told = progress(workload(*pods(2, 4, failed=1)), NOW)
    assert (told.total, told.done, told.moving, told.failed) == (10, 2, 3, 1)
    assert told.started_at == NOW - 3 * EACH
    assert told.ended_at is None


def test_what_is_over_has_an_end_and_nothing_left():
    told = progress(workload(swapped(0, 0, 10), swapped(1, 10, 30)), later(100))
    assert (told.started_at, told.ended_at, told.left) == (NOW, later(30), None)


def test_one_after_the_other_each_takes_as_long_as_the_others():
    waiting = [pod(n, "Waiting") for n in range(3)]
    assert left(swapped(8, 0, 10), swapped(9, 10, 20), *waiting, now=20) == 30


def test_as_many_at_a_time_as_so_far():
    waiting = [pod(n, "Waiting") for n in range(4)]
    assert left(swapped(8, 0, 10), swapped(9, 0, 10), *waiting, now=10) == 20


def test_one_slow_pod_and_a_pause_between_do_not_count():
    waiting = [pod(n, "Waiting") for n in range(2)]
    done = [swapped(5, 0, 10), swapped(6, 10, 20), swapped(7, 500, 560)]
    assert left(*done, *waiting, now=560) == 20


def test_the_time_that_a_pod_in_flight_has_spent_is_over():
    moving = replace(pod(1, "Swapping"), started_at=later(10))
    assert left(swapped(2, 0, 10), moving, now=14) == 6
    assert left(swapped(2, 0, 10), moving, now=400) == 0


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.AWAITING_PROMOTION, Phase.DEGRADED])
def test_nothing_is_estimated_where_it_does_not_go_on_by_itself(phase):
    assert left(swapped(1, 0, 10), pod(0, "Waiting"), now=10, phase=phase) is None


def test_nothing_is_estimated_before_the_first_has_ended():
    assert left(pod(1, "Swapping"), pod(0, "Waiting"), now=10) is None


def test_images_are_told_by_how_many_pods_change():
    other = replace(pod(9, "Waiting"), containers=(replace(pod(9, "Waiting").containers[0], image="other:v7"),))
    assert changes((other, *pods(1, 1))) == (ImageChange("app", OLD, NEW, 5), ImageChange("app", "other:v7", NEW, 1))
    assert changes([]) == ()


TIMES = st.tuples(st.floats(0, 1e6), st.floats(0, 1e5)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(TIMES, min_size=1, max_size=30), st.integers(1, 30), st.floats(0, 2e6))
def test_an_estimate_is_never_more_than_one_after_the_other_nor_less_than_nothing(times, rest, now):
    done = [swapped(n, *time) for n, time in enumerate(times)]
    found = left(*done, *(pod(n, "Waiting") for n in range(rest)), now=now)
    assert found is not None
    longest = max(1.0, *(end - start for start, end in times))
    assert 0 < found <= rest * longest + timedelta(seconds=1).total_seconds()
