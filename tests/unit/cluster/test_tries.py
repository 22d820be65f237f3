"""What the process remembers of its writes: how long one that failed rests, and what is told of it."""

from __future__ import annotations

import pytest

from inplace.cluster.cache import Cache
from inplace.cluster.memory import Memory
from inplace.cluster.tries import ADDED, CALM, MAX_STALE, NOT_KEPT, PASSING, Ending, words
from inplace.core.actions.actions import (
    Abort,
    CloseGate,
    LabelPhase,
    OpenGate,
    PatchReplicaSet,
    PatchWorkload,
    RecordFailure,
)
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase
from inplace.kube.errors import Forbidden, Status
from tests.factories import pod, swapping, workload
from tests.property.simulation import FakeClock

DRAINING = pod(record=swapping(PodPhase.DRAINING))
SWAPPING = pod(record=swapping(PodPhase.SWAPPING))
ABORT = Abort(DRAINING)
FAIL = RecordFailure(DRAINING, swapping(PodPhase.FAILED))
RESUME = PatchWorkload(workload(), None, "resume", {"paused": False})
REASON = Reason(ReasonCode.WriteRefused, "", "refused")
FATAL = Reason(ReasonCode.PreconditionFailed, "", "changed")


@pytest.fixture
def memory() -> Memory:
    return Memory(FakeClock(), Cache())


def fails(memory, ending, action=ABORT, fatal=FATAL):
    return memory.tries.failed("web", action, ending, REASON, fatal)


def reason(memory):
    found = memory.tries.of("web")
    return found[0].fatal or found[0].reason if found else None


def pause(memory):
    return (memory.tries.of("web")[0].again - memory.clock.now()).total_seconds()


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (Ending.REFUSED, [30, 30, 30, 30, 30, 30, 30]),
        (Ending.DENIED, [2, 4, 8, 16, 30, 30, 30]),
        (Ending.STALE, [0, 0, 1, 2, 4, 8, 16]),
        (Ending.UNANSWERED, [1, 2, 4, 8, 16, 30, 30]),
        (Ending.NOT_KEPT, [10, 20, 40, 80, 120, 120, 120]),
    ],
)
def test_the_pause_grows(memory, ending, expected):
    found = []
    for _ in expected:
        fails(memory, ending)
        found.append(pause(memory))
        memory.clock.seconds += found[-1]
    assert found == expected


def test_an_object_that_the_server_takes_too_long_for_is_left_alone_for_minutes(memory):
    """While other writes are answered: each try keeps the server busy for everybody."""
    found = []
    for _ in range(10):
        fails(memory, Ending.UNANSWERED)
        found.append(pause(memory))
        memory.clock.seconds += found[-1]
        memory.tries.accepted("other", RESUME, unchanged=False)
    assert found == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_a_pod_that_changes_at_each_try_is_blocked(memory):
    for _ in range(MAX_STALE):
        memory.saw_pod(DRAINING, DRAINING)
        assert reason(memory) is None
        fails(memory, Ending.STALE)
    assert reason(memory) is FATAL


def test_a_write_that_lost_to_another_writers_progress_is_no_failure(memory):
    for old, new in ((None, DRAINING), (DRAINING, SWAPPING), (SWAPPING, DRAINING), (DRAINING, SWAPPING)):
        memory.saw_pod(old, new)
        fails(memory, Ending.STALE, Abort(new))
    assert reason(memory) is None


def test_a_pod_that_was_blocked_is_free_again_when_another_writer_moved_it_on(memory):
    for _ in range(MAX_STALE):
        fails(memory, Ending.STALE)
    memory.saw_pod(DRAINING, SWAPPING)
    assert memory.tries.of("web") == ()


def test_a_denial_by_rbac_fails_a_pod_only_if_it_lasts(memory):
    """A server that has just started denies everything for a moment."""
    fails(memory, Ending.DENIED)
    assert reason(memory) is REASON
    memory.clock.seconds += PASSING.total_seconds()
    fails(memory, Ending.DENIED)
    assert reason(memory) is FATAL


def test_a_pod_whose_failure_may_not_be_recorded_either_is_stuck_from_the_first_refusal(memory):
    fails(memory, Ending.DENIED)
    began = memory.tries.of("web")[0].since
    for action in (FAIL, ABORT, FAIL):
        memory.clock.seconds += 30
        fails(memory, Ending.DENIED, action, None)
        assert memory.tries.of("web")[0].since == began


def test_a_server_that_gives_no_answer_is_named_only_if_it_lasts_and_fails_nothing(memory):
    assert not fails(memory, Ending.UNANSWERED)
    assert reason(memory) is None
    memory.clock.seconds += PASSING.total_seconds()
    assert fails(memory, Ending.UNANSWERED), "it is told just now"
    assert reason(memory) is REASON
    assert not fails(memory, Ending.UNANSWERED)


def test_a_write_that_is_accepted_starts_the_count_anew(memory):
    for _ in range(2 * MAX_STALE):
        fails(memory, Ending.STALE)
        memory.tries.accepted("web", CloseGate(DRAINING, swapping()), unchanged=False)
    assert reason(memory) is None


def test_another_write_on_the_workload_says_nothing_of_one_that_is_refused(memory):
    fails(memory, Ending.REFUSED, RESUME, None)
    memory.tries.accepted("web", LabelPhase(workload(), Phase.DEGRADED), unchanged=False)
    assert reason(memory) is REASON


def test_what_is_accepted_again_and_again_with_hardly_a_pause_is_not_kept(memory):
    for number in range(1, 2 * NOT_KEPT):
        times = memory.tries.accepted("web", RESUME, unchanged=False)
        assert times == (number if number >= NOT_KEPT else 0)
        if times:
            fails(memory, Ending.NOT_KEPT, RESUME)
            memory.clock.seconds += pause(memory)
    memory.clock.seconds += CALM.total_seconds()
    assert memory.tries.accepted("web", RESUME, unchanged=False) == 0


def test_what_is_written_once_in_a_while_is_kept(memory):
    for _ in range(3 * NOT_KEPT):
        assert memory.tries.accepted("web", OpenGate(DRAINING), unchanged=False) == 0
        memory.clock.seconds += CALM.total_seconds()
    for number in range(3 * NOT_KEPT):
        phase = (Phase.PROGRESSING, Phase.UP_TO_DATE)[number % 2]
        assert memory.tries.accepted("web", LabelPhase(workload(), phase), unchanged=False) == 0
        settings = PatchReplicaSet(workload(), workload(), "keep the settings", {}, {"settings": str(number)})
        assert memory.tries.accepted("web", settings, unchanged=False) == 0


def test_an_object_that_is_as_it_was_read_did_not_keep_the_write(memory):
    assert memory.tries.accepted("web", RESUME, unchanged=True) == 1


def test_what_is_gone_is_forgotten(memory):
    fails(memory, Ending.REFUSED)
    memory.forget(DRAINING.uid)
    assert memory.tries.of("web") == ()


@pytest.mark.parametrize("policy", ["inplace-fence-workloads", "inplace-fence-workloads-shop", "other"])
def test_a_refusal_by_the_fence_hints_at_what_others_add(policy):
    """A namespace in which another policy stamps every write, in the name of whoever writes."""
    text = f"ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request: no"
    said = words(Forbidden(403, Status(message=text)))
    assert said == text + (ADDED if policy != "other" else "")
