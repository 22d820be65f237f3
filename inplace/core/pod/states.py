"""One Pod's part on the stage: what it should become, what surrounds it, and the states it can be in.

The vocabulary of `pod`, `attempt` and `rollout`, and the few questions about availability that all three ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from inplace.core.actions.actions import PodAction
from inplace.core.objects.model import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.observation import PodObservation
from inplace.core.settings.schema import Settings
from inplace.core.template.change import PodChange, Refused


class Aim(Struct, frozen=True):
    """What one Pod should become: a revision, and what the live Pod still lacks of it."""

    revision: str
    lacks: PodChange | Refused


#: While the workload's own controller has not named the target yet, Pods in flight wait or finish; none begins.
TARGET_UNKNOWN: Final = Reason(
    ReasonCode.RevisionUnknown, "", "waiting for the workload's own controller to name the revision"
)


def _no_marks(_revision: str) -> Mapping[str, str]:
    return {}


class PodContext(Struct, frozen=True):
    """Everything around one Pod that its next step depends on.

    `hold`: why nothing new may begin in the whole workload; a Pod that is drained but not yet patched goes back.
    `settled`: the workload was UpToDate at this revision before, so that later unreadiness is no failure of it.
    `base`: the revision that the Pod is at. `marks`: the labels that make a Pod one of a revision.
    `blocked`: why the API server does not take our writes on this Pod, where it has refused them for good.
    `retry`: the request that was answered last, by which a failed Pod knows whether it is asked for again.
    `expected`: by node and image, the digest that a container of it shows there. `unpulled`: by uid, why a Pod in
    flight to something else may not turn to the target yet.
    """

    workload: str
    revision: str
    settings: Settings
    now: datetime
    node: Node | None = None
    sight: PodObservation | None = None
    hold: Reason | None = None
    settled: bool = False
    blocked: Reason | None = None
    base: str = ""
    retry: str = ""
    expected: Mapping[tuple[str, str], str] = {}
    unpulled: Mapping[str, Reason] = {}
    marks: Callable[[str], Mapping[str, str]] = _no_marks


class UpToDate(Struct, frozen=True):
    """At the target. `settling` says what is still missing to count as done and available."""

    settling: Reason | None = None
    until: datetime | None = None


class Pending(Struct, frozen=True):
    """Behind the target and free to begin with `action`. A broken Pod costs no budget."""

    action: PodAction
    broken: bool


class Ineligible(Struct, frozen=True):
    """Behind the target, and not to be touched for now."""

    reason: Reason


class InProgress(Struct, frozen=True):
    """In flight: either something is to be done, or `reason` is waited for, `until` at the latest."""

    reason: Reason
    action: PodAction | None = None
    until: datetime | None = None


class Failed(Struct, frozen=True):
    """Failed for this target; `action` where it has recovered by itself, `until` where it may be about to."""

    reason: Reason
    action: PodAction | None = None
    until: datetime | None = None


PodState = UpToDate | Pending | Ineligible | InProgress | Failed
