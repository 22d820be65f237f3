"""Whether a Pod is available and how it is drained: readiness checks that the lifecycle and the rollout share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import UNSET

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.times import rounded_up
from inplace.core.pod import failures
from inplace.core.pod.states import PodContext
from inplace.core.settings.annotations import DrainPolicy as DrainMode
from inplace.core.settings.annotations import Settings
from inplace.core.state import records
from inplace.core.state.records import Record


def gated(pod: Pod, settings: Settings) -> bool:
    """Whether this Pod is drained through its gate. A closed gate is always ours to open again."""
    return pod.has_gate(names.GATE) and (settings.drain is not DrainMode.NEVER or closed(pod))


def drains(pod: Pod, settings: Settings, names_: Iterable[str]) -> bool:
    """Whether this Pod is drained before these containers are swapped."""
    swapped = set(names_)
    if not swapped or not gated(pod, settings):
        return False
    return closed(pod) or not swapped <= set(settings.keep_ready_containers)


def closed(pod: Pod) -> bool:
    """Whether the gate is set to anything but True: the Pod is being kept out of service."""
    gate = pod.condition(names.GATE)
    return pod.has_gate(names.GATE) and gate is not None and gate.status != "True"


def runs(pod: Pod) -> bool:
    """Whether all containers run: such a Pod may only be starting, and become Ready by itself."""
    states = [status.state for status in pod.status.container_statuses]
    return len(states) == len(pod.spec.containers) and all(state.running is not None for state in states)


def broken(pod: Pod) -> bool:
    """Whether a Pod serves nobody and will not by itself, so that nobody loses by its upgrade.

    One whose containers are ready and whose gates are all True serves: only its node was not Ready for a moment, and
    the node lifecycle controller has set Ready=False meanwhile (MarkPodsNotReady; nothing else of it changes). The
    kubelet sets it back with its next status.
    """
    own = (gate.condition_type for gate in pod.spec.readiness_gates)
    return not pod.ready and not all(pod.is_true(type_) for type_ in ("ContainersReady", *own))


def available(pod: Pod, context: PodContext) -> Reason | None:
    """None if the Pod has been Ready for min-ready-seconds, else what is missing (IsPodAvailable)."""
    if not pod.ready:
        why = f"the Pod is not Ready{_stopped(pod)}"
        return Reason(ReasonCode.WaitingForReady, "status.conditions[Ready]", why)
    if steady_at(pod, context, fresh=True) is not None:
        return Reason(ReasonCode.WaitingForReady, "", "Ready, but the new container has not run for long enough")
    if context.now < ready_until(pod, context):
        seconds = context.settings.min_ready_seconds
        return Reason(ReasonCode.MinReadySeconds, "", f"Ready for less than {seconds} s (min-ready-seconds)")
    return None


def _stopped(pod: Pod) -> str:
    """The containers that do not run, each with the kubelet's word for it, as ` (app: CrashLoopBackOff)`."""
    states = [(status.name, status.state) for status in pod.status.container_statuses]
    waiting = [f"{name}: {state.waiting.reason or 'waiting'}" for name, state in states if state.waiting is not None]
    ended = [f"{name}: exited {state.terminated.exit_code}" for name, state in states if state.terminated is not None]
    return f" ({', '.join([*waiting, *ended])})" if waiting or ended else ""


def available_at(pod: Pod, context: PodContext) -> datetime | None:
    """When an unavailable Pod becomes available if nothing else happens; None if unknown."""
    if not pod.ready:
        return None
    return steady_at(pod, context, fresh=True) or ready_until(pod, context)


def has_served(pod: Pod, record: Record, context: PodContext) -> bool:
    """Whether a Pod that is not Ready now was Ready at the deadline of its upgrade, or available before.

    Whatever it lacks now is not the upgrade's. Read from the object alone, so that it holds for a new leader and for
    the commands: a transition of Ready since the upgrade was completed can only be one that lost it. A container that
    has exited since may have been ready for a moment only, and is judged by its state at the deadline.
    """
    ready, gate = pod.condition("Ready"), pod.condition(names.GATE)
    lost_at = ready.since if ready is not None else None
    if lost_at is None or lost_at >= record.deadline:
        return lost_at is not None
    if lost_at == record.ready_changed_at or record.ready_changed_at is UNSET or failures.has_exited(pod, record):
        return False
    opened_at = gate.since if gate is not None else None
    return opened_at is None or lost_at - opened_at >= timedelta(seconds=context.settings.min_ready_seconds)


def has_served_since_birth(pod: Pod, context: PodContext) -> bool:
    """The same for a Pod that was created at the target, and is not Ready now.

    A kubelet says that a Pod is not Ready before it starts any container; so a transition after all of them have
    started, and none has ended, can only be one that lost it.
    """
    ready, statuses = pod.condition("Ready"), pod.status.container_statuses
    lost_at = ready.since if ready is not None else None
    if lost_at is None or not runs(pod) or any(status.restart_count for status in statuses):
        return False
    started = [status.state.running.started_at for status in statuses if status.state.running is not None]
    known = [at for at in started if at is not None]
    minimum = timedelta(seconds=context.settings.min_ready_seconds)
    return len(known) == len(statuses) > 0 and lost_at - max(known) > minimum


def steady_at(pod: Pod, context: PodContext, *, fresh: bool) -> datetime | None:
    """When the readiness of a Pod upgraded in this rollout counts; None if it does now."""
    record = records.of(pod, context.workload)
    if context.settled or not isinstance(record, Record):
        return None
    at = failures.unsteady(pod, record, context.observation, fresh=fresh)
    return at if at is not None and context.now < at else None


def ready_until(pod: Pod, context: PodContext) -> datetime:
    """When a Ready Pod has been Ready for min-ready-seconds.

    A kubelet's timestamp is rounded up, so that the wait is never too short.
    """
    minimum = timedelta(seconds=context.settings.min_ready_seconds)
    if not minimum:
        return context.now
    if context.observation is not None and context.observation.ready_at is not None:
        return context.observation.ready_at + minimum
    ready = pod.condition("Ready")
    since = ready.since if ready is not None else None
    return rounded_up(since or context.now) + minimum
