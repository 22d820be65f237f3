"""What the process remembers of its own writes."""

from __future__ import annotations

import pytest

from inplace.cluster.cache import Cache
from inplace.cluster.memory import DENIED_SECONDS, MAX_STALE, Caps, Memory
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.records import PodPhase
from tests.factories import pod, swapping
from tests.property.simulation import FakeClock

DRAINING = pod(record=swapping(PodPhase.DRAINING))
SWAPPING = pod(record=swapping(PodPhase.SWAPPING))


@pytest.fixture
def memory() -> Memory:
    return Memory(FakeClock(), Cache())


def test_a_pod_that_changes_at_each_try_is_blocked(memory):
    for _ in range(MAX_STALE):
        memory.saw_pod(DRAINING, DRAINING)
        memory.was_stale(DRAINING.uid)
    assert memory.write_refused[DRAINING.uid].code == ReasonCode.PreconditionFailed


def test_a_write_that_lost_to_another_writers_progress_is_no_failure(memory):
    for old, new in ((None, DRAINING), (DRAINING, SWAPPING), (SWAPPING, DRAINING), (DRAINING, SWAPPING)):
        memory.saw_pod(old, new)
        memory.was_stale(new.uid)
    assert not memory.write_refused


def test_a_denial_by_rbac_is_waited_out_and_then_a_refusal(memory):
    memory.was_denied(DRAINING.uid, "cannot patch")
    assert not memory.write_refused, "a server that has just started denies everything for a moment"
    memory.clock.seconds += DENIED_SECONDS
    memory.was_denied(DRAINING.uid, "cannot patch")
    assert memory.write_refused[DRAINING.uid].message == "cannot patch"


def test_a_denial_that_ended_is_forgotten(memory):
    memory.was_denied(DRAINING.uid, "cannot patch")
    memory.wrote(DRAINING.uid, "1")
    memory.clock.seconds += DENIED_SECONDS
    memory.was_denied(DRAINING.uid, "cannot patch")
    assert not memory.write_refused


def test_a_pod_that_was_blocked_is_free_again_when_another_writer_moved_it_on(memory):
    for _ in range(MAX_STALE):
        memory.was_stale(DRAINING.uid)
    assert memory.write_refused
    memory.saw_pod(DRAINING, SWAPPING)
    assert not memory.write_refused


def test_a_write_that_is_accepted_starts_the_count_anew(memory):
    for _ in range(2 * MAX_STALE):
        memory.was_stale(DRAINING.uid)
        memory.wrote(DRAINING.uid, "1")
    assert not memory.write_refused


def test_a_slot_is_free_again_though_the_watch_was_faster_than_the_answer():
    """A Pod without a gate gets no event after the one of our last write: the cap must not count it for ever."""
    cache = Cache()
    memory = Memory(FakeClock(), cache, Caps(everywhere=1))
    cache.pods.put(SWAPPING)
    memory.saw_pod(None, SWAPPING)
    assert memory.room("default") == 0
    memory.writing.add(SWAPPING.uid)
    done = pod(record=swapping(PodPhase.DONE))
    memory.saw_pod(cache.pods.put(done), done)
    memory.wrote(done.uid, done.metadata.resource_version)
    memory.writing.discard(done.uid)
    memory.settled(done.metadata)
    assert memory.room("default") == 1
