"""One Pod's state machine: every transition, and every reason to wait."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from inplace.core.actions.actions import Abort, CloseGate, Complete, OpenGate, PatchImages, RecordFailure
from inplace.core.objects import names
from inplace.core.objects.model import Meta
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan import plan as planning
from inplace.core.plan.events import events
from inplace.core.plan.status import explain
from inplace.core.pod.observation import PodObservation, observe
from inplace.core.pod.states import InProgress
from inplace.core.rollout.snapshot import PullPods
from inplace.core.state import records, statuses
from inplace.core.state.records import Author, Evidence, PodPhase, Record, Unreadable
from inplace.core.state.statuses import Phase
from inplace.core.views import workload as views
from tests.factories import (
    DIGEST,
    NEW,
    NOW,
    OLD,
    container,
    later,
    node,
    pod,
    refused,
    snapshot,
    stamp,
    swapping,
    template,
    workload,
)

AFTER = container("c://2", image="app:v2", image_id="app@" + DIGEST["v2"], restarts=1, last="c://1")


def plan(one, *, at=1.0, annotations=None, sighted=True, **changes):
    """The plan for a workload of this one Pod."""
    observations = {}
    if sighted and (observation := observe(None, one, NOW)) is not None:
        observations = {one.uid: observation}
    changes.setdefault("workload", workload(replicas=1, annotations=annotations))
    made = planning.plan(snapshot(one, observations=observations, **changes), later(at))
    return made, [action for action in made.actions if hasattr(action, "pod")]


def only(one, **changes):
    """The single action on the Pod."""
    _, actions = plan(one, **changes)
    assert len(actions) == 1, actions
    return actions[0]


def code(one, **changes):
    """Why nothing is done with the Pod."""
    made, actions = plan(one, **changes)
    assert actions == []
    return explain(made.pods[0], made.deferred).code


# --- at rest


def test_a_pod_behind_its_target_is_drained_through_its_gate():
    action = only(pod())
    assert isinstance(action, CloseGate)
    assert (action.record.phase, action.record.base, action.record.target) == (PodPhase.DRAINING, OLD, NEW)
    assert action.record.deadline == later(601)


def test_without_a_gate_it_is_swapped_at_once():
    action = only(pod(gate=None))
    assert isinstance(action, PatchImages)
    assert action.change.images == {"app": "app:v2"}
    assert action.record.containers["app"].id == "c://1"
    assert action.record.generation == 2


def test_drain_never_swaps_a_gated_pod_at_once():
    assert isinstance(only(pod(), annotations={"drain": "Never"}), PatchImages)


def test_drain_required_refuses_a_pod_without_the_gate():
    made, actions = plan(pod(gate=None), annotations={"drain": "Required"})
    assert actions == []
    assert made.status.phase is Phase.REFUSED
    assert made.status.reasons[0].code == ReasonCode.GateMissing


def restarting(image="app:v1"):
    """Templates of which the second asks for a restart; the Pod has what the status says."""
    revisions = {OLD: template(OLD, image), NEW: template(NEW, image)}
    revisions[NEW].tree["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}
    return {"revisions": revisions}


def test_a_restart_starts_what_its_node_lists():
    """Others may write the status of Pods: what the node does not have is another version."""
    known, other = "app@" + DIGEST["v1"], "app@" + DIGEST["v2"]
    changes = restarting()
    for listed, waits in (
        ((), False),  # it lists nothing, or may not be read
        (((known, "app:v1"),), False),
        (((other, "app:v1"),), True),
        (((known,), (other, "app:v1")), False),  # the tag has moved since
        (((other, "app:v2"),), False),  # it does not list the image yet, or has left it out
        (((other, *(f"x:{number}" for number in range(3)), "app:v1"),), False),  # of so many names some are left out
    ):
        changes["nodes"] = {"node": node(images=listed)}
        if waits:
            assert code(pod(), **changes) == ReasonCode.RestartNotSupported
        else:
            assert isinstance(only(pod(), **changes), CloseGate)
    by_digest = f"app:v1@{DIGEST['v1']}"
    changes = restarting(by_digest) | {"nodes": {"node": node(images=((other, "app:v1"),))}}
    assert isinstance(only(pod(image=by_digest), **changes), CloseGate), "the spec has the digest, and no status"


def test_metadata_alone_is_written_in_one_go():
    revisions = {OLD: template(OLD, "app:v1"), NEW: template(NEW, "app:v1")}
    revisions[NEW].tree["metadata"]["labels"]["tier"] = "x"
    action = only(pod(), revisions=revisions)
    assert isinstance(action, Complete)
    assert action.change.labels.add == {"tier": "x"}


def test_nothing_begins_under_a_malformed_setting():
    made, actions = plan(pod(), annotations={"grace-period-seconds": "soon"})
    assert actions == []
    assert made.status.phase is Phase.REFUSED
    assert made.status.reasons[0].code == ReasonCode.SettingInvalid


def test_a_new_pods_gate_is_served_also_when_paused_and_not_opted_in():
    one = pod(gate="absent")
    assert isinstance(only(one, annotations={"paused": "true"}), OpenGate)
    assert isinstance(only(one, workload=workload(mode=None, frozen=False)), OpenGate)


@pytest.mark.parametrize(
    ("expected", "one", "changes"),
    [
        (ReasonCode.Terminating, pod(deleted=True), {}),
        (ReasonCode.NodeNotReady, pod(), {"nodes": {"node": node(ready=False)}}),
        (ReasonCode.NodeNotReady, pod(), {"nodes": {}}),
        (ReasonCode.Paused, pod(), {"annotations": {"paused": "true"}}),
        (ReasonCode.Partition, pod(), {"annotations": {"partition": "1"}}),
        (ReasonCode.LeaderTakeover, pod(), {"not_before": later(5)}),
        (ReasonCode.PendingWrite, pod(), {"pending": frozenset({"uid-web-0"})}),
        (ReasonCode.RevisionUnknown, pod(), {"workload": workload(replicas=1, observed=1)}),
        (ReasonCode.MirrorPod, pod(annotations={names.MIRROR_ANNOTATION: "x"}), {}),
    ],
)
def test_a_pod_is_held_with_a_reason(expected, one, changes):
    assert code(one, **changes) == expected


@pytest.mark.parametrize("waiting", ["ContainerCreating", "PodInitializing"])
def test_a_new_pod_is_not_patched_while_its_container_may_be_starting(waiting):
    """Bounded by its age, so that one that never starts can be mended by another image."""
    creating = container("", image_id="", running=False, waiting=waiting)
    born = pod(creating, ready=False, creationTimestamp=stamp(NOW))
    assert code(born, at=9.9) == ReasonCode.Starting
    made, _ = plan(born, at=9.9)
    assert made.requeue_at == later(10)
    assert isinstance(only(born, at=10), CloseGate)
    failing = container("", image_id="", running=False, waiting="ErrImagePull")
    assert isinstance(only(pod(failing, ready=False, creationTimestamp=stamp(NOW))), CloseGate), "it cannot start"
    assert isinstance(only(pod(creationTimestamp=stamp(NOW))), CloseGate), "it runs"
    bound = pod(creating, ready=False, creationTimestamp=stamp(NOW), scheduled_since=later(60))
    assert code(bound, at=69.9) == ReasonCode.Starting, "from when it had a node"
    assert isinstance(only(bound, at=70), CloseGate)


def test_a_pod_whose_revision_is_not_known_refuses_the_workload():
    made, _ = plan(pod(revision="web-lost"))
    assert made.status.reasons[0].code == ReasonCode.BaseUnknown


# --- draining


def draining(**fields):
    return pod(gate="False", record=swapping(PodPhase.DRAINING), **fields)


def test_ready_is_waited_for_to_be_false():
    assert code(draining(ready=True)) == ReasonCode.WaitingForUnready


def test_unready_must_have_been_seen_by_this_process():
    assert code(draining(ready=False), sighted=False) == ReasonCode.WaitingForUnready


def test_the_grace_period_runs_from_observed_unready():
    grace = {"grace-period-seconds": "10"}
    assert code(draining(ready=False), annotations=grace, at=9.9) == ReasonCode.GracePeriod
    made, _ = plan(draining(ready=False), annotations=grace, at=5)
    assert made.requeue_at == later(10)
    assert isinstance(only(draining(ready=False), annotations=grace, at=10), PatchImages)


def test_an_endpoint_that_serves_is_waited_for_but_not_for_ever():
    drained = pod(gate="False", ready=False, record=swapping(PodPhase.DRAINING))
    own = workload(replicas=1, annotations={"grace-period-seconds": "3"})
    shot = snapshot(drained, workload=own, observations={drained.uid: PodObservation(NOW, unready_at=NOW)})

    def looked(at):
        made = planning.plan(shot, later(at))
        assert not [one for one in made.actions if isinstance(one, PatchImages)], "it serves"
        return explain(made.pods[0], made.deferred).code, made.requeue_at

    assert looked(9) == (ReasonCode.WaitingForEndpoints, later(10))
    assert looked(12) == (ReasonCode.EndpointsSlow, later(13))
    assert [one for one in planning.plan(shot, later(13)).actions if isinstance(one, PatchImages)]


def test_a_refused_change_puts_a_drained_pod_back():
    revisions = {OLD: template(OLD, "app:v1"), NEW: template(NEW, "app:v2", hostname="x")}
    assert isinstance(only(draining(ready=False), revisions=revisions), Abort)
    assert isinstance(only(draining(ready=False), annotations={"partition": "x"}), Abort)


def test_a_template_that_went_back_finishes_a_drained_pod_untouched():
    action = only(draining(ready=False), workload=workload(replicas=1, update=OLD))
    assert isinstance(action, Complete)
    assert (action.record.target, action.record.containers) == (OLD, {})


def test_a_drain_that_never_ends_fails_at_the_deadline():
    action = only(draining(ready=True), at=601)
    assert isinstance(action, RecordFailure)
    assert action.record.reason == ReasonCode.DeadlineExceeded


def test_a_drained_pod_waits_while_the_target_is_not_known_but_not_for_ever():
    unknown = workload(replicas=1, observed=1)
    assert code(draining(ready=False), workload=unknown) == ReasonCode.RevisionUnknown
    assert isinstance(only(draining(ready=False), workload=unknown, at=601), RecordFailure)


def test_paused_pods_in_flight_finish():
    assert isinstance(only(draining(ready=False), annotations={"paused": "true"}), PatchImages)


# --- swapping


def swapped(status=AFTER, *, gate="False", record=None, image="app:v2", **fields):
    fields = {"ready": False, "generation": 2, "observed": 2, **fields}
    return pod(status, gate=gate, record=record or swapping(), image=image, **fields)


def test_evidence_and_readiness_finish_it():
    action = only(swapped())
    assert isinstance(action, Complete)
    assert action.record.phase is PodPhase.DONE
    assert action.record.containers["app"].evidence == Evidence.IMAGE_CHANGED


def test_without_evidence_it_waits_and_fails_at_the_deadline():
    old = swapped(container("c://1"))
    assert code(old) == ReasonCode.WaitingForSwap
    action = only(old, at=601)
    assert isinstance(action, RecordFailure)
    assert action.record.reason == ReasonCode.NotSwapped


def test_min_ready_without_a_gate_runs_from_the_new_containers_start():
    options = {"annotations": {"min-ready-seconds": "30"}}
    assert code(swapped(gate=None, ready=True), at=20, **options) == ReasonCode.MinReadySeconds
    assert isinstance(only(swapped(gate=None, ready=True), at=32, **options), Complete)


def test_a_container_that_has_ended_is_not_believed_at_once():
    ended = container("c://3", image_id="app@" + DIGEST["v2"], restarts=2, last="c://2", started=later(50))
    assert code(swapped(ended), at=52, sighted=False) == ReasonCode.WaitingForReady
    assert isinstance(only(swapped(ended), at=62, sighted=False), Complete)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (container("c://1", running=False, waiting="InvalidImageName"), ReasonCode.ImagePull),
        (
            container("c://9", running=False, waiting="CrashLoopBackOff", restarts=3, last="c://8"),
            ReasonCode.CrashLoop,
        ),
        (
            container(
                "c://9", running=False, waiting="CrashLoopBackOff", restarts=3, last="c://8", exit_reason="OOMKilled"
            ),
            ReasonCode.OOMKilled,
        ),
    ],
)
def test_a_verdict_fails_it_at_once_and_opens_the_gate(status, expected):
    action = only(swapped(status))
    assert isinstance(action, RecordFailure)
    assert action.record.reason == expected


@pytest.mark.parametrize(
    "waiting", ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "CrashLoopBackOff"]
)
def test_what_may_pass_by_itself_only_waits_and_names_the_failure_at_the_deadline(waiting):
    one = swapped(container("c://1", running=False, waiting=waiting, restarts=1))
    assert code(one) == ReasonCode.WaitingForSwap
    assert only(one, at=601).record.reason in {ReasonCode.ImagePull, ReasonCode.ContainerCreate, ReasonCode.CrashLoop}


@pytest.mark.parametrize(
    ("before", "expected"), [("ErrImagePull", ReasonCode.ImagePull), ("ContainerCreating", ReasonCode.NotSwapped)]
)
def test_the_pause_after_the_old_container_ended_is_no_crash_loop_of_the_new_one(before, expected):
    """The kubelet says CrashLoopBackOff although the image was never pulled, and nothing of it has run."""
    waits = container("c://1", running=False, waiting=before)
    seen = observe(None, swapped(waits), NOW)
    paused = swapped(container("c://1", running=False, waiting="CrashLoopBackOff"))
    seen = observe(seen, paused, later(1))
    made = planning.plan(snapshot(paused, workload=workload(replicas=1), observations={paused.uid: seen}), later(601))
    [action] = [one for one in made.actions if hasattr(one, "pod")]
    assert action.record.reason == expected
    assert "app:v2" in action.record.message


STOPPED = container("c://1", running=False, waiting="ErrImagePull", ended=later(300), last="c://1")


@pytest.mark.parametrize(
    ("status", "fails"),
    [
        pytest.param(container("c://1"), 1500, id="it still stops"),
        pytest.param(STOPPED, 901, id="it has stopped"),
        pytest.param({**STOPPED, "lastState": {}}, 1500, id="when it stopped is not known"),
        pytest.param(container("c://2", started=later(2), restarts=1), 603, id="it stopped at once"),
    ],
)
def test_the_deadline_counts_from_the_end_of_the_old_container(status, fails):
    """It stops as it was asked to, which may take longer than the deadline; the rest of its time is not waited for."""
    began = pod(gate=None)
    began = replace(began, spec=replace(began.spec, termination_grace_period_seconds=900))
    record = only(began, at=0).record
    assert record.deadline == later(1500)
    one = swapped(status, gate=None, record=record, conditions_ready=False)
    one = replace(one, spec=replace(one.spec, termination_grace_period_seconds=900))
    made, actions = plan(one, at=fails - 1)
    assert actions == []
    assert views.build(snapshot(one), made).pods[0].deadline == later(fails)
    assert isinstance(only(one, at=fails), RecordFailure)


def test_a_grace_period_without_bounds_is_no_error():
    one = pod(gate=None)
    for seconds in (10**15, -5):
        many = replace(one, spec=replace(one.spec, termination_grace_period_seconds=seconds))
        assert isinstance(only(many), PatchImages)


def test_a_lost_node_is_named_at_the_deadline():
    assert only(swapped(container("c://1")), at=601, nodes={}).record.reason == ReasonCode.NodeLost


def test_a_new_template_redirects_it_with_a_new_attempt_and_deadline():
    third = {OLD: template(OLD, "app:v1"), NEW: template(NEW, "app:v2"), "web-3": template("web-3", "app:v3")}
    action = only(swapped(container("c://1")), revisions=third, workload=workload(replicas=1, update="web-3"), at=100)
    assert isinstance(action, PatchImages)
    assert (action.record.attempt, action.record.target, action.record.deadline) == (2, "web-3", later(730))
    assert action.change.images == {"app": "app:v3"}
    assert action.record.containers["app"].unsettled


def test_a_refused_template_lets_what_is_patched_finish():
    refused = {
        OLD: template(OLD, "app:v1"),
        NEW: template(NEW, "app:v2"),
        "web-3": template("web-3", "app:v2", hostname="x"),
    }
    action = only(swapped(), revisions=refused, workload=workload(replicas=1, update="web-3"))
    assert isinstance(action, Complete)
    assert action.record.target == NEW


def test_somebody_elses_image_fails_it():
    action = only(swapped(container("c://1"), image="app:other"))
    assert isinstance(action, RecordFailure)
    assert action.record.reason == ReasonCode.ImageOverridden


def test_a_write_that_is_refused_for_good_fails_it():
    action = only(draining(ready=False), failed_writes=(refused("uid-web-0", "PodSecurity says no"),))
    assert isinstance(action, RecordFailure)
    assert "PodSecurity" in action.record.message


def test_a_pod_on_its_way_out_is_left_alone():
    assert code(swapped(deleted=True)) == ReasonCode.Terminating


# --- failed


def failed(status=None, **fields):
    record = replace(swapping(PodPhase.FAILED), reason="ImagePull", message="no such image")
    waiting = status or container("c://1", running=False, waiting="ImagePullBackOff")
    return swapped(waiting, gate="True", record=record, **fields)


def test_a_failed_pod_stays_failed_for_its_target_and_degrades_the_workload():
    made, actions = plan(failed())
    assert actions == []
    assert made.status.phase is Phase.DEGRADED
    assert made.status.failures[0].message == "no such image"


def test_a_failed_pod_that_recovers_by_itself_is_done():
    action = only(failed(AFTER, conditions_ready=True))
    assert isinstance(action, Complete)
    assert (action.record.phase, action.record.reason) == (PodPhase.DONE, "")


def test_a_corrected_template_starts_a_failed_pod_again_without_budget():
    third = {OLD: template(OLD, "app:v1"), NEW: template(NEW, "app:v2"), "web-3": template("web-3", "app:v3")}
    action = only(failed(), revisions=third, workload=workload(replicas=1, update="web-3"))
    assert isinstance(action, CloseGate)
    assert (action.record.attempt, action.record.target) == (2, "web-3")


def test_a_template_taken_back_puts_the_old_image_back_and_proves_it():
    action = only(failed(), workload=workload(replicas=1, update=OLD))
    assert isinstance(action, CloseGate)
    drained = pod(
        container("c://1", running=False, waiting="x"), gate="False", ready=False, record=action.record, image="app:v2"
    )
    swap = only(drained, workload=workload(replicas=1, update=OLD))
    assert isinstance(swap, PatchImages)
    assert swap.change.images == {"app": "app:v1"}


def test_a_failed_pod_begins_again_when_somebody_asks_for_it():
    action = only(failed(), annotations={"retry": "x"})
    assert isinstance(action, PatchImages)
    assert not action.change.images, "its image stands already; it is to be proven"
    assert (action.record.attempt, action.record.answers) == (2, "x")


def test_an_upgraded_pod_that_crashes_has_failed_and_its_next_attempt_has_exits_of_its_own():
    crashing = container("c://9", image="app:v2", restarts=5, running=False, waiting="CrashLoopBackOff", last="c://8")
    record = replace(swapping(), phase=PodPhase.DONE)

    def upgraded(said):
        return pod(crashing, revision=NEW, image="app:v2", ready=False, record=said)

    made, [action] = plan(upgraded(record))
    assert isinstance(action, RecordFailure), "an exit after the deadline hides how many came before it"
    assert action.record.reason == ReasonCode.CrashLoop
    assert [failure.code for failure in made.status.failures] == [ReasonCode.CrashLoop]
    again = only(upgraded(record), annotations={"retry": "x"})
    assert isinstance(again, Complete)
    assert (again.record.attempt, again.record.containers["app"].restarts) == (2, 4)
    made, _ = plan(upgraded(again.record), annotations={"retry": "x"})
    assert made.status.failures == ()


def pulling(*states):
    """A Pod in the last of these states of waiting, and what was observed of them all."""
    observation = one = None
    for number, state in enumerate(states):
        one = swapped(container("c://1", running=False, waiting=state, last="c://1"))
        observation = observe(observation, one, later(number / 10))
    return one, {one.uid: observation}


@pytest.mark.parametrize(
    ("states", "fails"),
    [
        (("ErrImagePull", "ImagePullBackOff", "ErrImagePull"), False),
        (("ErrImagePull", "ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"), True),
        # seen of a kubelet: after the exit of the old container it calls a pause between two pulls a crash loop
        (("ErrImagePull", "ImagePullBackOff", "CrashLoopBackOff", "ErrImagePull"), False),
        (("ErrImagePull", "ImagePullBackOff", "CrashLoopBackOff", "ErrImagePull", "CrashLoopBackOff"), True),
        (("CrashLoopBackOff", "ErrImagePull", "CrashLoopBackOff", "ErrImagePull", "CrashLoopBackOff"), True),
        (("CrashLoopBackOff", "ErrImagePull", "CrashLoopBackOff", "CrashLoopBackOff"), False),
    ],
)
def test_two_pauses_after_failed_pulls_are_a_verdict_whatever_they_are_called(states, fails):
    one, observations = pulling(*states)
    made = planning.plan(snapshot(one, observations=observations, workload=workload(replicas=1)), later(9))
    failed = [action.record.reason for action in made.actions if isinstance(action, RecordFailure)]
    assert failed == (["ImagePull"] if fails else [])


def upgraded(status=AFTER, **fields):
    """A Pod whose upgrade was completed at 20 s; it had been unready since 5 s."""
    record = replace(
        swapping(PodPhase.DONE, evidence="ImageChanged"), ready_changed_at=fields.pop("unready_at", later(5))
    )
    fields = {"ready": False, "generation": 2, "observed": 2, "gate_since": later(20), **fields}
    return pod(status, revision=NEW, image="app:v2", record=record, **fields)


@pytest.mark.parametrize("at", [601, 3 * 86400])
@pytest.mark.parametrize("nodes", [{"node": node()}, {"node": node(ready=False)}])
@pytest.mark.parametrize("lost_at", [50, 700, 3 * 86400 - 1])
def test_a_pod_that_has_served_since_its_upgrade_does_not_fail_any_more(lost_at, nodes, at):
    """Neither a probe that fails for once nor a node that is lost is the upgrade's, however long the rollout takes."""
    if lost_at > at:
        return
    settings = {"steps": "1", "min-ready-seconds": "30"}
    made, actions = plan(upgraded(ready_since=later(lost_at)), at=at, annotations=settings, nodes=nodes)
    assert (actions, made.status.failures) == ([], ())
    assert explain(made.pods[0], made.deferred).code == ReasonCode.WaitingForReady


@pytest.mark.parametrize(
    ("expected", "one", "nodes"),
    [
        pytest.param(ReasonCode.NeverReady, upgraded(ready_since=later(5)), True, id="never Ready"),
        pytest.param(
            ReasonCode.NeverReady,
            upgraded(ready_since=later(300), unready_at=later(300)),
            True,
            id="never Ready, and the node's clock is ahead",
        ),
        pytest.param(ReasonCode.NeverReady, upgraded(ready_since=later(49)), True, id="for less than min-ready"),
        pytest.param(
            ReasonCode.NeverReady, upgraded(ready_since=later(300), unready_at=UNSET), True, id="an older record"
        ),
        pytest.param(
            ReasonCode.NeverReady,
            upgraded(container("c://3", restarts=2, running=False, last="c://2"), ready_since=later(300)),
            True,
            id="its container exited",
        ),
        pytest.param(ReasonCode.NodeLost, upgraded(ready_since=later(5)), False, id="its node was lost before"),
    ],
)
def test_a_pod_that_has_not_served_since_its_upgrade_fails_at_the_deadline(expected, one, nodes):
    settings = {"min-ready-seconds": "30"}
    known = {"node": node(ready=nodes)}
    assert plan(one, at=599, annotations=settings, nodes=known)[0].status.failures == ()
    made, _ = plan(one, at=601, annotations=settings, nodes=known)
    assert [failure.code for failure in made.status.failures] == [expected]


def born(status=None, **fields):
    """A Pod that was created at the target, at NOW."""
    waiting = status or container("", running=False, waiting="ImagePullBackOff", image="app:v2")
    fields = {"ready": False, "creationTimestamp": stamp(NOW), **fields}
    return pod(waiting, revision=NEW, image="app:v2", **fields)


@pytest.mark.parametrize(
    ("expected", "one", "changes"),
    [
        (ReasonCode.ImagePull, born(), {}),
        (ReasonCode.CrashLoop, born(container(restarts=2, running=False, waiting="CrashLoopBackOff")), {}),
        (ReasonCode.NeverReady, born(container("c://1", image="app:v2")), {}),
        (ReasonCode.NeverReady, born(container("c://1", image="app:v2"), ready_since=NOW), {}),
        (ReasonCode.NeverReady, born(container("c://1", image="app:v2", restarts=1), ready_since=later(599)), {}),
        (
            ReasonCode.NeverReady,
            born(container("c://1", image="app:v2"), ready_since=later(30)),
            {"annotations": {"min-ready-seconds": "30"}},
        ),
        (None, born(container("c://1", image="app:v2"), ready_since=later(599)), {}),
        (ReasonCode.NodeLost, born(), {"nodes": {"node": node(ready=False)}}),
        (None, born(container("c://1", image="app:v2"), ready_since=later(600)), {}),
        (None, born(deleted=True), {}),
    ],
)
def test_a_pod_that_was_created_at_the_target_is_judged_by_its_deadline_too(expected, one, changes):
    waits, _ = plan(one, at=599, **changes)
    assert waits.status.failures == ()
    assert waits.requeue_at == later(600)
    made, actions = plan(one, at=600, **changes)
    assert actions == []
    assert [failure.code for failure in made.status.failures] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(swapped(container("c://1")), id="in flight"),
        pytest.param(upgraded(ready_since=later(5)), id="its gate is open"),
        pytest.param(born(container("c://1", image="app:v2")), id="created so"),
    ],
)
def test_no_deadline_is_over_before_it_can_be_known_whether_it_was_met(one):
    away = {"no_verdict_before": later(700), "nodes": {"node": node()}}
    waits, actions = plan(one, at=699, **away)
    assert (actions, waits.status.failures) == ([], ())
    assert waits.requeue_at <= later(700)
    made, actions = plan(one, at=700, **away)
    assert actions or made.status.failures


def test_a_pod_that_waited_for_a_node_is_judged_from_when_it_had_one():
    waited = born(scheduled_since=later(5000))
    waits, _ = plan(waited, at=5599)
    assert waits.status.failures == ()
    assert waits.requeue_at == later(5600)
    assert [failure.code for failure in plan(waited, at=5600)[0].status.failures] == [ReasonCode.ImagePull]


def test_a_kubelet_may_answer_the_gate_that_was_opened_at_the_deadline():
    late = upgraded(ready_since=later(5), gate_since=later(598))
    waits, _ = plan(late, at=607)
    assert waits.status.failures == ()
    assert waits.requeue_at == later(608)
    assert [failure.code for failure in plan(late, at=608)[0].status.failures] == [ReasonCode.NeverReady]


def test_a_pod_that_was_created_at_the_target_and_failed_gets_its_time_anew_on_request():
    action = only(born(), at=700, annotations={"retry": "x"})
    assert isinstance(action, Complete)
    assert (action.record.attempt, action.record.deadline, action.record.answers) == (1, later(1300), "x")
    made, _ = plan(born(record=action.record), at=701, annotations={"retry": "x"})
    assert made.status.failures == ()


def test_without_rights_on_nodes_a_pod_that_is_never_ready_is_no_lost_node():
    made, _ = plan(upgraded(ready_since=later(5)), at=601, nodes={}, unseen=frozenset({"nodes"}))
    assert [failure.code for failure in made.status.failures] == [ReasonCode.NeverReady]
    action = only(swapped(container("c://1")), at=601, nodes={}, unseen=frozenset({"nodes"}))
    assert action.record.reason == ReasonCode.NotSwapped


@pytest.mark.parametrize(("last", "counts"), [(599, True), (3 * 86400, False)])
def test_only_exits_by_the_deadline_are_a_crash_loop(last, counts):
    """Three exits in days are no verdict upon the image."""
    crashing = container(
        "c://9", restarts=4, running=False, waiting="CrashLoopBackOff", last="c://8", ended=later(last)
    )
    made, actions = plan(upgraded(crashing, ready_since=later(last)), at=last + 1, annotations={"steps": "1"})
    assert [failure.code for failure in made.status.failures] == ([ReasonCode.CrashLoop] if counts else [])
    assert len(actions) == counts


def test_a_crash_loop_that_ends_by_itself_is_done_and_its_exits_no_longer_count():
    record = replace(swapping(PodPhase.FAILED, evidence="ImageChanged"), reason="CrashLoop")
    running = container("c://9", image="app:v2", restarts=4, last="c://8", ended=later(40), started=later(50))
    action = only(swapped(running, gate="True", record=record, conditions_ready=True), at=70, sighted=False)
    assert isinstance(action, Complete)
    assert (action.record.phase, action.record.containers["app"].restarts) == (PodPhase.DONE, 3)


def test_a_drained_pod_does_not_turn_to_an_image_that_is_not_there():
    drained = pod(gate="False", ready=False, record=swapping(PodPhase.DRAINING))
    third = {OLD: template(OLD, "app:v1"), NEW: template(NEW, "app:v2"), "web-3": template("web-3", "app:v3")}
    turned = {"revisions": third, "workload": workload(replicas=1, update="web-3")}
    assert isinstance(only(drained, pull_pods=PullPods(), **turned), Abort), "back into service until it is there"
    there = {"node": node(images=(("app:v3",),))}
    assert isinstance(only(drained, pull_pods=PullPods(), nodes=there, **turned), PatchImages)


def test_without_rights_on_nodes_nothing_is_said_about_them():
    assert code(pod(), nodes={}) == ReasonCode.NodeNotReady
    assert isinstance(only(pod(), nodes={}, unseen=frozenset({"nodes"})), CloseGate)


def test_an_unreadable_record_behind_a_closed_gate_is_a_failure_and_is_never_patched():
    for text in ("{", '{"v":1}', ""):
        made, actions = plan(pod(gate="False", record=text))
        assert actions == []
        assert made.status.failures[0].code == ReasonCode.StateUnreadable


def test_an_unreadable_record_behind_an_open_gate_is_nothing():
    assert isinstance(only(pod(record="{")), CloseGate)


@pytest.mark.parametrize("phase", list(PodPhase))
@pytest.mark.parametrize("gate", ["True", "False"])
def test_a_record_of_another_workload_is_none(phase, gate):
    """Restored from a backup, or orphaned and adopted: its gate is opened, and the upgrade begins anew."""
    foreign = replace(swapping(phase, attempt=7), workload="another", deadline=later(-60), reason="NeverReady")
    action = only(pod(gate=gate, ready=gate == "True", record=foreign))
    if gate == "False":
        assert isinstance(action, OpenGate)
        return
    assert isinstance(action, CloseGate)
    assert (action.record.attempt, action.record.workload, action.record.containers) == (1, "web", {})


def test_drift_is_reported():
    done = replace(swapping(PodPhase.DONE), phase=PodPhase.DONE)
    for record in (done, None):
        made, _ = plan(pod(revision=NEW, record=record, image="app:other"))
        assert [reason.code for reason in made.status.reasons] == [ReasonCode.DriftDetected]
        assert made.pods[0].drift


def test_drift_beyond_what_is_stored_is_not_told_again_and_again():
    many = [pod(name=f"web-{number}", revision=NEW, image="app:other") for number in range(12)]
    told = planning.plan(snapshot(*many), NOW).status
    assert told is not None
    before = statuses.read(Meta(annotations={names.STATUS: statuses.encode(told)}))
    assert len(events(None, told)) == statuses.MAX_REASONS
    assert events(before, told) == ()


# --- by a user's own command


def by_command(phase=PodPhase.DRAINING):
    return replace(swapping(phase), by=Author.COMMAND)


@pytest.mark.parametrize("phase", [PodPhase.DRAINING, PodPhase.SWAPPING])
@pytest.mark.parametrize("mode", ["InPlaceOnly", None])
def test_a_pod_on_which_a_command_works_is_left_alone_until_its_deadline(phase, mode):
    one = pod(gate="False", ready=False, record=by_command(phase))
    shop = workload(replicas=1, mode=mode, frozen=mode is not None)
    made, actions = plan(one, workload=shop, at=599)
    assert actions == []
    assert isinstance(made.pods[0].state, InProgress)
    assert made.pods[0].state.reason.code == ReasonCode.ByCommand
    assert made.requeue_at is not None
    assert made.requeue_at <= later(600)


@pytest.mark.parametrize("request_", ["", "sidecars proxy=proxy:v2"])
def test_until_when_a_command_may_work_on_a_pod_is_said_with_the_date_and_what_ends_it(request_):
    record = replace(by_command(), request=request_ or UNSET)
    made, _ = plan(pod(gate="False", ready=False, record=record))
    message = str(explain(made.pods[0], made.deferred))
    how = "the same command, started again," if request_ else "`inplace restart pod/web-0`"
    assert f"left alone until 2026-01-01 00:10:00 UTC, unless {how} goes on with it" in message


@pytest.mark.parametrize("gate", ["False", "True", None])
def test_a_gate_is_said_to_be_opened_only_where_one_is_not_open(gate):
    """Of a Pod without one, or drained by nobody."""
    one = pod(AFTER, image="app:v2", generation=2, observed=2, record=swapping(), gate=gate, ready=gate != "False")
    made, (action,) = plan(one)
    state = made.pods[0].state
    assert isinstance(state, InProgress)
    assert isinstance(action, Complete)
    assert state.reason.message == "swapped and ready" + ("; opening the gate" if gate == "False" else "")


def test_a_command_that_has_not_ended_by_its_deadline_is_cleaned_up_after():
    drained = only(pod(gate="False", ready=False, record=by_command()), at=600)
    assert isinstance(drained, Abort), "nothing was done to its containers: it serves again, and nothing has failed"
    action = only(pod(gate="False", ready=False, record=by_command(PodPhase.SWAPPING)), at=631)
    assert isinstance(action, RecordFailure)
    assert (action.record.reason, action.record.by) == (ReasonCode.CommandLost, UNSET)


def test_the_pod_of_a_command_costs_budget():
    mine = pod(gate="False", ready=False, record=by_command())
    without = planning.plan(snapshot(pod(), pod(name="web-1"), workload=workload(replicas=2)), later(1))
    made = planning.plan(snapshot(mine, pod(name="web-1"), workload=workload(replicas=2)), later(1))
    assert [type(one) for one in without.actions if hasattr(one, "pod")] == [CloseGate]
    assert not [one for one in made.actions if hasattr(one, "pod")]


def test_only_a_known_author_is_believed():
    text = records.encode(by_command())
    assert isinstance(records.decode(text), Record)
    assert isinstance(records.decode(text.replace('"command"', '"somebody"')), Unreadable)


def test_a_batch_is_not_over_before_what_it_swapped_is_ready():
    """Whatever the containers to come are at."""
    at2: dict[str, Any] = {"generation": 2, "observed": 2, "ready": False, "conditions_ready": False, "gate": "False"}
    statuses = {**AFTER, "ready": False}, container("c://9", name="b", image="b:v1")
    one = pod(*statuses, image="app:v2", record=replace(swapping(), batch=0, batches=2), **at2)
    containers = [*one.spec.containers, replace(one.spec.containers[0], name="b", image="b:v1")]
    one = replace(one, spec=replace(one.spec, containers=containers))

    def both(revision, tag):
        found = template(revision, f"app:{tag}")
        found.tree["spec"]["containers"].append({"name": "b", "image": f"b:{tag}"})
        return found

    revisions = {OLD: both(OLD, "v1"), NEW: both(NEW, "v2")}
    ordered = {"annotations": {"container-order": "app > b", "pre-pull": "Never"}, "revisions": revisions}
    assert code(one, **ordered) == ReasonCode.WaitingForReady
    ready, beside = one.status.container_statuses
    one = replace(one, status=replace(one.status, container_statuses=[replace(ready, ready=True), beside]))
    assert isinstance(only(one, at=60, **ordered), PatchImages)
