"""Batches inside a Pod (`container-order`): which containers are patched now, and what is said meanwhile.

The record has which batch is under way and how many there are. What is still to restart is never recorded: it is what
the live Pod lacks of its target, so that a template that changes between two batches loses nothing.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from inplace.core.objects.reasons import Reason
from inplace.core.pod.states import TARGET_UNKNOWN, PodContext
from inplace.core.state.records import Record
from inplace.core.template.change import PodChange, Refused


def begin(record: Record, change: PodChange, batch: int) -> tuple[Record, PodChange]:
    """The part of the change to patch as this batch (from 0), and the record that says so.

    Containers that an earlier attempt left unproven may be broken, and come first: those that restart with the first
    batch; and if others are as they should be, the first batch has none to patch, and these are waited for.
    """
    left, restarting = change.batches, set(change.restarts)
    unproven = {name for name, one in record.containers.items() if not one.evidence}
    if change.order and left and unproven - restarting:
        left = ((), *left)
    elif left:
        first = (*left[0], *(name for name in change.restarts if name in unproven and name not in left[0]))
        rest = (tuple(name for name in later if name not in first) for later in left[1:])
        left = (first, *(later for later in rest if later))
    total = batch + len(left)
    if total <= 1:
        return closed(record), change
    return replace(record, batch=batch, batches=total), change.part(left[0])


def closed(record: Record) -> Record:
    """The record of an attempt that has no batches, or none any more."""
    return replace(record, batch=0, batches=UNSET)


def is_planned(record: Record, change: PodChange) -> bool:
    """Whether all that is still to restart belongs to batches to come; if not, another writer has been at work."""
    patched = (name for name, one in record.containers.items() if one.to == change.images.get(name))
    return record.has_more and not any(patched)


def held(record: Record, context: PodContext) -> Reason | None:
    """Why the next batch does not begin; None if it may. Who opts out has the Pods in flight finish."""
    change, hold = context.change, context.hold
    if hold is not None and not context.is_opting_out:
        return _waits(record, hold)
    if change is None or record.target != context.target:
        return _waits(record, context.unrecorded or TARGET_UNKNOWN)
    return _waits(record, change.reasons[0]) if isinstance(change, Refused) else None


def _waits(record: Record, why: Reason) -> Reason:
    return replace(why, message=f"the next batch of its containers waits: {why.message}")


def told(record: Record, why: Reason) -> Reason:
    """The reason with the batch that it is about."""
    if record.batches is UNSET:
        return why
    now = ", ".join(name for name, one in record.containers.items() if not one.evidence)
    which = f"batch {record.batch + 1} of {record.batches}" + (f" ({now})" if now else "")
    return replace(why, message=f"{which}: {why.message}")


def failed(record: Record, message: str) -> str:
    """The message of a failure, with the batch, and what was swapped before."""
    if record.batches is UNSET:
        return message
    before = ", ".join(name for name, one in record.containers.items() if one.evidence)
    swapped = f"swapped before: {before}" if before else "nothing was swapped before"
    rest = "; the rest was not begun" if record.has_more else ""
    return f"batch {record.batch + 1} of {record.batches} ({swapped}{rest}): {message}"
