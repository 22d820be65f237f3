"""Opting out: what is in flight finishes, nothing begins, and nothing of ours is left behind
(docs/design/protocol.md, "Kinds and their freeze")."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from inplace.core.actions.actions import Abort, Action, ClearStatus
from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import report
from inplace.core.plan.result import Plan, finish, in_motion, uid_of
from inplace.core.pod.states import UpToDate
from inplace.core.rollout import assess, prepull
from inplace.core.rollout.assess import Course, PodAssessment
from inplace.core.rollout.disruption_budgets import Reservations
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import conditions


def plan(snapshot: Snapshot, now: datetime) -> Plan:
    """Finish what is in flight, then leave nothing of ours behind; begin nothing."""
    if not has_our_metadata(snapshot):
        return Plan(_possible(snapshot, cleanup(snapshot)))
    parsed = snapshot.parsed
    target = snapshot.kind.target(snapshot.workload, snapshot.revisions)
    leaving, all_members = _leaving(snapshot, target, now)
    revision = target.revision if isinstance(target, Template) else ""
    left = [one for one in all_members if _is_behind(snapshot, one, revision)]
    if left or isinstance(target, Reason):
        said = report.StatusInput(snapshot, parsed, target, (), tuple(all_members), {}, leaving, now)
        status = report.opt_out_pending(report.status(said), left)
        taken = Reservations(snapshot, all_members, now)
        made = (*in_motion(all_members), *taken.actions)
        return finish(snapshot, status, None, made, tuple(all_members), {}, now=now, untils=taken.untils)
    back = Reservations(snapshot, (), now).actions
    return Plan((*back, *_possible(snapshot, cleanup(snapshot))))


def _possible(snapshot: Snapshot, actions: Iterable[Action]) -> tuple[Action, ...]:
    return tuple(one for one in actions if uid_of(one) not in snapshot.pending)


def cleanup(snapshot: Snapshot) -> tuple[Action, ...]:
    """What leaves nothing of ours behind: first on the Pods, then on the workload, frozen until then, and elsewhere."""
    helpers = prepull.cleanup(snapshot)
    marked = tuple(Abort(pod) for pod in snapshot.pods if pod.metadata.annotation(names.STATE) is not None)
    if marked or helpers:
        return (*helpers, *marked)
    thaw = snapshot.kind.thaw(snapshot.workload, snapshot.family)
    if thaw is not None:
        return (thaw,)
    return (ClearStatus(snapshot.workload),) if conditions.stand(snapshot.workload) else ()


def behind(snapshot: Snapshot, now: datetime) -> list[PodAssessment]:
    """The Pods that the native controller would replace, were the freeze lifted now."""
    target = snapshot.kind.target(snapshot.workload, snapshot.revisions)
    revision = target.revision if isinstance(target, Template) else ""
    return [one for one in _leaving(snapshot, target, now)[1] if _is_behind(snapshot, one, revision)]


def _leaving(snapshot: Snapshot, target: Template | Reason, now: datetime) -> tuple[Reason, list[PodAssessment]]:
    """The Pods of a workload that is opted out: those in flight finish."""
    why = Reason(ReasonCode.OptOutPending, "", "opted out: Pods in flight finish, no other begins")
    parsed, known = snapshot.parsed, target if isinstance(target, Template) else None
    scene = assess.scene(snapshot, parsed, target, now, why)
    prospects = assess.prospects(snapshot, parsed.settings, Course(known) if known is not None else None, now)
    return why, assess.members(snapshot, parsed.settings, known, scene, prospects)


def _is_behind(snapshot: Snapshot, one: PodAssessment, revision: str) -> bool:
    """Whether the native controller would replace this Pod, were the freeze lifted now."""
    if one.outside is None:
        return not isinstance(one.state, UpToDate)
    kept = one.outside.code == ReasonCode.Partition and snapshot.kind.native(snapshot.workload).partition is None
    return kept and one.revision != revision


def has_our_metadata(snapshot: Snapshot) -> bool:
    """Whether anything of ours stands on the workload or its Pods, the opt-in and its settings aside."""
    meta = snapshot.workload.metadata
    labels = any(meta.label(key) is not None for key in (names.FROZEN, names.PHASE))
    ours = labels or any(meta.annotation(key) is not None for key in (names.STATUS, names.ORIGINAL_STRATEGY))
    return ours or any(pod.metadata.annotation(names.STATE) is not None for pod in snapshot.pods)
