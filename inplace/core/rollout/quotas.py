"""How many more Pods may start: maxUnavailable, the current step, and the cap over all workloads."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.states import InProgress, Pending, PodState, UpToDate
from inplace.core.rollout import max_unavailable, reported, steps, targets
from inplace.core.rollout.assess import Assessment
from inplace.core.rollout.targets import AtStep

_CAPPED: Final = Reason(ReasonCode.DisruptionCap, "", "the controller's limit of Pods in flight is reached")


class Quotas(Struct, frozen=True):
    """What is left of each quota."""

    #: maxUnavailable less every Pod that is unavailable already.
    unavailable: int
    max_unavailable: str
    #: maxUnavailable less the Pods under way: how many that are not Ready, but run, may be swapped at a time.
    at_once: int
    #: Of the cap over all workloads; None: there is none.
    room: int | None = None
    #: The revision that the current step limits, how many more Pods may move there, and why no more; empty: no step.
    step_to: str = ""
    step_left: int = 0
    step_reason: Reason | None = None
    #: By uid: the Pods that are there or on their way, one that is tried again included. They take no place.
    step_taken: frozenset[str] = frozenset()

    @classmethod
    def of(cls, assessment: Assessment) -> Quotas:
        """The quotas before any admission."""
        settings, snapshot = assessment.settings, assessment.snapshot
        desired = snapshot.kind.desired(snapshot.workload)
        left = max_unavailable.left(settings, desired, assessment.pods)
        at_once = settings.budget(desired) - sum(underway(pod.state) for pod in assessment.pods)
        quotas = cls(left, str(settings.max_unavailable), at_once, _room(assessment))
        if not isinstance(assessment.targets, AtStep):
            return quotas
        asked, step = assessment.targets.asked, assessment.targets.step
        moved = targets.is_moved(snapshot, asked)
        taken = frozenset(pod.pod.uid for pod in assessment.pods if moved(pod.pod))
        left = step.limit - len(taken)
        return replace(quotas, step_to=asked.revision, step_left=left, step_reason=steps.beyond(step), step_taken=taken)

    def beyond_step(self, pod: Pod, moves_to: str) -> Reason | None:
        """Why a Pod may not move to this revision at the current step."""
        return self.step_reason if self._takes_place(pod, moves_to) and self.step_left <= 0 else None

    def _takes_place(self, pod: Pod, moves_to: str) -> bool:
        return bool(self.step_to) and moves_to == self.step_to and pod.uid not in self.step_taken

    def exhausted(self, *, costs: bool, may_be_starting: bool) -> Reason | None:
        """Why a Pod may not start; None if it `costs` nothing, because it is broken or not disrupted.

        One that is not Ready, but whose containers run, may only be starting: after a power cut all are. They cost
        nothing either, but are not swapped all at once.
        """
        if may_be_starting and self.at_once <= 0:
            why = f"not Ready, but running: no more than max-unavailable {self.max_unavailable} such Pods at a time"
            return Reason(ReasonCode.Budget, "", why)
        if not costs:
            return None
        if self.unavailable <= 0:
            return Reason(ReasonCode.Budget, "", f"max-unavailable {self.max_unavailable} is used up")
        return _CAPPED if self.room is not None and self.room <= 0 else None

    def take(self, pod: Pod, moves_to: str, *, costs: bool, disruptive: bool) -> Quotas:
        """What is left after a Pod was admitted."""
        return replace(
            self,
            unavailable=self.unavailable - costs,
            at_once=self.at_once - disruptive,
            room=self.room - costs if self.room is not None else None,
            step_left=self.step_left - self._takes_place(pod, moves_to),
        )


def underway(state: PodState) -> bool:
    """Whether a Pod has begun, and is not over: in flight, or upgraded and given the time to become available."""
    settles = isinstance(state, UpToDate) and state.settling is not None and state.until is not None
    return settles or isinstance(state, InProgress)


def _room(assessment: Assessment) -> int | None:
    """What is left of the cap. A command knows how many Pods the cap defers: the others may start."""
    snapshot = assessment.snapshot
    held = reported.capped(snapshot.reported)
    if not held:
        return snapshot.room
    states = (pod.state for pod in assessment.participants)
    return max(0, sum(isinstance(state, Pending) and not state.broken for state in states) - held)
