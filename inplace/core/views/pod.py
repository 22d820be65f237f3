"""The model of `inplace explain`: a Pod's timeline, its evidence in words, what it waits for and until when.

Texts and times only, from the Pod, its record and a plan.
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

#: What each rung of the ladder proves (docs/design/protocol.md, "Evidence").
MEANS: Final = {
    Evidence.IMAGE_CHANGED: "a new container runs, and its imageID has changed",
    Evidence.EXPECTED_DIGEST: "a new container runs with the expected digest",
    Evidence.SAME_DIGEST: "a new container replaced the old one; both images have the same digest",
    Evidence.UNCHANGED: "the template was reverted before the kubelet acted, so the container did not change",
    Evidence.ASSUMED_BY_GENERATION: (
        "assumed: the kubelet has observed the new image, the same new container has run for longer than any swap can "
        "take, and the node has the image"
    ),
}


class Moment(Struct, frozen=True):
    """An entry of the timeline."""

    at: datetime
    what: str


class Proof(Struct, frozen=True, rename="camel"):
    """A container that was or is being swapped: its images, the rung that proved it, and that rung in words."""

    container: str
    from_image: str
    to_image: str
    evidence: str
    means: str


class Explanation(Struct, frozen=True):
    """The explanation of a Pod."""

    workload: str
    pod: PodView
    attempt: int
    proofs: tuple[Proof, ...]
    timeline: tuple[Moment, ...]


def explain(workload: str, uid: str, pod: Pod, seen: PodView, events: Iterable[PodEvent]) -> Explanation:
    """Explain a Pod of the workload with this uid.

    `events` are those that other components, above all the kubelet, recorded on it.
    """
    decoded = records.of(pod, uid)
    record = decoded if isinstance(decoded, Record) else None
    recorded = [_of_event(event) for event in events]
    moments = [
        *_of_record(record),
        *([Moment(seen.deadline, "deadline: Failed unless done by then")] if seen.deadline is not None else []),
        *_of_pod(pod),
        *(moment for moment in recorded if moment is not None),
    ]
    proofs = tuple(_proof(name, base) for name, base in record.containers.items()) if record is not None else ()
    ordered = tuple(sorted(moments, key=lambda moment: moment.at))
    return Explanation(workload, seen, record.attempt if record is not None else 0, proofs, ordered)


def _proof(name: str, baseline: Baseline) -> Proof:
    means = MEANS[Evidence(baseline.evidence)] if baseline.evidence else "not proven yet"
    if baseline.evidence == Evidence.SAME_DIGEST and baseline.unsettled and baseline.origin == baseline.to:
        means = "a new container runs, of the image that ran before the one that was taken back"
    return Proof(name, baseline.from_, baseline.to, baseline.evidence, means)


def _of_record(record: Record | None) -> list[Moment]:
    if record is None:
        return []
    return [Moment(record.started_at, f"attempt {record.attempt} started: {_route(record)}")]


def _route(record: Record) -> str:
    """From where to where; a Pod whose attempt did not succeed is still at its base, though not its images."""
    if record.base != record.target:
        return f"{record.base} -> {record.target}"
    moved = any(baseline.from_ != baseline.to for baseline in record.containers.values())
    return f"back to {record.target}" if moved else f"at {record.target}"


def _of_pod(pod: Pod) -> list[Moment]:
    """The last transition of each condition and container. The kubelet's times are whole seconds."""
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
        why = ended.reason or "no reason"
        moments.append(Moment(ended.finished_at, f"container {status.name} exited with code {ended.exit_code} ({why})"))
    if running is not None and running.started_at is not None:
        moments.append(Moment(running.started_at, f"container {status.name} started (restart {status.restart_count})"))
    return moments


def _of_event(event: PodEvent) -> Moment | None:
    at = event.last_timestamp or event.event_time
    if at is None:
        return None
    times = f" ({event.count} times)" if event.count > 1 else ""
    return Moment(at, f"{event.reason}{times}: {event.message}")
