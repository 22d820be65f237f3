"""Why nothing may start in a workload: every check of the chain, their order, and what each asks for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.actions.actions import CreateReplicaSet, PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.plan import Planner, plan
from inplace.core.rollout import freeze, holds
from inplace.core.rollout.snapshot import FailedWrite, PullPods
from inplace.core.state import statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from tests.factories import NEW, NOW, OLD, container, later, node, pod, snapshot, swapping, template, workload
from tests.unit.core.test_kinds import actions, deployment, looked, replica_set

FAILED = pod(
    name="web-1",
    record=replace(swapping(PodPhase.FAILED), reason=ReasonCode.NeverReady, message="why"),
    image="app:v2",
    generation=2,
)
FREEZE_LOST = workload(replicas=1, strategy={"type": "RollingUpdate"})
#: A change that no container can take in place.
REFUSED = {OLD: template(OLD, "app:v1"), NEW: template(NEW, "app:v2", hostname="x")}


def hold(*pods, at=0.0, **changes):
    """Why nothing may start."""
    return Planner().decide(snapshot(*pods, **changes), later(at)).hold


def codes(shot):
    """All that holds it, each found once what holds before it is taken away."""
    assessment = Planner().decide(shot, NOW).assessment
    return [found.reason.code for check in holds.HOLDS if (found := check(assessment)) is not None]


def reported(**waiting):
    """What the controller has said."""
    return Status(1, 2, NEW, Phase.PROGRESSING, 1, 0, 1, 0, 0, NOW, waiting=waiting)


CHECKS = [
    pytest.param({"revisions": REFUSED}, ReasonCode.FieldChanged, id="refused"),
    pytest.param({"workload": workload(replicas=1, frozen=False, current=NEW)}, ReasonCode.Freezing, id="freeze"),
    pytest.param({"workload": workload(replicas=1, observed=1)}, ReasonCode.RevisionUnknown, id="target"),
    pytest.param({"workload": workload(replicas=1, annotations={"paused": "true"})}, ReasonCode.Paused, id="paused"),
    pytest.param(
        {"pods": (pod(), FAILED), "workload": workload(replicas=2)}, ReasonCode.WorkloadDegraded, id="failures"
    ),
    pytest.param({"stale": "pods: away"}, ReasonCode.CacheStale, id="stale"),
    pytest.param({"not_before": later(5)}, ReasonCode.LeaderTakeover, id="takeover"),
    pytest.param({"dry_runs": {}}, ReasonCode.Preflight, id="dry runs"),
    pytest.param({"reported": reported(LeaderTakeover=1)}, ReasonCode.LeaderTakeover, id="reported"),
    *(
        pytest.param({"reported": replace(reported(), reasons=(Reason(code, "", "why"),))}, code, id=f"reported {code}")
        for code in (ReasonCode.AdmissionRejected, ReasonCode.ImageRewritten, ReasonCode.FreezeContested)
    ),
]


@pytest.mark.parametrize(("changes", "code"), CHECKS)
def test_each_check_holds_every_pod(changes, code):
    shot = replace(snapshot(pod()), **changes)
    decision = Planner().decide(shot, NOW)
    assert decision.hold is not None
    assert decision.hold.reason.code == code
    assert not decision.admission.granted
    assert {reason.code for reason in decision.admission.deferred.values()} <= {code}


def test_a_replica_set_without_the_new_template_holds_its_pods():
    shot = looked(deployment("v2"), replica_set("a", "v1"), pods=(pod(revision=""),))
    assert codes(shot) == [ReasonCode.Preparing]


def test_nothing_is_prepared_for_an_image_that_may_not_exist():
    """A Pod that is created meanwhile would get it."""
    shot = looked(deployment("v2"), replica_set("a", "v1", kept=("v1", "v2")), pods=(pod(revision=""),))
    missing = replace(shot, pull_pods=PullPods())
    decision = Planner().decide(missing, NOW)
    assert decision.assessment.images.nowhere
    assert decision.hold is None
    assert not [action for action in actions(missing) if isinstance(action, CreateReplicaSet)]
    there = replace(missing, nodes={"node": node(images=(("app:v2",),))})
    assert codes(there) == [ReasonCode.Preparing]
    assert [action for action in actions(there) if isinstance(action, CreateReplicaSet)]


def test_the_first_answer_counts_in_the_order_of_the_chain():
    """Frozen before all else, even if paused; admission asked before anything is prepared for its answer."""
    one = workload(replicas=2, frozen=False, current=NEW, generation=2, observed=2, annotations={"paused": "true"})
    shot = snapshot(pod(), FAILED, workload=one, not_before=later(5), dry_runs={}, reported=reported(LeaderTakeover=1))
    assert codes(shot) == [
        ReasonCode.Freezing,
        ReasonCode.Paused,
        ReasonCode.WorkloadDegraded,
        ReasonCode.LeaderTakeover,
        ReasonCode.Preflight,
        ReasonCode.LeaderTakeover,
    ]
    lost = replace(FREEZE_LOST, metadata=replace(FREEZE_LOST.metadata, generation=3))
    assert codes(snapshot(pod(), workload=lost)) == [ReasonCode.Freezing, ReasonCode.RevisionUnknown]
    unprepared = looked(deployment("v2"), replica_set("a", "v1"), pods=(pod(revision=""),))
    assert codes(replace(unprepared, dry_runs={})) == [ReasonCode.Preflight, ReasonCode.Preparing]


@pytest.mark.parametrize(
    ("policy", "done", "code"),
    [
        pytest.param(None, False, ReasonCode.Freezing, id="not known yet"),
        pytest.param(False, False, ReasonCode.Freezing, id="no policies"),
        pytest.param(True, False, None, id="policies"),
        pytest.param(None, True, ReasonCode.Preflight, id="not known yet, and left resumed by a controller"),
        pytest.param(False, True, ReasonCode.Freezing, id="no policies any more"),
    ],
)
def test_a_new_deployment_is_frozen_before_it_is_known_whether_policies_freeze_it(policy, done, code):
    """One that was left resumed relies on them: it is not paused for the moment until that is known."""
    one = deployment("v1", paused=False, frozen=False)
    if done:
        status = replace(reported(), phase=Phase.UP_TO_DATE, revision="v1")
        marks = {names.STATUS: statuses.encode(status)}
        one = replace(one, metadata=replace(one.metadata, annotations=marks))
    shot = looked(one, replica_set("a", "v1"), pods=(pod(revision=""),))
    found = holds.freeze_not_in_place(Planner().decide(replace(shot, freeze_policy=policy), NOW).assessment)
    assert (found.reason.code if found is not None else None) == code
    pauses = found is not None and isinstance(found.write, PatchWorkload) and found.write.spec == {"paused": True}
    assert pauses == (code is ReasonCode.Freezing)


def test_what_lifts_a_hold_is_done():
    [write] = [one for one in plan(snapshot(pod(), workload=FREEZE_LOST), NOW).actions if hasattr(one, "spec")]
    assert isinstance(write, PatchWorkload)
    asked = hold(pod(), dry_runs={})
    assert asked is not None
    assert [one.pod.name for one in asked.dry_runs] == ["web-0"]
    assert asked.dry_runs[0] in plan(snapshot(pod(), dry_runs={}), NOW).actions
    takeover = hold(pod(), not_before=later(5))
    assert takeover is not None
    assert takeover.until == later(5)
    assert plan(snapshot(pod(), not_before=later(5)), NOW).requeue_at == later(5)
    assert plan(snapshot(pod(), stale="pods: away"), NOW).requeue_at == NOW + holds.STALE_AGAIN
    assert hold(pod(), not_before=later(5), at=5) is None


def test_a_dry_run_that_is_denied_is_the_reason_in_place_of_the_check():
    (asked,) = hold(pod(), dry_runs={}).dry_runs
    denied = Reason(ReasonCode.WriteRefused, "", "cannot patch pods")
    failed = FailedWrite(asked.pod.uid, "dry_run_patch", denied, NOW, later(2), later(32))
    found = hold(pod(), dry_runs={}, failed_writes=(failed,))
    assert found is not None
    assert (found.reason, found.dry_runs) == (denied, (asked,)), "it is asked again"
    made = plan(snapshot(pod(), dry_runs={}, failed_writes=(failed,)), NOW)
    assert made.status is not None
    assert made.status.message == "0 of 1 Pods upgraded: cannot patch pods"
    passing = replace(failed, reason=None)
    found = hold(pod(), dry_runs={}, failed_writes=(passing,))
    assert found is not None
    assert found.reason.code == ReasonCode.Preflight


def test_a_forecast_goes_by_what_the_controllers_own_writes_do_not_lift():
    def lasting(shot):
        found = Planner().forecast(shot, NOW).hold
        return found.reason.code if found is not None else None

    assert lasting(snapshot(pod(), workload=FREEZE_LOST, dry_runs={})) is None
    takeover = snapshot(pod(), workload=FREEZE_LOST, dry_runs={}, not_before=later(5))
    assert lasting(takeover) == ReasonCode.LeaderTakeover
    assert lasting(snapshot(pod(), workload=workload(replicas=1, annotations={"paused": "true"}))) == ReasonCode.Paused


# --- a contested freeze


def restored(*seconds):
    return [later(at) for at in seconds]


def test_a_contested_freeze_rests_longer_each_time():
    assert freeze.conflict(restored(0, 1), later(1)) is None
    first = freeze.conflict(restored(0, 1, 2), later(2))
    assert first is not None
    assert (first.reason.code, first.until) == (ReasonCode.FreezeContested, later(12))
    assert freeze.conflict(restored(0, 1, 2), later(12)) is None
    second = freeze.conflict(restored(0, 1, 2, 13), later(13))
    assert second is not None
    assert second.until == later(13 + 40)


def test_a_contested_freeze_is_looked_at_again_when_it_has_rested():
    shot = snapshot(pod(), workload=FREEZE_LOST, freeze_restored=tuple(restored(0, 1, 2)))
    made = plan(shot, later(2))
    assert not [one for one in made.actions if isinstance(one, PatchWorkload)]
    assert made.status is not None
    assert (made.status.phase, made.status.reasons[0].code) == (Phase.DEGRADED, ReasonCode.FreezeContested)
    assert made.requeue_at == later(12)


# --- handing over


POSSIBLE = workload(replicas=1, mode="InPlaceIfPossible")


def falls_back(*pods, **changes):
    shot = snapshot(*(pods or (pod(),)), **{"revisions": REFUSED, "workload": POSSIBLE, **changes})
    return holds.falls_back(Planner().decide(shot, NOW).assessment)


def test_what_cannot_be_made_in_place_is_handed_over_if_its_owner_allows_it():
    assert falls_back()
    assert not falls_back(workload=workload(replicas=1))
    assert not falls_back(workload=workload(replicas=1, mode="InPlaceIfPossible", annotations={"paused": "true"}))
    assert not falls_back(workload=workload(replicas=1, mode="InPlaceIfPossible", annotations={"bogus": "1"}))


def test_nothing_is_handed_over_where_a_strategy_of_its_owner_replaces_no_pod():
    """OnDelete: its controller would never begin. So it is at first sight, before our label says that it is held."""
    for frozen in (False, True):
        own = workload(
            replicas=1,
            mode="InPlaceIfPossible",
            frozen=frozen,
            strategy={"type": "OnDelete"},
            original='{"type":"OnDelete"}',
        )
        assert not falls_back(workload=own)
        made = plan(snapshot(pod(), workload=own, revisions=REFUSED), NOW).status
        assert made is not None
        assert made.phase is Phase.REFUSED


def test_nothing_is_handed_over_that_its_owner_has_paused():
    """By `kubectl rollout pause`: its controller begins nothing until it is resumed."""
    for paused in (True, False):
        own = {names.MODE: "InPlaceIfPossible"}
        made = deployment("v2", frozen=False, paused=paused)
        made = replace(
            made, metadata=replace(made.metadata, labels=own, annotations={f"{names.PREFIX}drain": "Required"})
        )
        shot = looked(made, replica_set("a", "v1"), pods=(pod(image="app:v1", revision="", gate=None),))
        assert holds.falls_back(Planner().decide(shot, NOW).assessment) is not paused


def test_nothing_is_handed_over_while_a_pod_is_in_flight():
    third = {**REFUSED, NEW: template(NEW, "app:v2"), "web-3": template("web-3", "app:v3", hostname="x")}
    flying = pod(container(), name="web-1", record=swapping(), image="app:v2", generation=2)
    own = workload(replicas=2, mode="InPlaceIfPossible", update="web-3")
    assert falls_back(workload=own, revisions=third)
    assert not falls_back(pod(), flying, workload=own, revisions=third)


def test_nothing_is_handed_over_because_one_pods_revision_is_not_known():
    lost = pod(revision="web-lost")
    assert not falls_back(lost, revisions={**REFUSED, NEW: template(NEW, "app:v2")})
    assert not falls_back(pod(), lost), "nor if the change itself might be"


def test_nothing_is_handed_over_that_admission_refuses():
    """It would refuse a new Pod as well."""
    key = "|".join((OLD, NEW, "v1.36.3", "app"))
    refusal = Reason(ReasonCode.AdmissionRejected, "", "no")
    plain = {OLD: template(OLD, "app:v1"), NEW: template(NEW, "app:v2")}
    assert not falls_back(revisions=plain, dry_runs={key: refusal})
    assert codes(snapshot(pod(), workload=POSSIBLE, dry_runs={key: refusal})) == [ReasonCode.AdmissionRejected]


def test_nothing_is_handed_over_that_a_partition_of_ours_keeps():
    """The native controller would replace those Pods too; a partition of the workload itself it minds."""
    kept = workload(replicas=2, mode="InPlaceIfPossible", annotations={"partition": "1"})
    pods = (pod(name="web-0"), pod(name="web-1"))
    assert not falls_back(*pods, workload=kept)
    theirs = '{"type":"RollingUpdate","rollingUpdate":{"partition":1}}'
    own = workload(replicas=2, mode="InPlaceIfPossible", original=theirs)
    assert falls_back(*pods, workload=own)


def test_a_status_is_no_hold():
    said = statuses.encode(reported())
    assert hold(pod(), workload=workload(replicas=1, annotations={"status": said})) is None


# --- blocked by others


CANARY = workload(replicas=2, original='{"type":"RollingUpdate","rollingUpdate":{"partition":1}}')


@pytest.mark.parametrize(
    ("pods", "own", "who"),
    [
        pytest.param(
            (pod(ready=False, name="web-0"), pod(name="web-1")),
            CANARY,
            "not available, and no part of this rollout: web-0",
            id="kept by a partition",
        ),
        pytest.param((pod(name="web-0"), pod(name="web-1")), workload(replicas=3), "1 Pod missing", id="missing"),
    ],
)
def test_a_budget_that_others_use_up_is_a_wait_with_a_reason_and_a_deadline(pods, own, who):
    found = snapshot(*pods, workload=own)
    early, late = (plan(replace(found, blocked_since=NOW), later(at)) for at in (599, 600))
    for made, phase in ((early, Phase.PROGRESSING), (late, Phase.DEGRADED)):
        assert made.status is not None
        assert (made.status.phase, made.status.waiting["Budget"]) == (phase, len(pods) - (own is CANARY))
        assert made.blocked is not None
        assert who in made.blocked.reason.message
    assert early.requeue_at == later(600)
    assert [reason.code for reason in late.status.reasons] == [ReasonCode.Budget]


def test_many_pods_that_use_the_budget_up_are_named_in_part():
    away = [pod(ready=False, name=f"web-{number}") for number in range(5)]
    own = workload(replicas=6, original='{"type":"RollingUpdate","rollingUpdate":{"partition":5}}')
    made = plan(snapshot(*away, pod(name="web-5"), workload=own), NOW)
    assert made.blocked is not None
    assert made.blocked.reason.message.endswith(
        "(not available, and no part of this rollout: web-4, web-3, web-2 and 2 more)"
    )


def test_a_native_rollout_that_gets_no_further_counts_as_progress_until_the_deadline():
    """It is never interrupted, and its own controller may not be able to end it."""
    found = snapshot(pod(), workload=workload(replicas=2, frozen=False, strategy={"type": "RollingUpdate"}, updated=1))
    early, late = (plan(replace(found, blocked_since=NOW), later(at)) for at in (599, 600))
    for made, phase in ((early, Phase.PROGRESSING), (late, Phase.DEGRADED)):
        assert made.status is not None
        assert (made.status.phase, "native rollout in progress" in made.status.message) == (phase, True)
        assert made.blocked is not None
        assert made.blocked.progress == 1
    assert early.requeue_at == later(600)
    assert [reason.code for reason in late.status.reasons] == [ReasonCode.NativeRollout]
