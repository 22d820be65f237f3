"""The StatefulSet controller (pkg/controller/statefulset/stateful_set_control.go, docs/design/kubernetes.md §4).

Revisions, ordinals, partition, OnDelete, and the counting by labels alone. Never looks at what a Pod really runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import AlreadyExists
from kubesim.controllers import revisions
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
from kubesim.controllers.history import History
from kubesim.controllers.informers import Informers, Key, Tree
from kubesim.controllers.revisions import HASH_LABEL
from kubesim.objects import is_over

_POD_NAME: Final = "statefulset.kubernetes.io/pod-name"
_POD_INDEX: Final = "apps.kubernetes.io/pod-index"
_KIND: Final = "StatefulSet"


class StatefulSetController(Controller):
    """All StatefulSets of a cluster."""

    name = "statefulset"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._sets = self.watch(resources.STATEFULSETS, itself)
        self._pods = self.watch(resources.PODS, self._of_pod)
        self._kept = self.watch(resources.CONTROLLERREVISIONS, owned_by(_KIND))
        self._history = History(self.client, self._kept, _KIND, revisions.OWN_HASH)

    def _of_pod(self, pod: Tree) -> Iterable[Key]:
        """Its owner, or the StatefulSet that may adopt it."""
        yield from owned_by(_KIND)(pod)
        if owner(pod) is None:
            yield pod["metadata"]["namespace"], pod["metadata"]["name"].rpartition("-")[0]

    async def sync(self, key: Key) -> None:
        """One pass over one StatefulSet (UpdateStatefulSet)."""
        workload = self._sets.get(*key)
        if workload is None or is_deleting(workload):
            return
        if await self.adopt(workload, resources.CONTROLLERREVISIONS, self._kept.values(), _KIND):
            return
        settled = await self._history.settle(workload)
        update = settled.newest
        wanted = (workload.get("status") or {}).get("currentRevision")
        current = next((one for one in settled.known if one["metadata"]["name"] == wanted), update)
        await self._adopt(workload)
        pods = {pod["metadata"]["name"]: pod for pod in self._pods.values() if owns(workload, pod)}
        await self._settle_pods(workload, pods, current, update)
        await self._write_status(workload, list(pods.values()), current, update, settled.collisions)
        labels = {pod["metadata"].get("labels", {}).get(HASH_LABEL, "") for pod in pods.values()}
        await self._history.truncate(workload, labels | {current["metadata"]["name"], update["metadata"]["name"]})

    # --- Pods -------------------------------------------------------------------------------------------------------

    async def _settle_pods(self, workload: Tree, pods: dict[str, Tree], current: Tree, update: Tree) -> None:
        """Create, replace, condemn and update, one thing at a time unless Parallel (updateStatefulSet)."""
        spec = workload["spec"]
        monotonic = spec.get("podManagementPolicy") != "Parallel"
        start = (spec.get("ordinals") or {}).get("start", 0)
        ordinals = range(start, start + spec["replicas"])
        for ordinal in ordinals:
            if not await self._settle_one(workload, pods, ordinal, current, update) and monotonic:
                return
        wanted = {_name(workload, ordinal) for ordinal in ordinals}
        for name in sorted(pods.keys() - wanted, key=_ordinal, reverse=True):
            if not is_deleting(pods[name]):
                await self.remove(pods[name])
            if monotonic:
                return
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            await self._roll(workload, pods, ordinals, update["metadata"]["name"])

    async def _adopt(self, workload: Tree) -> None:
        """Adopt Pods of its selector and names without an owner (ClaimPods); the watch brings them back owned."""
        meta = workload["metadata"]
        for pod in self._pods.values():
            if _is_claimable(workload, pod):
                body = {"metadata": {"uid": pod["metadata"]["uid"], "ownerReferences": [_reference(workload)]}}
                name, where = pod["metadata"]["name"], meta["namespace"]
                await self.client.patch(resources.PODS, name, where, body, patch_type=PatchType.STRATEGIC, type=dict)

    async def _settle_one(
        self, workload: Tree, pods: dict[str, Tree], ordinal: int, current: Tree, update: Tree
    ) -> bool:
        """See that an ordinal has its Pod; whether it is healthy, so that a monotonic set may go on."""
        pod = pods.get(_name(workload, ordinal))
        if pod is None:
            revision = current if _is_current(workload, ordinal) else update
            await self._create_claims(workload, ordinal)
            await self._create(workload, ordinal, revision)
            return False
        if is_over(pod) and not is_deleting(pod):
            await self.remove(pod)
            return False
        return not is_deleting(pod) and is_ready(pod)

    async def _roll(self, workload: Tree, pods: dict[str, Tree], ordinals: range, update: str) -> None:
        """Delete the highest Pod of another revision, once those above it are healthy."""
        rolling = workload["spec"]["updateStrategy"].get("rollingUpdate") or {}
        first = ordinals.start + rolling.get("partition", 0)
        for ordinal in reversed(ordinals):
            if ordinal < first:
                return
            pod = pods.get(_name(workload, ordinal))
            if pod is None:
                return
            if pod["metadata"].get("labels", {}).get(HASH_LABEL) != update and not is_deleting(pod):
                await self.remove(pod)
                return
            if is_deleting(pod) or not is_ready(pod):
                return

    async def _create(self, workload: Tree, ordinal: int, revision: Tree) -> None:
        body = _pod(workload, ordinal, revision)
        try:
            await self.client.create(resources.PODS, workload["metadata"]["namespace"], body, type=dict)
        except AlreadyExists:
            return  # the cache is stale, or the name is taken

    async def _create_claims(self, workload: Tree, ordinal: int) -> None:
        for template in workload["spec"].get("volumeClaimTemplates") or ():
            name = f"{template['metadata']['name']}-{_name(workload, ordinal)}"
            body = {**template, "metadata": {**template["metadata"], "name": name}}
            try:
                await self.client.create(
                    resources.PERSISTENTVOLUMECLAIMS, workload["metadata"]["namespace"], body, type=dict
                )
            except AlreadyExists:
                continue

    # --- status -----------------------------------------------------------------------------------------------------

    async def _write_status(
        self, workload: Tree, pods: list[Tree], current: Tree, update: Tree, collisions: int
    ) -> None:
        """What the labels say (computeReplicaStatus, completeRollingUpdate); written only if it changed."""
        was, replicas = workload.get("status") or {}, workload["spec"]["replicas"]
        names = {"currentRevision": current["metadata"]["name"], "updateRevision": update["metadata"]["name"]}
        status = _counted(pods, **names) | {"observedGeneration": workload["metadata"]["generation"], **names}
        status["collisionCount"] = collisions
        rolling = workload["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        numbers = (status.get("updatedReplicas", 0), status.get("readyReplicas", 0), status["replicas"])
        if rolling and numbers == (replicas, replicas, replicas):
            status["currentRevision"] = status["updateRevision"]
            if replicas:
                status["currentReplicas"] = replicas
        if status == was:
            return
        body = {**workload, "status": status}
        meta = workload["metadata"]
        await self.client.replace(
            resources.STATEFULSETS, meta["name"], meta["namespace"], body, type=dict, subresource="status"
        )


def _counted(pods: list[Tree], currentRevision: str, updateRevision: str) -> Tree:  # noqa: N803 - the status's names
    ready = sum(is_ready(pod) for pod in pods)
    labels = [pod["metadata"].get("labels", {}).get(HASH_LABEL) for pod in pods if not is_deleting(pod)]
    numbers = {
        "readyReplicas": ready,
        "currentReplicas": labels.count(currentRevision),
        "updatedReplicas": labels.count(updateRevision),
    }
    shown = {key: value for key, value in numbers.items() if value}
    return {"replicas": len(pods), "availableReplicas": ready, **shown}


def _reference(workload: Tree) -> Tree:
    return reference_to(workload, "apps/v1", _KIND)


def _is_claimable(workload: Tree, pod: Tree) -> bool:
    if owner(pod) is not None or is_deleting(pod):
        return False
    name = pod["metadata"]["name"]
    member = name.rpartition("-")[0] == workload["metadata"]["name"] and _ordinal(name) >= 0
    return member and selects(workload, pod)


def _name(workload: Tree, ordinal: int) -> str:
    return f"{workload['metadata']['name']}-{ordinal}"


def _ordinal(name: str) -> int:
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else -1


def _is_current(workload: Tree, ordinal: int) -> bool:
    """Whether a new Pod of this ordinal is made from the current revision (newVersionedStatefulSetPod)."""
    spec = workload["spec"]
    strategy = spec["updateStrategy"]
    if strategy["type"] != "RollingUpdate":
        return False
    start = (spec.get("ordinals") or {}).get("start", 0)
    rolling = strategy.get("rollingUpdate")
    if rolling is None:
        return bool(ordinal < start + (workload.get("status") or {}).get("currentReplicas", 0))
    return bool(ordinal < start + rolling.get("partition", 0))


def _pod(workload: Tree, ordinal: int, revision: Tree) -> Tree:
    """The Pod of an ordinal (newStatefulSetPod)."""
    template, name = revisions.template_of(revision), _name(workload, ordinal)
    meta = template.get("metadata") or {}
    identity = {_POD_NAME: name, _POD_INDEX: str(ordinal), HASH_LABEL: revision["metadata"]["name"]}
    spec = {**template["spec"], "hostname": name, "subdomain": workload["spec"].get("serviceName", "")}
    claims = {
        template["metadata"]["name"]: {
            "name": template["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": f"{template['metadata']['name']}-{name}"},
        }
        for template in workload["spec"].get("volumeClaimTemplates") or ()
    }
    if claims:
        others = [volume for volume in spec.get("volumes") or () if volume["name"] not in claims]
        spec["volumes"] = [*claims.values(), *others]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": f"{workload['metadata']['name']}-",
            "namespace": workload["metadata"]["namespace"],
            "labels": {**(meta.get("labels") or {}), **identity},
            "annotations": meta.get("annotations") or {},
            "ownerReferences": [_reference(workload)],
        },
        "spec": {key: value for key, value in spec.items() if value not in ("", None)},
    }
