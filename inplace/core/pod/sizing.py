"""The steps of a Pod in flight whose cpu or memory changes (docs/design/protocol.md, "Resize").

A resize that restarts nothing comes first: what the node cannot give is known before anything is disrupted.
"""

from __future__ import annotations

from collections.abc import Mapping

from inplace.core.actions.actions import Abort, ResizePod
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod import attempt, evidence, failures, gates, resizes
from inplace.core.pod.availability import broken
from inplace.core.pod.states import TARGET_UNKNOWN, InProgress, Pending, PodContext, PodState
from inplace.core.state.records import Record
from inplace.core.template.change import PodChange, Refused, Size


def step(pod: Pod, record: Record, context: PodContext, held: Reason | None) -> PodState:
    """The phase Resizing. `held`: why the Pod goes on to nothing that disrupts it, nor to another target."""
    change = context.change
    if change is None:
        return InProgress(TARGET_UNKNOWN)
    if context.is_opting_out:
        return _ending(pod, record, change, context)
    if held is not None and record.target != context.target:
        return InProgress(held)
    if isinstance(change, Refused):
        return attempt.fail(pod, record, change.reasons[0])
    if record.target != context.target:  # it serves on, and asks for what the new target takes of the budgets
        return Pending(attempt.redirect_resize(pod, record, change, context), broken=broken(pod))
    if change.calm_sizes and not is_late(pod, record, context):
        return resize(pod, record, change.calm_sizes)
    missing = unsized(pod, record, context)
    if missing is not None:
        return missing
    waits = (held or gates.at_rest(pod, change, context.settings)) if change.disrupts else None
    if waits is not None:
        return InProgress(waits)
    done = attempt.after_resize(pod, record, change, context)
    if change.disrupts:  # the budget may be another than when the resize began
        return Pending(done, broken=broken(pod))
    return InProgress(_waiting("the new cpu and memory are in force"), done)


def _ending(pod: Pod, record: Record, change: PodChange | Refused, context: PodContext) -> PodState:
    """Its workload is opted out: a size that has been set comes into force, or fails; nothing is disrupted any more."""
    if isinstance(change, Refused):
        return attempt.fail(pod, record, change.reasons[0])
    if record.target != context.target:
        why = "opted out while it was being resized, and the template has changed: its size stays as it was set"
        return attempt.fail(pod, record, Reason(ReasonCode.NotResized, "spec.containers", why))
    missing = unsized(pod, record, context) if not change.calm_sizes else None
    if missing is not None:
        return missing
    if change.calm_sizes or change.disrupts:
        return InProgress(_waiting("opted out: nothing more is done"), Abort(pod))
    return InProgress(_waiting("the new cpu and memory are in force"), attempt.conclude(pod, record, change, context))


def resize(pod: Pod, record: Record, sizes: Mapping[str, Size]) -> InProgress:
    """Set these sizes now."""
    return InProgress(_waiting("setting the new cpu and memory"), ResizePod(pod, record, sizes))


def is_late(pod: Pod, record: Record, context: PodContext) -> bool:
    """Whether the deadline is over: a size that another writer takes back each time is not set for ever."""
    return context.now >= context.due(failures.deadline(pod, record, context.patience))


def unsized(pod: Pod, record: Record, context: PodContext) -> InProgress | None:
    """What is missing until the size is in force, or the failure if it never will be."""
    verdict = resizes.infeasible(pod, record, context.node, context.now)
    if verdict is not None:
        return attempt.fail(pod, record, verdict)
    missing = resizes.missing(pod, record, context.node)
    return InProgress(missing, until=context.now + evidence.KUBELET_SYNC) if missing is not None else None


def _waiting(what: str) -> Reason:
    return Reason(ReasonCode.WaitingForResize, "", what)
