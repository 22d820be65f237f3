"""The ReplicaSet controller (pkg/controller/replicaset): as many Pods as asked for, of whatever template it has now.

A change of the template concerns later Pods only. Which Pods go first on a scale down: docs/design/kubernetes.md §6.8.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from inplace.kube import resource as resources
from kubesim.controllers.base import (
    Controller,
    is_deleting,
    is_ready,
    itself,
    owned_by,
    owner,
    owns,
    reference_to,
    selects,
)
from kubesim.controllers.informers import Informers, Key, Tree, key_of
from kubesim.objects import is_over

_KIND: Final = "ReplicaSet"
_COST: Final = "controller.kubernetes.io/pod-deletion-cost"


class ReplicaSetController(Controller):
    """All ReplicaSets of a cluster."""

    name = "replicaset"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._sets = self.watch(resources.REPLICASETS, itself)
        self._pods = self.watch(resources.PODS, self._of_pod)
        #: Pods created that the cache has not shown yet, by uid of their ReplicaSet (expectations).
        self._expected: dict[str, set[str]] = {}

    def _of_pod(self, pod: Tree) -> Iterable[Key]:
        """Its owner, or those that may adopt it."""
        yield from owned_by(_KIND)(pod)
        if owner(pod) is None:
            yield from (key_of(one) for one in self._sets.values() if selects(one, pod))

    async def sync(self, key: Key) -> None:
        """One pass over one ReplicaSet (syncReplicaSet)."""
        workload = self._sets.get(*key)
        if workload is None:
            return
        if not is_deleting(workload):
            await self.adopt(workload, resources.PODS, self._pods.values(), _KIND)
        pods = [pod for pod in self._pods.values() if owns(workload, pod) and not is_over(pod)]
        uid = workload["metadata"]["uid"]
        missing = self._expected.get(uid, set()) - {pod["metadata"]["uid"] for pod in self._pods.values()}
        self._expected[uid] = missing
        if not missing and not is_deleting(workload):
            await self._settle(workload, [pod for pod in pods if not is_deleting(pod)])
        await self._write_status(workload, [pod for pod in pods if not is_deleting(pod)])

    async def _settle(self, workload: Tree, pods: list[Tree]) -> None:
        replicas = workload["spec"]["replicas"]
        for _ in range(replicas - len(pods)):
            made: Tree = await self.client.create(
                resources.PODS, workload["metadata"]["namespace"], _pod(workload), type=dict
            )
            self._expected[workload["metadata"]["uid"]].add(made["metadata"]["uid"])
        for pod in sorted(pods, key=_rank)[: max(0, len(pods) - replicas)]:
            await self.remove(pod)

    async def _write_status(self, workload: Tree, pods: list[Tree]) -> None:
        """Counts (calculateStatus); written only if they changed."""
        wanted = (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}
        ready = sum(is_ready(pod) for pod in pods)
        full = sum(wanted.items() <= (pod["metadata"].get("labels") or {}).items() for pod in pods)
        numbers = {"fullyLabeledReplicas": full, "readyReplicas": ready, "availableReplicas": ready}
        status = {
            "replicas": len(pods),
            "observedGeneration": workload["metadata"]["generation"],
            **{key: value for key, value in numbers.items() if value},
        }
        was = workload.get("status") or {}
        status |= {"conditions": was["conditions"]} if "conditions" in was else {}
        if status == was:
            return
        meta, body = workload["metadata"], {**workload, "status": status}
        await self.client.replace(
            resources.REPLICASETS, meta["name"], meta["namespace"], body, type=dict, subresource="status"
        )


def _pod(workload: Tree) -> Tree:
    """A Pod of the template as it is now."""
    template = workload["spec"]["template"]
    meta = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{workload['metadata']['name']}-",
            "labels": meta.get("labels") or {},
            "annotations": meta.get("annotations") or {},
            "ownerReferences": [reference_to(workload, "apps/v1", _KIND)],
        },
        "spec": template["spec"],
    }


def _rank(pod: Tree) -> tuple[bool, bool, bool, int, int, str]:
    """Who goes first (ActivePodsWithRanks.Less), as far as Pods here differ."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    cost = int((pod["metadata"].get("annotations") or {}).get(_COST, "0"))
    running = (pod.get("status") or {}).get("phase") == "Running"
    restarts = sum(status.get("restartCount", 0) for status in statuses)
    return (bool(pod["spec"].get("nodeName")), running, is_ready(pod), cost, -restarts, pod["metadata"]["name"])
