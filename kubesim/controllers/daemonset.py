"""The DaemonSet controller (pkg/controller/daemon, docs/design/kubernetes.md §5).

One Pod for each node that fits, revisions, RollingUpdate without surge, OnDelete. Pods count as updated by their
labels alone. Does not model surges and rollbacks.
"""

from __future__ import annotations

from typing import Final

from inplace.kube import resource as resources
from kubesim.controllers.base import Controller, amount, is_deleting, is_ready, itself, owned_by, owns, reference_to
from kubesim.controllers.history import History
from kubesim.controllers.informers import Informers, Key, Tree, key_of
from kubesim.controllers.revisions import HASH_LABEL
from kubesim.controllers.scheduler import named_by, tolerates_all
from kubesim.objects import is_over

_KIND: Final = "DaemonSet"
_GENERATION: Final = "deprecated.daemonset.template.generation"
_GENERATION_LABEL: Final = "pod-template-generation"
#: What every Pod of a DaemonSet tolerates (util.AddOrUpdateDaemonPodTolerations).
_TOLERATIONS: Final = (
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
)


class DaemonSetController(Controller):
    """All DaemonSets of a cluster."""

    name = "daemonset"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._sets = self.watch(resources.DAEMONSETS, itself)
        self._pods = self.watch(resources.PODS, owned_by(_KIND))
        self._kept = self.watch(resources.CONTROLLERREVISIONS, owned_by(_KIND))
        self._history = History(self.client, self._kept, _KIND, HASH_LABEL)
        self._nodes = self.watch(resources.NODES, lambda _: [key_of(one) for one in self._sets.values()])

    async def sync(self, key: Key) -> None:
        """One pass over one DaemonSet (syncDaemonSet)."""
        workload = self._sets.get(*key)
        if workload is None or is_deleting(workload):
            return
        adopted = await self.adopt(workload, resources.PODS, self._pods.values(), _KIND)
        if await self.adopt(workload, resources.CONTROLLERREVISIONS, self._kept.values(), _KIND) or adopted:
            return
        settled = await self._history.settle(workload)
        suffix = settled.newest["metadata"]["labels"][HASH_LABEL]
        pods = [pod for pod in self._pods.values() if owns(workload, pod)]
        await self._manage(workload, pods, suffix)
        if workload["spec"]["updateStrategy"]["type"] == "RollingUpdate":
            await self._roll(workload, pods, suffix)
        await self._write_status(workload, pods, suffix, settled.collisions)
        hashes = {suffix, *(pod["metadata"].get("labels", {}).get(HASH_LABEL, "") for pod in pods)}
        await self._history.truncate(workload, {f"{key[1]}-{one}" for one in hashes})

    # --- Pods -------------------------------------------------------------------------------------------------------

    async def _manage(self, workload: Tree, pods: list[Tree], suffix: str) -> None:
        """A Pod for each node that fits, and none elsewhere (manage)."""
        for node in self._nodes.values():
            name = node["metadata"]["name"]
            here = [pod for pod in pods if _node_of(pod) == name]
            alive = [pod for pod in here if not is_deleting(pod) and not is_over(pod)]
            for pod in here:
                superfluous = pod in alive[1:] or (pod in alive and not _fits(workload, node)) or is_over(pod)
                if superfluous and not is_deleting(pod):
                    await self.remove(pod)
            if not here and _fits(workload, node):
                await self._create(workload, name, suffix)

    async def _roll(self, workload: Tree, pods: list[Tree], suffix: str) -> None:
        """Delete old Pods: those that do not serve at once, others within maxUnavailable (rollingUpdate)."""
        desired = sum(_fits(workload, node) for node in self._nodes.values())
        rolling = workload["spec"]["updateStrategy"].get("rollingUpdate") or {}
        allowed = amount(rolling.get("maxUnavailable", 1), desired, round_up=True)
        serving = sum(is_ready(pod) and not is_deleting(pod) for pod in pods)
        left = allowed - (desired - serving)
        for pod in pods:
            if is_deleting(pod) or _is_updated(workload, pod, suffix):
                continue
            if not is_ready(pod):
                await self.remove(pod)
            elif left > 0:
                left -= 1
                await self.remove(pod)

    async def _create(self, workload: Tree, node: str, suffix: str) -> None:
        template = workload["spec"]["template"]
        meta, spec = template.get("metadata") or {}, template["spec"]
        generation = (workload["metadata"].get("annotations") or {}).get(_GENERATION, "1")
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generateName": f"{workload['metadata']['name']}-",
                "labels": {**(meta.get("labels") or {}), HASH_LABEL: suffix, _GENERATION_LABEL: generation},
                "annotations": meta.get("annotations") or {},
                "ownerReferences": [reference_to(workload, "apps/v1", _KIND)],
            },
            "spec": {
                **spec,
                "affinity": affinity,
                "tolerations": [*(spec.get("tolerations") or ()), *_TOLERATIONS],
            },
        }
        await self.client.create(resources.PODS, workload["metadata"]["namespace"], body, type=dict)

    # --- status -----------------------------------------------------------------------------------------------------

    async def _write_status(self, workload: Tree, pods: list[Tree], suffix: str, collisions: int) -> None:
        """What the nodes and the labels say (updateDaemonSetStatus); written only if it changed."""
        wanted = {node["metadata"]["name"] for node in self._nodes.values() if _fits(workload, node)}
        here = [pod for pod in pods if _node_of(pod) in wanted]
        ready = sum(is_ready(pod) for pod in here)
        scheduled = {_node_of(pod) for pod in here}
        numbers = {
            "updatedNumberScheduled": sum(_is_updated(workload, pod, suffix) for pod in here),
            "numberAvailable": ready,
            "numberUnavailable": len(wanted) - ready,
        }
        status = {
            "currentNumberScheduled": len(scheduled),
            "desiredNumberScheduled": len(wanted),
            "numberMisscheduled": len(pods) - len(here),
            "numberReady": ready,
            "observedGeneration": workload["metadata"]["generation"],
            **{key: value for key, value in numbers.items() if value},
        }
        status |= {"collisionCount": collisions} if collisions else {}
        was = workload.get("status") or {}
        status |= {"conditions": was["conditions"]} if "conditions" in was else {}  # others' are kept (13.13)
        if status == was:
            return
        body, meta = {**workload, "status": status}, workload["metadata"]
        await self.client.replace(
            resources.DAEMONSETS, meta["name"], meta["namespace"], body, type=dict, subresource="status"
        )


def _is_updated(workload: Tree, pod: Tree, suffix: str) -> bool:
    """By the hash or by the generation of the template (IsPodUpdated)."""
    labels = pod["metadata"].get("labels") or {}
    generation = (workload["metadata"].get("annotations") or {}).get(_GENERATION)
    return labels.get(HASH_LABEL) == suffix or labels.get(_GENERATION_LABEL) == generation


def _node_of(pod: Tree) -> str:
    """Where it is, or where its affinity sends it."""
    return str(pod["spec"].get("nodeName") or named_by(pod))


def _fits(workload: Tree, node: Tree) -> bool:
    spec, labels = workload["spec"]["template"]["spec"], node["metadata"].get("labels") or {}
    chosen = all(labels.get(key) == value for key, value in (spec.get("nodeSelector") or {}).items())
    return chosen and tolerates_all([*(spec.get("tolerations") or ()), *_TOLERATIONS], node)
