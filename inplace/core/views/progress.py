"""How far an upgrade is, from what to what, and how long the rest may take: for the live view and the page.

The estimate is made of nothing but the swaps of this very upgrade, as the Pods' own records tell them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Final, NamedTuple

from msgspec import Struct

from inplace.core.state.statuses import Phase
from inplace.core.views.workload import PodView, WorkloadView

#: Stages of Pods that an upgrade is at work on.
MOVING: Final = frozenset({"Resizing", "Draining", "Swapping", "Writing", "Settling"})
FAILED: Final = "Failed"
#: Of Pods to which nothing more happens.
_OVER: Final = frozenset({"Done", "Kept", "Unmanaged"})
#: In which an upgrade goes on by itself.
_GOES_ON: Final = frozenset({Phase.PROGRESSING, Phase.ROLLING_BACK})
#: Clocks of kubelets tell whole seconds.
_LEAST: Final = timedelta(seconds=1)


class ImageChange(Struct, frozen=True, rename="camel"):
    """What a container changes from and to, and how many Pods do, or have done."""

    container: str
    from_image: str
    to_image: str
    pods: int


class Progress(Struct, frozen=True, rename="camel"):
    """Pods by how far they are, the images, and the times of the upgrade.

    `done` are those to which nothing more is to happen. `ended_at` is None as long as any is left. `left` is None if
    nothing of this upgrade has ended yet, or it does not go on by itself.
    """

    total: int
    done: int
    moving: int
    failed: int
    changes: tuple[ImageChange, ...]
    started_at: datetime | None
    ended_at: datetime | None
    left: timedelta | None


class _Attempt(NamedTuple):
    started: datetime
    ended: datetime


def progress(seen: WorkloadView, now: datetime) -> Progress:
    """The progress of a workload's upgrade, as it is seen now."""
    stages = Counter(pod.stage for pod in seen.pods)
    started = [pod.started_at for pod in seen.pods if pod.started_at is not None]
    ended = [pod.ended_at for pod in seen.pods if pod.ended_at is not None]
    done = sum(stages[stage] for stage in _OVER)
    return Progress(
        total=len(seen.pods),
        done=done,
        moving=sum(stages[stage] for stage in MOVING),
        failed=stages[FAILED],
        changes=changes(seen.pods),
        started_at=min(started, default=None),
        ended_at=max(ended, default=None) if done == len(seen.pods) else None,
        left=_left(seen.pods, now) if seen.phase in _GOES_ON else None,
    )


def changes(pods: Iterable[PodView]) -> tuple[ImageChange, ...]:
    """Each change of an image, that of most Pods first."""
    found: Counter[tuple[str, str, str]] = Counter()
    for pod in pods:
        for one in pod.containers:
            if one.wanted_image and one.wanted_image != one.image:
                found[one.name, one.image, one.wanted_image] += 1
            elif one.from_image and one.from_image != one.image:
                found[one.name, one.from_image, one.image] += 1
    return tuple(ImageChange(*change, count) for change, count in found.most_common())


def _left(pods: Sequence[PodView], now: datetime) -> timedelta | None:
    """How long the rest may take: each Pod as long as the others took, and as many at a time as there were so far."""
    ended = [
        _Attempt(pod.started_at, pod.ended_at)
        for pod in pods
        if pod.stage == "Done" and pod.started_at is not None and pod.ended_at is not None
    ]
    rest = [pod for pod in pods if pod.stage not in _OVER and pod.stage != FAILED]
    if not ended or not rest:
        return None
    each = timedelta(seconds=median(max(one.ended - one.started, _LEAST).total_seconds() for one in ended))
    spent = (now - pod.started_at for pod in rest if pod.stage in MOVING and pod.started_at is not None)
    outstanding = each * len(rest) - sum((min(max(one, timedelta()), each) for one in spent), timedelta())
    return outstanding / _width(ended)


def _width(attempts: Sequence[_Attempt]) -> float:
    """How many there were at a time, on average, while there was any."""
    whole, busy, until = timedelta(), timedelta(), min(attempts).started
    for started, told in sorted(attempts):
        ended = max(told, started + _LEAST)
        whole += ended - started
        busy += max(ended - max(started, until), timedelta())
        until = max(until, ended)
    return max(whole / busy, 1.0)
