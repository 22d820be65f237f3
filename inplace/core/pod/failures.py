"""Container and Pod status -> failure class, each with its own reason code
(docs/design/protocol.md, "Failure classes").

A failure is a verdict about the *target*: a lost node, an eviction or a deletion is not a failure. Transient problems
(a first pull error, one exit of a new container) only make the Pod wait; the deadline turns them into failures.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from inplace.core.objects.model import ContainerStatus, Pod, Waiting
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.times import rounded_up
from inplace.core.objects.waiting import FINAL_PULL, PULL, words
from inplace.core.pod.observation import PodObservation
from inplace.core.state import records
from inplace.core.state.records import Baseline, PodPhase, Record
from inplace.core.template.change import PodChange

CREATE: Final = frozenset(
    {
        "CreateContainerConfigError",
        "PreCreateHookError",
        "CreateContainerError",
        "PreStartHookError",
        "RunContainerError",
        "PostStartHookError",
    }
)
#: Exits of the new container that count as a crash loop; fewer may be an application waiting for its database.
CRASHES: Final = 3
BACKOFFS: Final = 2
#: A container that exited since its swap must run this long before its readiness counts: between two crashes it is
#: ready for a moment.
STEADY: Final = timedelta(seconds=10)
#: Without a readiness probe a container is ready as soon as it starts, even if it exits at once. The kubelet looks for
#: exited containers every second (PLEG).
UNPROBED: Final = timedelta(seconds=2)
#: What a wait has failed with that is not over by the deadline.
_OVERDUE: Final = {
    ReasonCode.WaitingForSwap: ReasonCode.NotSwapped,
    ReasonCode.WaitingForReady: ReasonCode.NeverReady,
    ReasonCode.WaitingForResize: ReasonCode.NotResized,
    ReasonCode.BeforeDrain: ReasonCode.ConditionNotMet,
    ReasonCode.BeforeSwap: ReasonCode.ConditionNotMet,
    ReasonCode.BeforeReady: ReasonCode.ConditionNotMet,
}


def classify(pod: Pod, record: Record, observation: PodObservation | None) -> Reason | None:
    """Why this upgrade cannot succeed; None if it still may."""
    if pod.status.observed_generation and pod.status.observed_generation < record.generation:
        return None
    for status, baseline in _containers(pod, record):
        reason = _pull(status, baseline, observation) or _crash(status, baseline)
        if reason is not None:
            return reason
    return None


def crash_loop(pod: Pod, record: Record, now: datetime) -> Reason | None:
    """The failure of a container of the target image that keeps exiting, or None.

    Only exits by the deadline count: what runs for days may exit three times. Once there was one after it, nobody can
    tell how many came before.
    """
    for status, baseline in _containers(pod, record):
        ended = status.state.terminated or status.last_state.terminated
        latest = ended.finished_at if ended is not None and ended.finished_at is not None else now
        reason = _crash(status, baseline) if latest <= record.deadline else None
        if reason is not None:
            return reason
    return None


def has_exited(pod: Pod, record: Record) -> bool:
    """Whether a container of the target image has exited."""
    return any(exits(status, baseline) > 0 for status, baseline in _containers(pod, record))


def unsteady(pod: Pod, record: Record, observation: PodObservation | None, *, fresh: bool) -> datetime | None:
    """When the readiness of all swapped containers counts; None if it does now.

    Between two crashes a container is briefly ready, and the kubelet notices an exit only a moment later; so with
    `fresh`, a container without a readiness probe must run for that moment first.
    """
    times = [_steady_at(pod, name, baseline, observation, fresh) for name, baseline in record.containers.items()]
    return max((at for at in times if at is not None), default=None)


def _steady_at(
    pod: Pod, name: str, baseline: Baseline, observation: PodObservation | None, fresh: bool
) -> datetime | None:
    status, container = pod.container_status(name), pod.container(name)
    running = status.state.running if status is not None else None
    if status is None or running is None:
        return None
    seen = observation.containers.get(name) if observation is not None else None
    if seen is not None and seen.id == status.container_id:
        since = seen.since
    elif running.started_at is not None:
        since = rounded_up(running.started_at)
    else:
        return None
    if exits(status, baseline) > 0:
        return since + STEADY
    probed = container is not None and container.readiness_probe is not None
    return since + UNPROBED if fresh and not probed else None


def deadline(pod: Pod, record: Record, patience: timedelta) -> datetime:
    """When an attempt has failed. `patience`: how long it may take, apart from the stop of the old containers.

    The image patch adds their grace period to the record's deadline: a stop takes as long as it was asked to. Once they
    have ended, the rest of it is not waited for.
    """
    stopped = [_stopped_at(status, baseline) for status, baseline in _containers(pod, record)]
    known = [at for at in stopped if at is not None]
    if record.phase is PodPhase.DRAINING or len(known) < len(record.containers) or not known:
        return record.deadline
    grace = pod.grace
    return min(record.deadline, max(record.deadline - grace, max(known) + patience))


def _stopped_at(status: ContainerStatus, baseline: Baseline) -> datetime | None:
    """When the old container had ended, at the latest; None while it runs, or if that cannot be told.

    From the node's clock, in whole seconds.
    """
    ended, running = status.state.terminated or status.last_state.terminated, status.state.running
    if running is not None and status.container_id == baseline.id:
        return None
    times = [running.started_at if running is not None else None]
    if ended is not None:
        times.append(ended.finished_at if ended.container_id == baseline.id else ended.started_at)
    known = [rounded_up(at) for at in times if at is not None]
    return min(known, default=None)


def expired(
    pod: Pod, record: Record, observation: PodObservation | None, unheard: Reason | None, waits_for: Reason
) -> Reason:
    """The failure at the deadline, named after what the Pod was waiting for.

    `unheard`: why its kubelet may not act. What the kubelet said last is then out of date.
    """
    if unheard is not None:
        return lost(unheard)
    for status, baseline in _containers(pod, record):
        reason = _at_deadline(status, baseline, observation)
        if reason is not None:
            return reason
    images = ", ".join(baseline.to for baseline in record.containers.values() if baseline.to)
    detail = f" (image {images})" if images else ""
    message = f"deadline exceeded: {waits_for.message}{detail}"
    return Reason(_OVERDUE.get(waits_for.code, ReasonCode.DeadlineExceeded), waits_for.path, message)


def lost(unheard: Reason) -> Reason:
    """The failure of a Pod whose node is not Ready at the deadline; not held against the target."""
    return Reason(ReasonCode.NodeLost, unheard.path, f"deadline exceeded: {unheard.message}")


def born(pod: Pod) -> Reason:
    """The failure at the deadline of a Pod that was created at the target and has never been Ready."""
    statuses = (pod.container_status(container.name) for container in pod.spec.containers)
    found = (_at_deadline(status, Baseline(), None) for status in statuses if status is not None)
    reason = next((reason for reason in found if reason is not None), None)
    why = "deadline exceeded: created at this revision, but not Ready"
    return reason or Reason(ReasonCode.NeverReady, "status.conditions[Ready]", why)


def overridden(pod: Pod, record: Record, change: PodChange) -> Reason:
    """The failure of a Pod whose image is another than we have patched, although its target is the same."""
    name = change.swaps[0]
    container = pod.container(name)
    image = container.image if container is not None else "no image"
    wanted = record.containers[name].to if name in record.containers else change.images.get(name, "")
    return Reason(
        ReasonCode.ImageOverridden,
        f"containers[{name}]",
        f"another writer set the image to {image} while {wanted} was rolling out",
    )


def exits(status: ContainerStatus, baseline: Baseline) -> int:
    """How many containers of the target image have exited; the swap itself raises restartCount by one."""
    created = status.restart_count - baseline.restarts
    return created if status.state.running is None else created - 1


def _containers(pod: Pod, record: Record) -> Iterator[tuple[ContainerStatus, Baseline]]:
    """The containers of the attempt that have a status."""
    for name, baseline in record.containers.items():
        status = pod.container_status(name)
        if status is not None:
            yield status, baseline


def _pull(status: ContainerStatus, baseline: Baseline, observation: PodObservation | None) -> Reason | None:
    waiting = status.state.waiting
    if waiting is None:
        return None
    seen = observation.containers.get(status.name) if observation is not None else None
    backoffs = seen.backoffs if seen is not None else 0
    if waiting.reason in FINAL_PULL or (waiting.reason == "ImagePullBackOff" and backoffs >= BACKOFFS):
        return _reason(ReasonCode.ImagePull, status.name, f"image {baseline.to}: {words(waiting)}")
    unpulled = seen is not None and seen.obstacle.reason in PULL and exits(status, baseline) <= 0
    if seen is not None and waiting.reason == "CrashLoopBackOff" and backoffs >= BACKOFFS and unpulled:
        return _reason(ReasonCode.ImagePull, status.name, f"image {baseline.to}: {words(seen.obstacle)}")
    return None


def _crash(status: ContainerStatus, baseline: Baseline) -> Reason | None:
    count = exits(status, baseline)
    if count < CRASHES:
        return None
    ended = status.state.terminated or status.last_state.terminated
    code = ReasonCode.OOMKilled if ended is not None and ended.reason == "OOMKilled" else ReasonCode.CrashLoop
    how = "" if ended is None else f", last with exit code {ended.exit_code} ({ended.reason or 'no reason'})"
    return _reason(code, status.name, f"image {baseline.to}: the container exited {count} times{how}")


def _at_deadline(status: ContainerStatus, baseline: Baseline, observation: PodObservation | None) -> Reason | None:
    waiting = status.state.waiting
    if waiting is None:
        return None
    if waiting.reason == "CrashLoopBackOff" and exits(status, baseline) <= 0:  # none of the target has run
        seen = observation.containers.get(status.name) if observation is not None else None
        waiting = seen.obstacle if seen is not None else Waiting()
    image = f"image {baseline.to}: " if baseline.to else ""
    for code, family in (
        (ReasonCode.ImagePull, PULL),
        (ReasonCode.ContainerCreate, CREATE),
        (ReasonCode.CrashLoop, {"CrashLoopBackOff"}),
    ):
        if waiting.reason in family:
            return _reason(code, status.name, f"deadline exceeded: {image}{words(waiting)}")
    return None


def _reason(code: ReasonCode, container: str, message: str) -> Reason:
    return Reason(code, f"containers[{container}]", message[: records.MESSAGE_LIMIT])
