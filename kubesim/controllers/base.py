"""What the model controllers have in common: caches that they are told of, a queue of keys, one sync at a time.

The shape of every controller of Kubernetes; does not depend on what any of them does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.errors import NotFound
from inplace.kube.resource import Resource
from inplace.kube.store import Store
from inplace.runtime.backoff import Backoff
from inplace.runtime.queue import WorkQueue
from inplace.runtime.worker import Done, Result, Worker
from kubesim.controllers.informers import Informer, Informers, Key, Tree, key_of

Keys = Callable[[Tree], Iterable[Key]]

#: Events of this many seconds are treated together.
GATHER_SECONDS: Final = 0.02
#: How long a conflict with a stale cache may keep a key from being tried again, in seconds.
MAX_PAUSE: Final = 5.0


class Controller(ABC):
    """Runs until it is cancelled. A failed sync is tried again, with backoff."""

    name: str

    def __init__(self, informers: Informers) -> None:
        self.client = informers.client
        self.clock = informers.clock
        self._rng = informers.rng
        self._observer = informers.observer
        self._queue: WorkQueue[Key] = WorkQueue(self.clock)
        self._informers = informers
        self._watched: list[Informer] = []

    @abstractmethod
    async def sync(self, key: Key) -> None:
        """Bring the world nearer to what the object wants."""

    def watch(self, resource: Resource, keys: Keys) -> Store[Tree]:
        """The cache of all objects of a kind; each event queues the keys that the object names."""

        def changed(old: Tree | None, new: Tree | None) -> None:
            for one in (old, new):
                for key in keys(one) if one is not None else ():
                    self._queue.add_after(key, GATHER_SECONDS)

        informer = self._informers.of(resource)
        informer.handlers.append(changed)
        self._watched.append(informer)
        return informer.store

    async def run(self) -> None:
        """Sync what the informers tell of, which run beside it."""
        for one in self._watched:
            await one.reflector.wait_synced()
        backoff: Backoff[Key] = Backoff(self._rng, base=0.02, maximum=MAX_PAUSE)
        await Worker(self._queue, self._reconcile, 1, backoff, self.clock, self._observer, self.name).run()

    def again(self, key: Key, seconds: float) -> None:
        """Look at a key again after a while."""
        self._queue.add_after(key, seconds)

    async def remove(self, pod: Tree) -> None:
        """Delete a Pod, the very one; one that is gone already is as good."""
        meta = pod["metadata"]
        with suppress(NotFound):
            await self.client.delete(resources.PODS, meta["name"], meta["namespace"], uid=meta["uid"])

    async def adopt(self, workload: Tree, resource: Resource, objects: Iterable[Tree], kind: str) -> bool:
        """Adopt what a workload selects and nobody owns (ControllerRefManager); the watch brings it back owned.

        Whether there was any: a pass that counts what is owned comes after that.
        """
        found = [one for one in objects if owner(one) is None and not is_deleting(one) and selects(workload, one)]
        for one in found:
            meta = one["metadata"]
            body = {"metadata": {"uid": meta["uid"], "ownerReferences": [reference_to(workload, "apps/v1", kind)]}}
            place = (resource, meta["name"], meta["namespace"])
            await self.client.patch(*place, body, patch_type=PatchType.STRATEGIC, type=dict)
        return bool(found)

    async def _reconcile(self, key: Key) -> Result:
        await self.sync(key)
        return Done()


def itself(obj: Tree) -> Iterable[Key]:
    """The key of the object."""
    yield key_of(obj)


def owner(obj: Tree) -> Tree | None:
    """The ownerReference of the controller of an object."""
    found = obj["metadata"].get("ownerReferences") or ()
    return next((reference for reference in found if reference.get("controller")), None)


def owned_by(kind: str) -> Keys:
    """The key of the object's controller, if it is of a kind."""

    def keys(obj: Tree) -> Iterable[Key]:
        reference = owner(obj)
        if reference is not None and reference["kind"] == kind:
            yield obj["metadata"]["namespace"], reference["name"]

    return keys


def owns(workload: Tree, obj: Tree) -> bool:
    """Whether a workload is the controller of an object: of its namespace, as controllers list no other."""
    reference, same = owner(obj), obj["metadata"]["namespace"] == workload["metadata"]["namespace"]
    return same and reference is not None and reference["uid"] == workload["metadata"]["uid"]


def selects(workload: Tree, obj: Tree) -> bool:
    """Whether a workload's selector takes an object of its namespace."""
    labels, wanted = obj["metadata"].get("labels") or {}, workload["spec"]["selector"].get("matchLabels") or {}
    same = obj["metadata"]["namespace"] == workload["metadata"]["namespace"]
    return bool(same and wanted and all(labels.get(key) == value for key, value in wanted.items()))


def amount(value: int | str, of: int, *, round_up: bool) -> int:
    """A count or a percentage (intstr.GetScaledValueFromIntOrPercent)."""
    if isinstance(value, int):
        return value
    whole = of * int(value.rstrip("%"))
    return -(-whole // 100) if round_up else whole // 100


def reference_to(obj: Tree, api_version: str, kind: str) -> Tree:
    """The ownerReference that makes an object the controller of another."""
    meta = obj["metadata"]
    made: Tree = {"apiVersion": api_version, "kind": kind, "name": meta["name"], "uid": meta["uid"]}
    return made | {"controller": True, "blockOwnerDeletion": True}


# --- Pods, as controllers see them -----------------------------------------------------------------------------------


def is_deleting(obj: Tree) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in obj["metadata"]


def is_ready(pod: Tree) -> bool:
    """The condition Ready."""
    found = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in found)
