"""What tools that know only kstatus read: both conditions while something is pending, none once it is done."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from inplace.core.state import conditions
from inplace.core.state.statuses import Phase, Status
from tests.factories import NOW, later, stamp, workload

OTHERS: list[dict[str, Any]] = [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "Unknown"}]


def status(phase: Phase, message: str = "") -> Status:
    return Status(1, 1, "web-new", phase, 3, 1, 3, 1, 0, NOW, message=message)


def carrying(found, **fields):
    """A workload whose status has these conditions."""
    own = workload(**{"generation": 1, **fields})
    return replace(own, status=replace(own.status, conditions=msgspec.Raw(json.dumps(found).encode())))


def told(found, phase, at=0.0, **fields):
    return {one["type"]: one for one in conditions.due(carrying(found, **fields), status(phase), later(at))}


@pytest.mark.parametrize(
    ("phase", "reconciling", "stalled"),
    [
        (Phase.PROGRESSING, "True", "False"),
        (Phase.PAUSED, "True", "False"),
        (Phase.AWAITING_PROMOTION, "True", "False"),
        (Phase.ROLLING_BACK, "True", "False"),
        (Phase.HANDED_OVER, "True", "False"),
        (Phase.REFUSED, "False", "True"),
        (Phase.DEGRADED, "False", "True"),
        (Phase.ROLLED_BACK, "False", "True"),
    ],
)
def test_what_is_pending_and_what_needs_a_person(phase, reconciling, stalled):
    found = told(OTHERS, phase)
    assert (found["Reconciling"]["status"], found["Stalled"]["status"]) == (reconciling, stalled)
    assert found["Reconciling"]["reason"] == phase
    assert [found[one["type"]] for one in OTHERS] == OTHERS, "those of others are as they were"


def test_what_is_up_to_date_carries_none_of_ours():
    pending = conditions.due(carrying(OTHERS), status(Phase.PROGRESSING), NOW)
    assert conditions.due(carrying(pending), status(Phase.UP_TO_DATE), NOW) == OTHERS


@pytest.mark.parametrize(
    ("phase", "fields", "stalled"),
    [
        pytest.param(Phase.PAUSED, {}, True, id="Pods differ"),
        pytest.param(Phase.PROGRESSING, {}, False, id="Pods in flight finish"),
        pytest.param(Phase.PAUSED, {"generation": 2}, False, id="the revision is not known yet"),
    ],
)
def test_what_was_opted_out_midway_needs_its_owner(phase, fields, stalled):
    found = told(OTHERS, phase, mode=None, **fields)
    assert (found["Reconciling"]["status"], found["Stalled"]["status"]) == (str(not stalled), str(stalled))


def test_a_time_moves_only_with_the_status():
    first = list(told([], Phase.PROGRESSING).values())
    second = told(first, Phase.PAUSED, at=60)
    assert second["Reconciling"]["lastTransitionTime"] == stamp(NOW)
    third = told(list(second.values()), Phase.DEGRADED, at=120)
    assert third["Reconciling"]["lastTransitionTime"] == stamp(later(120))


def test_what_the_server_has_added_is_no_other_condition():
    """A Deployment's conditions have a second time, null where nobody has set it: writing it away would never end."""
    stored = [{"lastUpdateTime": None} | one for one in conditions.due(carrying([]), status(Phase.REFUSED), NOW)]
    assert conditions.due(carrying(stored), status(Phase.REFUSED), later(60)) == stored
    assert all("lastUpdateTime" not in one for one in told(stored, Phase.PAUSED, at=60).values()), (
        "it says another thing"
    )
