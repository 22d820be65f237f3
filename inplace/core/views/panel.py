"""A workload as the page shows it: the same view as `inplace status`, how far it is, and its Events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct

from inplace.core.views.events import FullEvent, Told, ordered, told
from inplace.core.views.progress import ImageChange, progress
from inplace.core.views.workload import WorkloadView

#: So many Events are shown, the latest.
EVENTS: Final = 30


class Panel(Struct, frozen=True, rename="camel"):
    """One workload: who it is, what `status` says of it, how far it is, what should be known, and what happened last.

    `ends_at` is when the rest may be done, by the swaps so far; None if nothing can be told.
    """

    key: str
    view: WorkloadView
    done: int
    moving: int
    failed: int
    changes: tuple[ImageChange, ...]
    started_at: datetime | None
    ended_at: datetime | None
    ends_at: datetime | None
    warnings: tuple[str, ...]
    events: tuple[Told, ...]


def panel(key: str, seen: WorkloadView, events: Iterable[FullEvent], warnings: tuple[str, ...], now: datetime) -> Panel:
    """What the page shows of a workload."""
    so_far = progress(seen, now)
    return Panel(
        key=key,
        view=seen,
        done=so_far.done,
        moving=so_far.moving,
        failed=so_far.failed,
        changes=so_far.changes,
        started_at=so_far.started_at,
        ended_at=so_far.ended_at,
        # In whole seconds, so that the same estimate is the same text.
        ends_at=(now + so_far.left).replace(microsecond=0) if so_far.left is not None else None,
        warnings=warnings,
        events=latest(events),
    )


def latest(events: Iterable[FullEvent]) -> tuple[Told, ...]:
    """The latest Events, the last of them first."""
    return tuple(told(one) for one in reversed(ordered(events)[-EVENTS:]))
