"""What comes after a patch of a Pod in flight: another batch of containers, or another target.

That a Pod was granted its place in the budgets is only in its record, which others can write. So one that serves is
patched again only as one that begins: it waits for the conditions of others, and `rollout.admit` grants it.
"""

from __future__ import annotations

from inplace.core.actions.actions import PodAction
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod import attempt, batches, draining, eligibility, gates
from inplace.core.pod.availability import broken, closed, drains
from inplace.core.pod.states import TARGET_UNKNOWN, Ineligible, InProgress, Pending, PodContext, PodState
from inplace.core.state.records import Record
from inplace.core.template.change import PodChange


def redirect(pod: Pod, record: Record, change: PodChange, context: PodContext) -> PodState:
    """The template changed while this Pod was being swapped: continue to the new target from here."""
    unknown = eligibility.unknown_image(pod, change, context.node)
    if unknown is not None:
        return InProgress(unknown)
    if drains(pod, context.settings, change.restarts):
        if not closed(pod):
            return _asking(pod, change, context, attempt.drain_after_all(pod, record, context))
        undrained = draining.undrained(pod, context)
        if undrained is not None:
            return undrained
    gate = before_swap(pod, change, context)
    if gate is not None:
        return gate
    why = Reason(ReasonCode.WaitingForSwap, "", "the template changed; patching the new image")
    return _granted(pod, change, context, why, attempt.swap(pod, attempt.retarget(record, context), change, context))


def next_batch(pod: Pod, record: Record, context: PodContext) -> PodState | None:
    """What is to be done for the next batch of containers, once this one is ready; None if there is none."""
    if not record.has_more:
        return None
    held = batches.held(record, context)
    if held is not None or not isinstance(context.change, PodChange):
        return InProgress(batches.told(record, held or TARGET_UNKNOWN))
    if not context.change.disrupts:
        return None
    why = Reason(ReasonCode.WaitingForSwap, "", "swapped and ready; patching the next batch of containers")
    patch = attempt.swap(pod, record, context.change, context, record.batch + 1)
    return _granted(pod, context.change, context, why, patch)


def before_swap(pod: Pod, change: PodChange, context: PodContext) -> InProgress | None:
    """The wait for a condition that somebody else sets, if there is one."""
    reason = gates.before_swap(pod, change, context.settings)
    return InProgress(reason) if reason is not None else None


def _granted(pod: Pod, change: PodChange, context: PodContext, why: Reason, patch: PodAction) -> PodState:
    """This patch now if it stops nothing that serves; else as `_asking`. Who opts out has the Pods in flight finish."""
    if not pod.ready or context.is_opting_out:
        return InProgress(why, patch)
    return _asking(pod, change, context, patch)


def _asking(pod: Pod, change: PodChange, context: PodContext, action: PodAction) -> Ineligible | Pending:
    """Once the conditions of others, the budgets and the holds allow it."""
    gate = gates.at_rest(pod, change, context.settings)
    if gate is not None:
        return Ineligible(gate)
    waits_for = context.images.reason if context.images is not None else None
    return Pending(action, broken=broken(pod), waits_for=waits_for)
