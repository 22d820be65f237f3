"""A cache that a command keeps by watches, with the rights of its user.

What a user may not read, and an answer can do without, is told instead. Which resources are watched is for whoever
looks: at one workload (`live`), or at a selection of Pods (`fleet`).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from inplace.cluster import unreadable
from inplace.cluster.cache import Cache
from inplace.cluster.memory import Memory
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Forbidden
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


class Hears(NamedTuple):
    """What hears of changes: whoever waits for any, and the memory of what was seen of Pods and EndpointSlices."""

    note: OnChange[Any]
    memory: Memory | None

    def pod(self, old: Pod | None, new: Pod | None, initial: bool) -> None:
        """Of a Pod."""
        if self.memory is not None:
            self.memory.saw_pod(old, new)
        self.note(old, new, initial)

    def slice(self, old: EndpointSlice | None, new: EndpointSlice | None, initial: bool) -> None:
        """Of an EndpointSlice."""
        if self.memory is not None:
            self.memory.saw_slice(old, new)
        self.note(old, new, initial)


#: A resource, where it is kept, as what, and who hears of its changes.
Watched = tuple[Resource, Store[Any], type[Any], OnChange[Any]]


class Watching(ABC):
    """A cache, and the watches that keep it."""

    #: What can be done without, and what it then means that it cannot be read, by plural name.
    unseen: ClassVar[Mapping[str, str]] = UNSEEN

    def __init__(self, client: Client, namespace: str | None, cache: Cache | None = None) -> None:
        """`namespace`: None for all."""
        self.client = client
        self.clock = client.clock
        self.cache = cache or Cache()
        self._namespace = namespace
        #: By plural name, while it is watched.
        self._reflectors: dict[str, Reflector[Any]] = {}

    @abstractmethod
    def _workloads(self, note: OnChange[Any]) -> Iterable[Watched]:
        """Workloads and their revisions, as far as they are looked at."""

    def _watched(self, hears: Hears) -> Iterable[Watched]:
        """What is watched; Pods last, so that what they refer to is there."""
        cache, note = self.cache, hears.note
        yield from self._workloads(note)
        yield resources.ENDPOINTSLICES, cache.slices, EndpointSlice, hears.slice
        yield resources.PODDISRUPTIONBUDGETS, cache.budgets, Pdb, note
        yield resources.NODES, cache.nodes, Node, note
        yield resources.PODS, cache.pods, Pod, hears.pod

    @property
    def notes(self) -> list[str]:
        """A line for each resource that could not be read, and what that means."""
        return [f"cannot list {plural}: {self.unseen[plural]}" for plural in self.cache.unseen]

    @asynccontextmanager
    async def watching(self, memory: Memory | None = None) -> AsyncIterator[asyncio.Event]:
        """Keep the cache while the block runs; yields an event that is set whenever something has changed.

        Raises, in an ExceptionGroup, what keeps it from being filled, and that nobody may watch what is required.
        """
        changed = asyncio.Event()

        def note(old: object, new: object, initial: bool) -> None:
            changed.set()

        self._reflectors = {each[0].plural: self._reflector(*each) for each in self._watched(Hears(note, memory))}
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
            optional = isinstance(reflector.failure, Forbidden) and plural in self.unseen
            if reflector.failure is not None and not optional:
                raise reflector.failure

    async def _keep(self, plural: str, reflector: Reflector[Any], changed: asyncio.Event) -> None:
        """Watch until cancelled; what is optional and forbidden is not watched any more."""
        try:
            await reflector.run()
        except Forbidden as error:
            if plural not in self.unseen:
                raise
            self.cache.unseen[plural] = str(error)
            changed.set()

    def _reflector(self, resource: Resource, store: Store[T], type_: type[T], on_change: OnChange[T]) -> Reflector[T]:
        namespace = self._namespace if resource.namespaced else None
        return Reflector(
            self.client,
            resource,
            store,
            type_,
            namespace=namespace,
            on_change=on_change,
            stand_in=partial(unreadable.stand_in, type_),
            clock=self.clock,
            fatal=(Forbidden,),
        )
