"""Decision: an assessment and the decisions about it. Actions and status follow from it alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property

from msgspec import Struct

from inplace.core.actions.describe import FAILURE, REPORT
from inplace.core.kinds import Template
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.states import Failed, InProgress
from inplace.core.rollout import blocked, holds
from inplace.core.rollout.admit import Admission
from inplace.core.rollout.assess import Assessment
from inplace.core.rollout.blocked import Blocked
from inplace.core.rollout.holds import Hold
from inplace.core.rollout.reported import MOMENTARY
from inplace.core.rollout.snapshot import FailedWrite
from inplace.core.rollout.steps import CurrentStep
from inplace.core.rollout.targets import AtStep
from inplace.core.state import statuses
from inplace.core.state.statuses import Status


class Decision(Struct, frozen=True, dict=True):
    """The assessment of a workload, why nothing may start, and which Pods start; `dict` keeps what was derived."""

    assessment: Assessment
    hold: Hold | None
    admission: Admission

    @property
    def falls_back(self) -> bool:
        """Whether this change falls back to the native rollout."""
        return holds.falls_back(self.assessment)

    @property
    def asked(self) -> Template | None:
        """The revision of the workload's template; None if not known yet."""
        return self.assessment.targets.asked

    @property
    def step(self) -> CurrentStep | None:
        """The current step of the rollout."""
        targets = self.assessment.targets
        return targets.step if isinstance(targets, AtStep) else None

    @cached_property
    def before(self) -> Status | None:
        """The last status."""
        return statuses.read(self.assessment.snapshot.workload.metadata)

    @cached_property
    def blocked(self) -> Blocked | None:
        """The wait if nothing goes on, and others must end it; None while we hold the Pods ourselves."""
        if self.hold is not None and self.is_held_by(ReasonCode.NativeRollout):
            return blocked.by_native_rollout(self.hold.reason, self.assessment.snapshot.workload)
        held = self.hold is not None and self.hold.reason.code not in MOMENTARY
        return None if held or self.is_step_reached else blocked.first(self.assessment, self.admission)

    @property
    def overdue(self) -> Reason | None:
        """The reason of such a wait if it has exceeded its deadline."""
        assessment, wait = self.assessment, self.blocked
        if wait is None or not blocked.is_overdue(assessment.snapshot, assessment.settings, wait, assessment.now):
            return None
        return wait.reason

    @property
    def blocked_until(self) -> datetime | None:
        """When such a wait exceeds its deadline."""
        assessment = self.assessment
        if self.blocked is None:
            return None
        return blocked.deadline(assessment.snapshot, assessment.settings, assessment.now)

    @cached_property
    def is_step_reached(self) -> bool:
        """Whether as many Pods as the step allows are at the new revision and serve, and none is in flight. One that a
        partition keeps there has its place at the step, as it has in the quota."""
        if self.step is None or self.asked is None:
            return False
        there = sum(pod.done and pod.revision == self.asked.revision for pod in self.assessment.pods)
        return there >= self.step.limit and not self.assessment.is_in_progress

    @cached_property
    def refused_writes(self) -> tuple[FailedWrite, ...]:
        """Our writes that are refused, or not kept, the oldest first; what fails a Pod in flight is told of the Pod, if
        that can be recorded.

        Not a report: one that gets through is proof that reporting is not refused any more. An Event tells of it.
        """
        failing = {pod.pod.uid for pod in self.assessment.pods if isinstance(pod.state, InProgress)}
        failed = [write for write in self.assessment.snapshot.failed_writes if write.sort != REPORT]
        failing -= {write.uid for write in failed if write.sort == FAILURE and write.reason}
        return tuple(write for write in failed if write.reason and not (write.fatal and write.uid in failing))

    @property
    def refusal_deadline(self) -> datetime | None:
        """When a refused write no longer counts as progress; it is tried on."""
        refused, patience = self.refused_writes, timedelta(seconds=self.assessment.settings.progress_deadline_seconds)
        return refused[0].since + patience if refused else None

    @property
    def is_refused_for_long(self) -> bool:
        """Whether that deadline has passed."""
        deadline = self.refusal_deadline
        return deadline is not None and self.assessment.now >= deadline

    @property
    def contested(self) -> Reason | None:
        """The reason if another writer keeps reverting the freeze."""
        return self.hold.reason if self.is_held_by(ReasonCode.FreezeContested) and self.hold is not None else None

    def is_held_by(self, *codes: ReasonCode) -> bool:
        """Whether one of these reasons holds every start."""
        return self.hold is not None and self.hold.reason.code in codes

    def in_motion(self) -> Iterable[Failed | InProgress]:
        """The states of Pods that are in flight, or have failed."""
        return (pod.state for pod in self.assessment.pods if isinstance(pod.state, Failed | InProgress))

    def without_image(self) -> Iterable[Pod]:
        """Pods that have failed because their image could not be pulled: it is asked for again, whatever holds them."""
        for pod in self.assessment.pods:
            wait = self.assessment.images.wait(pod.pod.uid)
            if wait is not None and wait.failed and isinstance(pod.state, Failed) and pod.excluded is None:
                yield pod.pod

    def turning(self) -> Iterable[str]:
        """Pods (uids) in flight to another revision, which change to the target once its images are on their nodes."""
        for pod in self.assessment.turning():
            if self.assessment.images.wait(pod.pod.uid) is not None:
                yield pod.pod.uid
