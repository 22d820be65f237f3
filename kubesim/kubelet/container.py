"""What really runs on a node: containers as the runtime knows them, and when their probes would succeed.

The truth that a status reports sooner or later. Pure; times are monotonic seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from kubesim.kubelet.catalogue import Image

Tree = dict[str, Any]
_NEVER: Final = math.inf


@dataclass
class Ended:
    """How a container ended."""

    container_id: str
    exit_code: int
    reason: str
    started: datetime
    finished: datetime


@dataclass
class Container:
    """One container of a Pod over its lives. `reference` is what the running (or last) life was made from."""

    name: str
    reference: str = ""
    image: Image | None = None
    #: As the runtime reports them: the first name of the image, and its digest.
    shown: str = ""
    image_id: str = ""
    id: str = ""
    running: bool = False
    restarts: int = 0
    started: datetime | None = None
    last: Ended | None = None
    #: Why it does not run: the reason and message of `waiting`, empty if its end is all that is known.
    waiting: tuple[str, str] = ("ContainerCreating", "")
    #: Whether it has a readiness probe; from when on its probes succeed, and those of a life that has ended fail.
    probed: bool = False
    ready_from: float = _NEVER
    ready_until: float = _NEVER
    started_from: float = _NEVER
    exits_at: float = _NEVER
    done: bool = False
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    #: The images that it has been made from so far.
    tried: set[str] = field(default_factory=set)

    def is_ready(self, now: float) -> bool:
        """What its probes say; without one it is ready while it runs."""
        return self.ready_from <= now < self.ready_until if self.probed else self.running and self.ready_from <= now

    def has_started(self, now: float) -> bool:
        """What its startup probe says."""
        return self.running and self.started_from <= now

    def next_change(self, now: float) -> float:
        """When its probes next change their mind, or it exits."""
        times = (self.ready_from, self.ready_until, self.started_from, self.exits_at if self.running else _NEVER)
        return min((time for time in times if time > now), default=_NEVER)


@dataclass
class Backoff:
    """client-go's flowcontrol.Backoff, for one key: nothing the first time, then `first` doubling up to `most`."""

    first: float
    most: float
    seconds: float = 0.0
    until: float = 0.0

    def fail(self, now: float) -> None:
        """Something failed: wait longer than the last time."""
        self.seconds = min(self.most, self.seconds * 2 or self.first)
        self.until = now + self.seconds


def probe_times(spec: Tree, image: Image, now: float) -> tuple[float, float]:
    """When a container that starts now passes its startup probe, and when it is ready."""
    able = now + image.ready_after
    startup, readiness = spec.get("startupProbe"), spec.get("readinessProbe")
    begun = _success(startup, now, able) if startup else now
    return begun, _success(readiness, begun, able) if readiness else begun


def _success(probe: Tree, begin: float, able: float) -> float:
    """The first time at which a probe has succeeded often enough."""
    period = probe.get("periodSeconds", 10)
    first = begin + probe.get("initialDelaySeconds", 0)
    ticks = max(0, math.ceil((able - first) / period - 1e-9))
    return float(first + (ticks + probe.get("successThreshold", 1) - 1) * period)


def probe_failure(spec: Tree, now: float) -> float:
    """When the readiness of a container that ends now ends, unless it is read before."""
    probe = spec.get("readinessProbe")
    if not probe:
        return _NEVER
    return float(now + probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10))
