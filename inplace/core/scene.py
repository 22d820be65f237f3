"""One Pod's part on the stage: what it should become, what surrounds it, and the states it can be in.

The vocabulary of `pod`, `attempt` and `rollout`, and the few questions about availability that all three ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from inplace.core import failures, names
from inplace.core import record as records
from inplace.core.actions import PodAction
from inplace.core.change import InPlace, Refused
from inplace.core.model import Node, Pod, Reason
from inplace.core.names import Code
from inplace.core.observation import Sight
from inplace.core.record import Record
from inplace.core.settings import Drain as DrainMode
from inplace.core.settings import Settings


class Aim(Struct, frozen=True):
    """What one Pod should become: a revision, and what the live Pod still lacks of it."""

    revision: str
    lacks: InPlace | Refused


#: While the workload's own controller has not named the target yet, Pods in flight wait or finish; none begins.
UNKNOWN: Final = Reason(Code.REVISION_UNKNOWN, "", "waiting for the workload's own controller to name the revision")


def _no_marks(_revision: str) -> Mapping[str, str]:
    return {}


class Scene(Struct, frozen=True):
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
    sight: Sight | None = None
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


class Startable(Struct, frozen=True):
    """Behind the target and free to begin with `action`. A broken Pod costs no budget."""

    action: PodAction
    broken: bool


class Held(Struct, frozen=True):
    """Behind the target, and not to be touched for now."""

    reason: Reason


class Moving(Struct, frozen=True):
    """In flight: either something is to be done, or `reason` is waited for, `until` at the latest."""

    reason: Reason
    action: PodAction | None = None
    until: datetime | None = None


class Failed(Struct, frozen=True):
    """Failed for this target; `action` where it has recovered by itself, `until` where it may be about to."""

    reason: Reason
    action: PodAction | None = None
    until: datetime | None = None


State = UpToDate | Startable | Held | Moving | Failed


def gated(pod: Pod, settings: Settings) -> bool:
    """Whether this Pod is drained through its gate. A gate that is closed is always ours to open again."""
    return pod.has_gate(names.GATE) and (settings.drain is not DrainMode.NEVER or closed(pod))


def drains(pod: Pod, settings: Settings, names_: Iterable[str]) -> bool:
    """Whether this Pod is drained before these of its containers are swapped."""
    swapped = set(names_)
    if not swapped or not gated(pod, settings):
        return False
    return closed(pod) or not swapped <= set(settings.keep_ready_containers)


def closed(pod: Pod) -> bool:
    """Whether the gate stands at anything but True: somebody is keeping the Pod out of service."""
    gate = pod.condition(names.GATE)
    return pod.has_gate(names.GATE) and gate is not None and gate.status != "True"


def available(pod: Pod, scene: Scene) -> Reason | None:
    """Nothing where the Pod has been Ready for min-ready-seconds, else what is missing (IsPodAvailable)."""
    if not pod.ready:
        return Reason(Code.WAITING_READY, "status.conditions[Ready]", "the Pod is not Ready")
    if steady_at(pod, scene, fresh=True) is not None:
        return Reason(Code.WAITING_READY, "", "Ready, but the new container has not run for long enough to believe it")
    if scene.now < ready_until(pod, scene):
        seconds = scene.settings.min_ready_seconds
        return Reason(Code.WAITING_MIN_READY, "", f"Ready, but not yet for {seconds} s (min-ready-seconds)")
    return None


def available_at(pod: Pod, scene: Scene) -> datetime | None:
    """When a Pod that is not available becomes so if nothing happens; None where that is not known."""
    if not pod.ready:
        return None
    return steady_at(pod, scene, fresh=True) or ready_until(pod, scene)


def steady_at(pod: Pod, scene: Scene, *, fresh: bool) -> datetime | None:
    """When the readiness of a Pod upgraded in this rollout may be believed, None where it already may."""
    record = records.read(pod)
    if scene.settled or not isinstance(record, Record):
        return None
    at = failures.unsteady(pod, record, scene.sight, fresh=fresh)
    return at if at is not None and scene.now < at else None


def ready_until(pod: Pod, scene: Scene) -> datetime:
    """When a Ready Pod has been so for min-ready-seconds.

    A kubelet's timestamp has whole seconds of the node's clock: rounded up, so that the wait is never shorter.
    """
    least = timedelta(seconds=scene.settings.min_ready_seconds)
    if not least:
        return scene.now
    if scene.sight is not None and scene.sight.ready_at is not None:
        return scene.sight.ready_at + least
    ready = pod.condition("Ready")
    since = ready.last_transition_time if ready is not None else None
    return (since or scene.now) + timedelta(seconds=1) + least
