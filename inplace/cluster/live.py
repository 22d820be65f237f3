"""A cache for a single workload, read with a user's own rights: by one list of everything, or kept by watches.

A user who may not read nodes, revisions, budgets or EndpointSlices still gets an answer, and is told what could not be
seen. Pods, and the objects between them and the workload, are required.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from inplace.cluster.cache import Cache
from inplace.cluster.gather import Gone, Incomplete, gather
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.cluster.watching import Watched, Watching
from inplace.core import kinds
from inplace.core.kinds import Kind
from inplace.core.objects import names
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Meta, Owner, Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.template import trees
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Forbidden, KubeError, NotFound
from inplace.kube.reflector import OnChange
from inplace.kube.resource import Resource
from inplace.kube.store import Store

T = TypeVar("T")


class NoSuchWorkload(KubeError):
    """The workload does not exist, or belongs to another one."""


def require_top(workload: Workload, key: Key) -> None:
    """Raise NoSuchWorkload if it belongs to another workload, which is looked at as a whole."""
    owner = kinds.owner_of(workload.metadata, key.kind)
    if owner is not None:
        raise NoSuchWorkload(f"{key} belongs to {owner.kind.lower()}/{owner.name}: use that instead")


class Live(Watching):
    """One workload as it is now. Fill it with `load`, or let `watching` keep it."""

    def __init__(self, client: Client, key: Key, cache: Cache | None = None) -> None:
        super().__init__(client, key.namespace, cache)
        self.key = key
        self._kind = kinds.BY_NAME[key.kind]

    def snapshot(self, memory: Memory | None = None) -> Snapshot:
        """One look; raises NoSuchWorkload if there is no such workload (any more)."""
        now = self.clock.now()
        if "controllerrevisions" in self.cache.unseen:
            self._assume_revisions()
        found = gather(self.cache, memory, self.key, now)
        if isinstance(found, Incomplete):  # what a complete list does not hold does not exist
            found = gather(self.cache, memory, self.key, now, absent=frozenset(found.missing))
        if isinstance(found, Snapshot):
            return found
        assert isinstance(found, Gone)
        workload = self.cache.workload(self.key)
        if workload is not None:
            require_top(workload, self.key)
        raise NoSuchWorkload(
            f'{self._kind.plural}.{self._kind.group} "{self.key.name}" not found in namespace {self.key.namespace}'
        )

    # --- by lists ---------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read everything once: Pods before the revisions and ReplicaSets that they name, which are older than they."""
        client, namespace, cache = self.client, self.key.namespace, self.cache
        where = resources.find(self._kind.group, self._kind.plural)
        cache.workloads[self.key.kind].put(await client.get(where, self.key.name, namespace, type=Workload))
        await self._list(resources.PODS, cache.pods, Pod)
        required = []
        if self._kind.child_kind:
            child = kinds.BY_NAME[self._kind.child_kind]
            children = resources.find(child.group, child.plural)
            required.append(self._list(children, cache.workloads[child.name], Workload))
        optional = (
            self._optional(resources.CONTROLLERREVISIONS, self._list_all(resources.CONTROLLERREVISIONS, Revision)),
            self._optional(resources.ENDPOINTSLICES, self._list_all(resources.ENDPOINTSLICES, EndpointSlice)),
            self._optional(resources.PODDISRUPTIONBUDGETS, self._list_all(resources.PODDISRUPTIONBUDGETS, Pdb)),
        )
        await asyncio.gather(*required, *optional)
        await self._optional(resources.NODES, self._load_nodes())

    def _list_all(self, resource: Resource, type_: type[Any]) -> Awaitable[None]:
        return self._list(resource, self._stores()[resource.plural], type_)

    def _stores(self) -> dict[str, Store[Any]]:
        cache = self.cache
        return {
            resources.CONTROLLERREVISIONS.plural: cache.revisions,
            resources.ENDPOINTSLICES.plural: cache.slices,
            resources.PODDISRUPTIONBUDGETS.plural: cache.budgets,
        }

    async def _list(self, resource: Resource, store: Store[T], type_: type[T]) -> None:
        for item in (await self.client.list(resource, self.key.namespace, type=type_)).items:
            store.put(item)

    async def _load_nodes(self) -> None:
        """The nodes of its Pods, each by its name: fewer than all, and fewer rights than a list."""
        workload = self.cache.workload(self.key)
        assert workload is not None
        pods = self.cache.pods_of(workload, self.cache.owned(workload, self._kind))

        async def load(name: str) -> None:
            try:
                self.cache.nodes.put(await self.client.get(resources.NODES, name, type=Node))
            except NotFound:
                return

        await asyncio.gather(*(load(name) for name in sorted({pod.spec.node_name for pod in pods} - {""})))

    async def _optional(self, resource: Resource, reading: Awaitable[None]) -> None:
        try:
            await reading
        except Forbidden as error:
            self.cache.unseen[resource.plural] = str(error)

    # --- by watches -------------------------------------------------------------------------------------------------

    def _workloads(self, note: OnChange[Any]) -> Iterable[Watched]:
        cache = self.cache
        for name in (self._kind.name, self._kind.child_kind):
            if name:
                kind = kinds.BY_NAME[name]
                yield resources.find(kind.group, kind.plural), cache.workloads[name], Workload, note
        yield resources.CONTROLLERREVISIONS, cache.revisions, Revision, note

    # --- for want of rights -----------------------------------------------------------------------------------------

    def _assume_revisions(self) -> None:
        """Without ControllerRevisions: every revision that a Pod names is the template with the images of that Pod."""
        workload = self.cache.workload(self.key)
        if workload is None:
            return
        for pod in self.cache.pods_of(workload, self.cache.owned(workload, self._kind)):
            name = pod.metadata.label(names.REVISION_LABEL)
            if name:
                self.cache.revisions.put(_assumed(workload, self._kind, name, _with_images_of(workload, pod), 1))
        own = trees.decode(workload.spec.template)
        newest = workload.status.update_revision or "unknown"
        self.cache.revisions.put(_assumed(workload, self._kind, newest, own, 2))


def _with_images_of(workload: Workload, pod: Pod) -> dict[str, Any]:
    tree = trees.decode(workload.spec.template)
    for name, container in trees.all_containers(tree).items():
        live = pod.container(name)
        if live is not None:
            container["image"] = live.image
    return tree


def _assumed(workload: Workload, kind: Kind, name: str, tree: dict[str, Any], number: int) -> Revision:
    meta = workload.metadata
    owner = Owner(kind=kind.name, name=meta.name, uid=meta.uid, api_version=f"{kind.group}/v1", controller=True)
    labels = {names.REVISION_LABEL: name}
    named = Meta(name=name, namespace=meta.namespace, labels=labels, owner_references=(owner,))
    return Revision(named, number, Raw(msgspec.json.encode({"spec": {"template": tree}})))
