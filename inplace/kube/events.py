"""An Event recorder for core/v1: never blocks, never raises, counts repetitions, and bounds what it writes.

Events are best effort: everything important is in a status too. What is too much is dropped and counted.

core/v1 and not events.k8s.io/v1, although both are one storage: only the former takes firstTimestamp, lastTimestamp and
count, by which `kubectl get events --sort-by=.lastTimestamp` and `kubectl describe` sort and count
(docs/design/kubernetes.md §8.2). Folding and bounds are client-go's (tools/record/events_cache.go).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inplace.kube.client import Client, PatchType
from inplace.kube.errors import AlreadyExists, KubeError, NotFound
from inplace.kube.resource import EVENTS
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer
from inplace.runtime.printable import one_line

MAX_QUEUED: Final = 1000
#: A repetition within this time raises the count of the Event: for so long the API server keeps one (--event-ttl).
REPEAT_SECONDS: Final = 3600.0
#: So many different messages with one reason about one object within this time; the others become one Event.
MAX_SIMILAR: Final = 10
SIMILAR_SECONDS: Final = 600.0
COMBINED: Final = "(combined from similar events): "
#: So many Events of one type about one object at once, and one more after each pause.
BURST: Final = 25
REFILL_SECONDS: Final = 300.0
#: Bytes, not characters (validation/events.go, len).
MAX_MESSAGE: Final = 1024
MAX_INSTANCE: Final = 128
MAX_NAME: Final = 253
#: How often another name is tried where one is taken.
MAX_TRIES: Final = 3
#: The cause of a refusal in a namespace that is being deleted (plugin/namespace/lifecycle/admission.go).
TERMINATING: Final = "NamespaceTerminating"
_SUFFIX: Final = 17  # a dot and 16 hexadecimal digits

Type = Literal["Normal", "Warning"]


class ObjectRef(Struct, frozen=True, rename="camel"):
    """What an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class _Entry(Struct, frozen=True):
    about: ObjectRef
    type: Type
    reason: str
    message: str
    at: datetime


class _Written(Struct):
    """An Event of ours, and how often it was recorded."""

    name: str
    count: int
    last: float


class _Similar(Struct):
    """The messages with one reason about one object."""

    messages: set[str]
    last: float


class _Bucket(Struct):
    """How many Events may be written about one object."""

    tokens: float
    last: float


class EventRecorder:
    """Records Events in the background; run it as a part."""

    def __init__(self, client: Client, controller: str, instance: str, clock: Clock, observer: Observer) -> None:
        self._client = client
        self._controller = controller
        self._instance = instance[:MAX_INSTANCE]
        self._clock = clock
        self._observer = observer
        self._waiting: asyncio.Queue[_Entry] = asyncio.Queue(MAX_QUEUED)
        self._written: dict[tuple[ObjectRef, str, str, str], _Written] = {}
        self._similar: dict[tuple[ObjectRef, str, str], _Similar] = {}
        self._buckets: dict[tuple[ObjectRef, str], _Bucket] = {}
        self._stamp = 0

    def record(self, about: ObjectRef, *, type: Type, reason: str, message: str) -> None:
        """Queue an Event."""
        text = cut(one_line(message), MAX_MESSAGE)  # one line: it is exported as one
        try:
            self._waiting.put_nowait(_Entry(about, type, reason, text, self._clock.now()))
        except asyncio.QueueFull:
            self._observer.count("inplace_events_dropped_total")

    async def run(self) -> None:
        """Write queued Events until cancelled."""
        while True:
            entry = await self._waiting.get()
            if not self._is_allowed(entry):
                self._observer.count("inplace_events_dropped_total")
                continue
            try:
                await self._write(self._combined(entry))
            except KubeError as error:
                self._failed(entry, error)
            else:
                self._client.outages.ended("events")

    def _failed(self, entry: _Entry, error: KubeError) -> None:
        about = entry.about
        fields = {"kind": about.kind, "namespace": about.namespace, "name": about.name, "reason": entry.reason}
        over = isinstance(error, NotFound) or any(one.reason == TERMINATING for one in getattr(error, "causes", ()))
        told = self._client.outages.failed("events", error)
        self._observer.event("event.failed", level="debug" if over or told else "warning", **fields, error=str(error))

    def _is_allowed(self, entry: _Entry) -> bool:
        """Whether the object has an Event of this type left; takes it."""
        now = self._clock.monotonic()
        bucket = self._buckets.setdefault((entry.about, entry.type), _Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.last) / REFILL_SECONDS)
        bucket.last = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _combined(self, entry: _Entry) -> _Entry:
        """The entry; or, after many with the same reason and other messages, one for all of them."""
        now, key = self._clock.monotonic(), (entry.about, entry.type, entry.reason)
        similar = self._similar.get(key)
        if similar is None or now - similar.last >= SIMILAR_SECONDS:
            self._similar[key] = similar = _Similar(set(), now)
        similar.last = now
        if entry.message in similar.messages or len(similar.messages) < MAX_SIMILAR:
            similar.messages.add(entry.message)
            return entry
        return replace(entry, message=cut(COMBINED + entry.message, MAX_MESSAGE))

    async def _write(self, entry: _Entry) -> None:
        now = self._clock.monotonic()
        self._forget_old(now)
        combined = entry.message.startswith(COMBINED)
        key = (entry.about, entry.type, entry.reason, COMBINED if combined else entry.message)
        known = self._written.get(key)
        if known is not None:
            known.count, known.last = known.count + 1, now
            if await self._repeat(entry, known):
                return
        self._written[key] = _Written(await self._create(entry), 1, now)

    async def _repeat(self, entry: _Entry, known: _Written) -> bool:
        """Raise the count of the Event; False if it has expired in the meantime."""
        body = {"count": known.count, "lastTimestamp": time(entry.at), "message": entry.message}
        namespace = entry.about.namespace
        try:
            await self._client.patch(EVENTS, known.name, namespace, body, patch_type=PatchType.MERGE, type=msgspec.Raw)
        except NotFound:
            return False
        return True

    async def _create(self, entry: _Entry) -> str:
        """Create the Event; returns its name, which another process may have taken in the same nanosecond."""
        for left in reversed(range(MAX_TRIES)):
            name = self._name(entry)
            try:
                await self._client.create(EVENTS, entry.about.namespace, self._body(entry, name), type=msgspec.Raw)
            except AlreadyExists:
                if not left:
                    raise
            else:
                return name
        raise AssertionError("unreachable")

    def _name(self, entry: _Entry) -> str:
        """A valid name that no other Event has. Names sort by time: kubectl leaves Events of one second in their order.

        The object's name and the time in nanoseconds, as client-go has it (tools/record/util, GenerateEventName).
        """
        self._stamp = max(self._stamp + 1, int(entry.at.timestamp() * 1_000_000) * 1000)
        return f"{entry.about.name[: MAX_NAME - _SUFFIX].rstrip('-.')}.{self._stamp:x}"

    def _body(self, entry: _Entry, name: str) -> dict[str, Any]:
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": entry.about.namespace},
            "involvedObject": entry.about,
            "type": entry.type,
            "reason": entry.reason,
            "message": entry.message,
            "firstTimestamp": time(entry.at),
            "lastTimestamp": time(entry.at),
            "count": 1,
            "source": {"component": self._controller},
            "reportingComponent": self._controller,
            "reportingInstance": self._instance,
        }

    def _forget_old(self, now: float) -> None:
        for key in [key for key, written in self._written.items() if now - written.last >= REPEAT_SECONDS]:
            del self._written[key]
        for about in [about for about, similar in self._similar.items() if now - similar.last >= SIMILAR_SECONDS]:
            del self._similar[about]
        for share in [share for share, bucket in self._buckets.items() if now - bucket.last >= BURST * REFILL_SECONDS]:
            del self._buckets[share]


def cut(text: str, limit: int) -> str:
    """The text, cut to so many bytes of UTF-8 between two characters; what is cut ends in an ellipsis."""
    raw = text.encode(errors="replace")
    if len(raw) <= limit:
        return raw.decode()
    return raw[: limit - len("…".encode())].decode(errors="ignore") + "…"


def time(at: datetime) -> str:
    """metav1.Time."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def micro_time(at: datetime) -> str:
    """metav1.MicroTime."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
