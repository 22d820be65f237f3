"""The Deployment controller (pkg/controller/deployment, docs/design/kubernetes.md §6), as far as others can see it.

The ReplicaSet of a template is the *oldest* one that equals it without its hash; a paused Deployment is scaled and
counted but not rolled; names that are taken count as hash collisions. Does not model proportional scaling.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from inplace.kube import resource as resources
from inplace.kube.errors import AlreadyExists, NotFound
from kubesim.controllers import revisions
from kubesim.controllers.base import Controller, amount, is_deleting, itself, owned_by, owns, reference_to
from kubesim.controllers.informers import Informers, Key, Tree, key_of
from kubesim.objects import stamp

_KIND: Final = "Deployment"
_HASH: Final = "pod-template-hash"
_REVISION: Final = "deployment.kubernetes.io/revision"
_PREVIOUS: Final = "deployment.kubernetes.io/revision-history"
_DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
_MOST: Final = "deployment.kubernetes.io/max-replicas"
#: Annotations that are not copied between a Deployment and its ReplicaSets (annotationsToSkip).
_SKIPPED: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        _REVISION,
        _PREVIOUS,
        _DESIRED,
        _MOST,
        "deprecated.deployment.rollback.to",
    }
)


class DeploymentController(Controller):
    """All Deployments of a cluster."""

    name = "deployment"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._deployments = self.watch(resources.DEPLOYMENTS, itself)
        self._sets = self.watch(resources.REPLICASETS, owned_by(_KIND))

    async def sync(self, key: Key) -> None:
        """One pass over one Deployment (syncDeployment)."""
        found = self._deployments.get(*key)
        if found is None or is_deleting(found):
            return
        if await self.adopt(found, resources.REPLICASETS, self._sets.values(), _KIND):
            return
        workload = {**found}  # this pass brings its copies up to date as it writes them
        rolling = not workload["spec"].get("paused")
        sets = sorted(({**one} for one in self._sets.values() if owns(workload, one)), key=_age)
        new = next((one for one in sets if _same_template(workload, one)), None)
        old = [one for one in sets if one is not new]
        collisions = (workload.get("status") or {}).get("collisionCount", 0)
        if new is None and rolling:
            new, collisions = await self._create(workload, old, collisions)
            if new is None:
                await self._write_status(workload, sets, None, collisions)
                return
        if new is not None:
            new = await self._annotate(workload, new, old)
        if rolling and new is not None:
            await self._roll(workload, new, old)
        else:
            await self._scale_active(workload, new, sets)
        await self._write_status(workload, [*old, *([new] if new else [])], new, collisions)
        await self._truncate(workload, old)

    # --- ReplicaSets ------------------------------------------------------------------------------------------------

    async def _create(self, workload: Tree, old: list[Tree], collisions: int) -> tuple[Tree | None, int]:
        """A ReplicaSet of the present template (getNewReplicaSet); a name that is taken counts as a collision."""
        meta, template = workload["metadata"], workload["spec"]["template"]
        suffix = revisions.hash_of(template, collisions)
        name = f"{meta['name']}-{suffix}"
        labels = {**((template.get("metadata") or {}).get("labels") or {}), _HASH: suffix}
        selector = {"matchLabels": {**workload["spec"]["selector"].get("matchLabels", {}), _HASH: suffix}}
        size = self._new_size(workload, 0, old)
        body = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "labels": labels,
                "annotations": _annotations(workload, {}, _number(old) + 1),
                "ownerReferences": [reference_to(workload, "apps/v1", _KIND)],
            },
            "spec": {
                "replicas": size,
                "selector": selector,
                "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
                "minReadySeconds": workload["spec"].get("minReadySeconds", 0),
            },
        }
        try:
            made: Tree = await self.client.create(resources.REPLICASETS, meta["namespace"], body, type=dict)
        except AlreadyExists:
            found: Tree = await self.client.get(resources.REPLICASETS, name, meta["namespace"], type=dict)
            same = owns(workload, found) and _same_template(workload, found)
            return (found, collisions) if same else (None, collisions + 1)
        return made, collisions

    async def _annotate(self, workload: Tree, new: Tree, old: list[Tree]) -> Tree:
        """Copy the Deployment's annotations, and raise the revision above all others (SetNewReplicaSetAnnotations)."""
        was = new["metadata"].get("annotations") or {}
        number = max(_number(old) + 1, int(was.get(_REVISION, "0")))
        wanted = _annotations(workload, was, number)
        if wanted != was:
            body = {**new, "metadata": {**new["metadata"], "annotations": wanted}}
            new = await self._replace_set(body)
        own = workload["metadata"].get("annotations") or {}
        if own.get(_REVISION) != str(number):
            meta = {**workload["metadata"], "annotations": {**own, _REVISION: str(number)}}
            body = {**workload, "metadata": meta}
            where = (resources.DEPLOYMENTS, meta["name"], meta["namespace"])
            # Through the status, which takes annotations and counts them as no change of the Deployment.
            workload.update(await self.client.replace(*where, body, type=dict, subresource="status"))
        return new

    async def _replace_set(self, body: Tree) -> Tree:
        meta = body["metadata"]
        made: Tree = await self.client.replace(resources.REPLICASETS, meta["name"], meta["namespace"], body, type=dict)
        return made

    async def _resize(self, obj: Tree, replicas: int) -> None:
        if obj["spec"]["replicas"] != replicas:
            obj.update(await self._replace_set({**obj, "spec": {**obj["spec"], "replicas": replicas}}))

    async def _truncate(self, workload: Tree, old: list[Tree]) -> None:
        """Old ReplicaSets beyond the limit that have no Pods go, the lowest revision first (cleanupDeployment)."""
        limit = workload["spec"].get("revisionHistoryLimit", 10)
        empty = [one for one in old if not one["spec"]["replicas"] and not (one.get("status") or {}).get("replicas")]
        empty = [one for one in empty if not is_deleting(one)]
        for one in sorted(empty, key=lambda one: _number([one]))[: max(0, len(old) - limit)]:
            try:
                await self.client.delete(resources.REPLICASETS, one["metadata"]["name"], key_of(one)[0])
            except NotFound:
                continue

    # --- scaling and rolling ----------------------------------------------------------------------------------------

    async def _scale_active(self, workload: Tree, new: Tree | None, sets: list[Tree]) -> None:
        """While paused: the one ReplicaSet with Pods gets the size of the Deployment (scale).

        Without any, that of its template, else the newest (FindActiveOrLatest).
        """
        active = [one for one in sets if one["spec"]["replicas"]]
        latest = new or next(iter(reversed(sets)), None)
        chosen = active[0] if len(active) == 1 else latest if not active else None
        if chosen is not None:
            await self._resize(chosen, workload["spec"]["replicas"])

    async def _roll(self, workload: Tree, new: Tree, old: list[Tree]) -> None:
        if workload["spec"]["strategy"]["type"] == "Recreate":
            for one in old:
                await self._resize(one, 0)
            if not any((one.get("status") or {}).get("replicas") for one in old):
                await self._resize(new, workload["spec"]["replicas"])
            return
        await self._resize(new, self._new_size(workload, new["spec"]["replicas"], old))
        await self._scale_old(workload, new, old)

    def _new_size(self, workload: Tree, size: int, old: list[Tree]) -> int:
        """How large the new ReplicaSet may be now (NewRSNewReplicas)."""
        desired, strategy = workload["spec"]["replicas"], workload["spec"]["strategy"]
        others = sum(one["spec"]["replicas"] for one in old)
        if size > desired:
            return int(desired)
        if strategy["type"] == "Recreate":
            return 0 if others else int(desired)
        surge = amount(strategy["rollingUpdate"]["maxSurge"], desired, round_up=True)
        room = desired + surge - others - size
        return int(size + min(max(0, room), desired - size))

    async def _scale_old(self, workload: Tree, new: Tree, old: list[Tree]) -> None:
        """Scale the old ones down as far as maxUnavailable allows, unhealthy Pods first (reconcileOldReplicaSets)."""
        desired, rolling = workload["spec"]["replicas"], workload["spec"]["strategy"]["rollingUpdate"]
        missing = amount(rolling["maxUnavailable"], desired, round_up=False)
        if not missing and not amount(rolling["maxSurge"], desired, round_up=True):
            missing = 1
        least = desired - missing
        total = new["spec"]["replicas"] + sum(one["spec"]["replicas"] for one in old)
        waiting = new["spec"]["replicas"] - (new.get("status") or {}).get("availableReplicas", 0)
        room = total - least - waiting
        if room <= 0:  # the counts below may still name Pods that are gone
            return
        for one in old:
            size, serving = one["spec"]["replicas"], (one.get("status") or {}).get("availableReplicas", 0)
            gone = min(room, size - serving)
            if gone > 0:
                await self._resize(one, size - gone)
                room -= gone
        available = sum((one.get("status") or {}).get("availableReplicas", 0) for one in [new, *old])
        spare = available - least
        for one in old:
            gone = min(spare, one["spec"]["replicas"])
            if gone > 0:
                await self._resize(one, one["spec"]["replicas"] - gone)
                spare -= gone

    # --- status -----------------------------------------------------------------------------------------------------

    async def _write_status(self, workload: Tree, sets: list[Tree], new: Tree | None, collisions: int) -> None:
        """Counts and conditions (calculateStatus, syncRolloutStatus, checkPausedConditions)."""
        now = self.clock.now()
        totals = {
            name: sum((one.get("status") or {}).get(name, 0) for one in sets)
            for name in ("replicas", "readyReplicas", "availableReplicas")
        }
        totals["updatedReplicas"] = ((new or {}).get("status") or {}).get("replicas", 0)
        desired = workload["spec"]["replicas"]
        totals["unavailableReplicas"] = max(0, desired - totals["availableReplicas"])
        was = workload.get("status") or {}
        status: Tree = {"observedGeneration": workload["metadata"]["generation"]}
        status |= {name: value for name, value in totals.items() if value}
        status |= {"collisionCount": collisions} if collisions else {}
        status["conditions"] = _conditions(workload, was.get("conditions") or [], totals, now)
        if status == was:
            return
        meta, body = workload["metadata"], {**workload, "status": status}
        await self.client.replace(
            resources.DEPLOYMENTS, meta["name"], meta["namespace"], body, type=dict, subresource="status"
        )


def _age(obj: Tree) -> tuple[str, str]:
    return obj["metadata"]["creationTimestamp"], obj["metadata"]["name"]


def _same_template(workload: Tree, obj: Tree) -> bool:
    """Equal but for the hash (EqualIgnoreHash)."""
    return _without_hash(workload["spec"]["template"]) == _without_hash(obj["spec"]["template"])


def _without_hash(template: Tree) -> Tree:
    meta = template.get("metadata") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != _HASH}
    return {**template, "metadata": {**meta, "labels": labels}}


def _number(sets: list[Tree]) -> int:
    """The highest revision among ReplicaSets (MaxRevision)."""
    numbers = [(one["metadata"].get("annotations") or {}).get(_REVISION, "0") for one in sets]
    return max((int(number) for number in numbers), default=0)


def _annotations(workload: Tree, was: Tree, number: int) -> Tree:
    copied = {
        key: value for key, value in (workload["metadata"].get("annotations") or {}).items() if key not in _SKIPPED
    }
    found = {**was, **copied, _REVISION: str(number), _DESIRED: str(workload["spec"]["replicas"])}
    before = was.get(_REVISION)
    if before is not None and before != str(number):
        earlier = [one for one in was.get(_PREVIOUS, "").split(",") if one]
        found[_PREVIOUS] = ",".join([*earlier, before])
    return found


def _conditions(workload: Tree, was: list[Tree], totals: dict[str, int], now: datetime) -> list[Tree]:
    """Available and Progressing; conditions of others are kept (docs/design/kubernetes.md §10.2)."""
    desired = workload["spec"]["replicas"]
    rolling = workload["spec"]["strategy"].get("rollingUpdate") or {}
    missing = amount(rolling.get("maxUnavailable", 0), desired, round_up=False)
    serving = totals["availableReplicas"] >= desired - missing
    available = ("True", "MinimumReplicasAvailable") if serving else ("False", "MinimumReplicasUnavailable")
    complete = totals["updatedReplicas"] == totals["replicas"] == totals["availableReplicas"] == desired
    if workload["spec"].get("paused"):
        progressing = ("Unknown", "DeploymentPaused")
    elif complete:
        progressing = ("True", "NewReplicaSetAvailable")
    else:
        progressing = ("True", "ReplicaSetUpdated")
    own = {"Available": available, "Progressing": progressing}
    others = [one for one in was if one["type"] not in own]
    return [*others, *(_condition(name, *value, was, now) for name, value in own.items())]


def _condition(type_: str, status: str, reason: str, was: list[Tree], now: datetime) -> Tree:
    """A condition, with the time at which it came to stand as it does."""
    before = next((one for one in was if one["type"] == type_), None)
    if before is not None and (before["status"], before["reason"]) == (status, reason):
        return before
    since = before["lastTransitionTime"] if before is not None and before["status"] == status else stamp(now)
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "lastUpdateTime": stamp(now),
        "lastTransitionTime": since,
    }
