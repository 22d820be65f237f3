"""Whether a Pod may be upgraded now: ordered checks (docs/design/protocol.md, "One Pod").

Each returns a reason why not, or None. They only delay this Pod; whether a whole workload is refused depends on the
diff of its templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from inplace.core.objects import images, names
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode, Wait
from inplace.core.pod.evidence import LISTED_NAMES
from inplace.core.pod.states import PodContext
from inplace.core.template.change import PodChange

#: What the kubelet says of a container before its first start.
_STARTING_REASONS: Final = ("", "ContainerCreating", "PodInitializing")

Check = Callable[[Pod, PodContext], Reason | None]

#: How long a Pod may take from its binding until its kubelet shows its containers; after that it is upgraded without.
STARTING: Final = timedelta(seconds=10)


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
    if not context.nodes_visible or (context.node is not None and context.node.can_run(pod)):
        return None
    return Reason(ReasonCode.NodeNotReady, "spec.nodeName", f"node {pod.spec.node_name} is not Ready")


def starting(pod: Pod, containers: Iterable[str], context: PodContext) -> Wait | None:
    """A Pod that has only just got its node and whose kubelet has not shown the containers that would be swapped.

    They may be starting at this moment. If they were patched now, the first status to show one could be of either
    image, and the evidence would take much longer than the start. One that cannot start says so, and may be patched.
    """
    until = scheduled_at(pod, context.now) + STARTING
    names_ = [name for name in containers if _is_unseen(pod, name)]
    if not names_ or context.now >= until:
        return None
    why = "a new Pod; waiting for the kubelet to report its containers"
    return Wait(Reason(ReasonCode.Starting, f"containers[{names_[0]}]", why), until)


def unknown_image(pod: Pod, change: PodChange, node: Node | None) -> Reason | None:
    """A container that is to restart, and with which image is not known yet."""
    return _unstarted(change) or _unlisted(pod, change, node)


def _unstarted(change: PodChange) -> Reason | None:
    """It was never created: nobody knows what it would run, and it starts by itself."""
    names_ = change.unstarted
    if not names_:
        return None
    why = "it is to restart, and has not started yet; waiting for the kubelet to create it"
    return Reason(ReasonCode.Starting, f"containers[{names_[0]}]", why)


def _unlisted(pod: Pod, change: PodChange, node: Node | None) -> Reason | None:
    """The node lists its image under another digest than the status of the Pod tells, and lists none with that.

    Whoever may write a Pod's status may write any digest into it: no other version is started by that. An image whose
    tag has moved is listed by its digest for as long as a container runs it; one that was pulled just now not at all.
    """
    if node is None:
        return None
    told = {name: images.digest_of(one.image) for name, one in change.containers.items() if one.restart}
    told = {name: digest for name, digest in told.items() if digest and not images.digest_of(_image(pod, name))}
    told = {name: digest for name, digest in told.items() if not node.status.lists(digest)}
    listed = node.status.image_names() if told else []
    for name, digest in told.items():
        entry = next((names_ for names_ in listed if any(images.same(one, _image(pod, name)) for one in names_)), ())
        if 0 < len(entry) < LISTED_NAMES:
            where = f"node {pod.spec.node_name}"
            why = f"it is to restart with {digest}, by the Pod's status, and {where} has its image under another digest"
            return Reason(ReasonCode.RestartNotSupported, f"containers[{name}].image", why)
    return None


def _image(pod: Pod, name: str) -> str:
    container = pod.container(name)
    return container.image if container is not None else ""


def scheduled_at(pod: Pod, now: datetime) -> datetime:
    """When a Pod got its node: nothing that is on the node can have begun before. `now`, if nobody says, or if that is
    in the future.
    """
    scheduled = pod.condition("PodScheduled")
    bound_at = scheduled.since if scheduled is not None and scheduled.status == "True" else None
    return min(bound_at or pod.metadata.created_at or now, now)


def _is_unseen(pod: Pod, name: str) -> bool:
    status = pod.container_status(name)
    waiting = status.state.waiting if status is not None else None
    return status is None or (not status.container_id and (waiting is None or waiting.reason in _STARTING_REASONS))


def node_stays(pod: Pod, context: PodContext) -> Reason | None:
    """A Pod on a node that an autoscaler is removing is about to be replaced elsewhere."""
    if context.node is None or not context.node.is_leaving:
        return None
    return Reason(ReasonCode.NodeLeaving, "spec.nodeName", f"node {pod.spec.node_name} is being removed")


CHECKS: Final[tuple[Check, ...]] = (
    not_mirror,
    not_terminating,
    bound,
    running_or_pending,
    node_ready,
    node_stays,
)
