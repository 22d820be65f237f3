"""The whole workload: freeze, opt-out, phases, Events, forecast, view."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from inplace.cli.explain import images
from inplace.cli.render.lines import describe
from inplace.cli.render.picture import Frame, picture
from inplace.core.actions import patches
from inplace.core.actions.actions import Abort, CloseGate, LabelPhase, PatchWorkload, ReleaseFields, WriteStatus
from inplace.core.actions.patches import Patch
from inplace.core.kinds import BY_NAME, OwnedObjects, find
from inplace.core.objects import names
from inplace.core.objects.model import Condition
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode
from inplace.core.plan import events
from inplace.core.plan import plan as planning
from inplace.core.rollout.snapshot import FailedWrite
from inplace.core.settings.grammar import Amount
from inplace.core.state import statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Failure, Phase, Status
from inplace.core.views import forecast
from inplace.core.views import workload as view
from tests.factories import (
    DIGEST,
    NEW,
    NOW,
    OLD,
    container,
    decode,
    later,
    pod,
    refused,
    snapshot,
    stamp,
    swapping,
    template,
    workload,
)

KIND = BY_NAME["StatefulSet"]


def plan(*pods, at=1.0, **changes):
    return planning.plan(snapshot(*pods, **changes), later(at))


def edits(made) -> list[PatchWorkload]:
    return [action for action in made.actions if isinstance(action, PatchWorkload)]


def stated(one, phase: Phase, revision: str = NEW, **fields):
    """The workload as if we had published this."""
    said = Status(1, one.metadata.generation, revision, phase, 3, 0, 3, 0, 0, NOW, **fields)
    annotations = {**(one.metadata.annotations or {}), names.STATUS: statuses.encode(said)}
    return replace(one, metadata=replace(one.metadata, annotations=annotations))


# --- freeze


def test_opting_in_freezes_before_anything_else():
    calm = workload(replicas=1, frozen=False, current=NEW)
    made = plan(pod(), workload=calm)
    [edit] = edits(made)
    assert edit.why is EventReason.Frozen
    assert edit.spec["updateStrategy"]["rollingUpdate"]["partition"] == names.FROZEN_PARTITION
    assert edit.annotations == {names.ORIGINAL_STRATEGY: '{"type":"RollingUpdate"}'}
    assert [action for action in made.actions if hasattr(action, "pod")] == []


def test_the_freeze_keeps_what_else_the_strategy_says():
    own = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}
    [edit] = edits(plan(pod(), workload=workload(replicas=1, frozen=False, current=NEW, strategy=own)))
    assert edit.spec["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == 2


@pytest.mark.parametrize(
    "running",
    [workload(replicas=3, frozen=False, updated=1), workload(replicas=3, frozen=False, observed=1)],
    ids=["Pods to go", "not observed"],
)
def test_a_native_rollout_is_never_interrupted(running):
    made = plan(pod(), workload=running)
    assert edits(made) == []
    assert [action for action in made.actions if hasattr(action, "pod")] == []


def test_a_finished_native_rollout_behind_a_partition_is_frozen():
    partition = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    done = workload(replicas=3, frozen=False, updated=1, ready=3, strategy=partition)
    assert edits(plan(pod(), workload=done))


def test_a_freeze_that_somebody_lifted_is_put_back_and_said():
    lifted = workload(replicas=1, strategy={"type": "RollingUpdate"})
    [edit] = edits(plan(pod(), workload=lifted))
    assert edit.why is EventReason.FreezeLost


def test_on_delete_is_a_freeze_by_itself():
    [edit] = edits(plan(pod(), workload=workload(replicas=1, frozen=False, strategy={"type": "OnDelete"})))
    assert edit.spec == {}
    assert edit.labels == {names.FROZEN: "true"}
    assert edit.annotations == {names.ORIGINAL_STRATEGY: '{"type":"OnDelete"}'}


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        '{"type":"Sometimes"}',
        '{"rollingUpdate":{"partition":-1}}',
        '{"rollingUpdate":{"maxUnavailable":"all"}}',
        pytest.param('{"x":' * 20_000, id="nested"),
    ],
)
def test_a_freeze_without_a_readable_record_gets_the_default_which_is_said(kind, text):
    one = held(kind, text)
    found = BY_NAME[kind].freeze(one, OwnedObjects(), freeze_policy=False)
    assert isinstance(found, PatchWorkload)
    assert (found.why, found.spec) == (EventReason.StrategyForgotten, {})
    assert found.annotations == {names.ORIGINAL_STRATEGY: '{"type":"RollingUpdate"}'}
    thawed = BY_NAME[kind].thaw(one, OwnedObjects())
    assert isinstance(thawed, PatchWorkload)
    assert thawed.spec == {"updateStrategy": {"type": "RollingUpdate"}}
    assert "not recorded" in thawed.note


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_strategy_that_was_a_freeze_before_ours_stays(kind):
    own = held(kind, None)
    labels, annotations = {names.MODE: "InPlaceOnly"}, {names.STATUS: "{}"}
    own = replace(own, metadata=replace(own.metadata, labels=labels, annotations=annotations))
    found = BY_NAME[kind].freeze(own, OwnedObjects(), freeze_policy=False)
    assert isinstance(found, PatchWorkload)
    assert (found.why, found.spec) == (EventReason.Frozen, {})
    untouched = BY_NAME[kind].thaw(own, OwnedObjects())
    assert isinstance(untouched, PatchWorkload)
    assert untouched.spec == {}
    text = found.annotations[names.ORIGINAL_STRATEGY]
    marked = held(kind, text)
    assert BY_NAME[kind].freeze(marked, OwnedObjects(), freeze_policy=False) is None
    restored = BY_NAME[kind].thaw(marked, OwnedObjects())
    assert isinstance(restored, PatchWorkload)
    assert restored.spec["updateStrategy"] == msgspec.json.decode(own.spec.update_strategy)


def held(kind, text):
    """A workload that is frozen, with a record or without."""
    one = replace(workload(strategy={"type": "OnDelete"} if kind == "DaemonSet" else None, original=None), kind=kind)
    annotations = {} if text is None else {names.ORIGINAL_STRATEGY: text}
    return replace(one, metadata=replace(one.metadata, annotations=annotations))


def test_what_else_its_owner_changes_in_the_strategy_meanwhile_is_his():
    own = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 3, "partition": names.FROZEN_PARTITION}}
    text = '{"type":"RollingUpdate","rollingUpdate":{"partition":2}}'
    one = workload(strategy=own, original=text)
    assert KIND.native(one).partition == Amount(2)
    assert KIND.native(one).max_unavailable == Amount(3)
    thawed = KIND.thaw(one, OwnedObjects())
    assert isinstance(thawed, PatchWorkload)
    assert thawed.spec["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 3, "partition": 2}


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_what_a_version_before_took_out_of_the_strategy_comes_back(kind):
    one = held(kind, '{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"30%"}}')
    assert BY_NAME[kind].native(one).max_unavailable == Amount(30, percent=True)
    thawed = BY_NAME[kind].thaw(one, OwnedObjects())
    assert isinstance(thawed, PatchWorkload)
    assert thawed.spec == {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "30%"}}}


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_nothing_is_handed_over_to_a_strategy_that_replaces_no_pod(kind):
    assert BY_NAME[kind].fall_back(held(kind, '{"type":"OnDelete"}')) is None
    rolls = '{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1}}'  # the server fills that in
    assert BY_NAME[kind].fall_back(held(kind, rolls)) is not None


def test_an_on_delete_without_anything_beside_it_is_the_owners():
    """The freeze leaves `rollingUpdate` there; this one goes on record, and is left when opting out."""
    one = held("DaemonSet", '{"type":"RollingUpdate"}')
    kind = BY_NAME["DaemonSet"]
    assert kind.fall_back(one) is None
    recorded = kind.freeze(one, OwnedObjects(), freeze_policy=False)
    assert isinstance(recorded, PatchWorkload)
    assert recorded.annotations == {names.ORIGINAL_STRATEGY: '{"type":"OnDelete"}'}
    thawed = kind.thaw(one, OwnedObjects())
    assert isinstance(thawed, PatchWorkload)
    assert thawed.spec == {"updateStrategy": {"type": "OnDelete"}}


def test_a_strategy_that_is_not_known_is_refused():
    made = plan(pod(), workload=workload(replicas=1, strategy={"type": "Recreate"}))
    assert made.status is not None
    assert made.status.reasons[0].code == ReasonCode.StrategyUnsupported


def test_a_pod_that_is_scaled_away_does_not_show_that_its_revision_runs():
    """The ReplicaSet that it belongs to may have been given another template since."""
    for leaving, healthy in ((False, NEW), (True, "")):
        made = plan(pod(revision=NEW, image="app:v2"), workload=workload(replicas=1 - leaving))
        assert made.status is not None
        assert (made.status.phase, made.status.healthy) == (Phase.UP_TO_DATE, healthy)


# --- opting out


def test_opting_out_at_rest_cleans_the_pods_and_then_the_workload():
    done = pod(revision=NEW, record=replace(swapping(), phase=PodPhase.DONE))
    leaving = workload(replicas=1, mode=None)
    [first] = plan(done, workload=leaving).actions
    assert isinstance(first, Abort)
    [last] = plan(pod(revision=NEW), workload=leaving).actions
    assert isinstance(last, PatchWorkload)
    assert last.spec == {"updateStrategy": {"type": "RollingUpdate"}}
    assert set(last.labels) == {names.FROZEN}
    assert set(last.annotations) == {names.ORIGINAL_STRATEGY}


def test_last_of_all_our_field_manager_gives_its_fields_up():
    managers = ("kubectl", names.FIELD_MANAGER, "kube-controller-manager", names.FIELD_MANAGER)
    made = plan(pod(revision=NEW), workload=managed(*managers))
    assert made.actions == (ReleaseFields(managed(*managers), (1, 3)),)
    request = patches.build(made.actions[0], NOW)
    assert isinstance(request, Patch)
    assert [(op["op"], op["path"]) for op in request.ops] == [
        ("test", "/metadata/uid"),
        ("test", "/metadata/managedFields/3/manager"),
        ("test", "/metadata/managedFields/1/manager"),
        ("remove", "/metadata/managedFields/3"),
        ("remove", "/metadata/managedFields/1"),
    ]


def test_fields_are_given_up_once_and_not_where_the_server_would_keep_them():
    one = managed("kubectl", names.FIELD_MANAGER)
    again = plan(pod(revision=NEW), workload=one, released=bytes(one.metadata.managed_fields))
    assert again.actions == ()
    for managers in ((), ("kubectl",), (names.FIELD_MANAGER,)):
        assert plan(pod(revision=NEW), workload=managed(*managers)).actions == ()
    assert not [
        action
        for action in plan(
            pod(revision=NEW), workload=managed("kubectl", names.FIELD_MANAGER, mode="InPlaceOnly")
        ).actions
        if isinstance(action, ReleaseFields)
    ]


def managed(*managers, mode=None):
    """A workload that nothing of ours is left of but these managers."""
    found = msgspec.Raw(msgspec.json.encode([{"manager": manager} for manager in managers]))
    one = workload(replicas=1, mode=mode, frozen=False)
    return replace(one, metadata=replace(one.metadata, managed_fields=found))


def test_opting_out_midway_keeps_the_freeze_and_says_so():
    made = plan(pod(), workload=workload(replicas=1, mode=None))
    assert edits(made) == []
    assert made.status is not None
    assert "OptOutPending" in made.status.message
    assert [action for action in made.actions if hasattr(action, "pod")] == []


def test_opting_out_puts_a_drained_pod_back():
    drained = pod(gate="False", ready=False, record=swapping(PodPhase.DRAINING))
    made = plan(drained, workload=workload(replicas=1, mode=None))
    assert any(isinstance(action, Abort) for action in made.actions)


def test_a_pod_that_is_let_go_of_does_not_keep_the_label_of_a_template_that_it_lacks():
    """The template was put back, and somebody has lifted the freeze: by that label nobody would replace the Pod."""
    failed = replace(swapping(PodPhase.FAILED), reason="CrashLoop")
    lifted = workload(mode=None, replicas=1, strategy={"type": "RollingUpdate"}, update=OLD, current=OLD)
    [left] = [one for one in plan(pod(image="app:v2", record=failed), workload=lifted).actions if hasattr(one, "pod")]
    assert left == Abort(left.pod, None, {names.REVISION_LABEL: NEW})
    request = patches.build(left, NOW)
    assert isinstance(request, Patch)
    assert {"op": "add", "path": f"/metadata/labels/{names.REVISION_LABEL}", "value": NEW} in request.ops
    for back in (
        pod(image="app:v1", record=failed),
        pod(image="app:v1", record=replace(failed, base=NEW, target=OLD)),
        pod(image="app:v2", record=replace(failed, phase=PodPhase.DONE)),
    ):
        actions = plan(back, workload=lifted).actions
        assert all(one.revision_labels == {} for one in actions if isinstance(one, Abort))


def test_a_pod_is_let_go_of_as_one_of_the_revision_whose_images_it_has_though_somebody_has_emptied_its_record():
    lifted = workload(mode=None, replicas=1, strategy={"type": "RollingUpdate"}, update=OLD, current=OLD)

    def labels(image, record):
        [left] = [one for one in plan(pod(image=image, record=record), workload=lifted).actions if hasattr(one, "pod")]
        return left.revision_labels

    assert labels("app:v2", "{}") == {names.REVISION_LABEL: NEW}
    assert labels("app:v1", "{}") == {}, "it has what the template asks for"
    assert labels("stranger:1", "{}") == {}, "no revision has this image: it is not ours"


def test_a_workload_that_never_opted_in_is_left_alone():
    assert plan(pod(), workload=workload(replicas=1, mode=None, frozen=False)).actions == ()


# --- status


def published(made) -> WriteStatus:
    [found] = [action for action in made.actions if isinstance(action, WriteStatus)]
    return found


def test_a_change_of_phase_is_said_at_once_and_counts_once_a_second():
    one = stated(workload(replicas=1), Phase.UP_TO_DATE, OLD)
    assert published(plan(pod(), workload=one, at=0.1)).status.phase is Phase.PROGRESSING
    busy = stated(workload(replicas=1), Phase.PROGRESSING)
    early = plan(pod(), workload=busy, at=0.1)
    assert not [action for action in early.actions if isinstance(action, WriteStatus)]
    assert early.requeue_at == later(1)


def test_what_is_already_said_is_not_said_again():
    made = plan(pod(revision=NEW), workload=workload(replicas=1))
    assert made.status is not None
    again = workload(replicas=1)
    marked = {**(again.metadata.annotations or {}), names.STATUS: statuses.encode(made.status)}
    again = replace(again, metadata=replace(again.metadata, annotations=marked))
    (label,) = plan(pod(revision=NEW), workload=again).actions
    assert label == LabelPhase(again, Phase.UP_TO_DATE), "somebody has removed it, or its kind's status takes none"
    labels = {**(again.metadata.labels or {}), names.PHASE: "UpToDate"}
    again = replace(again, metadata=replace(again.metadata, labels=labels))
    assert plan(pod(revision=NEW), workload=again).actions == ()


def test_the_label_waits_while_another_write_on_the_workload_fails_but_not_for_itself():
    """What is tried again only once it is forgotten that it had failed is never told."""
    made = plan(pod(revision=NEW), workload=workload(replicas=1))
    assert made.status is not None
    told = workload(replicas=1)
    marked = {**(told.metadata.annotations or {}), names.STATUS: statuses.encode(made.status)}
    told = replace(told, metadata=replace(told.metadata, annotations=marked))

    def labels(sort):
        write = FailedWrite(told.metadata.uid, sort, None, NOW, later(10), later(40))
        return plan(pod(revision=NEW), workload=told, at=20, failed_writes=(write,)).actions

    assert labels("label_phase") == (LabelPhase(told, Phase.UP_TO_DATE),)
    assert labels("patch_workload: another writer lifted the freeze; restoring it") == ()


def test_an_unknown_target_never_claims_the_new_generation():
    one = stated(workload(replicas=1, generation=3, observed=2), Phase.UP_TO_DATE, OLD)
    one = replace(one, metadata=replace(one.metadata, generation=4))
    made = plan(pod(), workload=one)
    assert made.status is not None
    assert made.status.observed_generation == 3


@pytest.mark.parametrize("phase", [one for one in Phase if one not in {Phase.REFUSED, Phase.PROGRESSING}])
def test_while_the_target_is_not_known_what_was_said_stands(phase):
    one = stated(workload(replicas=1, generation=3, observed=2), phase, OLD, message="as before")
    made = plan(pod(), workload=one)
    assert made.status is not None
    assert (made.status.phase, made.status.message) == (phase, "as before")


def test_pods_that_come_before_the_target_is_known_make_no_revision_settled():
    """Their controller creates them before it says that it has seen the scaling."""
    one = stated(workload(replicas=1, generation=4, observed=3), Phase.UP_TO_DATE, NEW, healthy=OLD)
    made = plan(pod(revision=NEW, ready=False), workload=one)
    assert made.status is not None
    assert made.status.phase is Phase.UP_TO_DATE
    assert not made.status.is_settled(NEW)


def test_a_pod_that_another_writer_has_changed_makes_nothing_healthy():
    """It has the revision, and runs something else."""
    made = plan(pod(revision=NEW, image="app:v9"), workload=workload(replicas=1))
    assert made.status is not None
    assert (made.status.phase, made.status.healthy) == (Phase.UP_TO_DATE, "")
    assert {reason.code for reason in made.status.reasons} == {ReasonCode.DriftDetected}


def test_a_settled_workload_stays_up_to_date_when_a_pod_becomes_unready():
    one = stated(workload(replicas=1), Phase.UP_TO_DATE, healthy=NEW)
    made = plan(pod(revision=NEW, ready=False), workload=one)
    assert made.status is not None
    assert made.status.phase is Phase.UP_TO_DATE


def test_a_pod_at_rest_that_becomes_available_by_time_alone_is_looked_at_again():
    """Its unavailability uses up the budget, and no event tells when that is over."""
    fresh = {"type": "Ready", "status": "True", "lastTransitionTime": stamp(NOW)}
    one, other = (with_ready(pod(name=f"web-{n}"), fresh) for n in (0, 1))
    made = plan(one, other, workload=workload(replicas=2, annotations={"min-ready-seconds": "30"}))
    assert {reason.code for reason in made.deferred.values()} == {ReasonCode.Budget}
    assert made.requeue_at is not None
    assert later(30) <= made.requeue_at <= later(32)


@pytest.mark.parametrize(
    ("code", "blamed"),
    [(ReasonCode.NodeLost, False), (ReasonCode.CommandLost, False), (ReasonCode.NeverReady, True)],
)
def test_a_lost_node_or_laptop_does_not_speak_against_the_image(code, blamed):
    failed = replace(swapping(PodPhase.FAILED), reason=code, message="why")
    lost = pod(name="web-1", record=failed, ready=False, image="app:v2", generation=2)
    own = workload(replicas=2, annotations={"max-unavailable": "2"})
    made = plan(pod(), lost, workload=own)
    assert made.status is not None
    assert [(one.pod, one.code) for one in made.status.failures] == [("web-1", code)], "it is said all the same"
    assert made.status.phase is (Phase.DEGRADED if blamed else Phase.PROGRESSING)
    assert [one.pod.name for one in made.actions if isinstance(one, CloseGate)] == ([] if blamed else ["web-0"])


def with_ready(one, condition):
    """The Pod with this condition Ready."""
    others = tuple(found for found in one.status.conditions if found.type != "Ready")
    return replace(one, status=replace(one.status, conditions=(*others, decode(condition, Condition))))


def test_events_stand_for_changes_and_never_for_single_pods():
    def said(phase, revision=NEW, **fields):
        return Status(1, 1, revision, phase, 3, 0, 3, 0, 0, NOW, **fields)

    def reasons(before, after, *, upgraded=True):
        return [event.reason for event in events.events(before, after, upgraded=upgraded)]

    progressing, done = said(Phase.PROGRESSING), said(Phase.UP_TO_DATE)
    assert reasons(None, done) == []
    assert reasons(said(Phase.UP_TO_DATE, OLD), progressing) == [EventReason.UpgradeStarted]
    assert reasons(progressing, replace(progressing, updated=2)) == []
    assert reasons(said(Phase.PROGRESSING, ""), progressing) == [], "its Pods are born at that revision"
    assert reasons(said(Phase.PROGRESSING, OLD), progressing) == [EventReason.UpgradeStarted]
    (started,) = events.events(said(Phase.UP_TO_DATE, OLD), progressing, "app=app:v2")
    assert started.note == f"upgrading 3 Pods in place to revision {NEW}: app=app:v2"
    assert reasons(replace(progressing, updated=2), replace(done, updated=3)) == [EventReason.UpgradeCompleted]
    assert reasons(replace(progressing, in_flight=1), done) == [EventReason.UpgradeCompleted]
    assert reasons(replace(progressing, healthy=OLD), done) == [EventReason.UpgradeCompleted]
    assert reasons(progressing, done) == [], "opted in, and nothing to do"
    waited = reasons(replace(progressing, updated=1), replace(done, updated=3), upgraded=False)
    assert waited == [], "opted in while its Pods were not Ready"
    cannot = Reason(
        ReasonCode.PrePullImpossible, "", "image app:v2 on node n: cannot create a pull Pod: exceeded quota"
    )
    impossible = replace(progressing, reasons=(cannot,))
    assert reasons(progressing, impossible) == [EventReason.PrePullImpossible]
    assert reasons(impossible, replace(impossible, updated=1)) == []
    turned_away = Reason(ReasonCode.PrePullImpossible, "", "image app:v2 on node n: the pull Pod: OutOfpods")
    assert reasons(progressing, replace(progressing, reasons=(turned_away,))) == [], "one per pull Pod would be many"
    refused = said(Phase.REFUSED, reasons=(Reason(ReasonCode.FieldChanged, "a", "b"),))
    assert reasons(done, refused) == [EventReason.Refused]
    assert reasons(refused, refused) == []
    invalid = said(Phase.REFUSED, reasons=(Reason(ReasonCode.SettingInvalid, "a", "b"),))
    assert reasons(done, invalid) == [EventReason.SettingInvalid]
    failed = said(Phase.DEGRADED, failures=(Failure("web-0", "CrashLoop", "x"),))
    assert reasons(progressing, failed) == [EventReason.PodFailed]
    assert reasons(failed, failed) == []
    overdue = said(Phase.DEGRADED, message="0 of 3 Pods upgraded: the budget allows no disruption")
    assert reasons(progressing, overdue) == [EventReason.Degraded], "no Pod has failed that would say so"
    assert reasons(overdue, overdue) == []


# --- forecast and view


def test_a_forecast_names_pods_images_order_and_waves():
    shot = snapshot(*(pod(name=f"web-{n}") for n in range(3)), workload=workload(annotations={"max-unavailable": "2"}))
    made = forecast.forecast(shot, NOW)
    assert [one.name for one in made.changing] == ["web-2", "web-1", "web-0"]
    assert (made.budget, made.waves) == (2, 2)
    assert made.pods[0].images == {"app": "app:v2"}
    assert made.pods[0].drained
    assert made.refused == ()


def test_a_forecast_says_how_long_an_old_container_may_take_to_stop():
    one = pod()
    slow = replace(one, spec=replace(one.spec, termination_grace_period_seconds=900))
    own = workload(replicas=1)
    (note,) = forecast.forecast(snapshot(slow, workload=own), later(1)).notes
    assert (note.code, "900 s" in note.message) == (ReasonCode.SlowStop, True)
    assert forecast.forecast(snapshot(one, workload=own), later(1)).notes == ()


def test_a_forecast_of_a_refusal_and_of_a_partition():
    shot = snapshot(pod(name="web-0"), pod(name="web-1"), workload=workload(replicas=2, annotations={"partition": "1"}))
    made = forecast.forecast(shot, NOW)
    assert [one.name for one in made.changing] == ["web-1"]
    refused = forecast.forecast(replace(shot, target=template(NEW, "app:v2", hostname="x")), NOW)
    assert [reason.code for reason in refused.refused] == [ReasonCode.FieldChanged]


def test_a_view_says_what_each_pod_waits_for():
    shot = snapshot(pod(name="web-1", gate="False", record=swapping(PodPhase.DRAINING)), pod(name="web-0"))
    seen = view.build(shot, planning.plan(shot, NOW))
    assert [(one.name, one.stage) for one in seen.pods] == [("web-1", "Draining"), ("web-0", "Waiting")]
    assert seen.pods[0].deadline == later(600)
    assert seen.pods[1].reason is not None
    assert seen.pods[1].reason.code == ReasonCode.Budget


PULLING = container(running=False, waiting="ImagePullBackOff")
SWAPPED = container("c://2", image_id=f"app@{DIGEST['v2']}")


@pytest.mark.parametrize(
    ("status", "is_old", "line"),
    [
        (container(), True, "app app:v1 running -> app:v2"),
        (PULLING, False, "app app:v1 -> app:v2 ImagePullBackOff"),
        (SWAPPED, False, "app app:v1 -> app:v2 running"),
    ],
)
def test_a_state_is_told_of_the_image_that_the_container_has(status, is_old, line):
    """Patched, and not replaced yet: what runs is the old one."""
    record = replace(swapping(), generation=1)
    one = pod(status, gate="False", ready=False, revision=NEW, image="app:v2", record=record)
    shot = snapshot(one)
    [seen] = view.build(shot, planning.plan(shot, NOW)).pods
    [told] = seen.containers
    assert told.is_old is is_old
    assert describe(seen).split("; ")[1] == line
    drawn = picture(None, workload_view(seen), Frame(120, 20, NOW))
    assert line.replace("->", "→").removeprefix("app ") in " ".join(drawn[-1].plain.split())
    assert images(told) == (("app:v1", "app:v2") if is_old else ("app:v2", "<none>"))


def workload_view(*pods):
    return view.WorkloadView("StatefulSet", "default", "web", "InPlaceOnly", NEW, None, pods)


@pytest.mark.parametrize("word", ["sts", "statefulset", "statefulsets", "StatefulSet"])
def test_a_kind_is_found_by_what_people_type(word):
    assert find(word) is KIND
    assert find("pods") is None


def test_a_forecast_after_a_rollback_is_not_done():
    """What the template asks for has failed, and no Pod is there: `plan` must not say that all is well."""
    told = Status(1, 1, NEW, Phase.ROLLED_BACK, 1, 0, 1, 0, 0, NOW, healthy=OLD, rolled_back_from=NEW)
    own = workload(replicas=1)
    meta = replace(own.metadata, annotations={**(own.metadata.annotations or {}), names.STATUS: statuses.encode(told)})
    made = forecast.forecast(snapshot(pod(), workload=replace(own, metadata=meta)), NOW)
    assert (made.target, made.rolled_back_from) == (OLD, NEW)
    assert not made.is_done
    again = replace(snapshot(pod(), workload=replace(own, metadata=meta)), target=template(NEW, "app:v2"))
    assert forecast.forecast(again, NOW).rolled_back_from == NEW, "the same image set once more changes nothing"


def test_a_pod_that_is_going_refuses_nothing():
    going = pod(name="web-1", revision="web-gone", deleted=True)
    made = plan(pod(), going, workload=workload(replicas=1))
    assert made.status.phase is not Phase.REFUSED
    staying = pod(name="web-1", revision="web-gone")
    assert plan(pod(), staying, workload=workload(replicas=2)).status.phase is Phase.REFUSED


def test_a_write_that_would_fail_a_pod_is_said_of_one_that_is_not_in_flight():
    """A Pod in flight fails for it, and that is said of the Pod; any other one only waits."""
    failed = pod(record=swapping(PodPhase.FAILED))
    made = planning.plan(snapshot(failed, failed_writes=(refused("uid-web-0", "no such Pod", sort="complete"),)), NOW)
    assert [reason.message for reason in made.status.reasons] == ["no such Pod"]
    late = planning.plan(snapshot(failed, failed_writes=(refused("uid-web-0", sort="complete"),)), later(3600))
    assert late.status.phase is Phase.DEGRADED
    in_flight = pod(gate="False", ready=False, record=swapping(PodPhase.DRAINING))
    made = planning.plan(snapshot(in_flight, failed_writes=(refused("uid-web-0"),)), NOW)
    assert made.status.reasons == ()
    unrecorded = refused("uid-web-0", "the object has been modified", sort="record_failure")
    made = planning.plan(snapshot(in_flight, failed_writes=(unrecorded,)), NOW)
    assert [reason.message for reason in made.status.reasons] == ["the object has been modified"]
    assert made.status.message.endswith(": the object has been modified")
    late = planning.plan(snapshot(in_flight, failed_writes=(unrecorded,)), later(3600))
    assert late.status.phase is Phase.DEGRADED


def test_the_headline_says_why_a_write_is_refused():
    refused = FailedWrite(
        workload().metadata.uid, "label_phase", Reason(ReasonCode.WriteRefused, "", "no"), NOW, NOW, later(60)
    )
    made = planning.plan(snapshot(pod(), workload=workload(replicas=1), failed_writes=(refused,)), NOW)
    assert made.status is not None
    assert made.status.message == "0 of 1 Pods upgraded: no"


def test_a_report_that_was_refused_is_no_reason_in_one_that_gets_through():
    said = Reason(ReasonCode.WriteRefused, "metadata.annotations[inplace.dev/status]", "no")
    write = FailedWrite(workload().metadata.uid, "write_status", said, NOW, later(30), later(7200))
    made = planning.plan(snapshot(pod(), workload=workload(replicas=1), failed_writes=(write,)), later(3600))
    assert made.status is not None
    assert (made.status.phase, made.status.reasons) == (Phase.PROGRESSING, ())
