"""The model of `inplace explain`: a Pod's timeline, its evidence in words, what it waits for and until when.

Texts and times only, from the Pod, its record and a plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.model import ContainerStatus, Pod, PodEvent
from inplace.core.pod.prediction import Prediction
from inplace.core.pod.resizes import IN_PROGRESS, PENDING
from inplace.core.rollout import pull_pods
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


class Order(IntEnum):
    """What comes before what within one second, the unit of a kubelet's and an Event's times."""

    ATTEMPT = 0
    CLOSED = 1
    KILLING = 2
    EXITED = 3
    PULLING = 4
    PULLED = 5
    CREATED = 6
    STARTED = 7
    RUNNING = 8
    REST = 9
    ENDED = 10
    OPENED = 11
    DEADLINE = 12


#: Events of the kubelet that have a place of their own within a second.
_EVENTS: Final = {
    "Killing": Order.KILLING,
    "Pulling": Order.PULLING,
    "Pulled": Order.PULLED,
    "Created": Order.CREATED,
    "Started": Order.STARTED,
}
#: What the kubelet says of a resize.
RESIZE: Final = (PENDING, IN_PROGRESS)
#: What is told of every pull Pod.
_OF_A_PULL: Final = ("Pulling", "Pulled")


class Moment(Struct, frozen=True):
    """An entry of the timeline."""

    at: datetime
    what: str
    order: Order = Order.REST


class Proof(Struct, frozen=True, rename="camel"):
    """A container that was or is being swapped: its images, the rung that proved it, and that rung in words."""

    container: str
    from_image: str
    to_image: str
    evidence: str
    means: str


class Resize(Struct, frozen=True, rename="camel"):
    """A container that was or is being resized, its cpu and memory in words."""

    container: str
    from_size: str
    to_size: str


class Explanation(Struct, frozen=True):
    """The explanation of a Pod."""

    workload: str
    pod: PodView
    attempt: int
    proofs: tuple[Proof, ...]
    timeline: tuple[Moment, ...]
    resizes: tuple[Resize, ...] = ()
    #: What the kubelet will do to its containers; None if nothing is still to restart.
    prediction: Prediction | None = None


def explain(
    workload: str,
    uid: str,
    pod: Pod,
    seen: PodView,
    events: Iterable[PodEvent],
    pulls: Iterable[tuple[Pod, Iterable[PodEvent]]] = (),
) -> Explanation:
    """Explain a Pod of the workload with this uid.

    `events` are those that other components, above all the kubelet, recorded on it. `pulls` are the pull Pods of the
    images that it is to get, with theirs.
    """
    decoded = records.of(pod, uid)
    record = decoded if isinstance(decoded, Record) else None
    is_now = seen.concerns(record) or (record is not None and record.requested != "")
    deadline = "deadline: Failed unless done by then"
    moments = [
        *_of_record(record, "" if is_now else "earlier upgrade: "),
        *([Moment(seen.deadline, deadline, Order.DEADLINE)] if seen.deadline is not None else []),
        *_of_pod(pod),
        *(moment for event in events for moment in _of_event(event)),
        *(moment for pull, told in pulls for moment in _of_pull(pull, told)),
    ]
    proofs = tuple(_proof(name, base) for name, base in record.containers.items()) if record and is_now else ()
    resized = record.resized if record is not None and is_now else {}
    resizes = tuple(Resize(name, one.from_, one.to) for name, one in resized.items())
    ordered = tuple(sorted(moments, key=lambda moment: (moment.at.replace(microsecond=0), moment.order, moment.at)))
    return Explanation(workload, seen, record.attempt if record is not None else 0, proofs, ordered, resizes)


def pulls_for(pod: Pod, seen: PodView, pull_pods_: Iterable[Pod]) -> list[Pod]:
    """The pull Pods on its node of the images that it is to get."""
    wanted = {container.wanted_image for container in seen.containers} - {""}
    return [
        pull for pull in pull_pods_ if pull.spec.node_name == pod.spec.node_name and pull_pods.image_of(pull) in wanted
    ]


def _proof(name: str, baseline: Baseline) -> Proof:
    means = MEANS[Evidence(baseline.evidence)] if baseline.evidence else "not proven yet"
    if baseline.evidence == Evidence.SAME_DIGEST and baseline.unsettled and baseline.origin == baseline.to:
        means = "a new container runs, of the image that ran before the one that was taken back"
    return Proof(name, baseline.from_, baseline.to, baseline.evidence, means)


def _of_record(record: Record | None, of: str) -> list[Moment]:
    if record is None:
        return []
    begun = Moment(record.started_at, f"{of}attempt {record.attempt} started: {_route(record)}", Order.ATTEMPT)
    if not record.is_result or record.kept_until is UNSET:
        return [begun]
    return [begun, Moment(record.kept_until, "what became of the restart is kept until then", Order.DEADLINE)]


def _route(record: Record) -> str:
    """From where to where; a Pod whose attempt did not succeed is still at its base, though not its images."""
    if record.requested:
        return f"by a command, for {record.requested}"
    if not record.is_ours:
        return "a restart, by a command"
    if record.base != record.target:
        return f"{record.base} -> {record.target}"
    moved = any(baseline.from_ != baseline.to for baseline in record.containers.values())
    return f"back to {record.target}" if moved else f"at {record.target}"


def _of_pod(pod: Pod) -> list[Moment]:
    """The last transition of each condition and container. The kubelet's times are whole seconds."""
    moments = []
    for condition in pod.status.conditions:
        at = condition.since
        if condition.type in {names.GATE, "Ready", *RESIZE} and at is not None:
            why = f" ({condition.reason})" if condition.reason else ""
            order = Order.OPENED if condition.status == "True" else Order.CLOSED
            moments.append(Moment(at, f"condition {condition.type} became {condition.status}{why}", order))
    for status in pod.status.container_statuses:
        moments += _of_container(status)
    return moments


def _of_container(status: ContainerStatus) -> list[Moment]:
    running, ended = status.state.running, status.state.terminated or status.last_state.terminated
    moments = []
    if ended is not None and ended.finished_at is not None:
        why = f"container {status.name} exited with code {ended.exit_code} ({ended.reason or 'no reason'})"
        # The container that is there now ends after its start, the one before it ended before that.
        moments.append(Moment(ended.finished_at, why, Order.ENDED if status.state.terminated else Order.EXITED))
    if running is not None and running.started_at is not None:
        what = f"container {status.name} started (restart {status.restart_count})"
        moments.append(Moment(running.started_at, what, Order.RUNNING))
    return moments


def _of_event(event: PodEvent) -> list[Moment]:
    """When it happened; of one that stands for several, the first and the last time."""
    last, order = event.last_timestamp or event.event_time, _EVENTS.get(event.reason, Order.REST)
    if last is None:
        return []
    if event.count <= 1:
        return [Moment(last, f"{event.reason}: {event.message}", order)]
    latest = Moment(last, f"{event.reason} (the last of {event.count}): {event.message}", order)
    if event.first_timestamp is None or event.first_timestamp == last:
        return [latest]
    return [
        Moment(event.first_timestamp, f"{event.reason} (the first of {event.count}): {event.message}", order),
        latest,
    ]


def _of_pull(pull: Pod, events: Iterable[PodEvent]) -> list[Moment]:
    """A pull ahead. Once its image is there a pull Pod fails, for it has nothing to run: that is not told."""
    told = _OF_A_PULL if pull_pods.is_pulled(pull) else (*_OF_A_PULL, "Failed", "BackOff", "FailedScheduling")
    image, made = pull_pods.image_of(pull), pull.metadata.created_at
    began = [Moment(made, f"pull of {image} ahead: pull Pod {pull.name} created", Order.ATTEMPT)] if made else []
    moments = (moment for event in events if event.reason in told for moment in _of_event(event))
    return [*began, *(replace(moment, what=f"pull of {image} ahead: {moment.what}") for moment in moments)]
