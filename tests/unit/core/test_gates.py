"""The setting `gates`: conditions that somebody else sets, before the drain, before the swap, before the Pod serves."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from inplace.cli.connect import Ref
from inplace.cli.plan import _lines as lines
from inplace.core import kinds
from inplace.core.actions.actions import Abort, CloseGate, Complete, PatchImages, RecordFailure
from inplace.core.kinds.statefulset import StatefulSet
from inplace.core.objects.model import Condition
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan import plan as planning
from inplace.core.plan.status import explain
from inplace.core.pod.observation import observe
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase
from inplace.core.views import forecast as forecasts
from tests.factories import DIGEST, NOW, container, later, pod, snapshot, swapping, workload

IDLE = "example.com/Idle"
AFTER = container("c://2", image="app:v2", image_id="app@" + DIGEST["v2"], restarts=1, last="c://1")


def having(one, status, *, at=NOW, message="whatever a tenant says"):
    """The Pod with the condition."""
    condition = Condition(IDLE, status, "Because", message, at)
    return replace(one, status=replace(one.status, conditions=(*one.status.conditions, condition)))


def plan(*pods, gates, at=1.0, annotations=None, **changes):
    observations = {one.uid: seen for one in pods if (seen := observe(None, one, NOW)) is not None}
    body = workload(replicas=len(pods), annotations={"gates": gates, **(annotations or {})})
    return planning.plan(snapshot(*pods, observations=observations, workload=body, **changes), later(at))


def acts(made):
    return [action for action in made.actions if hasattr(action, "pod")]


def only(made):
    (action,) = acts(made)
    return action


def waits(made, number=0):
    assert acts(made) == []
    return explain(made.pods[number], made.deferred)


def draining(**options):
    return pod(gate="False", ready=False, record=swapping(PodPhase.DRAINING), **options)


def swapped(**options):
    record = swapping()
    return pod(AFTER, image="app:v2", gate="False", ready=False, record=record, generation=2, observed=2, **options)


# --- before the drain


@pytest.mark.parametrize("status", ["False", "Unknown", "true", ""])
def test_a_pod_at_rest_waits_for_its_condition_and_says_since_when(status):
    found = waits(plan(having(pod(), status), gates=f"before-drain={IDLE}"))
    assert found.code == ReasonCode.BeforeDrain
    assert found.path == f"status.conditions[{IDLE}]"
    assert "since 2026-01-01 00:00:00 UTC" in found.message
    assert "whatever a tenant says" not in found.message


def test_a_condition_that_nobody_has_set_is_named_as_such():
    assert "nobody has set it" in waits(plan(pod(), gates=f"before-drain={IDLE}")).message


def test_it_begins_when_the_condition_is_true():
    (action,) = acts(plan(having(pod(), "True"), gates=f"before-drain={IDLE}"))
    assert isinstance(action, CloseGate)


def test_who_waits_costs_nothing_and_others_go_first():
    made = plan(pod(name="web-1"), having(pod(name="web-0"), "True"), gates=f"before-drain={IDLE}")
    assert [action.pod.name for action in acts(made)] == ["web-0"]


def test_a_container_that_does_not_run_is_not_waited_for():
    broken = pod(container(running=False, waiting="CrashLoopBackOff"), ready=False, conditions_ready=False)
    assert isinstance(only(plan(broken, gates=f"before-drain={IDLE}")), CloseGate)


def test_a_wait_beyond_the_deadline_degrades_and_goes_on():
    gates = f"before-drain={IDLE}"
    made = plan(pod(), gates=gates, at=601, blocked_since=NOW)
    assert made.status.phase is Phase.DEGRADED
    assert ReasonCode.BeforeDrain in {reason.code for reason in made.status.reasons}
    assert acts(plan(having(pod(), "True"), gates=gates, at=601, blocked_since=NOW))


def test_without_a_readiness_gate_the_swap_is_what_it_waits_for_at_rest():
    assert waits(plan(pod(gate=None), gates=f"before-swap={IDLE}")).code == ReasonCode.BeforeSwap
    (action,) = acts(plan(having(pod(gate=None), "True"), gates=f"before-swap={IDLE}"))
    assert isinstance(action, PatchImages)


# --- before the swap


def test_a_drained_pod_waits_for_its_condition():
    gates = f"before-swap={IDLE}"
    assert isinstance(only(plan(having(pod(), "False"), gates=gates)), CloseGate)
    assert waits(plan(having(draining(), "False"), gates=gates, at=30)).code == ReasonCode.BeforeSwap
    assert isinstance(only(plan(having(draining(), "True"), gates=gates, at=30)), PatchImages)


def test_a_condition_that_never_comes_fails_the_pod_unchanged_and_it_serves_again():
    (action,) = acts(plan(draining(), gates=f"before-swap={IDLE}", at=600))
    assert isinstance(action, RecordFailure)
    assert action.record.reason == ReasonCode.ConditionNotMet
    assert action.record.containers == {}
    assert IDLE in action.record.message


def test_a_pause_takes_a_waiting_pod_back():
    made = plan(draining(), gates=f"before-swap={IDLE}", at=30, annotations={"gates": "before-swap=no such"})
    assert isinstance(only(made), Abort)


# --- before it serves


def test_the_gate_stays_closed_until_the_condition_is_true():
    gates = f"before-ready={IDLE}"
    assert waits(plan(having(swapped(), "False"), gates=gates, at=30)).code == ReasonCode.BeforeReady
    assert isinstance(only(plan(having(swapped(), "True"), gates=gates, at=30)), Complete)


def test_one_that_never_comes_fails_and_one_that_comes_late_recovers():
    gates = f"before-ready={IDLE}"
    (action,) = acts(plan(swapped(), gates=gates, at=700))
    assert isinstance(action, RecordFailure)
    assert action.record.reason == ReasonCode.ConditionNotMet
    failed = replace(swapping(PodPhase.FAILED), reason=ReasonCode.ConditionNotMet)
    late = pod(AFTER, image="app:v2", record=failed, generation=2, observed=2)
    assert acts(plan(late, gates=gates, at=700)) == []
    assert isinstance(only(plan(having(late, "True"), gates=gates, at=700)), Complete)


# --- beforehand


def test_a_plan_says_what_is_waited_for_and_that_no_pod_has_it():
    body = workload(replicas=1, annotations={"gates": f"before-swap={IDLE}, before-ready=Ready2"})
    found = forecasts.forecast(snapshot(having(pod(), "False"), workload=body), NOW)
    notes = {note.code: note.message for note in found.notes}
    assert "no Pod has it" not in notes[ReasonCode.BeforeSwap]
    assert "no Pod has it yet" in notes[ReasonCode.BeforeReady]


def test_a_forecast_can_be_told():
    body = workload(replicas=1, annotations={"gates": f"before-drain={IDLE}"})
    found = forecasts.forecast(snapshot(pod(), workload=body), NOW)
    assert found.pods[0].why_not.code == ReasonCode.BeforeDrain
    assert msgspec.json.encode(found)


def test_a_pod_that_waits_for_a_condition_is_counted_with_its_change():
    """Others end that wait, as they do that for a budget: what is to come is the same."""
    body = workload(replicas=1, annotations={"gates": f"before-drain={IDLE}"})
    found = forecasts.forecast(snapshot(having(pod(), "False"), workload=body), NOW)
    said = lines(Ref(kinds.BY_NAME["StatefulSet"], "default", "web"), found)
    assert (len(found.changing), len(found.starting), found.held, found.waves) == (1, 0, (), 1)
    assert f"  1. web-0 (node): app: app:v1 -> app:v2 (drained first; waits: {found.pods[0].why_not.message})" in said
    assert "  the kubelet: app restarts (up to 30 s to stop)" in said


# --- together


class Recreated(StatefulSet):
    """As a Deployment with the strategy Recreate."""

    def together(self, workload):
        return True


@pytest.mark.parametrize(
    ("kind", "starts"), [(StatefulSet(), ["web-0"]), (Recreated(), [])], ids=["rolling", "recreate"]
)
def test_of_recreate_none_begins_before_all_may(kind, starts):
    pods = having(pod(name="web-0"), "True"), pod(name="web-1")
    made = plan(*pods, gates=f"before-drain={IDLE}", annotations={"max-unavailable": "100%"}, kind=kind)
    assert [action.pod.name for action in acts(made)] == starts
    if not starts:
        assert made.deferred["web-0"].code == ReasonCode.BeforeDrain
        assert "web-1" in made.deferred["web-0"].message


def test_a_pod_that_failed_between_batches_recovers_only_as_a_whole():
    failed = replace(swapping(PodPhase.FAILED), reason=ReasonCode.NeverReady, batches=2)
    late = pod(AFTER, image="app:v2", record=failed, generation=2, observed=2)
    assert acts(plan(late, gates=f"before-ready={IDLE}", at=700)) == [], "nothing is left to swap, and it is not let go"
    assert isinstance(only(plan(having(late, "True"), gates=f"before-ready={IDLE}", at=700)), Complete)


# --- a Pod in flight that serves


@pytest.mark.parametrize("gate", ["True", None], ids=["drained", "not drained"])
@pytest.mark.parametrize("forged", [{"target": "before"}, {"batches": 2, "containers": {}}], ids=["turns", "goes on"])
def test_a_pod_in_flight_that_serves_waits_for_its_condition_before_it_is_disrupted_again(gate, forged):
    """As after a failure for a condition that never came: it serves, and a retry has begun another attempt."""
    serving = pod(gate=gate, record=replace(swapping(), **forged))
    made = plan(having(serving, "False"), gates=f"before-drain={IDLE}")
    assert waits(made).code == ReasonCode.BeforeDrain
    assert isinstance(only(plan(having(serving, "True"), gates=f"before-drain={IDLE}")), CloseGate | PatchImages)
