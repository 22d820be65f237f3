"""May this Pod be touched now? Ordered checks that read as the specification (docs/design/protocol.md, "One Pod").

Each returns the reason that speaks against it, or nothing. They hold one Pod, for now; what refuses a whole workload
stands in `change` and `refusals`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from inplace.core.objects import names
from inplace.core.objects.model import Node, Pod
from inplace.core.objects.reasons import Reason, ReasonCode

Check = Callable[[Pod, Node | None], Reason | None]


def ineligible(pod: Pod, node: Node | None) -> Reason | None:
    """The first reason not to begin a disruption of this Pod now."""
    return next((reason for check in CHECKS if (reason := check(pod, node)) is not None), None)


def not_mirror(pod: Pod, _node: Node | None) -> Reason | None:
    """A static Pod's mirror: patching it has no effect on the node (docs/design/kubernetes.md §1.2)."""
    if pod.metadata.annotation(names.MIRROR_ANNOTATION) is None:
        return None
    return Reason(ReasonCode.MirrorPod, "metadata.annotations", "a static Pod is changed in its file on the node")


def not_terminating(pod: Pod, _node: Node | None) -> Reason | None:
    """A Pod on its way out is replaced by its own controller."""
    if pod.metadata.deletion_timestamp is None:
        return None
    return Reason(ReasonCode.Terminating, "metadata.deletionTimestamp", "the Pod is being deleted")


def bound(pod: Pod, _node: Node | None) -> Reason | None:
    """Without a node there is no container to swap."""
    return (
        None if pod.spec.node_name else Reason(ReasonCode.NotScheduled, "spec.nodeName", "the Pod is not scheduled yet")
    )


def running_or_pending(pod: Pod, _node: Node | None) -> Reason | None:
    """A finished Pod is replaced by its own controller."""
    if pod.status.phase in ("Running", "Pending"):
        return None
    return Reason(ReasonCode.PodPhase, "status.phase", f"the Pod is {pod.status.phase or 'in no phase yet'}")


def node_ready(pod: Pod, node: Node | None) -> Reason | None:
    """A kubelet that does not report in does not act either."""
    if node is not None and node.ready:
        return None
    return Reason(ReasonCode.NodeNotReady, "spec.nodeName", f"node {pod.spec.node_name} is not Ready")


CHECKS: Final[tuple[Check, ...]] = (
    not_mirror,
    not_terminating,
    bound,
    running_or_pending,
    node_ready,
)
