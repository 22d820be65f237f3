"""The states that a Pod can be in, and everything around it that its next step depends on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from inplace.core.actions.actions import PodAction
from inplace.core.objects.model import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.observation import PodObservation
from inplace.core.settings.schema import Settings
from inplace.core.template.change import Verdict

#: While the workload's own controller has not named the target yet, Pods in flight wait or finish; none starts.
TARGET_UNKNOWN: Final = Reason(
    ReasonCode.RevisionUnknown, "", "waiting for the workload's own controller to name the revision"
)


class ImageWait(Struct, frozen=True):
    """An image that the Pod needs is not known to be on its node; `failed`: and it will not get there."""

    reason: Reason
    failed: bool = False


class PodContext(Struct, frozen=True):
    """Everything around one Pod that its next step depends on."""

    #: The workload's uid.
    workload: str
    settings: Settings
    now: datetime
    #: The revision that the Pod should be at; empty while that is not known.
    target: str = ""
    #: What it lacks of the target, or why it cannot get there in place; None while the target is not known.
    change: Verdict | None = None
    #: The revision that the Pod is at; empty if nothing tells.
    base: str = ""
    node: Node | None = None
    #: Whether nodes can be seen at all: without rights on them, nothing is said about them.
    nodes_visible: bool = True
    observation: PodObservation | None = None
    #: Why nothing new may start in the whole workload; a Pod that is drained but not yet patched goes back.
    hold: Reason | None = None
    #: The workload was UpToDate at this revision before, so that later unreadiness is no failure of it.
    settled: bool = False
    #: Why the API server refuses our writes on this Pod for good.
    write_refused: Reason | None = None
    #: The last request to retry, by which a failed Pod knows whether it is asked to try again.
    retry: str = ""
    #: Set while pre-pull has not put every image of the change on the node.
    images: ImageWait | None = None
    #: By image: the digest that a container of it will show on this node.
    digests: Mapping[str, str] = {}
    #: By revision: the labels that make a Pod one of it.
    revision_labels: Mapping[str, Mapping[str, str]] = {}

    def labels_of(self, revision: str) -> Mapping[str, str]:
        """The labels that make a Pod one of this revision."""
        return self.revision_labels.get(revision, {})


class UpToDate(Struct, frozen=True):
    """At the target. `settling` says what is still missing to count as done and available."""

    settling: Reason | None = None
    until: datetime | None = None


class Pending(Struct, frozen=True):
    """Behind the target and free to start with `action`.

    A broken Pod costs no budget. `waits_for`: what pre-pull still has to do for it once it is granted its start.
    """

    action: PodAction
    broken: bool
    waits_for: Reason | None = None


class Ineligible(Struct, frozen=True):
    """Behind the target, and not to be touched for now."""

    reason: Reason


class InProgress(Struct, frozen=True):
    """In flight: either there is something to do, or `reason` is waited for, `until` at the latest."""

    reason: Reason
    action: PodAction | None = None
    until: datetime | None = None


class Failed(Struct, frozen=True):
    """Failed for this target; `action` if it has recovered by itself, `until` if it may be about to."""

    reason: Reason
    action: PodAction | None = None
    until: datetime | None = None


PodState = UpToDate | Pending | Ineligible | InProgress | Failed
