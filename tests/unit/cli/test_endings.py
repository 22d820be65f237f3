"""When an upgrade is over for whoever waits for it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.cli.endings import Until, code
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state.statuses import Failure, Phase, Status
from tests.factories import NEW, NOW, workload

ALWAYS = {Phase.UP_TO_DATE: 0, Phase.REFUSED: 3, Phase.DEGRADED: 4, Phase.ROLLED_BACK: 4}
BUDGET = Reason(ReasonCode.DisruptionBudget, "", "allows no disruption now")


def said(phase, **fields):
    return Status(1, 2, NEW, phase, 3, 1, 3, fields.pop("in_flight", 0), 0, NOW, **fields)


@pytest.mark.parametrize("until", list(Until))
@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_for_everything_that_can_be_waited_for(phase, until):
    stops = {
        (Phase.PAUSED, Until.OVER): 5,
        (Phase.PAUSED, Until.PAUSED): 0,
        (Phase.PAUSED, Until.PROMOTION): 5,
        (Phase.AWAITING_PROMOTION, Until.OVER): 5,
        (Phase.AWAITING_PROMOTION, Until.PROMOTION): 0,
        (Phase.AWAITING_PROMOTION, Until.PAUSED): 5,
    }
    expected = ALWAYS.get(phase, stops.get((phase, until)))
    assert code(said(phase), workload(annotations={"steps": "1", "paused": "true"}), until) == expected


def test_a_step_that_goes_on_by_itself_waits_for_nobody():
    timed = workload(annotations={"steps": "1:5m, 2"})
    assert code(said(Phase.AWAITING_PROMOTION, step=0), timed) is None
    assert code(said(Phase.AWAITING_PROMOTION, step=1), timed) == 5
    assert code(said(Phase.AWAITING_PROMOTION, step=0), timed, Until.PROMOTION) == 0


def test_it_is_paused_once_no_pod_is_in_flight():
    paused = workload(annotations={"paused": "true"})
    assert code(said(Phase.PAUSED, in_flight=1), paused, Until.PAUSED) is None


@pytest.mark.parametrize(
    ("phase", "asked", "answer"),
    [
        (Phase.DEGRADED, {"retry": "new"}, {"retried": "new"}),
        (Phase.ROLLED_BACK, {"retry": "new"}, {"retried": "new"}),
        (Phase.AWAITING_PROMOTION, {"promote": "new"}, {"promoted": "new"}),
    ],
)
def test_a_report_from_before_what_was_asked_for_is_no_end(phase, asked, answer):
    assert code(said(phase), workload(annotations=asked)) is None
    assert code(said(phase, **answer), workload(annotations=asked)) is not None


def test_a_pause_that_was_taken_back_is_no_end():
    assert code(said(Phase.PAUSED), workload()) is None
    theirs = workload(frozen=False)
    assert code(said(Phase.PAUSED), replace(theirs, spec=replace(theirs.spec, paused=True))) == 5


@pytest.mark.parametrize(
    ("reasons", "failures", "ends"),
    [
        ((BUDGET,), (), None),
        ((BUDGET, Reason(ReasonCode.NodeNotReady, "", "away")), (), 4),
        ((BUDGET,), (Failure("web-0", "CrashLoop", "it ends"),), 4),
        ((), (), 4),
    ],
)
def test_a_wait_for_a_budget_is_no_failure(reasons, failures, ends):
    assert code(said(Phase.DEGRADED, reasons=reasons, failures=failures), workload()) == ends
