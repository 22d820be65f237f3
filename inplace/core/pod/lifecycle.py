"""One Pod's state machine: the Pod as it is, what it should become -> what to do now, and why
(docs/design/protocol.md, "One Pod").

    (rest) -> Draining -> Swapping -> Done
                 any   -> Failed   -> Done, where it recovers by itself

The record on the Pod and the live Pod are its whole memory. Whether a Pod at rest *may* start is decided by `rollout`;
this module knows no other Pod.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, assert_never

from msgspec.structs import replace

from inplace.core.actions.actions import Abort, Complete
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod import attempt, eligibility, evidence, failures
from inplace.core.pod.availability import available, closed, drains, gated, ready_until, steady_at
from inplace.core.pod.states import (
    TARGET_UNKNOWN,
    Aim,
    Failed,
    Ineligible,
    InProgress,
    Pending,
    PodContext,
    PodState,
    UpToDate,
)
from inplace.core.state import records
from inplace.core.state.records import Evidence, PodPhase, Record, Unreadable
from inplace.core.template.change import PodChange, Refused

#: How long endpoints may take to lose an unready Pod before it is no longer waited for them.
ENDPOINTS: Final = timedelta(seconds=10)


def step(pod: Pod, aim: Aim | None, scene: PodContext) -> PodState:
    """What this Pod is at, and what is to be done about it now; `aim` is None while the target is not known."""
    match records.read(pod):
        case Unreadable() as bad if closed(pod):
            why = f"the annotation {names.STATE} cannot be read: {bad.why}"
            return Failed(Reason(ReasonCode.StateUnreadable, f"metadata.annotations[{names.STATE}]", why))
        case Record() as record if record.in_flight:
            return _moving(pod, record, aim, scene)
        case Record(phase=PodPhase.FAILED) as record if aim is None or record.failed_for(aim.revision, scene.retry):
            return _failed(pod, record, aim, scene)
        case found:
            last = found if isinstance(found, Record) else None
            return Ineligible(TARGET_UNKNOWN) if aim is None else _resting(pod, last, aim, scene)


# --- at rest ---------------------------------------------------------------------------------------------------------


def _resting(pod: Pod, last: Record | None, aim: Aim, scene: PodContext) -> PodState:
    if scene.base == aim.revision and (last is None or last.phase is not PodPhase.FAILED):
        return _settling(pod, last, scene)
    if isinstance(aim.lacks, Refused):
        return Ineligible(aim.lacks.reasons[0])
    held = eligibility.ineligible(pod, scene.node)
    if held is not None:
        return Ineligible(held)
    return Pending(attempt.begin(pod, last, aim.revision, aim.lacks, scene), broken=not pod.ready)


def _settling(pod: Pod, last: Record | None, scene: PodContext) -> PodState:
    missing = available(pod, scene)
    if missing is None or scene.settled:
        return UpToDate()
    verdict = _late_verdict(pod, last, scene) if last is not None else None
    if verdict is not None and last is not None and last.answers != scene.retry:
        return Pending(attempt.again(pod, last, scene), broken=not pod.ready)
    if verdict is not None:
        return Failed(verdict)
    ends = last.deadline if last is not None else None
    return UpToDate(missing, steady_at(pod, scene, fresh=True) or ready_until(pod, scene) if pod.ready else ends)


def _late_verdict(pod: Pod, last: Record, scene: PodContext) -> Reason | None:
    """A failure after the gate was opened, while the Pod still counts as in flight. It costs no further write."""
    crashed = failures.crash_loop(pod, last)
    if crashed is not None:
        return crashed
    if not pod.ready and scene.now >= last.deadline:
        return Reason(ReasonCode.NeverReady, "status.conditions[Ready]", "upgraded, but not Ready by the deadline")
    return None


# --- in flight -------------------------------------------------------------------------------------------------------


def _moving(pod: Pod, record: Record, aim: Aim | None, scene: PodContext) -> PodState:
    if pod.metadata.deletion_timestamp is not None:
        return Ineligible(Reason(ReasonCode.Terminating, "metadata.deletionTimestamp", "the Pod is being deleted"))
    if scene.blocked is not None:
        return attempt.fail(pod, record, scene.blocked)
    advance = _draining if record.phase is PodPhase.DRAINING else _swapping
    state = advance(pod, record, aim, scene)
    if not isinstance(state, InProgress) or state.action is not None:
        return state
    verdict = failures.expired(pod, record, scene.node, scene.now, state.reason)
    if verdict is not None:
        return attempt.fail(pod, record, verdict)
    return replace(state, until=min(state.until or record.deadline, record.deadline))


def _draining(pod: Pod, record: Record, aim: Aim | None, scene: PodContext) -> PodState:
    if aim is None:
        return InProgress(TARGET_UNKNOWN)
    if isinstance(aim.lacks, Refused):
        return _undo_drain(pod, record, aim.lacks.reasons[0])
    if scene.hold is not None:
        return _undo_drain(pod, record, scene.hold)
    if not aim.lacks.images:
        again = attempt.retarget(record, aim.revision, scene)
        return InProgress(_nothing_to_swap(), attempt.conclude(pod, again, aim.lacks, scene))
    wait = _undrained(pod, scene)
    if wait is not None:
        return wait
    return InProgress(_drained(), attempt.swap(pod, attempt.retarget(record, aim.revision, scene), aim.lacks, scene))


def _undo_drain(pod: Pod, record: Record, why: Reason) -> InProgress:
    """Back into service; an image that an earlier attempt left unproven stays on record as a failure."""
    return attempt.fail(pod, record, why) if record.containers else InProgress(why, Abort(pod))


def _undrained(pod: Pod, scene: PodContext) -> InProgress | None:
    """Ready=False observed by this process, no endpoint that serves any more, and the grace period over since then.

    Never since the kubelet's word. Endpoints that take long are not waited for without an end.
    """
    if pod.ready or scene.sight is None or scene.sight.unready_at is None:
        why = Reason(
            ReasonCode.WaitingForUnready, "status.conditions[Ready]", "drained; waiting for the kubelet's Ready=False"
        )
        return InProgress(why)
    latest = scene.sight.unready_at + ENDPOINTS
    if scene.sight.out_at is None and scene.now < latest:
        serves = Reason(
            ReasonCode.WaitingForEndpoints, "", "unready; waiting until no EndpointSlice shows it as serving"
        )
        return InProgress(serves, until=latest)
    over = (scene.sight.out_at or latest) + timedelta(seconds=scene.settings.grace_period_seconds)
    if scene.now >= over:
        return None
    if scene.sight.out_at is None:
        slow = f"an EndpointSlice shows it as serving after {ENDPOINTS.seconds} s; waiting for the grace period only"
        return InProgress(Reason(ReasonCode.EndpointsSlow, "", slow), until=over)
    return InProgress(Reason(ReasonCode.GracePeriod, "", "unready; waiting for the grace period to end"), until=over)


def _swapping(pod: Pod, record: Record, aim: Aim | None, scene: PodContext) -> PodState:
    if aim is not None and scene.hold is None and isinstance(aim.lacks, PodChange):
        if record.target != aim.revision:
            return _redirect(pod, record, aim.revision, aim.lacks, scene)
        if aim.lacks.images:
            return attempt.fail(pod, record, _overridden(pod, record, aim.lacks))
    verdict = failures.classify(pod, record, scene.sight)
    if verdict is not None:
        return attempt.fail(pod, record, verdict)
    proven = _prove(pod, record, scene)
    if isinstance(proven, Reason):
        return InProgress(proven, until=scene.now + evidence.KUBELET_SYNC)  # some evidence is the passing of time
    done = replace(proven, phase=PodPhase.DONE)
    return _unfinished(pod, proven, scene) or InProgress(
        _swapped(), Complete(pod, done, marks=scene.marks(done.target))
    )


def _redirect(pod: Pod, record: Record, revision: str, lacks: PodChange, scene: PodContext) -> PodState:
    """The template changed while this Pod was being swapped: go on to the new target from here."""
    if drains(pod, scene.settings, lacks.images):
        if not closed(pod):
            return InProgress(_retargeted(), attempt.drain_after_all(pod, record, revision, scene))
        wait = _undrained(pod, scene)
        if wait is not None:
            return wait
    return InProgress(_retargeted(), attempt.swap(pod, attempt.retarget(record, revision, scene), lacks, scene))


def _prove(pod: Pod, record: Record, scene: PodContext) -> Record | Reason:
    """The record with the evidence for each of its containers, or the first thing that is missing."""
    proven = dict(record.containers)
    for name, baseline in record.containers.items():
        if baseline.evidence:
            continue
        found = evidence.judge(pod, name, record, scene.sight, scene.node, scene.now)
        if isinstance(found, Reason):
            return found
        proven[name] = replace(baseline, evidence=found)
    return replace(record, containers=proven)


def _unfinished(pod: Pod, record: Record, scene: PodContext) -> InProgress | None:
    """Swapped, but not yet serving: with a gate containers must be ready, without one the Pod for min-ready too."""
    statuses = [pod.container_status(name) for name in record.containers]
    if not pod.is_true("ContainersReady") or not all(status is not None and status.ready for status in statuses):
        return InProgress(
            Reason(ReasonCode.WaitingForReady, "status.conditions[ContainersReady]", "swapped; waiting to be ready")
        )
    steady = steady_at(pod, scene, fresh=not gated(pod, scene.settings))
    if steady is not None:
        return InProgress(
            Reason(ReasonCode.WaitingForReady, "", "ready, but not yet for long enough to believe it"), until=steady
        )
    if gated(pod, scene.settings):
        return None
    started = [s.state.running.started_at for s in statuses if s is not None and s.state.running is not None]
    since = max([record.started_at, *(at + timedelta(seconds=1) for at in started if at is not None)])
    over = since + timedelta(seconds=scene.settings.min_ready_seconds)
    if scene.settings.min_ready_seconds and scene.now < over:
        return InProgress(
            Reason(ReasonCode.MinReadySeconds, "", "swapped and ready; waiting for min-ready-seconds"), until=over
        )
    return None


# --- failed ----------------------------------------------------------------------------------------------------------


def _failed(pod: Pod, record: Record, aim: Aim | None, scene: PodContext) -> PodState:
    reason = Reason(ReasonCode.read(record.reason), "", record.message)
    lacking = aim is None or isinstance(aim.lacks, Refused) or bool(aim.lacks.images)
    if pod.metadata.deletion_timestamp is not None or not record.containers or lacking:
        return Failed(reason)
    proven = _prove(pod, record, scene)
    if isinstance(proven, Reason):
        return Failed(reason, until=scene.now + evidence.KUBELET_SYNC)
    unfinished = _unfinished(pod, proven, scene)
    if unfinished is not None:
        return Failed(reason, until=unfinished.until)
    done = replace(proven, phase=PodPhase.DONE, reason="", message="")
    return Failed(reason, Complete(pod, done, marks=scene.marks(done.target)))


# --- in words --------------------------------------------------------------------------------------------------------


def _overridden(pod: Pod, record: Record, lacks: PodChange) -> Reason:
    name = next(iter(lacks.images))
    container = pod.container(name)
    image = container.image if container is not None else "no image"
    wanted = record.containers[name].to if name in record.containers else lacks.images[name]
    return Reason(
        ReasonCode.ImageOverridden,
        f"containers[{name}]",
        f"somebody else set the image to {image} while {wanted} was rolling out",
    )


def _nothing_to_swap() -> Reason:
    return Reason(ReasonCode.WaitingForReady, "", "the template asks for what already runs; opening the gate")


def _drained() -> Reason:
    return Reason(ReasonCode.WaitingForSwap, "", "drained; patching the image")


def _retargeted() -> Reason:
    return Reason(ReasonCode.WaitingForSwap, "", "the template changed; patching the new image")


def _swapped() -> Reason:
    return Reason(ReasonCode.WaitingForReady, "", "swapped and ready; opening the gate")


def explain(state: PodState) -> Reason | None:
    """Why nothing (more) happens to the Pod now; None where it is simply up to date."""
    match state:
        case UpToDate():
            return state.settling
        case Ineligible() | InProgress() | Failed():
            return state.reason
        case Pending():
            return None
        case _:
            assert_never(state)


def evidence_of(record: Record) -> dict[str, Evidence]:
    """The evidence that a finished record holds, by container."""
    return {name: Evidence(one.evidence) for name, one in record.containers.items() if one.evidence}
