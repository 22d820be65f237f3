"""Whether admission policies freeze a workload in the very write that changes its template: found out by trying.

A dry run of such a write shows what the API server makes of it, whatever policies are installed, bound to whichever
namespaces, and in force or not yet. The answer is the same for all workloads of a kind in a namespace; it is asked
again and again, because a policy can be removed at any time, and a workload that relies on it is unprotected then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from inplace.cluster import send
from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.core import kinds
from inplace.core.actions import patches
from inplace.core.objects import names
from inplace.core.objects.model import Workload
from inplace.kube.client import Client
from inplace.kube.errors import Denied, Forbidden, Invalid, KubeError
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

#: How often each namespace is tried, in seconds: as long may a workload stand unprotected after a policy was removed.
PERIOD: Final = 10.0
#: How soon a trial that told nothing is made again, in seconds.
RETRY: Final = 1.0
_TIMEOUT: Final = 5.0
_LEAST: Final = 0.01


class FreezeProbe:
    """What is known, by kind and namespace. Run it as a part."""

    def __init__(
        self, client: Client, cache: Cache, clock: Clock, observer: Observer, look_again: Callable[[Key], None]
    ) -> None:
        self._client = client
        self._cache = cache
        self._clock = clock
        self._observer = observer
        self._look_again = look_again
        self._known: dict[tuple[str, str], bool] = {}
        self._wanted: dict[tuple[str, str], Key] = {}
        self._asked = asyncio.Event()

    def holds(self, kind: str, namespace: str) -> bool | None:
        """Whether they do; None while that is not known."""
        return self._known.get((kind, namespace))

    def ask(self, key: Key) -> None:
        """Find out, with this workload, and go on doing so."""
        if (key.kind, key.namespace) not in self._wanted:
            self._wanted[(key.kind, key.namespace)] = key
            self._asked.set()

    async def run(self) -> None:
        """Try until cancelled."""
        due: dict[tuple[str, str], float] = {}
        while True:
            now = self._clock.monotonic()
            for where in [one for one in self._wanted if due.get(one, now) <= now]:
                due[where] = self._clock.monotonic() + (PERIOD if await self._try(where) else RETRY)
            self._asked.clear()
            pending = [due.get(one, now) for one in self._wanted]
            await self._sleep(min(pending, default=now + PERIOD) - self._clock.monotonic())

    async def _sleep(self, seconds: float) -> None:
        """Until something is asked, at most so long."""
        asked = asyncio.ensure_future(self._asked.wait())
        pause = asyncio.ensure_future(self._clock.sleep(max(_LEAST, seconds)))  # or time would not pass
        try:
            await asyncio.wait({asked, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            pause.cancel()

    async def _try(self, where: tuple[str, str]) -> bool:
        """One trial; whether it told anything."""
        key = self._subject(where)
        if key is None:
            self._wanted.pop(where)
            self._known.pop(where, None)
            return True
        try:
            holds = await self._trial(key)
        except KubeError as error:
            self._observer.event("interlock.untold", level="info", workload=str(key), error=str(error))
            if isinstance(error, Denied) or not isinstance(error, Forbidden | Invalid):
                return False
            holds = False  # whatever refuses it, a freeze by policy is not what it shows
        self._learn(where, holds)
        return True

    async def _trial(self, key: Key) -> bool:
        kind = kinds.BY_NAME[key.kind]
        workload = self._cache.workload(key)
        edit = kind.probe(workload) if workload is not None else None
        if edit is None:
            return False
        answer = await send.try_out(self._client, patches.build(edit, self._clock.now()), Workload, timeout=_TIMEOUT)
        return kind.held(answer)

    def _learn(self, where: tuple[str, str], holds: bool) -> None:
        if self._known.get(where) is holds:
            return
        self._known[where] = holds
        kind, namespace = where
        self._observer.event("interlock.changed", level="info", kind=kind, namespace=namespace, holds=holds)
        for key in self._cache.opted_in(kind, namespace):
            self._look_again(key)

    def _subject(self, where: tuple[str, str]) -> Key | None:
        """The workload that is tried: the one that asked, or, where that has gone, another of its namespace."""
        key = self._wanted[where]
        found = self._cache.workload(key)
        if found is None or found.metadata.label(names.MODE) is None:
            others = self._cache.opted_in(*where)
            if not others:
                return None
            self._wanted[where] = others[0]
        return self._wanted[where]
