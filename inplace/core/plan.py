"""plan(snapshot, now) -> Plan: the one decision core under the controller, the dry run and the command line.

A plan holds only independent actions, at most one for each object; an order comes from one plan after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from inplace.core import names, report, rollout
from inplace.core import pod as pods
from inplace.core import record as records
from inplace.core import status as statuses
from inplace.core.actions import Action, Edit, PodAction, Publish, Restore, Serve
from inplace.core.kinds import Template
from inplace.core.model import Pod, Reason
from inplace.core.names import Code, Phase
from inplace.core.record import Record
from inplace.core.rollout import Member
from inplace.core.scene import Aim, Failed, Moving, Scene, Startable, UpToDate
from inplace.core.settings import Parsed
from inplace.core.snapshot import Snapshot
from inplace.core.status import Status


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
    target = snapshot.target or snapshot.kind.target(snapshot.workload, snapshot.revisions)
    if not isinstance(target, Template):
        return None
    scene = _scene(snapshot, parsed, target, now, None)
    towards = rollout.aim(snapshot, parsed.settings, target, live)
    match rollout.member(snapshot, parsed.settings, towards, scene, live).state:
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
    frozen = kind.freeze(workload)
    target = snapshot.target or kind.target(workload, snapshot.revisions)
    aims = rollout.aims(snapshot, parsed.settings, target, now) if isinstance(target, Template) else {}
    refused = _refusals(snapshot, parsed, target, aims)
    scene = _scene(snapshot, parsed, target, now, refused[0] if refused else None)
    known = target if isinstance(target, Template) else None
    all_members = rollout.members(snapshot, parsed.settings, known, scene, aims)
    wait = scene.hold or _wait(snapshot, parsed, frozen, target, all_members, now)
    choice = rollout.choose(all_members, parsed.settings, kind.desired(workload), wait)
    made = _in_motion(all_members)
    said = report.Said(snapshot, parsed, target, tuple(refused), tuple(all_members), choice.waiting, wait, now)
    status = report.status(said)
    edit = frozen if isinstance(frozen, Edit) else None
    return _finish(snapshot, status, edit, (*made, *choice.starts), tuple(all_members), choice.waiting, now)


def _refusals(snapshot: Snapshot, parsed: Parsed, target: Template | Reason, aims: Mapping[str, Aim]) -> list[Reason]:
    """Everything that refuses the workload before its first disruption: strategy, settings, template, Pods."""
    found = list(parsed.errors)
    unsupported = snapshot.kind.unsupported(snapshot.workload)
    if unsupported is not None:
        found.append(unsupported)
    if isinstance(target, Template):
        found += rollout.refusals(snapshot, parsed.settings, target, aims)
    return found


def _scene(snapshot: Snapshot, parsed: Parsed, target: Template | Reason, now: datetime, hold: Reason | None) -> Scene:
    revision = target.revision if isinstance(target, Template) else ""
    before = statuses.read(snapshot.workload.metadata)
    settled = before is not None and before.phase is Phase.UP_TO_DATE and before.revision == revision
    return Scene(snapshot.workload.metadata.uid, revision, parsed.settings, now, hold=hold, settled=settled)


def _wait(
    snapshot: Snapshot,
    parsed: Parsed,
    frozen: Edit | Reason | None,
    target: Template | Reason,
    all_members: list[Member],
    now: datetime,
) -> Reason | None:
    """Why no Pod of this workload may begin now, whatever the budget says."""
    if isinstance(frozen, Edit):
        return Reason(Code.FREEZING, "spec", "the freeze is being put in place")
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
    if not _has_traces(snapshot):
        return Plan()
    kind, workload = snapshot.kind, snapshot.workload
    parsed = snapshot.parsed
    target = kind.target(workload, snapshot.revisions)
    leaving = Reason(Code.OPT_OUT_PENDING, "", "opted out: Pods in flight finish, no other begins")
    scene = _scene(snapshot, parsed, target, now, leaving)
    known = target if isinstance(target, Template) else None
    aims = rollout.aims(snapshot, parsed.settings, known, now) if known is not None else {}
    all_members = rollout.members(snapshot, parsed.settings, known, scene, aims)
    behind = [one for one in all_members if one.outside is None and not isinstance(one.state, UpToDate)]
    if behind or isinstance(target, Reason):
        said = report.Said(snapshot, parsed, target, (), tuple(all_members), {}, leaving, now)
        status = report.opt_out_pending(report.status(said), behind)
        return _finish(snapshot, status, None, _in_motion(all_members), tuple(all_members), {}, now)
    marked = [pod for pod in snapshot.pods if pod.metadata.annotation(names.STATE) is not None]
    if marked:
        return Plan(tuple(Restore(pod) for pod in marked if pod.uid not in snapshot.pending))
    thaw = kind.thaw(workload) if workload.metadata.uid not in snapshot.pending else None
    return Plan((thaw,) if thaw is not None else ())


def _has_traces(snapshot: Snapshot) -> bool:
    ours = snapshot.workload.metadata.label(names.FROZEN) is not None
    return ours or any(pod.metadata.annotation(names.STATE) is not None for pod in snapshot.pods)


# --- both ------------------------------------------------------------------------------------------------------------


def _in_motion(all_members: list[Member]) -> tuple[PodAction, ...]:
    states = (one.state for one in all_members)
    return tuple(s.action for s in states if isinstance(s, Moving | Failed) and s.action is not None)


def _finish(
    snapshot: Snapshot,
    status: Status,
    edit: Edit | None,
    actions: tuple[PodAction, ...],
    all_members: tuple[Member, ...],
    waiting: dict[str, Reason],
    now: datetime,
) -> Plan:
    """Add the write on the workload, at most one, and the time of the next look."""
    before = statuses.read(snapshot.workload.metadata)
    untils = [one.state.until for one in all_members if isinstance(one.state, Moving | UpToDate | Failed)]
    untils += [one.until for one in all_members]
    if snapshot.not_before is not None:
        untils.append(snapshot.not_before)
    own: Edit | Publish | None = edit
    if edit is None and not statuses.same(before, status):
        due = now if before is None or before.phase is not status.phase else before.updated_at + snapshot.status_every
        own = Publish(snapshot.workload, status, report.events(before, status)) if due <= now else None
        untils.append(due)
    if own is not None and snapshot.workload.metadata.uid in snapshot.pending:
        own = None
    later = [at for at in untils if at is not None and at > now]
    every: tuple[Action, ...] = actions if own is None else (*actions, own)
    return Plan(every, status, min(later, default=None), all_members, waiting)


def _uid(action: Action) -> str:
    return action.workload.metadata.uid if isinstance(action, Edit | Publish) else action.pod.uid


def record_of(pod: Pod) -> Record | None:
    """The Pod's record where it is readable."""
    found = records.read(pod)
    return found if isinstance(found, Record) else None


def explain(member: Member, waiting: dict[str, Reason]) -> Reason | None:
    """Why nothing more happens to this Pod now."""
    return waiting.get(member.pod.name) or member.outside or pods.explain(member.state)
