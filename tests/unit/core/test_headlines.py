"""What the status and the Events say where Pods are kept back, scaled away, or replaced by the native controller."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.cli import endings, errors
from inplace.core.objects.reasons import EventReason, ReasonCode
from inplace.core.plan import messages, plan
from inplace.core.plan.events import events
from inplace.core.state.statuses import Phase, Status
from inplace.core.views import forecast as forecasts
from tests.factories import NEW, NOW, OLD, container, pod, snapshot, workload
from tests.unit.core.test_hand_back import member
from tests.unit.core.test_kinds import deployment, looked, replica_set


def said(phase: Phase, revision: str = NEW, **fields) -> Status:
    return Status(1, 1, revision, phase, 3, 0, 3, 0, 0, NOW, **fields)


def headline(*pods, **settings: str) -> str:
    one = workload(annotations=settings, current=NEW, updated=3, replicas=len(pods))
    status = plan.plan(snapshot(*pods, workload=one), NOW).status
    assert status is not None
    return status.message


def test_a_pod_that_a_later_partition_excludes_is_upgraded_all_the_same():
    new = [pod(container(image="app:v2"), name=f"web-{number}", image="app:v2", revision=NEW) for number in range(3)]
    assert headline(*new, partition="2") == "3 Pods up to date"
    old = pod(name="web-0")
    assert headline(old, *new[1:], partition="2") == "2 Pods up to date, 1 kept on the old revision"


def test_the_last_pod_of_a_replica_set_at_0_is_neither_drift_nor_counted():
    one = deployment("v2", frozen=False, paused=False)
    look = looked(
        one,
        replica_set("web-a", "v2"),
        replica_set("web-o", "v1", replicas=0),
        pods=(member("web-a-0", "v2"), member("web-o-0", "v1", of="web-o")),
    )
    status = plan.plan(replace(look, freeze_policy=True), NOW).status
    assert status is not None
    assert (status.phase, status.updated, status.message) == (Phase.UP_TO_DATE, 1, "1 Pod up to date")
    assert ReasonCode.DriftDetected not in [reason.code for reason in status.reasons]


def test_what_the_native_controller_rolls_out_is_no_upgrade_in_place():
    def started(before: Status, after: Status, *, opted_in: bool = True) -> bool:
        told = events(before, after, opted_in=opted_in)
        return EventReason.UpgradeStarted in [event.reason for event in told]

    native = said(Phase.PROGRESSING, waiting={"NativeRollout": 3})
    assert started(said(Phase.UP_TO_DATE, OLD), said(Phase.PROGRESSING))
    assert not started(said(Phase.HANDED_OVER, OLD), native), "the template was changed while it was handed over"
    assert started(native, said(Phase.PROGRESSING)), "what is left after it is made in place"
    assert not started(native, said(Phase.UP_TO_DATE))
    assert not started(said(Phase.UP_TO_DATE, OLD), said(Phase.PROGRESSING), opted_in=False)


@pytest.mark.parametrize(
    "own",
    [
        pytest.param({"annotations": {"container-order": "app > worker"}}, id="a container that there is not"),
        pytest.param({"annotations": {"paused": "perhaps"}}, id="a value that is not accepted"),
        pytest.param({"strategy": {"type": "Surge"}, "original": '{"type":"Surge"}'}, id="an unknown strategy"),
    ],
)
def test_what_refuses_the_workload_whatever_changes_is_told_alike_before_anything_changes(own):
    """The phase, its label and the exit code of `status` as `plan`, which refuses with 3."""
    there = pod(container(image="app:v2"), image="app:v2", revision=NEW)
    look = snapshot(there, workload=workload(replicas=1, current=NEW, updated=1, ready=1, **own))
    refused = forecasts.forecast(look, NOW).refused
    status = plan.plan(look, NOW).status
    assert refused
    assert status is not None
    assert (status.phase, status.reasons, status.message) == (Phase.REFUSED, refused, str(refused[0]))
    assert endings.code(status, look.workload) == errors.REFUSED


def test_pending_opt_outs_are_told_in_words_that_are_true():
    assert messages.differing(1) == "1 Pod differs from the template"
    assert "3 Pods differ from the template, so the freeze stays" in messages.opt_out_pending(3, held=True)
    assert "put the template back" not in messages.opt_out_pending(3, held=True), "perhaps it is back"
    assert "freeze stays" not in messages.opt_out_pending(3, held=False), "somebody has lifted it"
