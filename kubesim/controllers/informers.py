"""The caches of one process: a watch for each kind, however many controllers read it (client-go, informers/factory.go).

Controllers of a process see the same state of a kind at the same time, as those of kube-controller-manager do. Trees
that come out of a cache are everybody's: whoever changes one copies it first.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from inplace.kube.client import Client
from inplace.kube.reflector import Reflector
from inplace.kube.resource import Resource
from inplace.kube.store import Store
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

#: A JSON object, as the API gives it.
Tree = dict[str, Any]
#: Namespace and name.
Key = tuple[str, str]
#: Hears of an object as it was and as it is.
Handler = Callable[[Tree | None, Tree | None], None]


class Informer:
    """The cache of all objects of one kind, and who wants to hear of changes."""

    def __init__(self, factory: Informers, resource: Resource) -> None:
        self.store: Store[Tree] = Store(key=key_of, version=lambda one: str(one["metadata"]["resourceVersion"]))
        self.handlers: list[Handler] = []
        self.reflector = Reflector(
            factory.client,
            resource,
            self.store,
            dict,
            on_change=self._changed,
            clock=factory.clock,
            observer=factory.observer,
            rng=factory.rng,
        )

    def _changed(self, old: Tree | None, new: Tree | None, _initial: bool) -> None:
        for handler in self.handlers:
            handler(old, new)


class Informers:
    """The informers of one process, made as controllers ask for them, and all that its controllers work with."""

    def __init__(self, client: Client, clock: Clock, rng: random.Random, observer: Observer) -> None:
        self.client = client
        self.clock = clock
        self.rng = rng
        self.observer = observer
        self._made: dict[Resource, Informer] = {}

    def of(self, resource: Resource) -> Informer:
        """The informer of a kind; to be asked for before they run."""
        found = self._made.get(resource)
        if found is None:
            found = self._made[resource] = Informer(self, resource)
        return found

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for resource, one in self._made.items():
                group.create_task(one.reflector.run(), name=f"watch of {resource.plural}")


def key_of(obj: Tree) -> Key:
    """Namespace and name of an object."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
