"""The state machine of one Pod: Pod and target -> what to do now, and why
(docs/design/protocol.md, "One Pod").

    (rest) -> Resizing -> Draining -> Swapping -> Done
                        any -> Failed   -> Done, if it recovers by itself

The record on the Pod and the live Pod hold its whole state. Whether a Pod at rest *may* start is decided by `rollout`;
this module does not depend on other Pods.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from msgspec import UNSET
from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.times import rounded_up, told
from inplace.core.pod import attempt, batches, draining, eligibility, evidence, failures, gates, onward, resizes, sizing
from inplace.core.pod.availability import (
    available,
    broken,
    closed,
    gated,
    has_served,
    has_served_since_birth,
    ready_until,
    steady_at,
)
from inplace.core.pod.states import (
    TARGET_UNKNOWN,
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


def step(pod: Pod, context: PodContext) -> PodState:
    """The state of this Pod, and the next action on it."""
    match records.of(pod, context.workload):
        case Unreadable(version=int()) as other if not context.is_opting_out:
            return Ineligible(Reason(ReasonCode.VersionUnknown, f"metadata.annotations[{names.STATE}]", other.why))
        case Unreadable() as bad if closed(pod) and not context.is_opting_out:
            why = f"cannot decode the annotation {names.STATE}, so the gate stays closed: {bad.why}"
            return Failed(Reason(ReasonCode.StateUnreadable, f"metadata.annotations[{names.STATE}]", why))
        case Record() as record if record.in_flight:
            return _in_progress(pod, record, context)
        case Record(phase=PodPhase.FAILED) as record if context.works_on(record) and not _asked_again(record, context):
            return _failed(pod, record, context)
        case decoded:
            last = decoded if isinstance(decoded, Record) else None
            return _at_rest(pod, last, context)


def _asked_again(record: Record, context: PodContext) -> bool:
    """Whether to start another attempt after a failure: for another target, or on a request to retry."""
    return context.change is not None and not record.failed_for(context.target, context.retry)


# --- at rest ---------------------------------------------------------------------------------------------------------


def _at_rest(pod: Pod, last: Record | None, context: PodContext) -> PodState:
    if context.change is None:
        return Ineligible(TARGET_UNKNOWN)
    failed = last is not None and last.phase is PodPhase.FAILED and context.works_on(last)
    if context.base == context.target and not failed:
        return _settling(pod, last, context)
    if isinstance(context.change, Refused):
        return Ineligible(context.change.reasons[0])
    reason = eligibility.ineligible(pod, context)
    if reason is not None:
        return Ineligible(reason)
    start = eligibility.starting(pod, context.change.needs_proof, context)
    if start is not None:
        return Ineligible(start.reason, start.until)
    unknown = eligibility.unknown_image(pod, context.change, context.node)
    if unknown is not None:
        return Ineligible(unknown)
    gate = gates.at_rest(pod, context.change, context.settings)
    if gate is not None:
        return Ineligible(gate)
    waits_for = context.images.reason if context.images is not None and context.change.disrupts else None
    if context.images is not None and context.images.failed and waits_for is not None:
        return Failed(waits_for)  # its image could not be pulled, and the Pod is unchanged
    return Pending(attempt.begin(pod, last, context.change, context), broken=broken(pod), waits_for=waits_for)


def _settling(pod: Pod, last: Record | None, context: PodContext) -> PodState:
    missing = available(pod, context)
    if missing is None or context.settled:
        return UpToDate()
    deadline = context.due(deadline_of_readiness(pod, last) if last is not None else _deadline_of_birth(pod, context))
    if last is not None:
        verdict = _late_verdict(pod, last, deadline, context)
    else:
        verdict = _verdict_of_birth(pod, deadline, context)
    if verdict is not None and (last.answers if last is not None else "") != context.retry:
        return Pending(attempt.again(pod, last, context), broken=broken(pod))
    if verdict is not None:
        # An exit after the deadline would hide how many came before it, so that a crash loop goes on record.
        recorded = last is not None and verdict.code in (ReasonCode.CrashLoop, ReasonCode.OOMKilled)
        return Failed(verdict, attempt.failure(pod, last, verdict) if recorded and last is not None else None)
    if pod.ready:
        return UpToDate(missing, steady_at(pod, context, fresh=True) or ready_until(pod, context))
    ends = deadline if context.now < deadline else None
    timed = last is not None or _is_timed(eligibility.ineligible(pod, context))
    return UpToDate(missing, ends, ends if timed else None)


def _late_verdict(pod: Pod, last: Record, deadline: datetime, context: PodContext) -> Reason | None:
    """A failure after the gate was opened. A Pod that has served has not failed, whatever it lacks now."""
    crashed = failures.crash_loop(pod, last, context.now)
    if crashed is not None or pod.ready or context.now < deadline or has_served(pod, last, context):
        return crashed
    unheard = eligibility.node_ready(pod, context)
    if unheard is not None:
        return failures.lost(unheard)
    return Reason(ReasonCode.NeverReady, "status.conditions[Ready]", "deadline exceeded: upgraded, but not Ready")


def deadline_of_readiness(pod: Pod, last: Record) -> datetime:
    """Until when an upgraded Pod has to be Ready: its kubelet answers an opened gate at its next sync at the latest."""
    gate = pod.condition(names.GATE)
    opened_at = gate.since if gate is not None and gate.status == "True" else None
    return max(last.deadline, opened_at + evidence.KUBELET_SYNC) if opened_at is not None else last.deadline


def _deadline_of_birth(pod: Pod, context: PodContext) -> datetime:
    """Until when a Pod that was created at the target has to be Ready: as long as one that is upgraded takes, from when
    it has a node."""
    return eligibility.scheduled_at(pod, context.now) + context.patience


def _verdict_of_birth(pod: Pod, deadline: datetime, context: PodContext) -> Reason | None:
    """A failure of a Pod that was created at the target, while the rollout is not over, and was not Ready by then."""
    ready = pod.condition("Ready")
    lost_at = ready.since if ready is not None else None
    if pod.ready or context.now < deadline or (lost_at is not None and lost_at >= deadline):
        return None
    if has_served_since_birth(pod, context):
        return None
    ineligible = eligibility.ineligible(pod, context)
    if not _is_timed(ineligible):
        return None
    return failures.lost(ineligible) if ineligible is not None else failures.born(pod)


def _is_timed(ineligible: Reason | None) -> bool:
    """Whether a created Pod fails by time: not while it has no node, or is on its way out. Its image may be good."""
    return ineligible is None or ineligible.code == ReasonCode.NodeNotReady


# --- in flight -------------------------------------------------------------------------------------------------------


def _in_progress(pod: Pod, record: Record, context: PodContext) -> PodState:
    if pod.metadata.deletion_timestamp is not None:
        return Ineligible(Reason(ReasonCode.Terminating, "metadata.deletionTimestamp", "the Pod is being deleted"))
    if context.write_refused is not None:
        return attempt.fail(pod, record, context.write_refused)
    if not record.is_timely(context.now, pod.grace):
        path = f"metadata.annotations[{names.STATE}]"
        why = f"the deadline {record.deadline:%Y-%m-%d} is farther away than that of any attempt"
        return attempt.fail(pod, record, Reason(ReasonCode.StateUnreadable, path, why))
    if not context.works_on(record):
        return _by_other(pod, record, context)
    advance = {PodPhase.RESIZING: _resizing, PodPhase.DRAINING: _draining, PodPhase.SWAPPING: _swapping}[record.phase]
    state = advance(pod, record, context)
    if not isinstance(state, InProgress) or state.action is not None or state.reason is context.hold:
        return state
    deadline = context.due(failures.deadline(pod, record, context.patience))
    if context.now >= deadline:
        verdict = failures.expired(pod, record, context.observation, eligibility.node_ready(pod, context), state.reason)
        return attempt.fail(pod, record, verdict)
    return replace(state, until=min(state.until or deadline, deadline))


def _by_other(pod: Pod, record: Record, context: PodContext) -> InProgress:
    """A command works on the Pod by the rights of its user: it counts, and is left alone until its deadline."""
    due = context.due(record.deadline)
    if context.now >= due:
        why = f"deadline exceeded: the command of a user that worked on the Pod has not ended ({record.phase})"
        lost = Reason(ReasonCode.CommandLost, "", why)
        if record.phase is PodPhase.DRAINING:  # nothing has been done to its containers
            return draining.undo(pod, replace(record, by=UNSET), lost)
        return attempt.fail(pod, replace(record, by=UNSET), lost)
    again = "the same command, started again," if record.requested else f"`inplace restart pod/{pod.name}`"
    until = f"left alone until {told(record.deadline)}, unless {again} goes on with it"
    why = f"a command works on the Pod by the rights of its user ({record.phase}); {until}"
    return InProgress(Reason(ReasonCode.ByCommand, f"metadata.annotations[{names.STATE}]", why), until=due)


def _held(record: Record, context: PodContext) -> Reason | None:
    """Why a Pod in flight does not go on to the target: the workload is held, or the image is missing."""
    if context.hold is not None:
        return context.hold
    return context.images.reason if context.images is not None and record.target != context.target else None


def _unrecorded(record: Record, context: PodContext) -> Reason | None:
    """Why it is not given another target yet."""
    return context.unrecorded if record.target != context.target else None


def _resizing(pod: Pod, record: Record, context: PodContext) -> PodState:
    return sizing.step(pod, record, context, _held(record, context) or _unrecorded(record, context))


def _draining(pod: Pod, record: Record, context: PodContext) -> PodState:
    change = context.change
    if change is None:
        return InProgress(TARGET_UNKNOWN)
    if isinstance(change, Refused):
        return draining.undo(pod, record, change.reasons[0])
    hold = _held(record, context)
    if hold is not None:
        return draining.undo(pod, record, hold)
    unrecorded = _unrecorded(record, context)
    if unrecorded is not None:
        return InProgress(unrecorded)
    if not change.disrupts:
        retargeted = attempt.retarget(record, context)
        return InProgress(_nothing_to_swap(pod), attempt.conclude(pod, retargeted, change, context))
    unknown = eligibility.unknown_image(pod, change, context.node)
    if unknown is not None:
        return InProgress(unknown)
    wait = draining.undrained(pod, context) or onward.before_swap(pod, change, context)
    if wait is not None:
        return wait
    return InProgress(_drained(), attempt.swap(pod, attempt.retarget(record, context), change, context))


def _swapping(pod: Pod, record: Record, context: PodContext) -> PodState:
    if isinstance(context.change, PodChange) and not (_held(record, context) or _unrecorded(record, context)):
        if record.target != context.target:
            return onward.redirect(pod, record, context.change, context)
        if context.change.swaps and not batches.is_planned(record, context.change):
            return attempt.fail(pod, record, failures.overridden(pod, record, context.change))
        due = {name: size for name, size in context.change.sizes.items() if name in record.resized}
        if due and not sizing.is_late(pod, record, context):
            return sizing.resize(pod, record, due)
        record = record if context.change.disrupts else batches.closed(record)  # nothing is left for another batch
    verdict = failures.classify(pod, record, context.observation)
    if verdict is not None:
        return attempt.fail(pod, record, verdict)
    proven = _prove(pod, record, context)
    if isinstance(proven, Reason):  # some evidence needs only time to pass
        return InProgress(batches.told(record, proven), until=context.now + evidence.KUBELET_SYNC)
    unfinished = sizing.unsized(pod, proven, context) or _unfinished(pod, proven, context)
    if unfinished is not None:
        return replace(unfinished, reason=batches.told(record, unfinished.reason))
    return onward.next_batch(pod, proven, context) or InProgress(
        _swapped(pod), attempt.complete(pod, proven, None, context)
    )


def _prove(pod: Pod, record: Record, context: PodContext) -> Record | Reason:
    """The record with the evidence for each container, or the first thing that is missing."""
    proven = dict(record.containers)
    for name, baseline in record.containers.items():
        if baseline.evidence:
            continue
        result = evidence.judge(pod, name, record, context.observation, context.node, context.now)
        if isinstance(result, Reason):
            return result
        proven[name] = replace(baseline, evidence=result)
    return replace(record, containers=proven)


def _unfinished(pod: Pod, record: Record, context: PodContext) -> InProgress | None:
    """Swapped, but not serving yet: ready, as `gates` say, and without a readiness gate for min-ready-seconds too."""
    statuses = [pod.container_status(name) for name in record.containers]
    whole = record.has_more or pod.is_true("ContainersReady")  # what is to be swapped yet need not be ready
    if not whole or not all(status is not None and status.ready for status in statuses):
        return InProgress(
            Reason(ReasonCode.WaitingForReady, "status.conditions[ContainersReady]", "swapped; waiting to be ready")
        )
    steady = steady_at(pod, context, fresh=record.has_more or not gated(pod, context.settings))
    if steady is not None:
        return InProgress(Reason(ReasonCode.WaitingForReady, "", "ready, but not for long enough yet"), until=steady)
    if record.has_more:
        return None
    gate = gates.before_ready(pod, context.settings)
    if gate is not None:
        return InProgress(gate)
    if gated(pod, context.settings):
        return None
    started = [s.state.running.started_at for s in statuses if s is not None and s.state.running is not None]
    since = max([record.started_at, *(rounded_up(at) for at in started if at is not None)])
    over = since + timedelta(seconds=context.settings.min_ready_seconds)
    if context.settings.min_ready_seconds and context.now < over:
        return InProgress(
            Reason(ReasonCode.MinReadySeconds, "", "swapped and ready; waiting for min-ready-seconds"), until=over
        )
    return None


# --- failed ----------------------------------------------------------------------------------------------------------


def _failed(pod: Pod, record: Record, context: PodContext) -> PodState:
    reason = Reason(ReasonCode.read(record.reason), "", record.message)
    lacking = not isinstance(context.change, PodChange) or context.change.disrupts or bool(context.change.sizes)
    if pod.metadata.deletion_timestamp is not None or not (record.containers or record.resized) or lacking:
        return Failed(reason)
    proven = _prove(pod, batches.closed(record), context)  # no batch is left: nothing restarts any more
    if isinstance(proven, Reason):
        return Failed(reason, until=context.now + evidence.KUBELET_SYNC)
    if resizes.missing(pod, record, context.node) is not None:
        return Failed(reason)
    unfinished = _unfinished(pod, proven, context)
    if unfinished is not None:
        return Failed(reason, until=unfinished.until)
    return Failed(reason, attempt.recover(pod, proven, context))


# --- in words --------------------------------------------------------------------------------------------------------


def _nothing_to_swap(pod: Pod) -> Reason:
    return Reason(ReasonCode.WaitingForReady, "", f"the target already runs{_opening(pod)}")


def _drained() -> Reason:
    return Reason(ReasonCode.WaitingForSwap, "", "drained; patching the image")


def _swapped(pod: Pod) -> Reason:
    return Reason(ReasonCode.WaitingForReady, "", f"swapped and ready{_opening(pod)}")


def _opening(pod: Pod) -> str:
    """What the write that ends an attempt does beside, where there is a gate that is not open."""
    return "; opening the gate" if pod.has_gate(names.GATE) and not pod.is_true(names.GATE) else ""


def explain(state: PodState) -> Reason | None:
    """Why nothing (more) happens to the Pod now; None if it is simply up to date."""
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
    """The evidence in a completed record, by container."""
    return {name: Evidence(base.evidence) for name, base in record.containers.items() if base.evidence}
