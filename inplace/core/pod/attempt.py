"""How an attempt on one Pod begins, changes its target, patches and fails: builds the records and actions.

When each of them is due is decided by `lifecycle`.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from inplace.core.actions.actions import (
    BeginResize,
    CloseGate,
    Complete,
    PatchImages,
    PodAction,
    RecordFailure,
)
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason
from inplace.core.pod import batches, failures, resizes
from inplace.core.pod.availability import drains
from inplace.core.pod.states import InProgress, PodContext
from inplace.core.state import records, versions
from inplace.core.state.records import Baseline, PodPhase, Record
from inplace.core.template.change import PodChange


def begin(pod: Pod, last: Record | None, change: PodChange, context: PodContext) -> PodAction:
    """The first write of an attempt: resize if that disrupts nothing, else drain, patch if there is no gate, or
    complete if nothing restarts."""
    record = replace(
        _record(last, context),
        generation=last.generation if last is not None and _unproven(last) else 0,
        containers=_carried(pod, last) if last is not None and _unproven(last) else {},
        tried=_tried(last) if last is not None and _unproven(last) else UNSET,
        sizes=last.sizes if last is not None and _unproven(last) else UNSET,
    )
    return _first(pod, record, change, context)


def _first(pod: Pod, record: Record, change: PodChange, context: PodContext) -> PodAction:
    if change.calm_sizes or record.resized:
        return BeginResize(pod, _resizing(pod, record, change), change)
    if not change.disrupts:
        return conclude(pod, record, change, context)
    return _disrupt(pod, record, change, context)


def _disrupt(pod: Pod, record: Record, change: PodChange, context: PodContext) -> PodAction:
    if drains(pod, context.settings, change.restarts):
        return CloseGate(pod, replace(record, phase=PodPhase.DRAINING))
    return swap(pod, record, change, context)


def _resizing(pod: Pod, record: Record, change: PodChange) -> Record:
    """The record of a Pod that is resized without a restart, before anything else is done to it."""
    noted = {**record.resized, **resizes.noted(pod, change.calm_sizes)}
    # Without a size to set, what the Pod has is in question: what was refused has raised no generation.
    return replace(record, phase=PodPhase.RESIZING, sizes=noted, generation=_next(pod, len(change.calm_sizes) > 0))


def _next(pod: Pod, writes: int) -> int:
    """The generation that the Pod has after so many changes of its spec; 0 if the server does not count."""
    return pod.metadata.generation + writes if pod.metadata.generation else 0


def redirect_resize(pod: Pod, record: Record, change: PodChange, context: PodContext) -> PodAction:
    """Another target for a Pod that is being resized: a new attempt, which knows what the one before may have left."""
    return _first(pod, replace(retarget(record, context), tried=_tried(record)), change, context)


def after_resize(pod: Pod, record: Record, change: PodChange, context: PodContext) -> PodAction:
    """The size is in force: complete, or drain and patch what restarts, with a deadline of its own."""
    if not change.disrupts:
        return conclude(pod, record, change, context)
    record = replace(record, started_at=context.now, deadline=context.now + context.patience)
    return _disrupt(pod, record, change, context)


def _record(last: Record | None, context: PodContext) -> Record:
    """The record of a new attempt."""
    return Record(
        v=versions.VERSION,
        workload=context.workload,
        attempt=(last.attempt if last is not None else 0) + 1,
        phase=PodPhase.DRAINING,
        base=context.base,
        target=context.target,
        started_at=context.now,
        deadline=context.now + context.patience,
        retry=context.retry or UNSET,
        by=context.by,
        request=context.request or UNSET,
    )


def again(pod: Pod, last: Record | None, context: PodContext) -> Complete:
    """Another attempt on a Pod that is at the target and has failed: a new deadline, and no write to its containers."""
    record = replace(
        _record(last, context),
        base=last.base if last is not None else context.base,
        generation=last.generation if last is not None else 0,
        containers=_carried(pod, last) if last is not None else {},
        sizes=last.sizes if last is not None else UNSET,
    )
    return complete(pod, record, None, context)


def _carried(pod: Pod, last: Record) -> dict[str, Baseline]:
    """The baselines that a failed attempt left unproven; exits during that attempt no longer count."""

    def fresh(name: str, baseline: Baseline) -> Baseline:
        status = pod.container_status(name)
        counted = status.restart_count - 1 if status is not None else 0
        return replace(baseline, restarts=max(baseline.restarts, counted))

    return {name: fresh(name, baseline) for name, baseline in last.containers.items()}


def _unproven(last: Record) -> bool:
    """Whether a failed attempt left images or sizes on the Pod that were never seen in force."""
    return last.phase is PodPhase.FAILED and bool(last.containers or last.resized)


def _tried(last: Record) -> tuple[str, ...]:
    """The revisions that this attempt inherits from one that may have left metadata of theirs on the Pod."""
    return tuple(dict.fromkeys(last.attempted))


def conclude(pod: Pod, record: Record, change: PodChange, context: PodContext) -> PodAction:
    """Nothing restarts any more: complete, once what an earlier attempt left unproven is proven, and images that do not
    run again are patched."""
    if record.containers or change.images:
        return PatchImages(pod, _swapping(pod, record), change)
    return complete(pod, record, change, context)


def complete(pod: Pod, record: Record, change: PodChange | None, context: PodContext) -> Complete:
    """The write that ends an attempt well: the gate, the label, the record."""
    done = replace(
        record,
        phase=PodPhase.DONE,
        deadline=failures.deadline(pod, record, context.patience),
        reason="",
        message="",
        tried=UNSET,
        ready_changed_at=_ready_changed_at(pod),
        batch=0,
        batches=UNSET,
    )
    return Complete(pod, done, change, context.labels_of(done.target))


def recover(pod: Pod, record: Record, context: PodContext) -> Complete:
    """A failed attempt that has ended well by itself: the exits before that no longer count."""
    return complete(pod, replace(record, containers=_carried(pod, record)), None, context)


def _ready_changed_at(pod: Pod) -> datetime | UnsetType:
    ready = pod.condition("Ready")
    return ready.since or UNSET if ready is not None else UNSET


def fail(pod: Pod, record: Record, verdict: Reason) -> InProgress:
    """End the attempt with a failure; the same write opens the gate."""
    return InProgress(verdict, failure(pod, record, verdict))


def failure(pod: Pod, record: Record, verdict: Reason) -> RecordFailure:
    """The write of a failure."""
    message = f"{verdict.path}: {verdict.message}" if verdict.path else verdict.message
    message = batches.failed(record, message)
    failed = replace(record, phase=PodPhase.FAILED, reason=verdict.code, message=message[: records.MESSAGE_LIMIT])
    return RecordFailure(pod, failed)


def retarget(record: Record, context: PodContext) -> Record:
    """The record with a new target: a new attempt with its own deadline."""
    if record.target == context.target:
        return record
    deadline = context.now + context.patience
    return replace(record, attempt=record.attempt + 1, target=context.target, deadline=deadline)


def drain_after_all(pod: Pod, record: Record, context: PodContext) -> CloseGate:
    """Drain a Pod that was swapped without a drain and now has a target that needs one; restarts the clock."""
    retargeted = batches.closed(retarget(record, context))
    return CloseGate(pod, replace(retargeted, phase=PodPhase.DRAINING, started_at=context.now, tried=_tried(record)))


def swap(pod: Pod, record: Record, change: PodChange, context: PodContext, batch: int = 0) -> PatchImages:
    """The image patch of one batch, with its containers as the baseline and the generation that it will produce."""
    record, change = batches.begin(record, change, batch)
    swapping = _swapping(pod, record)
    sizes = {**record.resized, **resizes.noted(pod, change.sizes)}
    if sizes:  # what it may have of another template is known until its own size is in force
        swapping = replace(swapping, sizes=sizes, tried=_tried(record))
    writes = bool(change.swaps) + bool(change.sizes)
    if not change.needs_proof:
        generation = _next(pod, writes) if change.sizes else swapping.generation
        return PatchImages(pod, replace(swapping, generation=generation), change)
    images = {**{name: _image(pod, name) for name in change.harsh_sizes}, **change.images}
    baselines = {name: _baseline(pod, record, name, images.get(name), context) for name in _changing(record, change)}
    generation = _next(pod, writes)
    return PatchImages(pod, replace(swapping, containers=baselines, generation=generation), change)


def _image(pod: Pod, name: str) -> str:
    container = pod.container(name)
    return container.image if container is not None else ""


def _swapping(pod: Pod, record: Record) -> Record:
    """The record of a Pod whose old containers are to stop, which may take their grace period (failures.deadline)."""
    return replace(record, phase=PodPhase.SWAPPING, deadline=record.deadline + pod.grace, tried=UNSET)


def _changing(record: Record, change: PodChange) -> list[str]:
    """Containers to prove: those patched now, and those patched before whose swap is not confirmed."""
    return list(dict.fromkeys([*record.containers, *change.needs_proof]))


def _baseline(pod: Pod, record: Record, name: str, to: str | None, context: PodContext) -> Baseline:
    """A container patched now: as it is. A container patched before but not now: as it was then."""
    before, status, spec = record.containers.get(name), pod.container_status(name), pod.container(name)
    if before is not None and to is None:
        return before
    id_ = status.container_id if status is not None else ""
    return Baseline(
        from_=spec.image if spec is not None else "",
        to=to or "",
        id=id_,
        image_id=status.image_id if status is not None else "",
        restarts=status.restart_count if status is not None else 0,
        unsettled=before is not None and not before.evidence,
        origin=_origin(before, id_),
        expected=context.digests.get(to or "", ""),
    )


def _origin(before: Baseline | None, id_: str) -> str:
    """The image that a container was created from, if an earlier baseline of the same container has it."""
    if before is None or before.evidence or before.id != id_:
        return ""
    return before.origin if before.unsettled else before.from_
