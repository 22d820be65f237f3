"""An Event recorder for events.k8s.io/v1: never blocks, never raises, folds repetitions into a series.

Events are best effort: everything important is in a status too, so a full queue drops Events and counts them.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from inplace.kube.client import Client, PatchType
from inplace.kube.errors import KubeError, NotFound
from inplace.kube.resource import EVENTS
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

MAX_QUEUED: Final = 1000
#: A repetition within this time continues a series (client-go tools/events: finishTime).
SERIES_SECONDS: Final = 360.0
#: Limits of validation (docs/design/kubernetes.md §8.2).
MAX_NOTE: Final = 1024


class ObjectRef(Struct, frozen=True):
    """What an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class _Entry(Struct, frozen=True):
    regarding: ObjectRef
    type: str
    reason: str
    action: str
    note: str
    at: datetime


class _Series(Struct):
    name: str
    count: int
    last: float


class EventRecorder:
    """Records Events in the background; run it as a part."""

    def __init__(self, client: Client, controller: str, instance: str, clock: Clock, observer: Observer) -> None:
        self._client = client
        self._controller = controller
        self._instance = instance[:128]
        self._clock = clock
        self._observer = observer
        self._waiting: asyncio.Queue[_Entry] = asyncio.Queue(MAX_QUEUED)
        self._series: dict[tuple[ObjectRef, str, str, str], _Series] = {}
        self._serial = 0

    def record(
        self, regarding: ObjectRef, *, type: Literal["Normal", "Warning"], reason: str, action: str, note: str
    ) -> None:
        """Queue an Event."""
        text = note if len(note) <= MAX_NOTE else note[: MAX_NOTE - 1] + "…"
        try:
            self._waiting.put_nowait(_Entry(regarding, type, reason, action, text, self._clock.now()))
        except asyncio.QueueFull:
            self._observer.count("inplace_events_dropped_total")

    async def run(self) -> None:
        """Write queued Events until cancelled."""
        while True:
            entry = await self._waiting.get()
            try:
                await self._write(entry)
            except KubeError as error:
                self._observer.event("event.failed", level="warning", reason=entry.reason, error=str(error))

    async def _write(self, entry: _Entry) -> None:
        key = (entry.regarding, entry.type, entry.reason, entry.note)
        known, now = self._series.get(key), self._clock.monotonic()
        if known is not None and now - known.last < SERIES_SECONDS:
            known.count, known.last = known.count + 1, now
            if await self._continue(entry, known):
                return
        name = self._name(entry)
        await self._client.create(EVENTS, entry.regarding.namespace, self._body(entry, name), type=msgspec.Raw)
        self._forget_old(now)
        self._series[key] = _Series(name, 1, now)

    async def _continue(self, entry: _Entry, known: _Series) -> bool:
        """Raise the count of the series; False if the Event has expired in the meantime."""
        body = {"series": {"count": known.count, "lastObservedTime": micro_time(entry.at)}}
        namespace = entry.regarding.namespace
        try:
            await self._client.patch(EVENTS, known.name, namespace, body, patch_type=PatchType.MERGE, type=msgspec.Raw)
        except NotFound:
            return False
        return True

    def _name(self, entry: _Entry) -> str:
        self._serial += 1
        stamp = f"{int(entry.at.timestamp() * 1_000_000):x}{self._serial:x}"
        return f"{entry.regarding.name[:200]}.{stamp}"

    def _body(self, entry: _Entry, name: str) -> dict[str, Any]:
        about = entry.regarding
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": about.namespace},
            "eventTime": micro_time(entry.at),
            "type": entry.type,
            "reason": entry.reason,
            "action": entry.action,
            "note": entry.note,
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
        }

    def _forget_old(self, now: float) -> None:
        for key in [key for key, series in self._series.items() if now - series.last >= SERIES_SECONDS]:
            del self._series[key]


def micro_time(at: datetime) -> str:
    """metav1.MicroTime."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
