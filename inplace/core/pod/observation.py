"""What this process has observed of a Pod in flight: the few facts that are not in the latest object.

The watch folds every status of a Pod into a `PodObservation`. It is lost with the process, and rules that need it wait
longer if it is missing (docs/design/protocol.md, "Clocks": "longer, never shorter").
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects.model import ContainerStatus, Pod, Waiting
from inplace.core.objects.times import rounded_up
from inplace.core.objects.waiting import FAILED_PULL
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record

#: A container waits for these without an obstacle of its own. The pause after the old container ended is said to be a
#: crash loop, even if the image of the new one cannot be pulled.
_PAUSES: Final = ("", "ContainerCreating", "PodInitializing", "CrashLoopBackOff")


class ContainerObservation(Struct, frozen=True, gc=False):
    """One container since the image patch reached its kubelet.

    `first_id` and `first_image_id` are from the first status at the new generation: the kubelet writes it before it
    acts, so that container is not the new one (docs/design/kubernetes.md §2.6). `since` is when `id` was first seen.
    `obstacle` is what the kubelet said last of why it could not start it (empty: nothing); a pause between two tries
    says nothing of that. `backoffs`: how many times the kubelet has gone into a pause after a pull that failed.
    """

    first_id: str
    first_image_id: str
    id: str
    since: datetime
    waiting: str = ""
    backoffs: int = 0
    obstacle: Waiting = Waiting()


class PodObservation(Struct, frozen=True, gc=False):
    """Observations of one attempt on one Pod.

    `unready_at`: when Ready=False was first observed after the drain; `out_at`: when no endpoint served it either.
    """

    started_at: datetime
    generation: int = 0
    unready_at: datetime | None = None
    out_at: datetime | None = None
    ready_at: datetime | None = None
    containers: dict[str, ContainerObservation] = {}

    @property
    def slow(self) -> bool:
        """Whether an endpoint kept serving after the Pod was drained."""
        return self.unready_at is not None and self.out_at is None


_See = Callable[[ContainerObservation | None, Pod, str, datetime], ContainerObservation | None]


def observe(before: PodObservation | None, pod: Pod, now: datetime, *, serving: bool = False) -> PodObservation | None:
    """Fold one status of a Pod into earlier observations; None if the Pod has no upgrade to watch.

    `serving`: whether an EndpointSlice still lists it as serving.
    """
    record = records.read(pod)
    if not isinstance(record, Record):
        return None
    observation = (
        before if before is not None and before.started_at == record.started_at else PodObservation(record.started_at)
    )
    observation = _see_readiness(observation, pod, record, now)
    if not serving and observation.unready_at is not None and observation.out_at is None:
        observation = replace(observation, out_at=now)
    if record.generation != observation.generation:
        observation = replace(observation, generation=record.generation, containers={})
    return _see_containers(observation, pod, record, now, _see_container)


def _see_readiness(observation: PodObservation, pod: Pod, record: Record, now: datetime) -> PodObservation:
    if record.in_flight and not pod.ready and observation.unready_at is None:
        observation = replace(observation, unready_at=now)
    if record.phase is PodPhase.DONE and pod.ready != (observation.ready_at is not None):
        observation = replace(observation, ready_at=now if pod.ready else None)
    return observation


def _see_containers(observation: PodObservation, pod: Pod, record: Record, now: datetime, see: _See) -> PodObservation:
    settling = record.phase is PodPhase.DONE and now < record.deadline
    if not record.containers or not (settling or record.phase in (PodPhase.SWAPPING, PodPhase.FAILED)):
        return observation
    if pod.status.observed_generation and pod.status.observed_generation < record.generation:
        return observation
    seen = {name: see(observation.containers.get(name), pod, name, now) for name in record.containers}
    return replace(
        observation, containers={name: container for name, container in seen.items() if container is not None}
    )


def _see_container(
    before: ContainerObservation | None, pod: Pod, name: str, now: datetime
) -> ContainerObservation | None:
    status = pod.container_status(name)
    if status is None:
        return before
    waiting = status.state.waiting.reason if status.state.waiting else ""
    backoff = waiting == "ImagePullBackOff"
    obstacle = _obstacle(status) or (before.obstacle if before is not None else Waiting())
    if before is None:
        first = (status.container_id, status.image_id)
        return ContainerObservation(*first, status.container_id, now, waiting, int(backoff), obstacle)
    # After the exit of an earlier container the kubelet calls the pause between two pulls a crash loop, now and then.
    paused = waiting == "CrashLoopBackOff" and before.waiting in FAILED_PULL
    entered = paused or (backoff and before.waiting != waiting)
    since = before.since if before.id == status.container_id else now
    return replace(
        before,
        id=status.container_id,
        since=since,
        waiting=waiting,
        backoffs=before.backoffs + entered,
        obstacle=obstacle,
    )


def _obstacle(status: ContainerStatus) -> Waiting | None:
    waiting = status.state.waiting
    return waiting if waiting is not None and waiting.reason not in _PAUSES else None


def infer(pod: Pod, now: datetime, *, serving: bool) -> PodObservation | None:
    """What a process would have observed, inferred from the object alone; None if the Pod has no upgrade to watch.

    Only for commands, which make no decisions; the controller uses its own observations. Times are those of the
    kubelet, in whole seconds of its clock, never before our own preceding write, and one in the future counts as now.
    """
    record = records.read(pod)
    if not isinstance(record, Record):
        return None
    ready = pod.condition("Ready")
    since = ready.since if ready is not None else None
    changed_at = max(record.started_at, rounded_up(min(since, now))) if since is not None else now
    unready_at = changed_at if record.in_flight and not pod.ready else None
    seen = PodObservation(
        record.started_at,
        generation=record.generation,
        unready_at=unready_at,
        out_at=unready_at if not serving else None,
        ready_at=changed_at if record.phase is PodPhase.DONE and pod.ready else None,
    )
    return _see_containers(seen, pod, record, now, _infer_container)


def _infer_container(
    _before: ContainerObservation | None, pod: Pod, name: str, now: datetime
) -> ContainerObservation | None:
    """As if the baseline's container had been seen first, and the current one since it started.

    If an earlier patch was not confirmed, the current container may belong to that patch.
    """
    status, record = pod.container_status(name), records.read(pod)
    if status is None or not isinstance(record, Record):
        return None
    baseline, running = record.containers[name], status.state.running
    started = running.started_at if running is not None else None
    waiting = status.state.waiting.reason if status.state.waiting else ""
    return ContainerObservation(
        first_id=status.container_id if baseline.unsettled else baseline.id,
        first_image_id=status.image_id if baseline.unsettled else baseline.image_id,
        id=status.container_id,
        since=rounded_up(min(started, now)) if started is not None else now,
        waiting=waiting,
        backoffs=int(waiting == "ImagePullBackOff"),
    )
