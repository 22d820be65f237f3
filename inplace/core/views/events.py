"""Events of the server: which are of a workload, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from inplace.core.objects.model import Meta, Part, PodEvent
from inplace.core.rollout.snapshot import Snapshot


class About(Part, frozen=True):
    """An Event's `involvedObject`."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class FullEvent(PodEvent, frozen=True):
    """A core/v1 Event about any object."""

    metadata: Meta = Meta()
    type: str = ""
    involved_object: About = About()

    @property
    def at(self) -> datetime | None:
        """When it was last reported."""
        return self.last_timestamp or self.event_time or self.first_timestamp or self.metadata.creation_timestamp


class Told(Struct, frozen=True, rename="camel"):
    """An Event of a document."""

    at: datetime | None
    type: str
    object: str
    reason: str
    message: str
    count: int


def told(one: FullEvent) -> Told:
    """An Event as a document has it."""
    about = one.involved_object
    return Told(one.at, one.type, f"{about.kind.lower()}/{about.name}", one.reason, one.message, max(1, one.count))


def uids(snapshot: Snapshot) -> set[str]:
    """Of what Events are of a workload: itself, what stands between it and its Pods, its Pods and pull Pods."""
    pods = {pod.uid for pod in (*snapshot.pods, *snapshot.pulling)}
    return pods | {one.metadata.uid for one in (snapshot.workload, *snapshot.owned.children)}


def ordered(found: Iterable[FullEvent]) -> list[FullEvent]:
    """The oldest first."""
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda one: (one.at or never, one.metadata.name))
