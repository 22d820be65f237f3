"""Leader election by a Lease, with client-go's rules (tools/leaderelection).

Whether a lease is still valid depends on when this process, by its monotonic clock, last saw the record change, never
on the times in it. Work must stop *before* the lease can be taken: `remaining` counts from before the last successful
renewal was sent. There is no fencing, so every write is also a compare-and-set.

A Lease that is deleted was held all the same. Its holder, who may still write, creates it again at its next renewal;
who has seen it held waits until it would have ended.

Who waits for the lease looks more often than client-go does, and just when it ends: a released lease is taken within
two seconds, and that of a process that died within two seconds after its end.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from inplace.kube.client import Client
from inplace.kube.errors import AlreadyExists, Conflict, KubeError, LeaseLost, NotFound
from inplace.kube.events import micro_time
from inplace.kube.resource import LEASES
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

JITTER: Final = 1.2
#: How many times as long as our own another leader's lease may last, whatever it says.
BELIEVED: Final = 10
_MAX_TRANSITIONS: Final = 2**31 - 1


class _Spec(Struct, frozen=True, rename="camel"):
    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int = 0


class _Meta(Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Lease(Struct, frozen=True):
    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()


def _next(transitions: int) -> int:
    """One transition more; a number of 32 bits on the server, and nobody reckons with it."""
    return transitions + 1 if 0 <= transitions < _MAX_TRANSITIONS else 1


class Elector:
    """Acquires, renews and releases one Lease. Run it as a part that stops last."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock,
        rng: random.Random,
        observer: Observer,
        *,
        lease_duration: float = 15.0,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        standby_period: float = 1.0,
        may_release: Callable[[], bool] = lambda: True,
        about: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """`may_release`: whether, at the end, nothing that was written under the lease may still be on its way.

        `about`: annotations of the Lease, written with every renewal: what the leader says of itself.
        """
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._rng = rng
        self._observer = observer
        self._duration = lease_duration
        self._deadline = renew_deadline
        self._period = retry_period
        self._standby_period = standby_period
        self._may_release = may_release
        self._about = about
        self._leading = asyncio.Event()
        self._renewed = float("-inf")
        self._seen: _Lease | None = None
        self._seen_at = 0.0
        #: The other process whose lease this one was last said to wait for.
        self._leader = ""
        self.clean_takeover = False
        self.problem: str | None = None

    @property
    def is_leader(self) -> bool:
        """Whether this process leads and may still write."""
        return self._leading.is_set() and self.remaining() > 0

    def remaining(self) -> float:
        """Seconds for which writes may still be sent; 0 or less if this process does not lead."""
        return self._renewed + self._deadline - self._clock.monotonic()

    async def wait_leading(self) -> None:
        """Wait until this process leads."""
        await self._leading.wait()

    async def run(self) -> None:
        """Acquire, then renew until cancelled; raises LeaseLost when it can no longer be held."""
        try:
            while not await self._try(self._acquire):
                await self._wait()
            self._leading.set()
            self._event("lease.acquired", "info", holder=self._identity, clean=self.clean_takeover)
            await self._hold()
        finally:
            led = self._leading.is_set() and self.remaining() > 0
            self._leading.clear()
            if led and self._may_release():
                await self._release()

    async def _hold(self) -> None:
        while True:
            await self._pause()
            if not await self._try(self._renew) and self.remaining() <= 0:
                raise LeaseLost(f"lease {self._namespace}/{self._name} could not be renewed in time: {self.problem}")

    async def _try(self, step: Callable[[], Awaitable[bool]]) -> bool:
        """One attempt; a failure is kept for the health check, and the caller tries again."""
        try:
            done = await step()
        except (Conflict, AlreadyExists):
            return False
        except LeaseLost:
            raise
        except KubeError as error:
            self.problem = str(error)
            told = self._client.outages.failed("lease", error)
            self._event("lease.failed", "debug" if told else "warning", error=str(error))
            return False
        self._client.outages.ended("lease")
        self.problem = None if done else self.problem
        return done

    async def _acquire(self) -> bool:
        began = self._clock.monotonic()
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace, type=_Lease, timeout=self._timeout())
        except NotFound:
            if self._seen is not None and self._clock.monotonic() < self._ends_at(self._seen):
                return False
            self.clean_takeover = False  # there may have been one just now
            return await self._create(began)
        self._observe(lease)
        free = not lease.spec.holder_identity
        if not free and self._clock.monotonic() < self._ends_at(lease):
            self._wait_for(lease.spec.holder_identity)
            return False
        self.clean_takeover = free
        return await self._put(lease, _next(lease.spec.lease_transitions), began)

    def _wait_for(self, holder: str) -> None:
        """Another process leads: said once, and again only when that changes."""
        self.problem = f"waiting: {holder} holds the lease"
        if holder != self._leader:
            self._leader = holder
            self._event("lease.waiting", "info", holder=holder, message=f"waiting for the lease held by {holder}")

    def _event(self, event: str, level: str, **fields: object) -> None:
        about = {"kind": LEASES.kind, "namespace": self._namespace, "name": self._name}
        self._observer.event(event, level=level, **about, **fields)

    async def _renew(self) -> bool:
        began = self._clock.monotonic()
        lease = self._seen
        if lease is None or self.problem is not None:
            try:
                lease = await self._client.get(
                    LEASES, self._name, self._namespace, type=_Lease, timeout=self._timeout()
                )
            except NotFound:
                return await self._create(began)
        if lease.spec.holder_identity != self._identity:
            self._renewed = float("-inf")
            holder = lease.spec.holder_identity
            lost = f"was taken by {holder}" if holder else "was released by another process"
            raise LeaseLost(f"lease {self._namespace}/{self._name} {lost}")
        try:
            return await self._put(lease, lease.spec.lease_transitions, began)
        except NotFound:
            return await self._create(began)
        except Conflict:
            self._seen = None
            raise

    async def _create(self, began: float) -> bool:
        body = self._body(self._spec(transitions=0), version="")
        created = await self._client.create(LEASES, self._namespace, body, type=_Lease, timeout=self._timeout())
        return self._won(created, began)

    async def _put(self, lease: _Lease, transitions: int, began: float) -> bool:
        acquired = lease.spec.acquire_time if lease.spec.holder_identity == self._identity else None
        body = self._body(self._spec(transitions, acquired), lease.metadata.resource_version)
        updated = await self._client.replace(
            LEASES, self._name, self._namespace, body, type=_Lease, timeout=self._timeout()
        )
        return self._won(updated, began)

    def _won(self, lease: _Lease, began: float) -> bool:
        self._seen, self._renewed = lease, began
        return True

    async def _release(self) -> None:
        """Let the next leader take over at once; best effort, bounded by what is left of the lease."""
        lease = self._seen
        if lease is None:
            return
        spec = {**self._spec(lease.spec.lease_transitions), "holderIdentity": "", "leaseDurationSeconds": 1}
        body = self._body(spec, lease.metadata.resource_version)
        try:
            await self._client.replace(
                LEASES, self._name, self._namespace, body, type=_Lease, timeout=min(2.0, max(0.1, self.remaining()))
            )
            self._event("lease.released", "info", holder=self._identity)
        except KubeError as error:
            self._event("lease.failed", "warning", error=str(error))

    def _observe(self, lease: _Lease) -> None:
        if self._seen is None or self._seen.spec != lease.spec:
            self._seen, self._seen_at = lease, self._clock.monotonic()

    def _ends_at(self, lease: _Lease) -> float:
        """When a lease that was not renewed since it was seen to change may be taken.

        Whoever may write the Lease may write any duration; no leader of ours has one that is far from our own.
        """
        return self._seen_at + min(max(lease.spec.lease_duration_seconds, 1), BELIEVED * self._duration)

    def _spec(self, transitions: int, acquired: str | None = None) -> dict[str, Any]:
        now = micro_time(self._clock.now())
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._duration),
            "acquireTime": acquired or now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    def _body(self, spec: dict[str, Any], version: str) -> dict[str, Any]:
        meta: dict[str, Any] = {"name": self._name, "namespace": self._namespace}
        meta |= {"resourceVersion": version} if version else {}
        meta |= {"annotations": about} if (about := dict(self._about())) else {}
        return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": meta, "spec": spec}

    def _timeout(self) -> float:
        return max(1.0, self._deadline / 2)

    async def _pause(self) -> None:
        await self._clock.sleep(self._period * self._rng.uniform(1.0, JITTER))

    async def _wait(self) -> None:
        """Until the next attempt to acquire it: a short while, or until the lease ends, if that comes first."""
        period = self._standby_period * self._rng.uniform(1.0, JITTER)
        left = self._ends_at(self._seen) - self._clock.monotonic() if self._seen is not None else 0.0
        await self._clock.sleep(min(period, left) if left > 0 else period)
