"""A restart by a command: when it is over, and what it does with what another has begun."""

from __future__ import annotations

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from inplace.core.objects.reasons import ReasonCode
from inplace.core.pod import restarting
from inplace.core.pod.observation import observe
from inplace.core.pod.restarting import Asked
from inplace.core.pod.states import Failed, Ineligible, UpToDate
from inplace.core.settings.annotations import Settings
from inplace.core.state.records import Author, Evidence, PodPhase
from tests.factories import DIGEST, NOW, OLD, container, later, pod, swapping

AGAIN = f"app:v1@{DIGEST['v1']}"
DONE = replace(
    swapping(PodPhase.DONE, from_="app:v1", to=AGAIN, evidence=Evidence.EXPECTED_DIGEST),
    by=Author.COMMAND,
    target=OLD,
    deadline=later(60),
)
SWAPPING = replace(swapping(), by=Author.COMMAND, target=OLD)


def asked(*containers, **settings):
    return Asked(containers or ("app",), Settings(**settings), "web", OLD)


def restarted(*, restarts=1, running=True, record=DONE, **more):
    status = container("c://2", image=AGAIN, restarts=restarts, running=running, waiting="CrashLoopBackOff")
    return pod(status, image=AGAIN, record=record, **more)


def judged(one, at, *, seen=0.0, **settings):
    """The state at this second of a Pod that this process has seen so since another."""
    observation = observe(None, one, later(seen), serving=True)
    return restarting.settling(one, DONE, asked(**settings), observation, later(at))


def test_new_containers_are_not_the_end_while_the_pod_is_not_ready():
    """The kubelet answers an opened gate in its next sync, and until then the next Pod must not begin."""
    state = judged(restarted(ready=False), 10)
    assert isinstance(state, UpToDate)
    assert state.settling is not None
    assert state.settling.code is ReasonCode.WaitingForReady
    assert judged(restarted(ready_since=NOW), 10) == UpToDate()


def test_a_drained_pod_is_ready_for_as_long_as_was_asked():
    one = restarted(gate="True", ready_since=later(4))
    state = judged(one, 18.9, seen=4.0, min_ready_seconds=15)
    wait = restarting.wait_of(state)
    assert wait is not None
    assert (wait.code, wait.message) == (ReasonCode.MinReadySeconds, "Ready for less than 15 s (--min-started)")
    assert judged(one, 19.0, seen=4.0, min_ready_seconds=15) == UpToDate()


def test_without_a_gate_the_time_has_passed_before_and_does_not_pass_twice():
    one = restarted(gate=None, ready_since=later(-3600))
    assert judged(one, 10, seen=10.0, min_ready_seconds=15) == UpToDate()


@pytest.mark.parametrize("minimum", [0, 15])
def test_a_pod_that_does_not_become_ready_has_failed_at_the_deadline(minimum):
    one = restarted(ready=False)
    assert isinstance(judged(one, 59 + minimum, min_ready_seconds=minimum), UpToDate)
    state = judged(one, 60 + minimum, min_ready_seconds=minimum)
    assert isinstance(state, Failed)
    assert state.reason.code is ReasonCode.NeverReady
    assert state.reason.message == "deadline exceeded: the Pod is not Ready"


def test_a_pod_that_is_never_ready_for_long_enough_ends_too():
    """It has served in between, which is no failure of the containers, and the command does not wait for ever."""
    state = judged(restarted(ready_since=later(70)), 75, seen=70.0, min_ready_seconds=15)
    assert isinstance(state, Failed)
    assert state.reason.code is ReasonCode.NeverReady


def test_a_new_container_that_keeps_exiting_has_failed():
    state = judged(restarted(ready=False, running=False, restarts=3), 30)
    assert isinstance(state, Failed)
    assert state.reason.code is ReasonCode.CrashLoop


def test_a_record_that_is_taken_away_ends_nothing():
    """With --keep 0s nobody has a use for it."""
    assert isinstance(judged(restarted(record=None, ready=False), 10), UpToDate)
    assert judged(restarted(record=None, ready=False), 10) != UpToDate()
    assert judged(restarted(record=None, ready_since=NOW), 10) == UpToDate()


def test_a_pod_that_another_upgrade_has_begun_to_move_is_waited_for():
    other = replace(swapping(), by=UNSET)
    state = judged(restarted(record=other, ready_since=NOW), 10)
    assert isinstance(state, UpToDate)
    assert state.settling is not None
    assert state.settling.code is ReasonCode.PendingWrite


# --- what another has begun


def test_a_restart_covers_what_is_asked_for_if_it_restarts_all_of_it():
    assert restarting.covers(SWAPPING, asked("app"))
    assert not restarting.covers(SWAPPING, asked("app", "proxy"))
    assert not restarting.covers(replace(SWAPPING, containers={}), asked("app")), "a forged one restarts nothing"


def test_what_ends_is_the_end_of_what_was_asked_for_only():
    assert restarting.is_end(DONE, asked("app"))
    assert not restarting.is_end(DONE, asked("proxy"))
    assert not restarting.is_end(SWAPPING, asked("app"))
    assert restarting.is_end(replace(SWAPPING, phase=PodPhase.FAILED, containers={}), asked("app"))


def test_only_a_restart_by_a_command_is_gone_on_with():
    def found(record):
        return restarting.swapping(restarted(record=record), asked())

    assert found(SWAPPING) == SWAPPING
    assert found(replace(SWAPPING, by=UNSET)) is None
    assert found(replace(SWAPPING, request="sidecars proxy=proxy:v2")) is None
    assert found(replace(SWAPPING, workload="another")) is None
    assert found(DONE) is None


@pytest.mark.parametrize(
    ("other", "who"),
    [
        (replace(SWAPPING, by=UNSET), "the controller"),
        (replace(SWAPPING, request="sidecars proxy=proxy:v2"), "another command"),
    ],
    ids=["controller", "sidecars"],
)
def test_an_upgrade_is_not_interfered_with_and_says_whose_it_is_and_until_when(other, who):
    state = restarting.step(restarted(record=other), asked(), None, NOW)
    assert isinstance(state, Ineligible)
    assert state.reason.code is ReasonCode.PendingWrite
    why = f"the Pod is being upgraded by {who} (Swapping, until 2026-01-01 00:10:00 UTC at most)"
    assert state.reason.message == why
