"""Which Pods begin now: quotas first, then what each still lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from inplace.core.actions.actions import CloseGate, Complete, PatchImages, PodAction
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.states import InProgress, Pending
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.budget import allowance
from inplace.core.rollout.spread import spread
from inplace.core.settings.schema import Settings

_CROWDED: Final = Reason(
    ReasonCode.DisruptionCap, "", "as many Pods as the controller may disrupt at once are in flight"
)


class Admission(Struct, frozen=True):
    """Who begins now, and why each of the others that could does not.

    `unprepared`: those that were granted their start and lack something; `near`: those that may begin soon.
    """

    starts: tuple[PodAction, ...]
    waiting: dict[str, Reason]
    unprepared: tuple[Pod, ...] = ()
    near: tuple[Pod, ...] = ()


class StepQuota(Struct, frozen=True):
    """So many more Pods may begin to move to a revision, and why no others."""

    revision: str
    left: int
    why: Reason


def admit(
    all_members: Sequence[PodAssessment],
    settings: Settings,
    desired: int,
    wait: Reason | None,
    limit: StepQuota | None = None,
    *,
    room: int | None = None,
    place: Callable[[Pod], str] | None = None,
    unprepared: Callable[[Pod], Reason | None] = lambda _pod: None,
) -> Admission:
    """Grant starts within the budget and the limit. `wait` holds back every start, whatever the budget says.

    `room`: how many more Pods of all workloads may be disrupted; `place`: over what the starts are spread;
    `unprepared`: what a Pod that is granted its start still waits for, keeping what was granted.
    """
    counted = [one for one in all_members if one.outside is None or one.outside.code != ReasonCode.ScaledAway]
    left = allowance(settings, desired, sum(one.available for one in counted))
    further = limit.left if limit is not None else 0
    free_room = left if room is None else room
    starts: list[PodAction] = []
    waiting: dict[str, Reason] = {}
    lacking: list[Pod] = []
    near: list[Pod] = []
    for member in _in_turn(all_members, place):
        if not isinstance(member.state, Pending):
            continue
        free = member.state.broken or not _disrupts(member.state.action)
        counts = limit is not None and _target(member.state.action) == limit.revision
        if wait is not None:
            waiting[member.pod.name] = wait
            continue
        if counts and limit is not None and further <= 0:
            waiting[member.pod.name] = limit.why
            continue
        near.append(member.pod)
        if not free and left > 0 and free_room <= 0:
            waiting[member.pod.name] = _CROWDED
        elif free or left > 0:
            missing = unprepared(member.pod) if _disrupts(member.state.action) else None
            if missing is None:
                starts.append(member.state.action)
            else:
                waiting[member.pod.name] = missing
                lacking.append(member.pod)
            left -= not free
            free_room -= not free
            further -= counts
        else:
            why = f"max-unavailable {settings.max_unavailable} is used up"
            waiting[member.pod.name] = Reason(ReasonCode.Budget, "", why)
    return Admission(tuple(starts), waiting, tuple(lacking), tuple(near))


def _in_turn(all_members: Sequence[PodAssessment], place: Callable[[Pod], str] | None) -> Sequence[PodAssessment]:
    """Those that could begin, broken ones first, in the order in which they are asked."""
    able = [one for one in all_members if isinstance(one.state, Pending) and one.outside is None]
    if place is None:
        return able
    where = place
    busy = [one for one in all_members if isinstance(one.state, InProgress)]
    broken = [one for one in able if not one.ready]
    return [*broken, *spread([one for one in able if one.ready], lambda one: where(one.pod), busy)]


def _target(action: PodAction) -> str:
    """The revision that an action moves its Pod to; empty for one that moves it nowhere."""
    return action.record.target if isinstance(action, CloseGate | PatchImages | Complete) else ""


def _disrupts(action: PodAction) -> bool:
    return not isinstance(action, Complete) and not (isinstance(action, PatchImages) and not action.change.images)
