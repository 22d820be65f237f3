"""Probes whether admission policies freeze a workload in the same write that changes its template.

A dry run of such a write shows what the API server makes of it, regardless of which policies are installed, which
namespaces they are bound to, and whether they are in force yet. The result is the same for all workloads of a kind in a
namespace. It is probed periodically: a policy can be removed at any time, and leaves workloads that rely on it
unprotected.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from inplace.cluster import send
from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.core import kinds
from inplace.core.actions import patches
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.kube.client import Client
from inplace.kube.errors import Denied, KubeError, Rejected
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

#: Seconds between probes of a namespace: how long a workload may be unprotected after a policy was removed.
PERIOD: Final = 10.0
#: Probes per second over all namespaces, the first ones aside: with more than fifty each is probed less often.
PER_SECOND: Final = 5.0
#: Probes at a time: one that is not answered holds up few others.
AT_ONCE: Final = 8
#: Seconds after which an inconclusive probe is repeated: at first, and at most, twice as long each time.
RETRY: Final = 1.0
MAX_RETRY: Final = 30.0
_TIMEOUT: Final = 5.0
_MIN_PAUSE: Final = 0.01

#: A workload kind and a namespace.
Scope = tuple[str, str]


class FreezeProbe:
    """Results by kind and namespace. Run it as a part."""

    def __init__(
        self, client: Client, cache: Cache, clock: Clock, observer: Observer, requeue: Callable[[Key], None]
    ) -> None:
        self._client = client
        self._cache = cache
        self._clock = clock
        self._observer = observer
        self._requeue = requeue
        self._results: dict[Scope, bool] = {}
        #: By scope, the error that was reported last; none since the last answer.
        self._unknown: dict[Scope, str] = {}
        self._subjects: dict[Scope, Key] = {}
        self._added = asyncio.Event()

    def is_active(self, kind: str, namespace: str) -> bool | None:
        """Whether policies freeze this kind in this namespace; None if not known yet."""
        return self._results.get((kind, namespace))

    def found(self) -> Counter[tuple[str, bool]]:
        """By kind and result: in how many namespaces."""
        return Counter((kind, active) for (kind, _), active in self._results.items())

    def add(self, key: Key) -> None:
        """Probe the kind and namespace of this workload from now on, with this workload."""
        if (key.kind, key.namespace) not in self._subjects:
            self._subjects[(key.kind, key.namespace)] = key
            self._added.set()

    async def run(self) -> None:
        """Probe until cancelled."""
        due: dict[Scope, float] = {}
        retry: dict[Scope, float] = {}
        while True:
            self._added.clear()
            now = self._clock.monotonic()
            probed = [scope for scope in self._subjects if due.get(scope, now) <= now]
            for several in (probed[first : first + AT_ONCE] for first in range(0, len(probed), AT_ONCE)):
                await asyncio.gather(*(self._look(scope, due, retry) for scope in several))
            pending = [due.get(scope, now) for scope in self._subjects]
            await self._sleep(min(pending, default=now + PERIOD) - self._clock.monotonic())

    async def _look(self, scope: Scope, due: dict[Scope, float], retry: dict[Scope, float]) -> None:
        """Probe, and say when to do so again."""
        conclusive = await self._probe(scope)
        if scope not in self._subjects:  # or the next workload of this namespace would wait for it
            due.pop(scope, None)
            retry.pop(scope, None)
            return
        pause = max(PERIOD, len(self._subjects) / PER_SECOND) if conclusive else retry.get(scope, RETRY)
        retry[scope] = RETRY if conclusive else min(MAX_RETRY, 2 * pause)
        due[scope] = self._clock.monotonic() + pause

    async def _sleep(self, seconds: float) -> None:
        """Sleep this long, or until a scope is added."""
        added = asyncio.ensure_future(self._added.wait())
        pause = asyncio.ensure_future(self._clock.sleep(max(_MIN_PAUSE, seconds)))  # or time would not pass
        try:
            await asyncio.wait({added, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            added.cancel()
            pause.cancel()

    async def _probe(self, scope: Scope) -> bool:
        """Probe once; False if the result is inconclusive."""
        key = self._subject(scope)
        if key is None:
            self._subjects.pop(scope)
            self._results.pop(scope, None)
            self._unknown.pop(scope, None)
            return True
        source = f"freeze probe of {scope}"
        try:
            active = await self._dry_run(key)
            self._client.outages.ended(source)
            self._unknown.pop(scope, None)
        except KubeError as error:
            told = self._client.outages.failed(source, error) or self._unknown.get(scope) == str(error)
            self._unknown[scope] = str(error)
            level = "debug" if told else "info"
            self._observer.event("freeze_policy.unknown", level=level, **key._asdict(), error=str(error))
            if isinstance(error, Denied) or not isinstance(error, Rejected):
                return False
            active = False  # a refusal of any kind is not a freeze by policy
        self._record(scope, active)
        return True

    async def _dry_run(self, key: Key) -> bool:
        kind = kinds.BY_NAME[key.kind]
        workload = self._cache.workload(key)
        patch = kind.probe(workload) if workload is not None else None
        if patch is None:
            return False
        stored = await send.try_out(self._client, patches.build(patch, self._clock.now()), Workload, timeout=_TIMEOUT)
        return kind.held(stored)

    def _record(self, scope: Scope, active: bool) -> None:
        if self._results.get(scope) is active:
            return
        self._results[scope] = active
        kind, namespace = scope
        self._observer.event("freeze_policy.changed", level="info", kind=kind, namespace=namespace, active=active)
        for key in self._cache.opted_in(kind, namespace):
            self._requeue(key)

    def _subject(self, scope: Scope) -> Key | None:
        """The workload to probe with: the one that was added or, if it is gone, another one of its namespace."""
        key = self._subjects[scope]
        workload = self._cache.workload(key)
        if workload is None or workload.metadata.label(names.MODE) is None:
            others = self._cache.opted_in(*scope)
            if not others:
                return None
            self._subjects[scope] = others[0]
        return self._subjects[scope]
