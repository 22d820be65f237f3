"""What workloads add up to: sums go down as well as up, and nothing is counted or timed twice."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from msgspec.structs import replace

from inplace.cluster.key import Key
from inplace.controller.tally import Tally
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from inplace.core.views.figures import Failure, Figures, State, Step, WaitingOn
from tests.factories import later
from tests.unit.kube.server import Recorder

WEB, DB, AGENT = Key("StatefulSet", "shop", "web"), Key("StatefulSet", "shop", "db"), Key("DaemonSet", "shop", "agent")
FAILED = Failure(ReasonCode.OOMKilled, "new", "")


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at

    def computing(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return later(self.at)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def heard():
    return Recorder()


@pytest.fixture
def tally(clock, heard):
    return Tally(clock, heard)


def above(values):
    return {labels: value for labels, value in values.items() if value}


def rolling(**changes) -> Figures:
    """Of a workload of three Pods, one of which is drained."""
    fields = {
        "phase": Phase.PROGRESSING,
        "reason": ReasonCode.Budget,
        "states": {State.UP_TO_DATE: 1, State.PENDING: 1, State.IN_PROGRESS: 1},
        "waiting": {"Budget": 1},
        "closed_gates": 1,
        "closed_since": later(-10),
        "budget": 1,
        "budget_used": 1,
    }
    return Figures(**{**fields, **changes})


DONE = Figures(phase=Phase.UP_TO_DATE, states={State.UP_TO_DATE: 3})
DEGRADED = Figures(phase=Phase.DEGRADED, reason=ReasonCode.OOMKilled, states={State.FAILED: 1}, failures={"a": FAILED})


def test_workloads_add_up_and_each_plan_replaces_what_the_last_one_said(tally):
    for key in (WEB, DB, AGENT):
        tally.update(key, rolling())
    tally.update(WEB, rolling())
    assert above(tally.workloads()) == {("StatefulSet", "Progressing"): 2, ("DaemonSet", "Progressing"): 1}
    assert tally.pods()["StatefulSet", "Pending"] == tally.waiting()["StatefulSet", "Budget"] == 2
    assert tally.closed_gates()["StatefulSet",] == tally.budget()["StatefulSet",] == 2
    assert tally.budget_used()["DaemonSet",] == 1
    tally.update(WEB, DONE)
    assert tally.workloads()["StatefulSet", "Progressing"] == tally.workloads()["StatefulSet", "UpToDate"] == 1
    assert tally.pods()["StatefulSet", "Pending"] == tally.closed_gates()["StatefulSet",] == 1
    assert tally.pods()["StatefulSet", "UpToDate"] == 4


@pytest.mark.parametrize("gone", [pytest.param(True, id="deleted"), pytest.param(False, id="opted out")])
def test_nothing_is_left_of_a_workload_that_is_gone(tally, gone):
    tally.update(WEB, rolling())
    tally.update(DB, DEGRADED)
    for key in (WEB, DB):
        tally.forget(key) if gone else tally.update(key, Figures())
    for read in (tally.workloads, tally.pods, tally.closed_gates, tally.budget, tally.oldest_gate):
        assert above(read()) == {}
    for read in (tally.reasons, tally.waiting, tally.oldest_phase, tally.each):
        assert read() == {}
    assert not tally._sums, "nor in memory"
    assert not tally._known
    assert not tally._stays


def test_every_phase_and_state_is_there_and_reasons_only_where_there_are_any(tally):
    assert tally.workloads()["ReplicaSet", "HandedOver"] == tally.pods()["ReplicaSet", "Excluded"] == 0
    tally.update(WEB, DEGRADED)
    assert tally.reasons() == {("StatefulSet", "Degraded", "OOMKilled"): 1}
    tally.update(WEB, DONE)
    assert tally.reasons() == {}


def test_ages_grow_without_a_plan_and_the_oldest_counts(tally, clock):
    tally.update(WEB, rolling())
    tally.update(DB, rolling(closed_since=later(-90)))
    clock.at = 30
    tally.update(AGENT, rolling(phase=Phase.PAUSED, closed_since=None))
    clock.at = 100
    assert tally.oldest_gate() == {
        ("StatefulSet",): 190, ("DaemonSet",): 0, ("Deployment",): 0, ("ReplicaSet",): 0,
    }  # fmt: skip
    assert tally.oldest_phase() == {("StatefulSet", "Progressing"): 100, ("DaemonSet", "Paused"): 70}
    tally.update(DB, rolling(closed_since=None))
    assert tally.oldest_gate()["StatefulSet",] == 110


def test_a_phase_is_timed_from_its_begin_to_its_end_if_both_were_seen(tally, clock, heard):
    tally.update(WEB, rolling())
    clock.at = 50
    tally.update(WEB, rolling(phase=Phase.AWAITING_PROMOTION))
    assert heard.timed("inplace_workload_phase_seconds") == [], "nobody knows how long it had progressed before"
    clock.at = 60
    tally.update(WEB, rolling(phase=Phase.AWAITING_PROMOTION))
    clock.at = 90
    tally.update(WEB, rolling())
    assert heard.timed("inplace_workload_phase_seconds", kind="StatefulSet", phase="AwaitingPromotion") == [40]
    clock.at = 95
    tally.update(WEB, DONE)
    clock.at = 99
    tally.update(WEB, rolling())
    assert heard.timed("inplace_workload_phase_seconds") == [40, 5], "rest is not timed"


def test_steps_and_waits_are_timed_apart(tally, clock, heard):
    tally.update(WEB, DONE)
    for at, doing in ((0, WaitingOn.BUDGET), (7, WaitingOn.BUDGET), (10, Step.DRAIN), (12, Step.SWAP)):
        clock.at = at
        tally.update(WEB, rolling(doing={"a": doing}))
    clock.at = 20
    tally.update(WEB, DONE)
    assert heard.timed("inplace_pod_waiting_seconds", on="budget") == [10]
    assert heard.timed("inplace_pod_step_seconds", step="drain") == [2]
    assert heard.timed("inplace_pod_step_seconds", step="swap") == [8]
    assert len(heard.seconds) == 4, "and the phase"


def test_what_a_pod_was_at_when_it_was_first_seen_is_not_timed(tally, clock, heard):
    tally.update(WEB, rolling(doing={"a": Step.DRAIN}))
    clock.at = 5
    tally.update(WEB, rolling(doing={"a": Step.SWAP, "b": Step.DRAIN}))
    assert heard.seconds == []
    clock.at = 8
    tally.update(WEB, rolling())
    assert sorted(heard.timed("inplace_pod_step_seconds")) == [3, 3]


def test_a_write_under_way_neither_ends_a_step_nor_a_failure(tally, clock, heard):
    tally.update(WEB, DONE)
    tally.update(WEB, rolling(doing={"a": Step.SWAP}))
    clock.at = 4
    tally.update(WEB, rolling(unknown=frozenset("a")))
    clock.at = 6
    tally.update(WEB, DEGRADED)
    assert heard.timed("inplace_pod_step_seconds", step="swap") == [6]
    tally.update(WEB, replace(DEGRADED, failures={}, unknown=frozenset("a")))
    tally.update(WEB, DEGRADED)
    assert heard.total("inplace_pods_failed_total", kind="StatefulSet", code="OOMKilled") == 1


def test_a_pod_is_counted_as_failed_once_for_a_revision_unless_it_was_to_be_tried_again(tally, heard):
    tally.update(WEB, rolling())
    for _ in range(3):
        tally.update(WEB, DEGRADED)
        tally.update(WEB, rolling(doing={"a": WaitingOn.PULL}))
    assert heard.total("inplace_pods_failed_total") == 1
    tally.update(WEB, replace(DEGRADED, failures={"a": Failure(ReasonCode.CrashLoop, "new", "again")}))
    assert heard.total("inplace_pods_failed_total", code="CrashLoop") == 1
    tally.update(WEB, replace(DEGRADED, failures={"a": Failure(ReasonCode.OOMKilled, "newer", "again")}))
    assert heard.total("inplace_pods_failed_total") == 3


def test_a_pod_that_had_failed_before_is_not_counted(tally, heard):
    tally.update(WEB, DEGRADED)
    tally.update(WEB, replace(DEGRADED, failures={"a": FAILED, "b": FAILED}))
    assert heard.total("inplace_pods_failed_total") == 1


def test_each_workload_is_one_series_with_its_reason(tally):
    tally.update(WEB, DEGRADED)
    tally.update(AGENT, DONE)
    assert tally.each() == {
        ("shop", "web", "StatefulSet", "Degraded", "OOMKilled"): 1,
        ("shop", "agent", "DaemonSet", "UpToDate", "None"): 1,
    }
    tally.update(WEB, DONE)
    assert ("shop", "web", "StatefulSet", "UpToDate", "None") in tally.each()
    assert len(tally.each()) == 2


def test_a_plan_of_one_workload_costs_nothing_for_the_others(tally, heard):
    """What is touched of the sums is what this workload adds to them."""
    for number in range(1000):
        tally.update(Key("Deployment", "shop", f"app-{number}"), DONE)
    touched: list[tuple[str, ...]] = []

    class Watched(Counter[tuple[str, ...]]):
        def __setitem__(self, what: tuple[str, ...], amount: int) -> None:
            touched.append(what)
            super().__setitem__(what, amount)

    tally._sums = Watched(tally._sums)
    touched.clear()
    tally.update(WEB, rolling())
    assert 0 < len(touched) < 30
