"""Whether a Pod runs at the size of its spec, and what the kubelet says if not (docs/design/protocol.md, "Resize").

The kubelet sets a size aside (allocates it) if its node has room, and then makes it real; the conditions
PodResizePending and PodResizeInProgress tell of the two. What it refuses for good it calls Infeasible, what has no room
now Deferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from inplace.core.objects.model import WHOLE, Condition, Container, ContainerStatus, Pod, Resources
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.evidence import KUBELET_SYNC, tracks_generation
from inplace.core.state import records
from inplace.core.state.records import Record, Resized
from inplace.core.template import sizes, trees
from inplace.core.template.change import Size

PENDING: Final = "PodResizePending"
IN_PROGRESS: Final = "PodResizeInProgress"
INFEASIBLE: Final = "Infeasible"


def noted(pod: Pod, changes: Mapping[str, Size]) -> dict[str, Resized]:
    """What the record keeps of these resizes: for people, since nothing is ever set from it."""
    found = ((pod.resources(name), name, size) for name, size in changes.items())
    return {
        name: Resized(sizes.words(sizes.of_live(here, size)), sizes.words(size))
        for here, name, size in found
        if here is not None
    }


def infeasible(pod: Pod, record: Record, node: Node | None, now: datetime) -> Reason | None:
    """The kubelet has refused the size for good, in its own words."""
    pending = pod.condition(PENDING)
    if not record.resized or pending is None or pending.status != "True" or pending.reason != INFEASIBLE:
        return None
    if _is_old(pod, record, pending, node, now):
        return None
    return _reason(ReasonCode.ResizeInfeasible, pending)


def _is_old(pod: Pod, record: Record, condition: Condition, node: Node | None, now: datetime) -> bool:
    """Whether a condition may be about the size of before; without generations, for a period of the kubelet's sync."""
    if condition.observed_generation:
        return condition.observed_generation < record.generation
    if tracks_generation(pod, node):
        return pod.status.observed_generation < record.generation
    return now < record.started_at + KUBELET_SYNC


def missing(pod: Pod, record: Record, node: Node | None) -> Reason | None:
    """What is missing until everything that was resized runs at the size of its spec; None: nothing is."""
    if not record.resized:
        return None
    if tracks_generation(pod, node) and pod.status.observed_generation < record.generation:
        return _waiting("status.observedGeneration", "the kubelet has not observed the new size yet")
    for type_ in (PENDING, IN_PROGRESS):
        told = pod.condition(type_)
        if told is not None and told.status == "True":
            return _reason(ReasonCode.WaitingForResize, told)
    if WHOLE in record.resized and not is_whole_in_force(pod):
        return _waiting("resources", "the kubelet does not report the new size of the Pod yet")
    for name in record.resized:
        container, status = pod.container(name), pod.container_status(name)
        if container is not None and (status is None or not is_in_force(container, status)):
            return _waiting(f"containers[{name}]", "the kubelet does not report the new size yet")
    return None


def is_in_force(container: Container, status: ContainerStatus) -> bool:
    """Whether what is set aside and what runs are what the spec says. A container that was never there has no size to
    wait for: it starts with that of the spec (docs/design/kubernetes.md §1.3)."""
    if not status.container_id:
        return True
    if status.resources is None:
        return False
    asked = container.resources
    aside = all(
        sizes.same(asked.amount("requests", n), status.allocated_resources.get(n)) for n in _set(asked.requests)
    )
    return aside and all(
        sizes.same(asked.amount(side, name), status.resources.amount(side, name))
        for side, amounts in (("requests", asked.requests), ("limits", asked.limits))
        for name in _set(amounts)
    )


#: The cgroup of a Pod has its memory limit in whole pages; those of no machine are larger, in bytes.
_PAGE: Final = 64 * 1024


def is_whole_in_force(pod: Pod) -> bool:
    """Whether what is set aside for the Pod as a whole, and the limits of its cgroup, are what the spec says.

    Of the requests that its status shows beside them cpu went through the weights of a cgroup, which are coarser, and
    memory is as it was at first (docs/design/kubernetes.md §1.3).
    """
    asked, status = pod.resources(WHOLE) or Resources(), pod.status
    if status.resources is None:
        return False
    aside = all(sizes.same(asked.requests[name], status.allocated_resources.get(name)) for name in _set(asked.requests))
    limits = status.resources.limits
    return aside and all(_is_limit(name, asked.limits[name], limits.get(name)) for name in _set(asked.limits))


def _is_limit(name: str, asked: str, now: str | None) -> bool:
    wanted, found = trees.quantity(asked), trees.quantity(now)
    if name != "memory" or not isinstance(wanted, Decimal) or not isinstance(found, Decimal):
        return sizes.same(asked, now)
    return 0 <= wanted - found < _PAGE


def _set(amounts: Mapping[str, str]) -> list[str]:
    return [name for name in sizes.RESIZED if name in amounts]


def _reason(code: ReasonCode, condition: Condition) -> Reason:
    said = ": ".join(part for part in (condition.reason, condition.message) if part)
    what = {PENDING: "the kubelet has not granted the new size", IN_PROGRESS: "the kubelet is setting the new size"}
    text = f"{what[condition.type]}: {said}" if said else what[condition.type]
    return Reason(code, f"status.conditions[{condition.type}]", text[: records.MESSAGE_LIMIT])


def _waiting(path: str, message: str) -> Reason:
    return Reason(ReasonCode.WaitingForResize, path, message)
