"""Which of the pending Pods start now: quotas first, then the requirements of each Pod.

A fold over the Pods in their order: each is granted its start, or deferred with a reason, and takes what it takes from
the quotas and the disruption budgets that the next one finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from inplace.core.actions.actions import BeginResize, CloseGate, Complete, PatchImages, PodAction
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason
from inplace.core.pod import availability, gates
from inplace.core.pod.availability import runs
from inplace.core.pod.states import Ineligible, InProgress, Pending
from inplace.core.rollout import disruption_budgets, order, reported
from inplace.core.rollout.assess import Assessment, PodAssessment
from inplace.core.rollout.disruption_budgets import Reservations
from inplace.core.rollout.holds import Hold
from inplace.core.rollout.quotas import Quotas
from inplace.core.rollout.snapshot import Snapshot


class Admission(Struct, frozen=True):
    """The Pods that start now, and why the other pending Pods do not."""

    reservations: Reservations
    granted: tuple[PodAction, ...] = ()
    #: By name of the Pod.
    deferred: dict[str, Reason] = {}
    #: Pods that were granted their start and wait for something that can be had for them.
    unprepared: tuple[Pod, ...] = ()
    #: Pods that may start soon, the granted among them, in their order.
    next_up: tuple[Pod, ...] = ()


class _Verdict(NamedTuple):
    """The decision on one Pod: `reason` why it is deferred, whether within the quotas, and whether beyond the step."""

    reason: Reason | None = None
    within_quotas: bool = True
    within_step: bool = True


class _Judged(NamedTuple):
    pod: Pod
    state: Pending
    verdict: _Verdict


def admit(assessment: Assessment, hold: Hold | None) -> Admission:
    """Grant starts within the quotas; a hold defers every one."""
    pods = (pod.pod for pod in assessment.pods)
    reservations = disruption_budgets.standing(assessment.snapshot, assessment.settings, pods, assessment.now)
    pending = candidates(assessment)
    if hold is not None:
        return Admission(reservations, deferred={pod.pod.name: hold.reason for pod, _ in pending})
    quotas, verdicts, reserved = Quotas.of(assessment), list[_Judged](), reservations
    for pod, state in pending:
        verdict, quotas, reserved = _admit_one(assessment, pod.pod, state, quotas, reserved)
        verdicts.append(_Judged(pod.pod, state, verdict))
    first = _unready(assessment, verdicts) if assessment.snapshot.kind.together(assessment.snapshot.workload) else None
    if first is not None:
        verdicts, reserved = [_waits_with(*first, one) for one in verdicts], reservations
    return Admission(
        reserved,
        granted=tuple(state.action for _, state, verdict in verdicts if verdict.reason is None),
        deferred={pod.name: verdict.reason for pod, _, verdict in verdicts if verdict.reason is not None},
        unprepared=tuple(pod for pod, _, verdict in verdicts if verdict.reason is not None and verdict.within_quotas),
        next_up=tuple(pod for pod, _, verdict in verdicts if verdict.within_step),
    )


def _admit_one(
    assessment: Assessment, pod: Pod, state: Pending, quotas: Quotas, reservations: Reservations
) -> tuple[_Verdict, Quotas, Reservations]:
    """The verdict on one Pod, and what is left for the next."""
    disruptive, moves_to = disrupts(state.action), target_of(state.action)
    weighs = disruptive or isinstance(state.action, BeginResize)  # so that a size that cannot be had stops at the first
    costs, may_be_starting = weighs and not state.broken, disruptive and state.broken and runs(pod)
    reason = quotas.beyond_step(pod, moves_to)
    if reason is not None:
        return _Verdict(reason, within_quotas=False, within_step=False), quotas, reservations
    reason = quotas.exhausted(costs=costs, may_be_starting=may_be_starting)
    if reason is not None:  # its turn comes at this step, so that one beyond the step waits for that
        return (
            _Verdict(reason, within_quotas=False),
            quotas.take(pod, moves_to, costs=False, disruptive=False),
            reservations,
        )
    quotas = quotas.take(pod, moves_to, costs=costs, disruptive=disruptive)
    lacking = state.waits_for if disruptive else None
    if lacking is None and disruptive:
        reservations, lacking = reservations.reserve(pod)
    lacking = lacking or _refused(assessment, state.action) or reported.deferral(assessment.snapshot.reported, pod.name)
    return _Verdict(lacking), quotas, reservations


def _unready(assessment: Assessment, verdicts: Sequence[_Judged]) -> tuple[Pod, Reason] | None:
    """The first Pod that may start but for its image or for a condition that somebody else sets, and which."""
    for one in verdicts:
        if disrupts(one.state.action) and one.verdict.within_quotas and one.state.waits_for is not None:
            return one.pod, one.state.waits_for
    for pod in assessment.participants:
        if isinstance(pod.state, Ineligible) and pod.state.reason.code in gates.AT_REST:
            return pod.pod, pod.state.reason
    return None


def _waits_with(first: Pod, lacking: Reason, one: _Judged) -> _Judged:
    """A Pod that could start waits for the one that must start in the same moment."""
    if one.verdict.reason is not None or not disrupts(one.state.action):
        return one
    why = f"strategy Recreate: starts together with {first.name}, which waits: {lacking.message}"
    return one._replace(verdict=_Verdict(Reason(lacking.code, lacking.path, why)))


def _refused(assessment: Assessment, start: PodAction) -> Reason | None:
    """Why the start of a Pod is not tried again yet."""
    failed = assessment.snapshot.failure_of(start)
    return failed.reason if failed is not None and failed.rests(assessment.now) else None


def candidates(assessment: Assessment) -> Sequence[tuple[PodAssessment, Pending]]:
    """The pending Pods, broken ones first, in the order of their admission."""
    found = [(pod, pod.state) for pod in assessment.participants if isinstance(pod.state, Pending)]
    key, nodes = assessment.settings.spread_by, assessment.snapshot.nodes
    if not key:
        return found
    broken = [(pod, state) for pod, state in found if state.broken]
    others = {pod.pod.uid: (pod, state) for pod, state in found if not state.broken}
    # One that is upgraded but not available yet burdens its value as well as one in flight does.
    down = [pod.pod for pod in assessment.pods if isinstance(pod.state, InProgress) or not pod.available]
    waiting = [pod.pod for pod, _ in others.values()]
    spread = order.spread(waiting, lambda pod: order.spread_value(key, pod, nodes), down)
    return [*broken, *(others[pod.uid] for pod in spread)]


def still(snapshot: Snapshot, live: Pod, start: Pending) -> PodAction | None:
    """The start that this Pod was granted, now that it was read once more: what cost no budget because the Pod was
    broken is not granted any more once it is not."""
    before = next((pod for pod in snapshot.pods if pod.uid == live.uid), live)
    return None if not start.broken and availability.broken(before) else start.action


def target_of(action: PodAction) -> str:
    """The revision that an action moves its Pod to; empty if it moves no Pod."""
    return action.record.target if isinstance(action, BeginResize | CloseGate | PatchImages | Complete) else ""


def disrupts(action: PodAction) -> bool:
    """Whether this start makes a Pod stop serving."""
    if isinstance(action, BeginResize | PatchImages):
        return action.change.disrupts
    return not isinstance(action, Complete)
