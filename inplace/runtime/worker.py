"""Workers: take a key, reconcile it, handle the result as controller-runtime does (reconcileHandler).

The only place that catches all exceptions: a defect in the reconciliation of one workload must not stop the others. It
is logged with its traceback, counted, and retried with backoff.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from inplace.runtime.backoff import Backoff
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer
from inplace.runtime.queue import ShutDownError, WorkQueue

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Done:
    """Nothing to do until something changes. `rest`: seconds within which changes are handled together."""

    rest: float = 0.0


@dataclass(frozen=True)
class RequeueAfter:
    """Reconcile again after some seconds, or when something changes."""

    seconds: float
    rest: float = 0.0


Result = Done | RequeueAfter


class Worker(Generic[K]):
    """A number of workers on one queue."""

    def __init__(
        self,
        queue: WorkQueue[K],
        reconcile: Callable[[K], Awaitable[Result]],
        workers: int,
        backoff: Backoff[K],
        clock: Clock,
        observer: Observer,
        name: str = "workloads",
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._workers = workers
        self._backoff = backoff
        self._clock = clock
        self._observer = observer
        self._name = name
        self._active = 0

    async def run(self) -> None:
        """Work until the queue is shut down or this is cancelled."""
        self._observer.gauge("controller_runtime_max_concurrent_reconciles", self._workers, controller=self._name)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._loop())

    async def _loop(self) -> None:
        while True:
            try:
                key = await self._queue.get()
            except ShutDownError:
                return
            try:
                await self._process(key)
            finally:
                self._queue.done(key)

    async def _process(self, key: K) -> None:
        began = self._clock.monotonic()
        self._set_active(+1)
        try:
            outcome = self._handle(key, await self._reconcile(key))
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            outcome = self._failed(key, error)
        finally:
            self._set_active(-1)
        took = self._clock.monotonic() - began
        self._observer.observe("controller_runtime_reconcile_time_seconds", took, controller=self._name)
        self._observer.count("controller_runtime_reconcile_total", controller=self._name, result=outcome)

    def _handle(self, key: K, result: Result) -> str:
        self._backoff.forget(key)
        if result.rest:
            self._queue.rest(key, result.rest)
        if isinstance(result, RequeueAfter):
            self._queue.add_after(key, max(result.seconds, 0.001))
            return "requeue_after"
        return "success"

    def _failed(self, key: K, error: Exception) -> str:
        self._observer.count("controller_runtime_reconcile_errors_total", controller=self._name)
        self._observer.count("workqueue_retries_total", name=self._name)
        trace = "".join(traceback.format_exception(error))
        about = key._asdict() if isinstance(key, tuple) and hasattr(key, "_asdict") else {"key": str(key)}
        self._observer.event("reconcile.failed", level="error", **about, error=str(error), exception=trace)
        self._queue.add_after(key, self._backoff.next(key))
        return "error"

    def _set_active(self, by: int) -> None:
        self._active += by
        self._observer.gauge("controller_runtime_active_workers", self._active, controller=self._name)
