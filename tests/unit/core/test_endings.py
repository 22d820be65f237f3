"""How upgrades end, told by two statuses and the records on the Pods."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.endings import NEW_REVISION, REVERTED, Ending, Result, endings
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Failure, Phase, Status
from tests.factories import NEW, NOW, OLD, later, pod, swapping

NEWER = "web-newer"
CRASHED = (Failure("web-0", "CrashLoop", "it crashed"),)
CHANGED = (Reason(ReasonCode.FieldChanged, "spec.hostname", "changed"),)


def status(phase: Phase, revision: str = NEW, healthy: str = OLD, **fields: Any) -> Status:
    """Of a workload that has been healthy at OLD."""
    counts = {"replicas": 1, "updated": 0, "ready": 1, "in_flight": 0, "failed": len(fields.get("failures", ()))}
    return Status(
        **{"v": 1, "observed_generation": 2, "updated_at": later(60), **counts, **fields},
        revision=revision,
        phase=phase,
        healthy=healthy,
    )


def upgraded(phase: PodPhase = PodPhase.DONE, target: str = NEW):
    """A Pod that an upgrade has begun at NOW."""
    return pod(record=replace(swapping(phase), target=target))


def ended(before: Status | None, after: Status, *pods) -> list[tuple[Result, str]]:
    return [(one.result, one.reason) for one in endings("web", pods, before, after)]


PROGRESSING = status(Phase.PROGRESSING)
UP_TO_DATE = status(Phase.UP_TO_DATE, healthy=NEW)
DEGRADED = status(Phase.DEGRADED, failures=CRASHED)
REFUSED = status(Phase.REFUSED, reasons=CHANGED)
ROLLING = status(Phase.ROLLING_BACK, failures=CRASHED, rolled_back_from=NEW)
ROLLED = status(Phase.ROLLED_BACK, failures=CRASHED, rolled_back_from=NEW)
HANDED = status(Phase.HANDED_OVER, reasons=CHANGED)
BEFORE = status(Phase.UP_TO_DATE, OLD)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (PROGRESSING, UP_TO_DATE, (Result.SUCCEEDED, "")),
        (status(Phase.AWAITING_PROMOTION), UP_TO_DATE, (Result.SUCCEEDED, "")),
        (DEGRADED, UP_TO_DATE, (Result.SUCCEEDED, "")),
        (PROGRESSING, DEGRADED, (Result.FAILED, "CrashLoop")),
        (status(Phase.DEGRADED), DEGRADED, (Result.FAILED, "CrashLoop")),
        (PROGRESSING, ROLLING, (Result.ROLLED_BACK, "CrashLoop")),
        (PROGRESSING, ROLLED, (Result.ROLLED_BACK, "CrashLoop")),
        (BEFORE, REFUSED, (Result.REFUSED, "FieldChanged")),
        (PROGRESSING, REFUSED, (Result.REFUSED, "FieldChanged")),
        (PROGRESSING, HANDED, (Result.HANDED_OVER, "FieldChanged")),
        (PROGRESSING, status(Phase.PROGRESSING, NEWER), (Result.SUPERSEDED, NEW_REVISION)),
        (status(Phase.PAUSED), status(Phase.PROGRESSING, OLD), (Result.SUPERSEDED, REVERTED)),
    ],
)
def test_an_upgrade_ends_in_one_way_with_its_reason(before, after, expected):
    assert ended(before, after, upgraded()) == [expected]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, UP_TO_DATE, id="opted in"),
        pytest.param(BEFORE, PROGRESSING, id="begun"),
        pytest.param(PROGRESSING, status(Phase.AWAITING_PROMOTION), id="a stop on the way"),
        pytest.param(UP_TO_DATE, UP_TO_DATE, id="nothing new"),
        pytest.param(DEGRADED, replace(DEGRADED, failures=CRASHED * 2, failed=2), id="one more failure"),
        pytest.param(PROGRESSING, status(Phase.DEGRADED), id="it only waits for too long"),
        pytest.param(ROLLING, ROLLED, id="the end of a rollback"),
        pytest.param(ROLLED, ROLLING, id="a rollback that goes on, for a new Pod"),
        pytest.param(ROLLED, status(Phase.UP_TO_DATE, OLD), id="the template put back after a rollback"),
        pytest.param(REFUSED, REFUSED, id="a refusal that stands"),
        pytest.param(
            replace(PROGRESSING, observed_generation=1), REFUSED, id="a refusal that stands, its revision named again"
        ),
        pytest.param(BEFORE, status(Phase.REFUSED, OLD, reasons=CHANGED), id="settings refused, no upgrade under way"),
        pytest.param(HANDED, HANDED, id="handed over"),
        pytest.param(
            status(Phase.PROGRESSING, OLD), status(Phase.UP_TO_DATE, OLD), id="back at the last healthy revision"
        ),
        pytest.param(status(Phase.UP_TO_DATE), status(Phase.UP_TO_DATE), id="a partition that keeps Pods, told once"),
    ],
)
def test_what_is_no_end_is_not_counted(before, after):
    assert ended(before, after, upgraded()) == []


def test_a_first_rollout_is_no_upgrade():
    created = status(Phase.PROGRESSING, healthy="")
    assert ended(created, UP_TO_DATE, pod(revision=NEW)) == []
    assert ended(created, status(Phase.REFUSED, healthy="", reasons=CHANGED), pod(revision=NEW)) == []
    assert ended(created, UP_TO_DATE, upgraded()) == [(Result.SUCCEEDED, "")], "but one that found Pods behind is"


def test_nothing_has_succeeded_that_was_not_done_in_place():
    assert ended(HANDED, UP_TO_DATE, pod(revision=NEW)) == []
    assert ended(PROGRESSING, UP_TO_DATE, upgraded(target=OLD)) == []


def test_what_no_pod_was_begun_for_is_not_superseded():
    """Such as a refusal, which stands as progressing while the next revision has no name."""
    assert ended(PROGRESSING, status(Phase.PROGRESSING, NEWER), pod()) == []


def test_one_status_may_end_two_upgrades():
    expected = [(Result.SUPERSEDED, NEW_REVISION), (Result.REFUSED, "FieldChanged")]
    assert ended(PROGRESSING, replace(REFUSED, revision=NEWER), upgraded()) == expected


def test_an_upgrade_begins_with_its_first_pod():
    second = pod(name="web-1", record=replace(swapping(PodPhase.DONE), started_at=later(30)))
    earlier = pod(name="web-2", record=replace(swapping(PodPhase.DONE), started_at=later(-60), target=OLD))
    assert endings("web", (second, upgraded(), earlier), PROGRESSING, UP_TO_DATE) == (
        Ending(Result.SUCCEEDED, "", NOW),
    )
    foreign = pod(record=replace(swapping(PodPhase.DONE), workload="other", started_at=later(-60)))
    assert endings("web", (second, foreign), PROGRESSING, UP_TO_DATE)[0].began_at == later(30)


@pytest.mark.parametrize("failures", [(), (Failure("web-0", "FromTheFuture", ""),)])
def test_a_reason_that_nobody_knows_is_one_of_the_set(failures):
    ((_, reason),) = ended(PROGRESSING, replace(ROLLING, failures=failures), upgraded())
    assert reason == ReasonCode.Unknown
