"""A cache for a single workload, read with a user's own rights: by one list of everything, or kept by watches.

A user who may not read nodes, revisions, budgets or EndpointSlices still gets an answer, and is told what could not be
seen. Pods, and the objects between them and the workload, are required.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw

from inplace.cluster.cache import Cache
from inplace.cluster.gather import Gone, Incomplete, gather
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.core import kinds
from inplace.core.kinds import Kind
from inplace.core.objects import names
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Meta, Node, Owner, Pod
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.template import trees
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Forbidden, KubeError, NotFound
from inplace.kube.reflector import OnChange, Reflector
from inplace.kube.resource import Resource
from inplace.kube.store import Store

T = TypeVar("T")
#: What it means that a resource cannot be read, by plural name.
UNSEEN: Final = {
    "nodes": "node readiness and node images are unknown",
    "controllerrevisions": "old revisions are assumed to differ from the template in images only",
    "poddisruptionbudgets": "they may hold Pods back",
    "endpointslices": "whether Pods still receive traffic is unknown",
}


class NoSuchWorkload(KubeError):
    """The workload does not exist, or belongs to another one."""


def require_top(workload: Workload, key: Key) -> None:
    """Raise NoSuchWorkload if it belongs to another workload, which is looked at as a whole."""
    owner = kinds.owner_of(workload.metadata, key.kind)
    if owner is not None:
        raise NoSuchWorkload(f"{key} belongs to {owner.kind.lower()}/{owner.name}: use that instead")


class Live:
    """One workload as it is now. Fill it with `load`, or let `watching` keep it."""

    def __init__(self, client: Client, key: Key, cache: Cache | None = None) -> None:
        self.client = client
        self.key = key
        self.clock = client.clock
        self.cache = cache or Cache()
        self._kind = kinds.BY_NAME[key.kind]
        #: By plural name, while it is watched.
        self._reflectors: dict[str, Reflector[Any]] = {}

    @property
    def notes(self) -> list[str]:
        """A line for each resource that could not be read, and what that means."""
        return [f"cannot list {plural}: {UNSEEN[plural]}" for plural in self.cache.unseen]

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
        raise NoSuchWorkload(f'{self._kind.plural}.{self._kind.group} "{self.key.name}" not found')

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

    @asynccontextmanager
    async def watching(self, memory: Memory | None = None) -> AsyncIterator[asyncio.Event]:
        """Keep the cache while the block runs; yields an event that is set whenever something has changed.

        Raises, in an ExceptionGroup, what keeps it from being filled, and that nobody may watch what is required.
        """
        changed = asyncio.Event()

        def note(old: object, new: object, initial: bool) -> None:
            changed.set()

        self._reflectors = {each[0].plural: self._reflector(*each) for each in self._watched(note, memory)}
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._keep(plural, reflector, changed), name=f"watch {plural}")
                for plural, reflector in self._reflectors.items()
            ]
            try:
                await self._filled()
                yield changed
            finally:
                for task in tasks:
                    task.cancel()

    @property
    def problem(self) -> str | None:
        """Why what is watched may be out of date; None if it is not."""
        seen = (reflector for plural, reflector in self._reflectors.items() if plural not in self.cache.unseen)
        return next((reflector.problem for reflector in seen if reflector.problem is not None), None)

    async def _filled(self) -> None:
        """Wait for the first list of everything."""
        for plural, reflector in self._reflectors.items():
            await reflector.wait_answered()
            optional = isinstance(reflector.failure, Forbidden) and plural in UNSEEN
            if reflector.failure is not None and not optional:
                raise reflector.failure

    async def _keep(self, plural: str, reflector: Reflector[Any], changed: asyncio.Event) -> None:
        """Watch until cancelled; what is optional and forbidden is not watched any more."""
        try:
            await reflector.run()
        except Forbidden as error:
            if plural not in UNSEEN:
                raise
            self.cache.unseen[plural] = str(error)
            changed.set()

    def _watched(
        self, note: OnChange[Any], memory: Memory | None
    ) -> Iterable[tuple[Resource, Store[Any], type[Any], OnChange[Any]]]:
        cache = self.cache

        def pod(old: Pod | None, new: Pod | None, initial: bool) -> None:
            if memory is not None:
                memory.saw_pod(old, new)
            note(old, new, initial)

        def slice_(old: EndpointSlice | None, new: EndpointSlice | None, initial: bool) -> None:
            if memory is not None:
                memory.saw_slice(old, new)
            note(old, new, initial)

        for name in (self._kind.name, self._kind.child_kind):
            if name:
                kind = kinds.BY_NAME[name]
                yield resources.find(kind.group, kind.plural), cache.workloads[name], Workload, note
        yield resources.CONTROLLERREVISIONS, cache.revisions, Revision, note
        yield resources.ENDPOINTSLICES, cache.slices, EndpointSlice, slice_
        yield resources.PODDISRUPTIONBUDGETS, cache.budgets, Pdb, note
        yield resources.NODES, cache.nodes, Node, note
        yield resources.PODS, cache.pods, Pod, pod

    def _reflector(self, resource: Resource, store: Store[T], type_: type[T], on_change: OnChange[T]) -> Reflector[T]:
        namespace = self.key.namespace if resource.namespaced else None
        return Reflector(
            self.client,
            resource,
            store,
            type_,
            namespace=namespace,
            on_change=on_change,
            clock=self.clock,
            fatal=(Forbidden,),
        )

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
    for name, container in {**trees.containers(tree), **trees.init_containers(tree)}.items():
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
