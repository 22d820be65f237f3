"""Whether a Pod may be upgraded now: ordered checks (docs/design/protocol.md, "One Pod").

Each returns a reason why not, or None. They only delay this Pod; whether a whole workload is refused depends on the
diff of its templates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.states import PodContext

Check = Callable[[Pod, PodContext], Reason | None]


def ineligible(pod: Pod, context: PodContext) -> Reason | None:
    """The first reason not to begin a disruption of this Pod now."""
    return next((reason for check in CHECKS if (reason := check(pod, context)) is not None), None)


def not_mirror(pod: Pod, _context: PodContext) -> Reason | None:
    """The mirror of a static Pod: patching it has no effect on the node (docs/design/kubernetes.md §1.2)."""
    if pod.metadata.annotation(names.MIRROR_ANNOTATION) is None:
        return None
    return Reason(
        ReasonCode.MirrorPod, "metadata.annotations", "mirror of a static Pod: change its manifest on the node"
    )


def not_terminating(pod: Pod, _context: PodContext) -> Reason | None:
    """A terminating Pod is replaced by its own controller."""
    if pod.metadata.deletion_timestamp is None:
        return None
    return Reason(ReasonCode.Terminating, "metadata.deletionTimestamp", "the Pod is being deleted")


def bound(pod: Pod, _context: PodContext) -> Reason | None:
    """An unscheduled Pod has no container to swap."""
    return (
        None if pod.spec.node_name else Reason(ReasonCode.NotScheduled, "spec.nodeName", "the Pod is not scheduled yet")
    )


def running_or_pending(pod: Pod, _context: PodContext) -> Reason | None:
    """A finished Pod is replaced by its own controller."""
    if pod.status.phase in ("Running", "Pending"):
        return None
    return Reason(ReasonCode.PodPhase, "status.phase", f"the Pod's phase is {pod.status.phase or 'not set'}")


def node_ready(pod: Pod, context: PodContext) -> Reason | None:
    """The kubelet of a node that is not ready may not act."""
    if not context.nodes_visible or (context.node is not None and context.node.ready):
        return None
    return Reason(ReasonCode.NodeNotReady, "spec.nodeName", f"node {pod.spec.node_name} is not Ready")


CHECKS: Final[tuple[Check, ...]] = (
    not_mirror,
    not_terminating,
    bound,
    running_or_pending,
    node_ready,
)
