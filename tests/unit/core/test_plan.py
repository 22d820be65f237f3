"""A decision as actions, a status, the time of the next look; and what commands make of the same decision."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.cli.connect import Ref
from inplace.cli.plan import _lines as lines
from inplace.core import kinds
from inplace.core.actions.actions import (
    Abort,
    CloseGate,
    LabelPhase,
    OpenGate,
    PatchReplicaSet,
    PatchWorkload,
    WorkloadAction,
    WriteStatus,
)
from inplace.core.objects import names
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import plan as planning
from inplace.core.plan.plan import Planner
from inplace.core.plan.result import Plan
from inplace.core.pod.observation import PodObservation
from inplace.core.state import statuses
from inplace.core.state.records import Author, PodPhase
from inplace.core.state.statuses import Phase, Status
from inplace.core.views import forecast as forecasts
from inplace.core.views import workload as views
from inplace.core.views.forecast import Verdict
from tests.factories import DIGEST, NEW, NOW, OLD, container, later, pod, snapshot, stamp, swapping, template, workload
from tests.unit.core.test_kinds import deployment, looked, replica_set
from tests.unit.core.test_reserve import budget

DONE = replace(swapping(), phase=PodPhase.DONE)


def plan(*pods, at=0.0, **changes):
    return planning.plan(snapshot(*pods, **changes), later(at))


def upgraded(name="web-0", **fields):
    return pod(name=name, **{"revision": NEW, "image": "app:v2", "record": DONE, **fields})


def reporting(one, phase=Phase.PROGRESSING, **fields):
    """The workload as if this had been reported of it."""
    said = Status(1, one.metadata.generation, NEW, phase, 1, 0, 1, 0, 0, NOW, **fields)
    annotations = {**(one.metadata.annotations or {}), names.STATUS: statuses.encode(said)}
    return replace(one, metadata=replace(one.metadata, annotations=annotations))


# --- actions


def test_a_new_pod_that_is_behind_already_gets_its_gate_and_nothing_else():
    made = plan(pod(gate="absent", ready=False))
    assert [type(one) for one in made.actions if hasattr(one, "pod")] == [OpenGate]


def test_nothing_is_written_while_a_write_is_under_way():
    fresh = pod(gate="absent", ready=False)
    assert not [one for one in plan(fresh, pending=frozenset({fresh.uid})).actions if hasattr(one, "pod")]
    lost = workload(replicas=1, strategy={"type": "RollingUpdate"})
    assert [one for one in plan(pod(), workload=lost).actions if isinstance(one, PatchWorkload)]
    assert not plan(pod(), workload=lost, pending=frozenset({"web"})).actions


def test_that_an_upgrade_has_started_is_said_before_anything_is_prepared():
    shot = looked(deployment("v2"), replica_set("a", "v1"), pods=(pod(revision=""),))
    first = planning.plan(shot, NOW)
    assert [type(one) for one in first.actions] == [WriteStatus]
    assert first.status is not None
    assert first.status.phase is Phase.PROGRESSING
    second = replace(shot, workload=reporting(shot.workload))
    assert PatchReplicaSet in [type(one) for one in planning.plan(second, NOW).actions]


def test_the_phase_is_labelled_while_there_is_more_to_write():
    """Of a Deployment the label is a write of its own, which must not wait for the end of an upgrade."""
    shot = looked(deployment("v2"), replica_set("a", "v1"), pods=(pod(revision=""),))
    shot = replace(shot, workload=reporting(shot.workload))
    made = planning.plan(shot, NOW).actions
    assert [type(one) for one in made if isinstance(one, WorkloadAction)] == [PatchReplicaSet, LabelPhase]


def test_a_pod_that_was_broken_is_not_disrupted_once_it_is_ready():
    """It cost no budget."""
    ready, broken = pod(gate=None), pod(gate=None, ready=False)
    recheck = Planner().recheck
    assert recheck(snapshot(ready), ready, NOW) is not None
    assert recheck(snapshot(broken), broken, NOW) is not None
    assert recheck(snapshot(ready), broken, NOW) is not None
    assert recheck(snapshot(broken), ready, NOW) is None


# --- the next look


def test_it_is_looked_again_when_a_wait_ends():
    own = workload(replicas=1, annotations={"grace-period-seconds": "7"})
    drained = pod(gate="False", ready=False, record=swapping(PodPhase.DRAINING))
    seen = {drained.uid: PodObservation(NOW, unready_at=NOW, out_at=NOW)}
    assert plan(drained, workload=own, observations=seen, at=1).requeue_at == later(7)


def test_it_is_looked_again_when_a_step_ends():
    own = workload(replicas=2, annotations={"steps": "1:60s,100%"})
    at_step = reporting(own, Phase.AWAITING_PROMOTION, reached_at=NOW)
    made = plan(pod(), upgraded("web-1"), workload=at_step, at=20)
    assert made.status is not None
    assert (made.status.phase, made.requeue_at) == (Phase.AWAITING_PROMOTION, later(60))


# --- the status


def phase(*pods, **changes):
    made = plan(*pods, **changes)
    assert made.status is not None
    return made.status.phase


def test_a_workload_is_done_when_all_its_pods_are_and_it_is_frozen():
    assert phase(upgraded(), workload=workload(replicas=1)) is Phase.UP_TO_DATE
    assert phase(upgraded(), workload=workload(replicas=2)) is Phase.PROGRESSING, "one is missing"
    settled = reporting(workload(replicas=2), Phase.UP_TO_DATE, healthy=NEW)
    assert phase(upgraded(), workload=settled) is Phase.UP_TO_DATE, "it is replaced without a new rollout"
    assert phase(upgraded(), workload=workload(replicas=1, frozen=False, current=NEW)) is Phase.PROGRESSING


def test_without_pods_a_revision_is_up_to_date_but_neither_healthy_nor_settled():
    """What is scaled up then is judged: nothing has run yet."""
    one = reporting(workload(replicas=0, updated=0, ready=0), healthy=OLD)
    made = plan(workload=one)
    assert (made.status.phase, made.status.healthy) == (Phase.UP_TO_DATE, OLD)
    up = replace(one, metadata=replace(one.metadata, annotations=_told(one, made.status)))
    up = replace(up, spec=replace(up.spec, replicas=2))
    assert phase(workload=up) is Phase.PROGRESSING, "they are missing"
    born = pod(revision=NEW, image="app:v2", ready=False, creationTimestamp=stamp(NOW))
    other = pod(name="web-1", revision=NEW, image="app:v2", creationTimestamp=stamp(NOW))
    made = plan(born, other, workload=up)
    assert (made.status.phase, made.status.healthy) == (Phase.PROGRESSING, OLD)
    made = plan(replace(born, status=other.status), other, workload=up, at=20)
    assert (made.status.phase, made.status.healthy) == (Phase.UP_TO_DATE, NEW)


def test_a_workload_that_was_scaled_to_nothing_and_back_at_a_healthy_revision_is_settled():
    one = reporting(workload(replicas=1), Phase.UP_TO_DATE, healthy=NEW)
    born = pod(revision=NEW, image="app:v2", ready=False, creationTimestamp=stamp(NOW))
    assert phase(born, workload=one, at=10_000) is Phase.UP_TO_DATE


def _told(one, status):
    return {**(one.metadata.annotations or {}), names.STATUS: statuses.encode(status)}


def test_a_revision_is_healthy_only_if_every_pod_is_at_it():
    def healthy(*pods, **changes):
        made = plan(*pods, **changes)
        assert made.status is not None
        return made.status.phase, made.status.healthy

    assert healthy(upgraded(), workload=workload(replicas=1)) == (Phase.UP_TO_DATE, NEW)
    kept = workload(replicas=2, annotations={"partition": "1"})
    assert healthy(pod(), upgraded("web-1"), workload=kept) == (Phase.UP_TO_DATE, "")


# --- opting out


def test_the_result_of_a_restart_stays_for_its_time_where_nothing_is_opted_in():
    result = replace(swapping(PodPhase.DONE), by=Author.COMMAND, kept_until=later(60))
    one = pod(record=result, revision=OLD)
    seen = snapshot(one, workload=workload(replicas=1, mode=None, frozen=False, update=OLD))
    assert planning.plan(seen, later(59)) == Plan(requeue_at=later(60))
    assert planning.plan(seen, later(60)).actions == (Abort(one),)
    busy = replace(seen, pending=frozenset({one.uid}))
    assert planning.plan(busy, later(60)).actions == ()


def test_a_workload_that_opts_out_stays_frozen_while_a_partition_of_ours_keeps_pods():
    own = workload(replicas=2, mode=None, annotations={"partition": "1"})
    shot = snapshot(pod(), upgraded("web-1", record=None), workload=own)
    assert [one.pod.name for one in planning.behind(shot, NOW)] == ["web-0"]
    assert not [one for one in planning.plan(shot, NOW).actions if isinstance(one, PatchWorkload)]
    theirs = '{"type":"RollingUpdate","rollingUpdate":{"partition":1}}'
    assert not planning.behind(replace(shot, workload=workload(replicas=2, mode=None, original=theirs)), NOW)


def test_a_pod_with_an_unreadable_record_does_not_keep_a_workload_from_opting_out():
    one = pod(revision=NEW, image="app:v2", gate="False", ready=False, record='{"v":2}')
    assert planning.behind(snapshot(one, workload=workload(replicas=1, mode=None)), NOW) == []


def test_a_pod_of_an_unknown_revision_is_not_waited_for_where_no_native_rollout_would_replace_it():
    one = pod(revision="another")
    for strategy, awaited in (({"type": "OnDelete"}, False), (None, True)):
        own = workload(replicas=1, mode=None, strategy=strategy)
        found = planning.behind(snapshot(one, workload=own), NOW)
        assert [each.pod.name for each in found] == (["web-0"] if awaited else [])


def test_what_is_reserved_is_given_back_when_opting_out():
    taken = budget(allowed=0, entries={"web-0": 0}, ours=["web-0"])
    one = upgraded(record=None)
    own = workload(replicas=1, mode=None)
    made = plan(one, workload=own, budgets=(taken,))
    [back] = [one for one in made.actions if hasattr(one, "entries")]
    assert back.entries == {}


# --- what commands make of it


def forecast(*pods, **changes):
    return forecasts.forecast(snapshot(*pods, **changes), NOW)


def test_a_forecast_tells_starts_waits_and_those_that_are_held():
    gone = pod(name="web-1", deleted=True)
    made = forecast(pod(name="web-0"), gone, pod(name="web-2"), upgraded("web-3"), workload=workload(replicas=4))
    told = {one.name: (one.verdict, one.why_not.code if one.why_not is not None else None) for one in made.pods}
    assert told == {
        "web-3": (Verdict.UP_TO_DATE, ReasonCode.UpToDate),
        "web-2": (Verdict.WAITS, ReasonCode.Budget),
        "web-1": (Verdict.SKIPPED, ReasonCode.Terminating),
        "web-0": (Verdict.WAITS, ReasonCode.Budget),
    }
    assert not made.is_done
    assert [one.name for one in forecast(pod(), pod(name="web-1")).starting] == ["web-1"]


def test_a_forecast_lists_pods_in_the_order_in_which_they_are_admitted():
    """Spread over zones: web-3 and web-4 first, although web-1 outranks web-4."""
    zones, ranks = "01010", "03142"
    pods = [
        pod(name=f"web-{n}", labels={"app": "web", "controller-revision-hash": OLD, "zone": zones[n], "rank": ranks[n]})
        for n in range(5)
    ]
    settings = {"order-by": "rank", "spread-by": "zone", "max-unavailable": "40%", "partition": "1"}
    look = snapshot(*pods, workload=workload(replicas=5, annotations=settings, ready=5))
    made = forecasts.forecast(look, NOW)
    assert [one.name for one in made.pods if one.verdict is not Verdict.SKIPPED] == ["web-3", "web-4", "web-1", "web-2"]
    assert [one.name for one in made.starting] == ["web-3", "web-4"]
    began = [action.pod.name for action in Planner().plan(look, NOW).actions if isinstance(action, CloseGate)]
    assert began == ["web-3", "web-4"]


def test_pods_that_are_missing_are_told_and_nothing_to_do_in_place():
    """A Deployment without a ReplicaSet, for instance, has none at all."""
    for pods in ((pod(revision=NEW, image="app:v2"),), ()):
        made = forecasts.forecast(snapshot(*pods, workload=workload(replicas=3)), NOW)
        assert (made.is_done, made.missing) == (True, 3 - len(pods))
        said = lines(Ref(kinds.BY_NAME["StatefulSet"], "default", "web"), made)
        assert f"  {3 - len(pods)} of 3 Pods are missing: the StatefulSet controller makes them" in said
    assert forecasts.forecast(snapshot(workload=workload(replicas=0)), NOW).is_done


@pytest.mark.parametrize(
    ("seen", "annotations", "done", "says"),
    [
        ((pod(),), {}, False, "1 of 1 Pods change"),
        ((pod(),), {"paused": "true"}, False, "1 of 1 Pods change"),
        ((pod(),), {"partition": "1"}, True, "nothing to do: 0 of 1 Pods change, 0 are up to date"),
        ((upgraded("web-1"), pod()), {"partition": "1"}, True, "nothing to do: 0 of 2 Pods change, 1 are up to date"),
        (
            (upgraded("web-1", ready=False), pod()),
            {"partition": "1"},
            True,
            "nothing more to do: 0 of 2 Pods change, 1 in progress, 0 are up to date",
        ),
        ((pod(deleted=True),), {}, True, "nothing to do: 0 of 1 Pods change, 0 are up to date"),
        ((pod(gate="False", record=swapping(PodPhase.DRAINING)),), {}, False, "0 would start now, 1 in progress"),
        ((pod(record=replace(swapping(PodPhase.FAILED), reason="CrashLoop")),), {}, False, ", 1 cannot change for now"),
    ],
)
def test_a_plan_says_that_there_is_something_to_do_where_it_exits_so(seen, annotations, done, says):
    look = snapshot(*seen, workload=workload(replicas=len(seen), annotations=annotations))
    made = forecasts.forecast(look, NOW)
    said = "\n".join(lines(Ref(kinds.BY_NAME["StatefulSet"], "default", "web"), made))
    assert made.is_done is done
    assert ("nothing to do" in said or "nothing more to do" in said) is done
    assert says in said


def patched(*statuses, name="web-0"):
    """A Pod that is out of service and has its new image."""
    record = replace(swapping(), generation=1)
    return pod(*statuses, name=name, gate="False", ready=False, revision=NEW, image="app:v2", record=record)


def planned_lines(*pods, **changes):
    made = forecast(*pods, **changes)
    return made, lines(Ref(kinds.BY_NAME["StatefulSet"], "default", "web"), made)


SWAPPED = container("c://2", image_id=f"app@{DIGEST['v2']}")


def test_a_pod_in_flight_that_restarts_once_more_is_counted_and_says_so():
    """Another template while a Pod waits to be ready: it goes on to that one at once, whatever holds the others."""
    third = template("web-third", "app:v3")
    pods = (patched(SWAPPED, name="web-1"), pod(name="web-0"))
    own = workload(replicas=2, annotations={"paused": "true"})
    made, said = planned_lines(*pods, workload=own, target=third)
    assert said[1].startswith(
        "  2 of 2 Pods change, 2 of them restart containers, at most 1 at a time; 0 would start now"
    )
    assert said[1].endswith(", 1 in progress")
    [line] = [line for line in said if "web-1" in line]
    assert line.startswith("  1. web-1 (node): in progress: ")
    assert line.endswith("; then app: app:v2 -> app:v3 (restarts again)")
    assert made.pods[0].again == ("app",)
    assert "  the kubelet: app restarts (up to 30 s to stop)" in said


def test_a_pod_in_flight_counts_as_long_as_anything_of_it_changes():
    draining = pod(gate="False", record=swapping(PodPhase.DRAINING))
    _, said = planned_lines(draining)
    assert said[1].startswith("  1 of 1 Pods change, 1 of them restarts containers")
    assert said[2].endswith("; then app: app:v1 -> app:v2 (restarts)")
    stopping, said = planned_lines(patched())
    assert stopping.pods[0].prediction is not None
    assert stopping.pods[0].prediction.steps[0].kills == ("app",)
    assert said[1].startswith("  1 of 1 Pods change, 1 of them restarts containers")
    assert "; then" not in said[2], "it has been patched"
    assert said[3] == "  the kubelet: app restarts (up to 30 s to stop)"
    _, said = planned_lines(patched(SWAPPED))
    assert said[1].startswith("  0 of 1 Pods change, 0 of them restart containers")
    assert said[1].endswith("1 in progress")
    assert not [line for line in said if "the kubelet" in line]


def test_a_pod_that_cannot_go_on_says_what_it_lacks():
    failed = replace(swapping(PodPhase.FAILED), reason="CrashLoop", message="it crashed")
    _, said = planned_lines(pod(record=failed))
    assert said[-1] == "  1. web-0 (node): failed: it crashed; not done: app: app:v1 -> app:v2"


def test_the_changes_of_a_pod_that_is_there_are_none():
    made = forecast(upgraded(), upgraded("web-1", ready=False), pod(name="web-2"))
    assert [one.metadata_only for one in made.pods] == [False, False, False]
    assert {one.name for one in made.changing} == {"web-2"}


REFUSED_FREEZE = Reason(ReasonCode.WriteRefused, "", "the API server refuses to freeze the workload: no")


@pytest.mark.parametrize("target", [None, template(NEW, "app:v2")])
def test_a_plan_of_a_workload_that_could_not_be_frozen_says_what_a_change_would_do(target):
    """Also of a template that is not applied: the refusal is not about it."""
    own = workload(replicas=1, frozen=False, update=OLD)
    unfrozen = reporting(own, reasons=(REFUSED_FREEZE,))
    told = statuses.read(unfrozen.metadata) if target is None else None
    look = snapshot(pod(), workload=unfrozen, target=target, reported=told)
    made = forecasts.forecast(look, NOW)
    said = lines(Ref(kinds.BY_NAME["StatefulSet"], "default", "web"), made)
    assert not made.frozen
    assert made.hold == REFUSED_FREEZE
    assert made.waves == len(made.starting) == 0
    assert "  not frozen: until it is, the StatefulSet controller replaces the Pods at a change" in said
    assert f"  on hold: WriteRefused: {REFUSED_FREEZE}" in said
    frozen = reporting(workload(replicas=1, update=OLD), reasons=(REFUSED_FREEZE,))
    made = forecasts.forecast(replace(look, workload=frozen, reported=None), NOW)
    assert (made.frozen, made.hold) == (True, None), "what was refused has been done since"
    made = forecasts.forecast(replace(look, workload=workload(replicas=1, mode=None, frozen=False, update=OLD)), NOW)
    assert made.frozen, "a workload that is not opted in is to be frozen when it is"


def test_a_forecast_counts_the_waves_up_to_the_step():
    pods = [pod(name=f"web-{n}") for n in range(5)]
    assert forecast(*pods).waves == 5
    made = forecast(*pods, workload=workload(replicas=5, annotations={"steps": "2,100%"}))
    assert (made.waves, made.step) == (2, "step 1 of 2: 2 Pods; run `inplace promote` to go on")
    assert forecast(*pods, workload=workload(replicas=5, annotations={"paused": "true"})).waves == 0


def test_a_view_tells_what_is_done_from_what_settles_and_what_is_held():
    settles = upgraded("web-2")
    since = tuple(
        replace(one, last_transition_time=NOW) if one.type == "Ready" else one for one in settles.status.conditions
    )
    settles = replace(settles, status=replace(settles.status, conditions=since))
    shot = snapshot(
        pod(name="web-0", deleted=True),
        pod(name="web-1"),
        settles,
        workload=workload(replicas=3, annotations={"min-ready-seconds": "30"}),
    )
    seen = views.build(shot, planning.plan(shot, later(1)))
    told = {one.name: (one.stage, one.reason.code if one.reason is not None else None) for one in seen.pods}
    assert told == {
        "web-2": ("Settling", ReasonCode.MinReadySeconds),
        "web-1": ("Waiting", ReasonCode.Budget),
        "web-0": ("Held", ReasonCode.Terminating),
    }


@pytest.mark.parametrize(
    ("settles", "until", "deadline"),
    [
        pytest.param(upgraded(ready=False), None, later(600), id="upgraded, not Ready"),
        pytest.param(upgraded(ready=False, gate_since=later(595)), None, later(605), id="its gate opened at the end"),
        pytest.param(
            upgraded(ready=False, record=None, scheduled_since=later(7)), None, later(607), id="created, not Ready"
        ),
        pytest.param(
            upgraded(ready=False, record=None, scheduled_since=NOW, deleted=True), None, None, id="created, and going"
        ),
        pytest.param(upgraded(ready_since=later(1)), later(32), None, id="Ready, not for long enough"),
    ],
)
def test_a_pod_that_settles_has_a_deadline_or_an_end(settles, until, deadline):
    own = workload(replicas=1, annotations={"min-ready-seconds": "30"})
    shot = snapshot(settles, workload=own)
    (seen,) = views.build(shot, planning.plan(shot, later(10))).pods
    assert (seen.stage, seen.until, seen.deadline) == ("Settling", until, deadline)


def test_a_pod_that_is_not_ready_and_has_served_has_no_deadline_any_more():
    lost = upgraded(ready=False, ready_since=later(700))
    shot = snapshot(lost, workload=workload(replicas=1))
    (seen,) = views.build(shot, planning.plan(shot, later(800))).pods
    assert (seen.stage, seen.until, seen.deadline) == ("Settling", None, None)


def test_a_start_is_no_wait():
    shot = snapshot(pod())
    made = planning.plan(shot, NOW)
    assert [type(one) for one in made.actions if hasattr(one, "pod")] == [CloseGate]
    assert views.build(shot, made).pods[0].reason is None
