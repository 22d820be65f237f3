"""Which gates are opened whatever becomes of an upgrade, and when."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from inplace.core.actions import patches
from inplace.core.actions.actions import OpenGate
from inplace.core.objects import names
from inplace.core.plan import readiness_gates
from inplace.core.plan.plan import plan
from inplace.core.state import records
from inplace.core.state.records import PodPhase
from tests.factories import NEW, NOW, later, pod, snapshot, stamp, swapping, workload

UNREADABLE = "{}"


def closed(record=None, since=NOW, **fields):
    """A Pod whose gate was closed at this time."""
    one = pod(gate="False", ready=False, record=record, **fields)
    conditions = tuple(replace(each, last_transition_time=since) for each in one.status.conditions)
    return replace(one, status=replace(one.status, conditions=conditions))


def opened(one, at, **fields):
    return [
        action.pod.name for action in readiness_gates.opening(snapshot(one, workload=workload(**fields)), at).actions
    ]


@pytest.mark.parametrize("phase", list(PodPhase))
def test_a_gate_is_closed_by_an_attempt_in_flight_or_not_at_all(phase):
    in_flight = phase in records.IN_FLIGHT
    assert opened(closed(swapping(phase)), later(10)) == ([] if in_flight else ["web-0"])


def test_whoever_closes_a_gate_again_and_again_is_not_answered_at_once():
    look = snapshot(closed())
    assert readiness_gates.opening(look, later(9)) == readiness_gates.Opening((), later(10))
    at = plan(look, later(9)).requeue_at
    assert at is not None
    assert at <= later(10)
    assert opened(closed(), later(10)) == ["web-0"]
    assert opened(closed(since=None), NOW) == ["web-0"]
    assert opened(closed(since=later(9999)), NOW) == ["web-0"], "a time to come is nobody's word"


@pytest.mark.parametrize(
    ("fields", "released"),
    [
        ({}, False),
        ({"annotations": {"retry": "a"}}, True),
        ({"mode": None}, True),
        ({"mode": None, "frozen": False}, True),
    ],
)
def test_an_unreadable_record_keeps_its_gate_closed_until_somebody_says_otherwise(fields, released):
    assert opened(closed(UNREADABLE), later(10), **fields) == (["web-0"] if released else [])


def test_a_retry_is_answered_when_the_gate_is_open():
    asked = workload(replicas=1, annotations={"retry": "a"})
    assert plan(snapshot(closed(UNREADABLE), workload=asked), later(10)).status.retried == ""
    assert plan(snapshot(pod(record=UNREADABLE), workload=asked), later(10)).status.retried == "a"
    old = workload(replicas=1, annotations={"retry": "a", "status": _told(retried="a")})
    assert readiness_gates.opening(snapshot(closed(UNREADABLE), workload=old), later(10)).actions == (), (
        "answered before"
    )


def _told(**changes):
    status = plan(snapshot(pod(revision=NEW), workload=workload(replicas=1)), NOW).status
    assert status is not None
    return msgspec.json.encode(replace(status, **changes)).decode()


@pytest.mark.parametrize("fields", [{"deleted": True}, {"gate": None}])
def test_of_a_pod_that_goes_or_has_no_gate_none_is_opened(fields):
    assert opened(pod(**{"gate": "False", **fields}), later(60)) == []


@pytest.mark.parametrize("record", [None, UNREADABLE])
def test_the_write_tests_that_no_attempt_has_begun_meanwhile(record):
    one = closed(record)
    ops = patches.build(OpenGate(one), NOW).ops
    path = "/metadata/annotations" if record is None else "/metadata/annotations/inplace.dev~1state"
    assert {"op": "test", "path": path, "value": record} in ops
    (write,) = [op for op in ops if op["op"] != "test"]
    assert write["value"] == {
        "type": names.GATE, "status": "True", "reason": "Restored", "lastTransitionTime": stamp(NOW),
    }  # fmt: skip
