"""Resizing in place, as the kubelet does it: room on the node, what is set aside, what runs
(allocation_manager.go handlePodResourcesResize, kuberuntime_manager.go computePodResizeAction).

Pure. Knows cpu and memory; swap, CPU managers and Pod-level resources are not modelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from kubesim.kubelet.container import Container, Tree
from kubesim.kubelet.node import NodeState

_NAMES: Final = ("cpu", "memory")
_SUFFIXES: Final = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


def quantity(text: object) -> Decimal:
    """The value of a resource.Quantity, as the server writes them."""
    number = str(text).rstrip("kKMGTPEim")
    return Decimal(number) * _SUFFIXES.get(str(text)[len(number) :], Decimal(1))


def requests(specs: Iterable[Tree]) -> dict[str, Decimal]:
    """The sum of the requests of these containers."""
    total = dict.fromkeys(_NAMES, Decimal(0))
    for spec in specs:
        for name, amount in ((spec.get("resources") or {}).get("requests") or {}).items():
            if name in total:
                total[name] += quantity(amount)
    return total


def differs(a: Tree, b: Tree) -> set[str]:
    """The resources among cpu and memory in which two sets of requirements differ."""
    return {
        name
        for name in _NAMES
        for side in ("requests", "limits")
        if quantity((a.get(side) or {}).get(name, 0)) != quantity((b.get(side) or {}).get(name, 0))
    }


def restarts(spec: Tree, container: Container) -> bool:
    """Whether the container has to be restarted to run with what is set aside for it."""
    policies = {one["resourceName"]: one["restartPolicy"] for one in spec.get("resizePolicy") or ()}
    changed = differs(container.actual, container.allocated)
    return any(policies.get(name) == "RestartContainer" for name in changed)


def refusal(
    wanted: Mapping[str, Decimal], others: Iterable[Mapping[str, Decimal]], room: Mapping[str, str]
) -> tuple[str, str] | None:
    """Why the node does not give a Pod these requests: Infeasible for good, Deferred for now, with the words."""
    taken = list(others)
    for name in _NAMES:
        has = quantity(room[name])
        said = f"Node didn't have enough capacity: {name}, requested: {wanted[name]}, capacity: {has}"
        if wanted[name] > has:
            return "Infeasible", said
        used = sum((one[name] for one in taken), Decimal(0))
        if wanted[name] + used > has:
            return "Deferred", f"Node didn't have enough resource: {name}, requested: {wanted[name]}, used: {used}"
    return None


class Sizes:
    """The sizes of one Pod's containers, and the conditions that tell of a resize."""

    def __init__(self, node: NodeState, containers: Mapping[str, Container]) -> None:
        self._node = node
        self._containers = containers
        self.conditions: dict[str, Tree] = {}

    def allocate(self, pod: Tree, specs: list[Tree], generation: int | None) -> None:
        """Set aside what the spec asks for if the node has room, and say so if not."""
        uid = pod["metadata"]["uid"]
        self.conditions.pop("PodResizePending", None)
        first = uid not in self._node.given
        pending = [one for one in specs if differs(_size(one), self._containers[one["name"]].allocated)]
        if not first and not pending:
            return
        others = [given for other, given in self._node.given.items() if other != uid]
        refused = None if first else refusal(requests(specs), others, self._node.room)
        if refused is not None:
            self.conditions["PodResizePending"] = _told(generation, *refused)
            return
        self._node.given[uid] = requests(specs)
        for one in specs:
            self._containers[one["name"]].allocated = _size(one)
        if not first:
            self.conditions["PodResizeInProgress"] = _told(generation)

    def calm(self, specs: list[Tree]) -> list[Tree]:
        """The running containers that are to get another size without a restart."""
        found = [(one, self._containers[one["name"]]) for one in specs]
        return [one for one, own in found if _is_behind(own) and not restarts(one, own)]

    def is_over(self) -> bool:
        """Whether a resize has ended just now: every container that runs has its size."""
        behind = any(_is_behind(one) for one in self._containers.values())
        return not behind and self.conditions.pop("PodResizeInProgress", None) is not None


def _is_behind(container: Container) -> bool:
    return container.running and bool(differs(container.actual, container.allocated))


def _size(spec: Tree) -> Tree:
    return spec.get("resources") or {}


def _told(generation: int | None, reason: str = "", message: str = "") -> Tree:
    told: Tree = {"status": "True"} | ({"reason": reason, "message": message} if reason else {})
    return told | ({"observedGeneration": generation} if generation is not None else {})


def of_status(container: Container) -> Tree:
    """The parts of a ContainerStatus about its size: of one that does not run that with which it will
    (kubelet_pods.go convertContainerStatusResources)."""
    if not container.id:
        return {}
    aside = container.allocated.get("requests")
    size = container.actual if container.running else container.allocated
    return {"resources": size} | ({"allocatedResources": aside} if aside else {})
