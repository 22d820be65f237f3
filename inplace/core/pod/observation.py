"""What this process has seen of a Pod in flight: the few facts that the latest object alone does not tell.

The watch folds every status of a Pod into a `Sight`. It is lost with the process, and every rule that reads it errs
on the side of waiting when it is missing (docs/design/protocol.md, "Clocks": "longer, never shorter").
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects.model import Pod
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record


class ContainerObservation(Struct, frozen=True, gc=False):
    """One container since the image patch reached its kubelet.

    `first_id` and `first_image_id` are those of the first status at the new generation: the kubelet writes it before
    it acts, so that container is not the new one (docs/design/kubernetes.md §2.6). `since` is when `id` was first seen.
    """

    first_id: str
    first_image_id: str
    id: str
    since: datetime
    waiting: str = ""
    backoffs: int = 0


class PodObservation(Struct, frozen=True, gc=False):
    """What was seen of one attempt on one Pod.

    `unready_at` is the first sight of Ready=False after the drain, `out_at` the first with no endpoint serving either.
    """

    started_at: datetime
    generation: int = 0
    unready_at: datetime | None = None
    out_at: datetime | None = None
    ready_at: datetime | None = None
    containers: dict[str, ContainerObservation] = {}

    @property
    def slow(self) -> bool:
        """Whether it was drained, and an endpoint went on serving all the same."""
        return self.unready_at is not None and self.out_at is None


def observe(before: PodObservation | None, pod: Pod, now: datetime, *, serving: bool = False) -> PodObservation | None:
    """Fold one status of a Pod into what was seen before; None where the Pod has no upgrade to watch.

    `serving`: whether an EndpointSlice still sends traffic to it.
    """
    record = records.read(pod)
    if not isinstance(record, Record):
        return None
    sight = (
        before if before is not None and before.started_at == record.started_at else PodObservation(record.started_at)
    )
    sight = _see_readiness(sight, pod, record, now)
    if not serving and sight.unready_at is not None and sight.out_at is None:
        sight = replace(sight, out_at=now)
    if record.generation != sight.generation:
        sight = replace(sight, generation=record.generation, containers={})
    return _see_containers(sight, pod, record, now)


def _see_readiness(sight: PodObservation, pod: Pod, record: Record, now: datetime) -> PodObservation:
    if record.in_flight and not pod.ready and sight.unready_at is None:
        sight = replace(sight, unready_at=now)
    if record.phase is PodPhase.DONE and pod.ready != (sight.ready_at is not None):
        sight = replace(sight, ready_at=now if pod.ready else None)
    return sight


def _see_containers(sight: PodObservation, pod: Pod, record: Record, now: datetime) -> PodObservation:
    settling = record.phase is PodPhase.DONE and now < record.deadline
    if not record.containers or not (settling or record.phase in (PodPhase.SWAPPING, PodPhase.FAILED)):
        return sight
    if pod.status.observed_generation and pod.status.observed_generation < record.generation:
        return sight
    seen = {name: _see_container(sight.containers.get(name), pod, name, now) for name in record.containers}
    return replace(sight, containers={name: one for name, one in seen.items() if one is not None})


def _see_container(
    before: ContainerObservation | None, pod: Pod, name: str, now: datetime
) -> ContainerObservation | None:
    status = pod.container_status(name)
    if status is None:
        return before
    waiting = status.state.waiting.reason if status.state.waiting else ""
    backoff = waiting == "ImagePullBackOff"
    if before is None:
        first = (status.container_id, status.image_id)
        return ContainerObservation(*first, status.container_id, now, waiting, int(backoff))
    entered = backoff and before.waiting != waiting
    since = before.since if before.id == status.container_id else now
    return replace(before, id=status.container_id, since=since, waiting=waiting, backoffs=before.backoffs + entered)
