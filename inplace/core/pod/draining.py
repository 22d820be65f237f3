"""A Pod that is out of service so that its containers can be stopped: when it is, and its way back.

When a Pod is drained is decided by `lifecycle`, which ones are by `availability.drains`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from inplace.core.actions.actions import Abort
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod import attempt
from inplace.core.pod.states import InProgress, PodContext
from inplace.core.state.records import PodPhase, Record

#: How long to wait for EndpointSlices to drop an unready Pod.
ENDPOINTS: Final = timedelta(seconds=10)


def undrained(pod: Pod, context: PodContext) -> InProgress | None:
    """Wait until this process observed Ready=False, no endpoint serves the Pod, and the grace period is over.

    Never since the kubelet's timestamp. The wait for slow endpoints is limited.
    """
    if pod.ready or context.observation is None or context.observation.unready_at is None:
        why = Reason(
            ReasonCode.WaitingForUnready,
            "status.conditions[Ready]",
            "drained; waiting for the kubelet to report Ready=False",
        )
        return InProgress(why)
    latest = context.observation.unready_at + ENDPOINTS
    if context.observation.out_at is None and context.now < latest:
        serves = Reason(
            ReasonCode.WaitingForEndpoints, "", "not ready; waiting until no EndpointSlice lists it as serving"
        )
        return InProgress(serves, until=latest)
    over = (context.observation.out_at or latest) + timedelta(seconds=context.settings.grace_period_seconds)
    if context.now >= over:
        return None
    if context.observation.out_at is None:
        slow = f"an EndpointSlice still lists it as serving after {ENDPOINTS.seconds} s; no longer waiting for it"
        return InProgress(Reason(ReasonCode.EndpointsSlow, "", slow), until=over)
    return InProgress(Reason(ReasonCode.GracePeriod, "", "not ready; waiting for the grace period to end"), until=over)


def undo(pod: Pod, record: Record, why: Reason) -> InProgress:
    """Return to service; an image that an earlier attempt left unproven stays recorded as a failure."""
    if record.containers:
        return attempt.fail(pod, record, why)
    kept = replace(record, phase=PodPhase.RESIZING) if record.resized else None  # its size may be of the target
    return InProgress(why, Abort(pod, kept))
