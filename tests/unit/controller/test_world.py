"""What the process remembers of its own writes."""

from __future__ import annotations

import pytest

from inplace.cluster.world import DENIED_SECONDS, MAX_STALE, World
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan import plan
from inplace.core.rollout import assess
from inplace.core.rollout.memo import Memo
from inplace.core.state.records import PodPhase
from tests.factories import later, pod, snapshot, swapping
from tests.property.simulation import FakeClock

DRAINING = pod(record=swapping(PodPhase.DRAINING))
SWAPPING = pod(record=swapping(PodPhase.SWAPPING))


@pytest.fixture
def world() -> World:
    return World(FakeClock())


def test_a_pod_that_changes_at_each_try_is_blocked(world):
    for _ in range(MAX_STALE):
        world.saw_pod(DRAINING, DRAINING)
        world.was_stale(DRAINING.uid)
    assert world.blocked[DRAINING.uid].code == ReasonCode.PreconditionFailed


def test_a_write_that_lost_to_another_writers_progress_is_no_failure(world):
    for old, new in ((None, DRAINING), (DRAINING, SWAPPING), (SWAPPING, DRAINING), (DRAINING, SWAPPING)):
        world.saw_pod(old, new)
        world.was_stale(new.uid)
    assert not world.blocked


def test_nothing_is_kept_of_pods_and_workloads_that_are_gone(world):
    other = pod(name="web-1", uid="other", record=swapping(PodPhase.DRAINING))
    memories = [memory for memory in vars(assess).values() if isinstance(memory, Memo)]
    assert len(memories) == 2, "the aims and the members"
    plan.plan(snapshot(DRAINING, other), later(1))
    plan.plan(snapshot(other), later(2))
    workload = snapshot().workload.metadata.uid
    for memory in memories:
        assert memory._kept[workload][1].keys() == {"other"}
    world.forget(workload)
    assert not any(workload in memory._kept for memory in memories)


def test_a_denial_by_rbac_is_waited_out_and_then_a_refusal(world):
    world.was_denied(DRAINING.uid, "cannot patch")
    assert not world.blocked, "a server that has just started denies everything for a moment"
    world.clock.seconds += DENIED_SECONDS
    world.was_denied(DRAINING.uid, "cannot patch")
    assert world.blocked[DRAINING.uid].message == "cannot patch"


def test_a_denial_that_ended_is_forgotten(world):
    world.was_denied(DRAINING.uid, "cannot patch")
    world.wrote(DRAINING.uid, "1")
    world.clock.seconds += DENIED_SECONDS
    world.was_denied(DRAINING.uid, "cannot patch")
    assert not world.blocked


def test_a_pod_that_was_blocked_is_free_again_when_another_writer_moved_it_on(world):
    for _ in range(MAX_STALE):
        world.was_stale(DRAINING.uid)
    assert world.blocked
    world.saw_pod(DRAINING, SWAPPING)
    assert not world.blocked


def test_a_write_that_is_accepted_starts_the_count_anew(world):
    for _ in range(2 * MAX_STALE):
        world.was_stale(DRAINING.uid)
        world.wrote(DRAINING.uid, "1")
    assert not world.blocked
