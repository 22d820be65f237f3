"""The states of a Pod, and the context that its next step depends on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from inplace.core.actions.actions import PodAction
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.observation import PodObservation
from inplace.core.settings.annotations import Settings
from inplace.core.state.records import Author, Record
from inplace.core.template.change import Verdict

#: Until the workload's own controller names the target, Pods in flight wait or complete; none starts.
TARGET_UNKNOWN: Final = Reason(
    ReasonCode.RevisionUnknown, "", "waiting for the workload's own controller to set the revision"
)


class ImageWait(Struct, frozen=True):
    """An image that the Pod needs is not known to be on its node; `failed`: its pull failed."""

    reason: Reason
    failed: bool = False


class PodContext(Struct, frozen=True):
    """Everything besides the Pod itself that its next step depends on."""

    #: The workload's uid.
    workload: str
    settings: Settings
    now: datetime
    #: The revision that the Pod should be at; empty if not known yet.
    target: str = ""
    #: The change to the target, or why it cannot be made in place; None if the target is not known yet.
    change: Verdict | None = None
    #: The revision that the Pod is at; empty if unknown.
    base: str = ""
    node: Node | None = None
    #: Whether we may read nodes; if not, their state is ignored.
    nodes_visible: bool = True
    observation: PodObservation | None = None
    #: Why nothing new may start in the whole workload; a Pod that is drained but not yet patched goes back.
    hold: Reason | None = None
    #: Why a Pod in flight is not given another template than it was to get: nobody could tell later what that was.
    unrecorded: Reason | None = None
    #: All Pods were done at this revision before, and one was available: later unreadiness is not a failure of it.
    settled: bool = False
    #: Why the API server permanently refuses our writes on this Pod.
    write_refused: Reason | None = None
    #: The last request to retry; a failed Pod compares it with the one that it has answered.
    retry: str = ""
    #: Set while pre-pull has not put every image of the change on the node.
    images: ImageWait | None = None
    #: By image: the digest that a container of it will show on this node.
    digests: Mapping[str, str] = {}
    #: By revision: the labels of its Pods.
    revision_labels: Mapping[str, Mapping[str, str]] = {}
    #: Who decides, and for which request: the controller for the template, or a command (`Record.requested`).
    by: Author | UnsetType = UNSET
    request: str = ""
    #: No deadline is over before this.
    no_verdict_before: datetime | None = None

    def due(self, deadline: datetime) -> datetime:
        """When a deadline is over: not before it is known whether it was met."""
        return deadline if self.no_verdict_before is None else max(deadline, self.no_verdict_before)

    def works_on(self, record: Record) -> bool:
        """Whether an attempt is of whoever decides here; one that is over only has to be for the same thing."""
        return record.requested == self.request and (record.by == self.by or not record.in_flight)

    @property
    def is_opting_out(self) -> bool:
        """Whether nothing starts any more, and every gate is opened."""
        return self.hold is not None and self.hold.code == ReasonCode.OptOutPending

    @property
    def patience(self) -> timedelta:
        """How long an attempt may take, apart from the stop of the old containers."""
        return timedelta(seconds=self.settings.progress_deadline_seconds)

    def labels_of(self, revision: str) -> Mapping[str, str]:
        """The labels of Pods of this revision."""
        return self.revision_labels.get(revision, {})


class UpToDate(Struct, frozen=True):
    """At the target. `settling` is what is still missing to count as done and available.

    `until`: when it is looked at again. `deadline`: when it fails unless it is Ready by then.
    """

    settling: Reason | None = None
    until: datetime | None = None
    deadline: datetime | None = None


class Pending(Struct, frozen=True):
    """Not at the target, and free to start with `action`.

    A broken Pod costs no budget. `waits_for`: what pre-pull still has to do once it is admitted.
    """

    action: PodAction
    broken: bool
    waits_for: Reason | None = None


class Ineligible(Struct, frozen=True):
    """Not at the target, and not to be upgraded for now: `until`, if it ends by itself."""

    reason: Reason
    until: datetime | None = None


class InProgress(Struct, frozen=True):
    """In flight: there is either an `action`, or a wait for `reason`, `until` at the latest."""

    reason: Reason
    action: PodAction | None = None
    until: datetime | None = None


class Failed(Struct, frozen=True):
    """Failed for this target; `action` if it has recovered by itself, `until` if it may recover."""

    reason: Reason
    action: PodAction | None = None
    until: datetime | None = None


PodState = UpToDate | Pending | Ineligible | InProgress | Failed
