"""plan(snapshot, now) -> Plan: the one decision core under the controller, the dry run and the command line.

A plan holds only independent actions, at most one for each object; an order comes from one plan after the other.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from msgspec.structs import replace

from inplace.core.actions.actions import (
    CreateReplicaSet,
    DeleteReplicaSet,
    OpenGate,
    PatchReplicaSet,
    PatchWorkload,
    PodAction,
    WorkloadAction,
)
from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import opt_out, report, result
from inplace.core.plan.result import Plan
from inplace.core.pod.states import Failed, InProgress, Pending
from inplace.core.rollout import assess, disruption_budgets, dry_runs, prepull, spread, steps, targets
from inplace.core.rollout.admit import admit
from inplace.core.rollout.assess import PodAssessment, Prospects
from inplace.core.rollout.disruption_budgets import Reservations
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.schema import Mode, Parsed, PrePullPolicy


def plan(snapshot: Snapshot, now: datetime) -> Plan:
    """Decide everything about one workload."""
    served = _serve(snapshot)
    if snapshot.workload.metadata.label(names.MODE) is None:
        made = opt_out.plan(snapshot, now)
    else:
        made = _opted_in(snapshot, now)
    spoken_for = {action.pod.uid for action in served}
    rest = tuple(one for one in made.actions if result.uid_of(one) not in spoken_for)
    return replace(made, actions=(*served, *rest))


def reassess(snapshot: Snapshot, live: Pod, now: datetime) -> PodAction | None:
    """What a plan would do with this one Pod, had it been read just now. For the check before a disruptive write.

    The Pod was granted its step by a plan of this very snapshot, so nothing held the workload back in it; and a start
    that cost no budget because the Pod was broken is not granted any more once it is not.
    """
    parsed = snapshot.parsed
    asked, back = targets.targets(snapshot)
    target = asked if back is None else back
    if not isinstance(target, Template):
        return None
    scene = assess.scene(snapshot, parsed, target, now, None)
    course = targets.plot(snapshot, parsed, target, targets.stop(snapshot, parsed, asked, back))
    aims = {live.uid: assess.aim(snapshot, parsed.settings, course.of(live.uid), live)}
    match assess.member(snapshot, parsed.settings, assess.Prospects(aims, {}), scene, live).state:
        case Pending(action, broken):
            before = next((pod for pod in snapshot.pods if pod.uid == live.uid), live)
            return None if not broken and not before.ready else action
        case InProgress(action=action) | Failed(action=action):
            return action
        case _:
            return None


def _serve(snapshot: Snapshot) -> tuple[OpenGate, ...]:
    """The gate of a new Pod, opted in or not: ahead of all other work, even when paused."""
    return tuple(OpenGate(pod) for pod in snapshot.pods if _unserved(pod) and pod.uid not in snapshot.pending)


def _unserved(pod: Pod) -> bool:
    if pod.condition(names.GATE) is not None:
        return False
    return pod.has_gate(names.GATE) and pod.metadata.deletion_timestamp is None


# --- opted in --------------------------------------------------------------------------------------------------------


def _opted_in(snapshot: Snapshot, now: datetime) -> Plan:
    kind, workload = snapshot.kind, snapshot.workload
    parsed = snapshot.parsed
    frozen = _frozen(snapshot)
    asked, back = targets.targets(snapshot)
    target = asked if back is None else back
    known = target if isinstance(target, Template) else None
    stop = targets.stop(snapshot, parsed, asked, back)
    course = targets.plot(snapshot, parsed, known, stop) if known is not None else None
    prospects = assess.prospects(snapshot, parsed.settings, course, now)
    if back is not None:
        prospects = assess.unpartitioned(prospects)
    answers = dry_runs.ask(snapshot, prospects)
    # What runs already is on its node: nothing is pulled for a rollback.
    pulls = prepull.check(
        snapshot, prospects, PrePullPolicy.NEVER if back is not None else parsed.settings.pre_pull, now
    )
    refused = [*_refusals(snapshot, known, prospects), *answers.refused, *pulls.rewritten]
    scene = assess.scene(snapshot, parsed, target, now, refused[0] if refused else None)
    scene = replace(scene, unpulled=pulls.unpulled(snapshot, prospects))
    all_members = pulls.judge(assess.members(snapshot, parsed.settings, known, scene, prospects))
    handed = back is None and _handed_over(snapshot, parsed, refused, frozen, all_members)
    if handed:
        frozen = Reason(ReasonCode.HandingOver, "", "handed over to the native controller")
    elif snapshot.contest is not None and isinstance(frozen, PatchWorkload) and frozen.why is not None:
        frozen = snapshot.contest.reason
    wait = scene.hold or _wait(snapshot, parsed, frozen, target, all_members, now)
    own: WorkloadAction | None = (
        kind.lift(workload) if handed else frozen if isinstance(frozen, PatchWorkload | PatchReplicaSet) else None
    )
    if wait is None and answers.questions:
        wait = Reason(ReasonCode.Preflight, "", "asking the API server whether it takes the image patches")
    # A Pod that is born meanwhile is not to be born with an image that may not exist: nothing is prepared for it.
    if known is not None and wait is None and frozen is None and not pulls.unseen:
        own = _around(snapshot, known, prospects, all_members, back=back is not None, whole=stop is None)
        wait = (
            Reason(ReasonCode.Preparing, "", own.note)
            if isinstance(own, PatchReplicaSet | CreateReplicaSet | PatchWorkload | DeleteReplicaSet)
            else None
        )
    limit = targets.limit(snapshot, stop, known, all_members) if stop is not None and known is not None else None
    taken = Reservations(snapshot, all_members, now)
    key = parsed.settings.spread_by
    place = partial(spread.value, key, nodes=snapshot.nodes) if key else None
    choice = admit(
        all_members,
        parsed.settings,
        kind.desired(workload),
        wait,
        limit,
        room=snapshot.room,
        place=place,
        unprepared=lambda pod: pulls.wait(pod.uid) or taken.ask(pod),
    )
    turning = [one.pod for one in all_members if one.pod.uid in scene.unpulled]
    lacking = [*turning, *choice.unprepared]
    made = (
        *result.in_motion(all_members),
        *(answers.questions if wait is not None and wait.code == ReasonCode.Preflight else ()),
        *taken.actions,
        *pulls.discards,
        *(prepull.begin(snapshot, pulls, (lacking, choice.near), known, now) if known is not None else ()),
    )
    said = report.StatusInput(
        snapshot,
        parsed,
        asked,
        tuple(refused),
        tuple(all_members),
        choice.waiting,
        wait,
        now,
        handed,
        back=back is not None,
        stop=stop,
        problems=pulls.problems(),
        overdue=disruption_budgets.overdue(snapshot, choice.waiting.values(), now),
    )
    status = report.status(said)
    untils = [*pulls.untils, *taken.untils, steps.ends(stop, status.reached_at)]
    untils.append(disruption_budgets.due(snapshot, choice.waiting.values(), now))
    return result.finish(
        snapshot, status, own, (*made, *choice.starts), tuple(all_members), choice.waiting, now=now, untils=untils
    )


def _frozen(snapshot: Snapshot) -> PatchWorkload | PatchReplicaSet | Reason | None:
    """What the freeze asks for before anything else. Nothing is frozen before it is known whether that is needed."""
    kind, workload = snapshot.kind, snapshot.workload
    found = kind.freeze(workload, snapshot.family, interlocked=snapshot.interlock is True)
    if snapshot.interlock is None and isinstance(found, PatchWorkload) and found.why is not None:
        return Reason(ReasonCode.Freezing, "spec", "finding out whether admission policies freeze it by themselves")
    return found


def _around(
    snapshot: Snapshot,
    target: Template,
    prospects: Prospects,
    all_members: list[PodAssessment],
    *,
    back: bool,
    whole: bool,
) -> WorkloadAction | None:
    """What the kind wants written before its Pods move, or after they have.

    `back`: they are rolled back. `whole`: no stop holds some of them.
    """
    kind, workload, family = snapshot.kind, snapshot.workload, snapshot.family
    whole = whole and not any(reason.code == ReasonCode.Partition for reason in prospects.outside.values())
    before = kind.prepare(workload, family, target, whole=whole)
    done = whole and len(all_members) >= kind.desired(workload) and all(one.done for one in all_members)
    if before is not None or back or not done:
        return before
    return kind.conclude(workload, family, target, interlocked=snapshot.interlock is True)


def _handed_over(
    snapshot: Snapshot,
    parsed: Parsed,
    refused: list[Reason],
    frozen: PatchWorkload | PatchReplicaSet | Reason | None,
    all_members: list[PodAssessment],
) -> bool:
    """Whether a change that cannot be made in place is the native controller's now, as the owner allows.

    Not while Pods are in flight, nor where it would replace Pods that a pause or a partition of ours is to keep.
    """
    allowed = parsed.settings.mode is Mode.IF_POSSIBLE and not parsed.settings.paused and not snapshot.objections
    if not (allowed and refused):
        return False
    own = snapshot.kind.native(snapshot.workload).partition
    kept = own is None and any(
        one.outside is not None and one.outside.code == ReasonCode.Partition for one in all_members
    )
    if kept or any(isinstance(one.state, InProgress) for one in all_members):
        return False
    if any(reason.code == ReasonCode.AdmissionRejected for reason in refused):
        return False  # what admission refuses in a live Pod it would refuse in a new one as well
    return frozen is not None or snapshot.kind.lift(snapshot.workload) is not None


def _refusals(snapshot: Snapshot, target: Template | None, found: Prospects) -> list[Reason]:
    """Everything that refuses the workload before its first disruption: strategy, settings, template, Pods."""
    concerned = assess.refusals(snapshot, target, found) if target is not None else ()
    return [*snapshot.objections, *concerned]


def _wait(
    snapshot: Snapshot,
    parsed: Parsed,
    frozen: PatchWorkload | PatchReplicaSet | Reason | None,
    target: Template | Reason,
    all_members: list[PodAssessment],
    now: datetime,
) -> Reason | None:
    """Why no Pod of this workload may begin now, whatever the budget says."""
    if isinstance(frozen, PatchWorkload | PatchReplicaSet):
        return Reason(
            ReasonCode.Freezing if isinstance(frozen, PatchWorkload) else ReasonCode.Preparing, "spec", frozen.note
        )
    if frozen is not None:
        return frozen
    if isinstance(target, Reason):
        return target
    if parsed.settings.paused:
        return Reason(ReasonCode.Paused, "", "paused: true")
    failures = assess.blamed(assess.failed(all_members))
    if failures > parsed.settings.max_failures:
        return Reason(
            ReasonCode.WorkloadDegraded, "", f"{failures} Pods failed, max-failures is {parsed.settings.max_failures}"
        )
    if snapshot.not_before is not None and now < snapshot.not_before:
        return Reason(ReasonCode.LeaderTakeover, "", "a new leader waits until the old one has certainly stopped")
    return None
