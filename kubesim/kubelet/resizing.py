"""Resizing in place, as the kubelet does it: room on the node, what is set aside, what runs
(allocation_manager.go handlePodResourcesResize, kuberuntime_manager.go computePodResizeAction).

Pure. Knows cpu and memory of containers and of the Pod as a whole; swap and CPU managers are not modelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from kubesim.kubelet.container import Container, Tree
from kubesim.kubelet.node import NodeState
from kubesim.quantities import NAMES, quantity, written


def requests(specs: Iterable[Tree]) -> dict[str, Decimal]:
    """The sum of the requests of these containers."""
    total = dict.fromkeys(NAMES, Decimal(0))
    for spec in specs:
        for name, amount in ((spec.get("resources") or {}).get("requests") or {}).items():
            if name in total:
                total[name] += quantity(amount)
    return total


def differs(a: Tree, b: Tree) -> set[str]:
    """The resources among cpu and memory in which two sets of requirements differ."""
    return {
        name
        for name in NAMES
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
    for name in NAMES:
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

    def __init__(self, node: NodeState, containers: Mapping[str, Container], *, whole: bool = True) -> None:
        self._node = node
        self._containers = containers
        self._resizes_whole = whole
        self.whole = Whole(shown=whole)
        self.conditions: dict[str, Tree] = {}

    def allocate(self, pod: Tree, specs: list[Tree], generation: int | None) -> None:
        """Set aside what the spec asks for if the node has room, and say so if not."""
        uid, own = pod["metadata"]["uid"], pod["spec"].get("resources") or {}
        self.conditions.pop("PodResizePending", None)
        first = uid not in self._node.given
        pending = [one for one in specs if differs(_size(one, own), self._containers[one["name"]].allocated)]
        if not first and not pending and not differs(own, self.whole.allocated):
            return
        wanted = {**requests(specs), **_amounts(own.get("requests"))}
        refused = None if first else self._refusal(uid, own, wanted)
        if refused is not None:
            self.conditions["PodResizePending"] = _told(generation, *refused)
            return
        self._node.given[uid] = wanted
        self.whole.allocated = own
        for one in specs:
            container = self._containers[one["name"]]
            container.allocated, container.taken = _size(one, own), _taken(one, own)
        if first:
            self.whole.begin()
        else:
            self.conditions["PodResizeInProgress"] = _told(generation)

    def _refusal(self, uid: str, own: Tree, wanted: Mapping[str, Decimal]) -> tuple[str, str] | None:
        if not self._resizes_whole and (own or self.whole.allocated):
            return "Infeasible", "In-place resize of pods with pod-level resources is not supported"
        others = [given for other, given in self._node.given.items() if other != uid]
        return refusal(wanted, others, self._node.room)

    def calm(self, specs: list[Tree]) -> list[Tree]:
        """The running containers that are to get another size without a restart."""
        found = [(one, self._containers[one["name"]]) for one in specs]
        return [one for one, own in found if _is_behind(own) and not restarts(one, own)]

    def is_over(self) -> bool:
        """Whether a resize has ended just now: every container that runs has its size."""
        behind = any(_is_behind(one) for one in self._containers.values()) or self.whole.is_behind()
        return not behind and self.conditions.pop("PodResizeInProgress", None) is not None


def _is_behind(container: Container) -> bool:
    return container.running and bool(differs(container.actual, container.allocated))


class Whole:
    """The resources of the Pod itself: what is set aside, what its cgroup has, and what the status tells of it."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self.allocated: Tree = {}
        self.actual: Tree = {}
        self._memory: object = None

    def begin(self) -> None:
        """The cgroup is made."""
        self.actual = self.allocated
        self._memory = (self.actual.get("requests") or {}).get("memory")

    def is_behind(self) -> bool:
        """Whether the cgroup has not what is set aside."""
        return bool(differs(self.actual, self.allocated))

    def of_status(self) -> Tree:
        """As convertToAPIPodLevelResourcesStatus reads it out of the cgroup: cpu as a weight, which is coarse, a memory
        limit in whole pages; a memory request is in no cgroup, and shown as it was at first. Of a Pod without
        resources of its own the kubelet shows the sums of its containers, and the model nothing."""
        if not self.allocated or not self._shown:
            return {}
        found = {side: dict(self.actual.get(side) or {}) for side in ("requests", "limits")}
        if "cpu" in found["requests"]:
            found["requests"]["cpu"] = written("cpu", _weighed(quantity(found["requests"]["cpu"])))
        if "memory" in found["requests"]:
            self._memory = found["requests"]["memory"] = self._memory or found["requests"]["memory"]
        if "memory" in found["limits"]:
            limit = quantity(found["limits"]["memory"])
            found["limits"]["memory"] = written("memory", limit - limit % _PAGE)
        return {"resources": found, "allocatedResources": (self.allocated.get("requests") or {})}


#: Bytes; the shares of a whole cpu, and how they become the weight of a cgroup v2 and come back (getCPUWeight,
#: cpuWeightToCPUShares, SharesToMilliCPU).
_PAGE: Final = 4096
_SHARES: Final = 1024


def _weighed(cpu: Decimal) -> Decimal:
    shares = max(2, int(cpu * _SHARES))
    weight = 1 + (shares - 2) * 9999 // 262142
    back = (weight - 1) * 262142 // 9999 + 2
    return Decimal(-(-back * 1000 // _SHARES)) / 1000


def _taken(spec: Tree, own: Tree) -> frozenset[str]:
    """The resources that a container has no limit of, and the Pod has: it gets the Pod's (kubelet/util GetLimits)."""
    limits = (spec.get("resources") or {}).get("limits") or {}
    return frozenset(name for name in NAMES if name in (own.get("limits") or {}) and name not in limits)


def _size(spec: Tree, own: Tree) -> Tree:
    size, taken = spec.get("resources") or {}, _taken(spec, own)
    if not taken:
        return size
    return {**size, "limits": {**(size.get("limits") or {}), **{name: own["limits"][name] for name in taken}}}


def _amounts(given: Tree | None) -> dict[str, Decimal]:
    return {name: quantity(amount) for name, amount in (given or {}).items() if name in NAMES}


def as_shown(size: Tree, taken: frozenset[str]) -> Tree:
    """Without the limits that are the Pod's."""
    limits = {name: amount for name, amount in (size.get("limits") or {}).items() if name not in taken}
    rest = {side: amounts for side, amounts in size.items() if side != "limits"}
    return rest | ({"limits": limits} if limits else {})


def with_taken(size: Tree, pod: Tree) -> Tree:
    """What a container runs with that an earlier kubelet has left running, by the status that it wrote."""
    return _size({"resources": size}, (pod.get("status") or {}).get("resources") or {})


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
    return {"resources": as_shown(size, container.taken)} | ({"allocatedResources": aside} if aside else {})
