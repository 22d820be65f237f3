"""The workloads of a query, kept by watches: for a list that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from inplace.cli.connect import Ref
from inplace.cli.say import say
from inplace.cli.select import Query
from inplace.core import kinds
from inplace.core.kinds import Kind
from inplace.core.objects import names, selectors
from inplace.core.objects.workloads import Workload
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Forbidden
from inplace.kube.reflector import Reflector
from inplace.kube.store import Store

Found = list[tuple[Ref, Workload]]


class OptedIn:
    """Those that are opted in. Kinds that the user may not list are left out with a note, unless these are all."""

    def __init__(self, client: Client, query: Query) -> None:
        self._client, self._query = client, query
        spaces = {ref.namespace for ref in query.refs}
        self._namespace = (spaces.pop() if len(spaces) == 1 else None) if query.refs else query.namespace
        self._kinds = query.kinds or tuple(dict.fromkeys(ref.kind for ref in query.refs))
        self._selector = selectors.parse(query.selector) if query.selector else None

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[tuple[Callable[[], Found], asyncio.Event]]:
        """While the block runs: what there is, and an event that is set whenever something has changed."""
        changed = asyncio.Event()
        stores = {kind.name: _store() for kind in self._kinds}
        reflectors = [self._reflector(kind, stores[kind.name], changed) for kind in self._kinds]
        async with asyncio.TaskGroup() as group:
            begun = asyncio.Event()
            tasks = [group.create_task(_keep(one, begun)) for one in reflectors]
            try:
                for one in reflectors:
                    await one.wait_answered()
                self._require(reflectors)
                begun.set()
                yield lambda: self._found(stores), changed
            finally:
                for task in tasks:
                    task.cancel()

    def _require(self, reflectors: list[Reflector[Workload]]) -> None:
        """Raise what keeps everything from being seen, or is no want of rights; say what is left out."""
        failures = [one.failure for one in reflectors if one.failure is not None]
        for failure in failures:
            if not isinstance(failure, Forbidden) or len(failures) == len(reflectors):
                raise failure
            say(f"note: {failure}", err=True)

    def _reflector(self, kind: Kind, store: Store[Workload], changed: asyncio.Event) -> Reflector[Workload]:
        return Reflector(
            self._client,
            resources.find(kind.group, kind.plural),
            store,
            Workload,
            namespace=self._namespace,
            on_change=lambda old, new, initial: changed.set(),
            clock=self._client.clock,
            fatal=(Forbidden,),
        )

    def _found(self, stores: dict[str, Store[Workload]]) -> Found:
        """In the order of `list`."""
        found = [
            (Ref(kind, one.metadata.namespace, one.metadata.name), replace(one, kind=kind.name))
            for kind in self._kinds
            for one in stores[kind.name].each()
        ]
        order = {kind.name: number for number, kind in enumerate(kinds.ALL)}
        chosen = [(ref, one) for ref, one in found if self._is_chosen(ref, one)]
        return sorted(chosen, key=lambda one: (one[0].namespace, order[one[0].kind.name], one[0].name))

    def _is_chosen(self, ref: Ref, one: Workload) -> bool:
        if one.metadata.label(names.MODE) is None or (self._query.refs and ref not in self._query.refs):
            return False
        return self._selector is None or selectors.matches(self._selector, one.metadata.labels or {})


def _store() -> Store[Workload]:
    return Store(lambda one: (one.metadata.namespace, one.metadata.name), lambda one: one.metadata.resource_version)


async def _keep(reflector: Reflector[Workload], begun: asyncio.Event) -> None:
    """Until it is cancelled, or the user may not watch it any more: then what was seen last stays."""
    try:
        await reflector.run()
    except Forbidden as error:
        if begun.is_set():  # else it is said, or raised, by whoever waits for all of them
            say(f"note: {error}", err=True)
