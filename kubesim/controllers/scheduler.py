"""The scheduler: each new Pod goes to the node with the fewest Pods that is ready and takes it (kube-scheduler).

Knows cordons, taints, node selectors and an affinity to one named node; does not model resources and preemption.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from inplace.kube import resource as resources
from inplace.kube.errors import Conflict, NotFound
from kubesim.controllers.base import Controller, is_deleting, is_ready
from kubesim.controllers.informers import Informers, Key, Tree, key_of

NAME: Final = "default-scheduler"
_CORDON: Final[Tree] = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
#: Seconds until a Pod that fits nowhere is tried again.
AGAIN_SECONDS: Final = 1.0


class Scheduler(Controller):
    """Binds every Pod that asks for the default scheduler."""

    name = "scheduler"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._pods = self.watch(resources.PODS, _waiting)
        self._nodes = self.watch(resources.NODES, lambda _: ())
        #: Bindings that the cache has not shown yet.
        self._assumed: dict[Key, str] = {}

    async def sync(self, key: Key) -> None:
        """Bind one Pod."""
        pod = self._pods.get(*key)
        if pod is None or key not in set(_waiting(pod)):
            self._assumed.pop(key, None)
            return
        load: Counter[str] = Counter(name for pod in self._pods.values() if (name := pod["spec"].get("nodeName")))
        load.update(self._assumed.values())
        fitting = [node["metadata"]["name"] for node in self._nodes.values() if _takes(node, pod)]
        if not fitting:
            self.again(key, AGAIN_SECONDS)
            return
        node = min(fitting, key=lambda name: (load[name], name))
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": key[1]}, "target": target}
        self._assumed[key] = node
        try:
            await self.client.create(resources.PODS, key[0], body, type=dict, name=key[1], subresource="binding")
        except (Conflict, NotFound):
            self._assumed.pop(key, None)


def _waiting(pod: Tree) -> Iterable[Key]:
    spec = pod["spec"]
    free = not spec.get("nodeName") and not spec.get("schedulingGates")
    if free and spec.get("schedulerName") == NAME and not is_deleting(pod):
        yield key_of(pod)


def _takes(node: Tree, pod: Tree) -> bool:
    spec, labels = node.get("spec") or {}, node["metadata"].get("labels") or {}
    tolerations = pod["spec"].get("tolerations") or ()
    cordoned = spec.get("unschedulable") and not any(_tolerates(toleration, _CORDON) for toleration in tolerations)
    if cordoned or not is_ready(node) or named_by(pod) not in {"", node["metadata"]["name"]}:
        return False
    wanted = (pod["spec"].get("nodeSelector") or {}).items()
    return all(labels.get(key) == value for key, value in wanted) and tolerates_all(tolerations, node)


def named_by(pod: Tree) -> str:
    """The one node that a Pod's affinity names, as a DaemonSet's does; empty if it names none."""
    found = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (found.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    fields = [field for term in terms for field in term.get("matchFields") or ()]
    return next((str(field["values"][0]) for field in fields if field["key"] == "metadata.name"), "")


def tolerates_all(tolerations: Iterable[Tree], node: Tree) -> bool:
    """Whether nothing on a node keeps a Pod with these tolerations away."""
    taints = [taint for taint in (node.get("spec") or {}).get("taints") or () if _bars(taint)]
    known = list(tolerations)
    return all(any(_tolerates(one, taint) for one in known) for taint in taints)


def _bars(taint: Tree) -> bool:
    return taint.get("effect") in {"NoSchedule", "NoExecute"}


def _tolerates(toleration: Tree, taint: Tree) -> bool:
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    return (toleration.get("key"), toleration.get("value", "")) == (taint["key"], taint.get("value", ""))
