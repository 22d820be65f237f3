"""Why a Pod is where it is: its story in time, its evidence in words, what it waits for and until when.

The model under `inplace explain`: texts and times only, made from the Pod, its record and a plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct

from inplace.core.objects import names
from inplace.core.objects.model import ContainerStatus, Pod, PodEvent
from inplace.core.state import records
from inplace.core.state.records import Baseline, Evidence, Record
from inplace.core.views.workload import PodView

#: What each rung of the ladder has seen (docs/design/protocol.md, "Evidence").
MEANS: Final = {
    Evidence.IMAGE_CHANGED: "a new container runs, and its imageID is another than before",
    Evidence.EXPECTED_DIGEST: "a new container runs, of the very digest that was asked for or pulled ahead",
    Evidence.SAME_DIGEST: "a new container runs in the place of the old one, of the same bytes under another name",
    Evidence.UNCHANGED: "the template went back before the kubelet had acted, so nothing was to be swapped",
    Evidence.ASSUMED_BY_GENERATION: (
        "assumed: the kubelet has taken in the new image, one new container has stood for longer than any swap can "
        "take, and the node has the image"
    ),
}


class Moment(Struct, frozen=True):
    """Something that happened to a Pod."""

    at: datetime
    what: str


class Proof(Struct, frozen=True, rename="camel"):
    """One container that was swapped, or is being: between which images, the rung that proved it, and in words."""

    container: str
    from_image: str
    to_image: str
    evidence: str
    means: str


class Explanation(Struct, frozen=True):
    """A Pod explained."""

    workload: str
    pod: PodView
    attempt: int
    proofs: tuple[Proof, ...]
    timeline: tuple[Moment, ...]


def explain(workload: str, pod: Pod, seen: PodView, events: Iterable[PodEvent]) -> Explanation:
    """Put together what is known of a Pod; `events` are what others, the kubelet first, report of it."""
    state = records.read(pod)
    record = state if isinstance(state, Record) else None
    moments = [*_of_record(record), *_of_pod(pod), *filter(None, map(_of_event, events))]
    baselines = record.containers if record is not None else {}
    proofs = tuple(_proof(name, baseline) for name, baseline in baselines.items())
    ordered = tuple(sorted(moments, key=lambda moment: moment.at))
    return Explanation(workload, seen, record.attempt if record is not None else 0, proofs, ordered)


def _proof(name: str, baseline: Baseline) -> Proof:
    means = MEANS[Evidence(baseline.evidence)] if baseline.evidence else "nothing proves yet that it was swapped"
    return Proof(name, baseline.from_, baseline.to, baseline.evidence, means)


def _of_record(record: Record | None) -> list[Moment]:
    if record is None:
        return []
    moments = [Moment(record.started_at, f"attempt {record.attempt} started: {record.base} -> {record.target}")]
    if record.in_flight:
        moments.append(Moment(record.deadline, "deadline: Failed unless done by then"))
    return moments


def _of_pod(pod: Pod) -> list[Moment]:
    """What its conditions and containers say of the last change of each. The kubelet's times are whole seconds."""
    moments = []
    for condition in pod.status.conditions:
        at = condition.last_transition_time
        if condition.type in {names.GATE, "Ready"} and at is not None:
            why = f" ({condition.reason})" if condition.reason else ""
            moments.append(Moment(at, f"condition {condition.type} became {condition.status}{why}"))
    for status in pod.status.container_statuses:
        moments += _of_container(status)
    return moments


def _of_container(status: ContainerStatus) -> list[Moment]:
    running, ended = status.state.running, status.state.terminated or status.last_state.terminated
    moments = []
    if ended is not None and ended.finished_at is not None:
        why = ended.reason or "no reason given"
        moments.append(
            Moment(ended.finished_at, f"container {status.name} ended with exit code {ended.exit_code} ({why})")
        )
    if running is not None and running.started_at is not None:
        moments.append(Moment(running.started_at, f"container {status.name} started (restart {status.restart_count})"))
    return moments


def _of_event(event: PodEvent) -> Moment | None:
    at = event.last_timestamp or event.event_time
    if at is None:
        return None
    times = f" ({event.count} times)" if event.count > 1 else ""
    return Moment(at, f"{event.reason}{times}: {event.message}")
