"""plan(snapshot, now) -> Plan: the one decision core under the controller, the dry run and the command line.

A plan holds only independent actions, at most one for each object; an order comes from one plan after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from inplace.core import actions as actions_
from inplace.core import conditions, names, order, preflight, prepull, report, reserve, rollback, rollout, spread, steps
from inplace.core import pod as pods
from inplace.core import record as records
from inplace.core import status as statuses
from inplace.core.actions import (
    Action,
    Amend,
    Create,
    Edit,
    Label,
    PodAction,
    Publish,
    Remove,
    Restore,
    Retract,
    Serve,
    WorkloadAction,
)
from inplace.core.kinds import Template
from inplace.core.model import Pod, Reason
from inplace.core.names import Code, Mode, Phase
from inplace.core.record import Record
from inplace.core.reserve import Reservations
from inplace.core.rollout import Course, Limit, Member, Prospects
from inplace.core.scene import Failed, Moving, Scene, Startable, UpToDate
from inplace.core.settings import Parsed, PrePull
from inplace.core.snapshot import Snapshot
from inplace.core.status import Status
from inplace.core.steps import Stop

#: How soon a workload looks again for room that Pods of others had taken.
_CROWD_SECONDS: Final = timedelta(seconds=1)
#: How soon the server is asked again whether it still refuses an image patch.
_ASK_AGAIN: Final = timedelta(seconds=31)


class Plan(Struct, frozen=True):
    """What to do now, what to say, and when to look again if nothing happens before."""

    actions: tuple[Action, ...] = ()
    status: Status | None = None
    requeue_at: datetime | None = None
    members: tuple[Member, ...] = ()
    waiting: dict[str, Reason] = {}


def plan(snapshot: Snapshot, now: datetime) -> Plan:
    """Decide everything about one workload."""
    served = _serve(snapshot)
    if snapshot.workload.metadata.label(names.MODE) is None:
        made = _opted_out(snapshot, now)
    else:
        made = _opted_in(snapshot, now)
    spoken_for = {action.pod.uid for action in served}
    rest = tuple(one for one in made.actions if _uid(one) not in spoken_for)
    return replace(made, actions=(*served, *rest))


def reassess(snapshot: Snapshot, live: Pod, now: datetime) -> PodAction | None:
    """What a plan would do with this one Pod, had it been read just now. For the check before a disruptive write.

    The Pod was granted its step by a plan of this very snapshot, so nothing held the workload back in it; and a start
    that cost no budget because the Pod was broken is not granted any more once it is not.
    """
    parsed = snapshot.parsed
    asked, back = _targets(snapshot)
    target = asked if back is None else back
    if not isinstance(target, Template):
        return None
    scene = _scene(snapshot, parsed, target, now, None)
    course = _course(snapshot, parsed, target, _stop(snapshot, parsed, asked, back))
    aims = {live.uid: rollout.aim(snapshot, parsed.settings, course.of(live.uid), live)}
    match rollout.member(snapshot, parsed.settings, rollout.Prospects(aims, {}), scene, live).state:
        case Startable(action, broken):
            before = next((pod for pod in snapshot.pods if pod.uid == live.uid), live)
            return None if not broken and not before.ready else action
        case Moving(action=action) | Failed(action=action):
            return action
        case _:
            return None


def _serve(snapshot: Snapshot) -> tuple[Serve, ...]:
    """The gate of a new Pod, opted in or not: ahead of all other work, even when paused."""
    return tuple(Serve(pod) for pod in snapshot.pods if _unserved(pod) and pod.uid not in snapshot.pending)


def _unserved(pod: Pod) -> bool:
    if pod.condition(names.GATE) is not None:
        return False
    return pod.has_gate(names.GATE) and pod.metadata.deletion_timestamp is None


# --- opted in --------------------------------------------------------------------------------------------------------


def _opted_in(snapshot: Snapshot, now: datetime) -> Plan:
    kind, workload = snapshot.kind, snapshot.workload
    parsed = snapshot.parsed
    frozen = _frozen(snapshot)
    asked, back = _targets(snapshot)
    target = asked if back is None else back
    known = target if isinstance(target, Template) else None
    stop = _stop(snapshot, parsed, asked, back)
    course = _course(snapshot, parsed, known, stop) if known is not None else None
    prospects = rollout.prospects(snapshot, parsed.settings, course, now)
    if back is not None:
        prospects = rollout.unpartitioned(prospects)
    answers = preflight.ask(snapshot, prospects)
    # What runs already is on its node: nothing is pulled for a rollback.
    pulls = prepull.look(snapshot, prospects, PrePull.NEVER if back is not None else parsed.settings.pre_pull, now)
    refused = [*_refusals(snapshot, known, prospects), *answers.refused, *pulls.rewritten]
    scene = _scene(snapshot, parsed, target, now, refused[0] if refused else None)
    scene = replace(scene, unpulled=pulls.unpulled(snapshot, prospects))
    all_members = pulls.judge(rollout.members(snapshot, parsed.settings, known, scene, prospects))
    handed = back is None and _handed_over(snapshot, parsed, refused, frozen, all_members)
    if handed:
        frozen = Reason(Code.HANDING_OVER, "", "handed over to the native controller")
    elif snapshot.contest is not None and isinstance(frozen, Edit) and frozen.why is not None:
        frozen = snapshot.contest.reason
    wait = scene.hold or _wait(snapshot, parsed, frozen, target, all_members, now)
    own: WorkloadAction | None = kind.lift(workload) if handed else frozen if isinstance(frozen, Edit | Amend) else None
    if wait is None and answers.questions:
        wait = Reason(Code.PREFLIGHT, "", "asking the API server whether it takes the image patches")
    if known is not None and wait is None and frozen is None:
        own = _around(snapshot, known, prospects, all_members, back=back is not None, whole=stop is None)
        wait = Reason(Code.PREPARING, "", own.note) if isinstance(own, Amend | Create | Edit | Remove) else None
    limit = _limit(snapshot, stop, known, all_members) if stop is not None and known is not None else None
    taken = Reservations(snapshot, all_members, now)
    key = parsed.settings.spread_by
    place = partial(spread.value, key, nodes=snapshot.nodes) if key else None
    choice = rollout.choose(
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
        *_in_motion(all_members),
        *(answers.questions if wait is not None and wait.code == Code.PREFLIGHT else ()),
        *taken.actions,
        *pulls.discards,
        *(prepull.begin(snapshot, pulls, (lacking, choice.near), known, now) if known is not None else ()),
    )
    said = report.Said(
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
        overdue=reserve.overdue(snapshot, choice.waiting.values(), now),
    )
    status = report.status(said)
    untils = [*pulls.untils, *taken.untils, steps.ends(stop, status.reached_at)]
    untils.append(reserve.due(snapshot, choice.waiting.values(), now))
    return _finish(
        snapshot, status, own, (*made, *choice.starts), tuple(all_members), choice.waiting, now=now, untils=untils
    )


def _frozen(snapshot: Snapshot) -> Edit | Amend | Reason | None:
    """What the freeze asks for before anything else. Nothing is frozen before it is known whether that is needed."""
    kind, workload = snapshot.kind, snapshot.workload
    found = kind.freeze(workload, snapshot.family, interlocked=snapshot.interlock is True)
    if snapshot.interlock is None and isinstance(found, Edit) and found.why is not None:
        return Reason(Code.FREEZING, "spec", "finding out whether admission policies freeze it by themselves")
    return found


def _targets(snapshot: Snapshot) -> tuple[Template | Reason, Template | Reason | None]:
    """What the workload asks for, and what its Pods are brought back to while that is rolled back."""
    asked = snapshot.target or snapshot.kind.target(snapshot.workload, snapshot.revisions)
    return asked, None if snapshot.target is not None else rollback.under_way(snapshot, asked)


def _stop(snapshot: Snapshot, parsed: Parsed, asked: Template | Reason, back: Template | Reason | None) -> Stop | None:
    """The stop at which the rollout is; a rollback has none, nor has a plan of what is not applied yet."""
    if back is not None or not isinstance(asked, Template) or snapshot.target is not None:
        return None
    return steps.stop(snapshot, parsed.settings, asked)


def _course(snapshot: Snapshot, parsed: Parsed, target: Template, stop: Stop | None) -> Course:
    """Where the Pods are to go: those beyond a stop stay at, or go back to, what was healthy before."""
    before = statuses.read(snapshot.workload.metadata)
    healthy = snapshot.revisions.get(before.healthy) if before is not None else None
    if stop is None or healthy is None or healthy is target:
        return Course(target)

    def rank(pod: Pod) -> object:
        return order.sort_key(parsed.settings, snapshot.kind.order, not pod.ready, pod)

    moved = rollout.moved(snapshot, target)
    return Course(target, healthy, steps.early(snapshot, stop, target, moved, rank))


def _limit(snapshot: Snapshot, stop: Stop, target: Template, all_members: list[Member]) -> Limit:
    """How many more Pods may begin at this stop."""
    moved = rollout.moved(snapshot, target)
    return Limit(target.revision, stop.limit - sum(moved(one.pod) for one in all_members), steps.waits(stop))


def _around(
    snapshot: Snapshot, target: Template, prospects: Prospects, all_members: list[Member], *, back: bool, whole: bool
) -> WorkloadAction | None:
    """What the kind wants written before its Pods move, or after they have.

    `back`: they are rolled back. `whole`: no stop holds some of them.
    """
    kind, workload, family = snapshot.kind, snapshot.workload, snapshot.family
    whole = whole and not any(reason.code == Code.PARTITION for reason in prospects.outside.values())
    before = kind.prepare(workload, family, target, whole=whole)
    done = whole and len(all_members) >= kind.desired(workload) and all(one.done for one in all_members)
    if before is not None or back or not done:
        return before
    return kind.conclude(workload, family, target, interlocked=snapshot.interlock is True)


def _handed_over(
    snapshot: Snapshot,
    parsed: Parsed,
    refused: list[Reason],
    frozen: Edit | Amend | Reason | None,
    all_members: list[Member],
) -> bool:
    """Whether a change that cannot be made in place is the native controller's now, as the owner allows.

    Not while Pods are in flight, nor where it would replace Pods that a pause or a partition of ours is to keep.
    """
    allowed = parsed.settings.mode is Mode.IF_POSSIBLE and not parsed.settings.paused and not snapshot.objections
    if not (allowed and refused):
        return False
    own = snapshot.kind.native(snapshot.workload).partition
    kept = own is None and any(one.outside is not None and one.outside.code == Code.PARTITION for one in all_members)
    if kept or any(isinstance(one.state, Moving) for one in all_members):
        return False
    if any(reason.code == Code.ADMISSION for reason in refused):
        return False  # what admission refuses in a live Pod it would refuse in a new one as well
    return frozen is not None or snapshot.kind.lift(snapshot.workload) is not None


def _refusals(snapshot: Snapshot, target: Template | None, found: Prospects) -> list[Reason]:
    """Everything that refuses the workload before its first disruption: strategy, settings, template, Pods."""
    concerned = rollout.refusals(snapshot, target, found) if target is not None else ()
    return [*snapshot.objections, *concerned]


def _scene(snapshot: Snapshot, parsed: Parsed, target: Template | Reason, now: datetime, hold: Reason | None) -> Scene:
    revision = target.revision if isinstance(target, Template) else ""
    before = statuses.read(snapshot.workload.metadata)
    reached = before is not None and (
        (before.phase is Phase.UP_TO_DATE and before.revision == revision)
        or (before.phase is Phase.ROLLED_BACK and before.healthy == revision)
    )
    kind, workload = snapshot.kind, snapshot.workload

    asked = kind.target(workload, snapshot.revisions)

    def marks(of: str) -> Mapping[str, str]:
        return kind.marks(workload, of, newest=isinstance(asked, Template) and of == asked.revision)

    return Scene(
        workload.metadata.uid,
        revision,
        parsed.settings,
        now,
        hold=hold,
        settled=reached,
        retry=rollback.request(workload),
        expected=prepull.digests(snapshot.pulling.helpers) if snapshot.pulling is not None else {},
        marks=marks,
    )


def _wait(
    snapshot: Snapshot,
    parsed: Parsed,
    frozen: Edit | Amend | Reason | None,
    target: Template | Reason,
    all_members: list[Member],
    now: datetime,
) -> Reason | None:
    """Why no Pod of this workload may begin now, whatever the budget says."""
    if isinstance(frozen, Edit | Amend):
        return Reason(Code.FREEZING if isinstance(frozen, Edit) else Code.PREPARING, "spec", frozen.note)
    if frozen is not None:
        return frozen
    if isinstance(target, Reason):
        return target
    if parsed.settings.paused:
        return Reason(Code.PAUSED, "", "paused: true")
    failures = rollout.failed(all_members)
    if len(failures) > parsed.settings.max_failures:
        return Reason(Code.DEGRADED, "", f"{len(failures)} Pods failed, max-failures is {parsed.settings.max_failures}")
    if snapshot.not_before is not None and now < snapshot.not_before:
        return Reason(Code.TAKEOVER, "", "a new leader waits until the old one has certainly stopped")
    return None


# --- opted out -------------------------------------------------------------------------------------------------------


def _opted_out(snapshot: Snapshot, now: datetime) -> Plan:
    """Finish what is in flight, then leave nothing of ours behind; begin nothing."""
    if not has_traces(snapshot):
        return Plan(_possible(snapshot, farewell(snapshot)))
    parsed = snapshot.parsed
    target = snapshot.kind.target(snapshot.workload, snapshot.revisions)
    leaving, all_members = _leaving(snapshot, target, now)
    revision = target.revision if isinstance(target, Template) else ""
    left = [one for one in all_members if _is_behind(snapshot, one, revision)]
    if left or isinstance(target, Reason):
        said = report.Said(snapshot, parsed, target, (), tuple(all_members), {}, leaving, now)
        status = report.opt_out_pending(report.status(said), left)
        taken = Reservations(snapshot, all_members, now)
        made = (*_in_motion(all_members), *taken.actions)
        return _finish(snapshot, status, None, made, tuple(all_members), {}, now=now, untils=taken.untils)
    back = Reservations(snapshot, (), now).actions
    return Plan((*back, *_possible(snapshot, farewell(snapshot))))


def _possible(snapshot: Snapshot, actions: Iterable[Action]) -> tuple[Action, ...]:
    return tuple(one for one in actions if _uid(one) not in snapshot.pending)


def farewell(snapshot: Snapshot) -> tuple[Action, ...]:
    """What leaves nothing of ours behind: first on the Pods, then on the workload, frozen until then, and elsewhere."""
    helpers = prepull.farewell(snapshot)
    marked = tuple(Restore(pod) for pod in snapshot.pods if pod.metadata.annotation(names.STATE) is not None)
    if marked or helpers:
        return (*helpers, *marked)
    thaw = snapshot.kind.thaw(snapshot.workload, snapshot.family)
    if thaw is not None:
        return (thaw,)
    return (Retract(snapshot.workload),) if conditions.stand(snapshot.workload) else ()


def behind(snapshot: Snapshot, now: datetime) -> list[Member]:
    """The Pods that the native controller would replace, were the freeze lifted now."""
    target = snapshot.kind.target(snapshot.workload, snapshot.revisions)
    revision = target.revision if isinstance(target, Template) else ""
    return [one for one in _leaving(snapshot, target, now)[1] if _is_behind(snapshot, one, revision)]


def _leaving(snapshot: Snapshot, target: Template | Reason, now: datetime) -> tuple[Reason, list[Member]]:
    """The Pods of a workload that is opted out: those in flight finish."""
    why = Reason(Code.OPT_OUT_PENDING, "", "opted out: Pods in flight finish, no other begins")
    parsed, known = snapshot.parsed, target if isinstance(target, Template) else None
    scene = _scene(snapshot, parsed, target, now, why)
    prospects = rollout.prospects(snapshot, parsed.settings, Course(known) if known is not None else None, now)
    return why, rollout.members(snapshot, parsed.settings, known, scene, prospects)


def _is_behind(snapshot: Snapshot, one: Member, revision: str) -> bool:
    """Whether the native controller would replace this Pod, were the freeze lifted now."""
    if one.outside is None:
        return not isinstance(one.state, UpToDate)
    kept = one.outside.code == Code.PARTITION and snapshot.kind.native(snapshot.workload).partition is None
    return kept and one.revision != revision


def has_traces(snapshot: Snapshot) -> bool:
    """Whether anything of ours stands on the workload or its Pods, the opt-in and its settings aside."""
    meta = snapshot.workload.metadata
    labels = any(meta.label(key) is not None for key in (names.FROZEN, names.PHASE))
    ours = labels or any(meta.annotation(key) is not None for key in (names.STATUS, names.ORIGINAL_STRATEGY))
    return ours or any(pod.metadata.annotation(names.STATE) is not None for pod in snapshot.pods)


# --- both ------------------------------------------------------------------------------------------------------------


def _in_motion(all_members: list[Member]) -> tuple[PodAction, ...]:
    states = (one.state for one in all_members)
    return tuple(s.action for s in states if isinstance(s, Moving | Failed) and s.action is not None)


def _finish(
    snapshot: Snapshot,
    status: Status,
    own: WorkloadAction | None,
    actions: tuple[Action, ...],
    all_members: tuple[Member, ...],
    waiting: dict[str, Reason],
    *,
    now: datetime,
    untils: Sequence[datetime | None] = (),
) -> Plan:
    """Add the write on the workload, at most one, and the time of the next look."""
    untils = [*untils, *(one.state.until for one in all_members if isinstance(one.state, Moving | UpToDate | Failed))]
    untils += [one.until for one in all_members]
    untils += [snapshot.not_before]
    crowded = any(reason.code == Code.CROWDED for reason in waiting.values())
    untils += [now + _CROWD_SECONDS] if crowded else []
    rejected = any(reason.code in {Code.ADMISSION, Code.IMAGE_REWRITTEN} for reason in status.reasons)
    untils += [now + _ASK_AGAIN] if rejected else []
    untils += [snapshot.contest.until] if snapshot.contest is not None else []
    own, due = _said(snapshot, status, own, now)
    untils.append(due)
    if own is not None and _uid(own) in snapshot.pending:
        own = None
    later = [at for at in untils if at is not None and at > now]
    every: tuple[Action, ...] = actions if own is None else (*actions, own)
    return Plan(every, status, min(later, default=None), all_members, waiting)


def _said(
    snapshot: Snapshot, status: Status, own: WorkloadAction | None, now: datetime
) -> tuple[WorkloadAction | None, datetime | None]:
    """The write on the workload: what its kind wants, or what we say of it, and when that is due.

    That an upgrade has begun is said before anything is prepared for it, or others would take it for finished. Only
    the freeze comes before that; that it has ended is said last.
    """
    kind, workload, before = snapshot.kind, snapshot.workload, statuses.read(snapshot.workload.metadata)
    moves = before is None or before.phase is not status.phase
    first = moves and status.phase is not Phase.UP_TO_DATE and not isinstance(own, Edit)
    if own is not None and not first:
        return own, None
    stale = kind.keeps_conditions and conditions.stand(workload) is (status.phase is Phase.UP_TO_DATE)
    if stale or not statuses.same(before, status):
        due = now if before is None or moves else before.updated_at + snapshot.status_every
        publish = Publish(
            workload, status, report.events(before, status), kind.labels_with_status, kind.keeps_conditions
        )
        return (publish if due <= now else own), due
    if workload.metadata.label(names.PHASE) != status.phase:
        return own or Label(workload, status.phase), None
    return own, None


def _uid(action: Action) -> str:
    return actions_.subject(action).uid


def record_of(pod: Pod) -> Record | None:
    """The Pod's record where it is readable."""
    found = records.read(pod)
    return found if isinstance(found, Record) else None


def explain(member: Member, waiting: dict[str, Reason]) -> Reason | None:
    """Why nothing more happens to this Pod now."""
    return waiting.get(member.pod.name) or member.outside or pods.explain(member.state)
