"""A workload in figures, from real plans."""

from __future__ import annotations

import pytest

from inplace.core.objects.reasons import Concern, Reason, ReasonCode
from inplace.core.plan.plan import plan
from inplace.core.pod.states import InProgress, Pending
from inplace.core.rollout.assess import PodAssessment
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Failure, Phase
from inplace.core.views.figures import Figures, State, Step, WaitingOn, doing_of, figures, reason_of
from tests.factories import NEW, container, later, pod, snapshot, swapping, workload
from tests.unit.core.test_endings import CHANGED, CRASHED, status


def of(*pods, at=1.0, **changes):
    look = snapshot(*pods, **changes)
    return figures(look, plan(look, later(at)))


def new(name: str = "web-2", **fields):
    """A Pod at the target."""
    image = container(image="app:v2", image_id="app@sha256:" + "2" * 64)
    return pod(image, name=name, image="app:v2", revision=NEW, **fields)


def test_pods_are_counted_by_state_and_by_what_they_wait_for():
    draining = pod(name="web-1", gate="False", gate_since=later(-30), record=swapping(PodPhase.DRAINING))
    found = of(pod(), draining, new())
    assert found.states == {State.PENDING: 1, State.IN_PROGRESS: 1, State.UP_TO_DATE: 1}
    assert found.phase is Phase.PROGRESSING
    assert found.waiting == {"Budget": 1, "WaitingForUnready": 1}
    assert found.doing == {"uid-web-0": WaitingOn.BUDGET, "uid-web-1": Step.DRAIN}
    assert (found.budget, found.budget_used) == (1, 1)


def test_the_age_of_gates_is_that_of_the_one_closed_for_longest():
    closed = [pod(name=f"web-{n}", gate="False", gate_since=later(-n), record=swapping()) for n in (10, 50, 30)]
    found = of(*closed, new())
    assert (found.closed_gates, found.closed_since) == (3, later(-50))
    rest = of(new("web-0"), pod(name="web-1", gate=None, revision=NEW))
    assert (rest.closed_gates, rest.closed_since) == (0, None)


def test_a_workload_that_is_done_has_no_budget_in_use():
    done = of(new("web-0"))
    assert done.phase is Phase.UP_TO_DATE
    assert (done.budget, done.budget_used, done.doing, done.failures) == (0, 0, {}, {})


def test_a_failed_pod_has_its_code_and_what_it_failed_for():
    record = swapping(PodPhase.FAILED)
    failed = pod(
        record=record.__class__(**{f: getattr(record, f) for f in record.__struct_fields__} | {"reason": "OOMKilled"})
    )
    found = of(failed, workload=workload(replicas=1, annotations={"max-failures": "0"}))
    (failure,) = found.failures.values()
    assert (failure.code, failure.target, failure.retry) == (ReasonCode.OOMKilled, NEW, "")
    assert found.states == {State.FAILED: 1}
    assert (found.phase, found.reason) == (Phase.DEGRADED, ReasonCode.OOMKilled)


def test_a_pod_with_a_write_under_way_is_at_nothing_that_is_known():
    found = of(pod(), pending=frozenset({"uid-web-0"}))
    assert found.unknown == {"uid-web-0"}
    assert found.doing == {}


def test_a_workload_that_is_none_of_ours_has_no_figures():
    look = snapshot(pod(), workload=workload(mode=None, frozen=False))
    assert figures(look, plan(look, later(1))) == Figures()


def assessed(state, excluded=None):
    return PodAssessment(pod(), state, available=True, excluded=excluded)


@pytest.mark.parametrize("code", [code for code in ReasonCode if code.concern is Concern.IN_FLIGHT])
def test_every_wait_of_a_pod_in_flight_is_a_step(code):
    step = doing_of(assessed(InProgress(Reason(code, "", ""))), None)
    assert isinstance(step, Step) == (code is not ReasonCode.SlowStop), "that is a note, and no wait"


@pytest.mark.parametrize("code", [code for code in ReasonCode if code.concern is Concern.WAITING])
def test_every_wait_before_a_pod_begins_has_what_it_waits_on(code):
    waits = doing_of(assessed(Pending(None, broken=False)), Reason(code, "", ""))  # type: ignore[arg-type]
    assert isinstance(waits, WaitingOn)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (status(Phase.REFUSED, reasons=CHANGED, failures=CRASHED), ReasonCode.FieldChanged),
        (status(Phase.DEGRADED, reasons=CHANGED, failures=CRASHED), ReasonCode.CrashLoop),
        (status(Phase.DEGRADED, reasons=CHANGED), ReasonCode.FieldChanged),
        (status(Phase.ROLLED_BACK, failures=(Failure("web-0", "FromTheFuture", ""),)), ReasonCode.Unknown),
        (status(Phase.PROGRESSING, waiting={"Budget": 1, "PrePull": 2, "Step": 2}), ReasonCode.PrePull),
        (status(Phase.UP_TO_DATE), None),
        (status(Phase.ROLLED_BACK), None),
    ],
)
def test_the_reason_of_a_phase(one, expected):
    assert reason_of(one) is expected
