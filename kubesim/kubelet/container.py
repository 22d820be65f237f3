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
    #: How the last pull failed, which is repeated while the next one is paused for.
    pull_error: str = ""
    #: When the last life ended, the same as the kubelet's present pass knows it, and when the next is tried.
    ended_at: float | None = None
    end_seen: float | None = None
    next_try: float = _NEVER
    #: Whether it has a readiness probe; from when on its probes succeed, and those of a life that has ended fail.
    probed: bool = False
    ready_from: float = _NEVER
    ready_until: float = _NEVER
    started_from: float = _NEVER
    #: When its startup probe has failed as often as it may.
    startup_until: float = _NEVER
    exits_at: float = _NEVER
    done: bool = False
    #: The resources of its spec that the kubelet has set aside for it, and those with which it runs.
    allocated: Tree = field(default_factory=dict)
    actual: Tree = field(default_factory=dict)
    #: The resources whose limit among these is that of the Pod as a whole, for it has none of its own.
    taken: frozenset[str] = frozenset()
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    #: The images that it has been made from so far.
    tried: set[str] = field(default_factory=set)

    def is_ready(self, now: float) -> bool:
        """What its probes say; without one it is ready while it runs."""
        return self.ready_from <= now < self.ready_until if self.probed else self.running and self.ready_from <= now

    def has_started(self, now: float) -> bool:
        """What its startup probe says."""
        return self.running and self.started_from <= now

    def failed_startup(self, now: float) -> bool:
        """Whether its startup probe has failed for good, and the kubelet is to restart it."""
        return self.running and self.startup_until <= now and not self.has_started(now)

    def next_change(self, now: float) -> float:
        """When its probes next change their mind, or it exits."""
        ends = (self.exits_at, self.startup_until) if self.running else ()
        times = (self.ready_from, self.ready_until, self.started_from, *ends)
        return min((time for time in times if time > now), default=_NEVER)


@dataclass
class Backoff:
    """client-go's flowcontrol.Backoff, for one key: nothing at first, then `first` doubling up to `most`."""

    first: float
    most: float
    seconds: float = 0.0
    updated: float = 0.0

    def holds(self, since: float, now: float) -> bool:
        """Whether it is too early after something that happened then."""
        return now < since + self.seconds and not self._is_forgotten(since)

    def fail(self, since: float, now: float) -> None:
        """It happened again, or is tried again after it: from now on wait longer than the last time."""
        again = 0.0 if self._is_forgotten(since) else self.seconds * 2
        self.seconds, self.updated = min(self.most, again or self.first), now

    def _is_forgotten(self, since: float) -> bool:
        """Twice the longest wait went well."""
        return since - self.updated > 2 * self.most


def probe_times(spec: Tree, image: Image, now: float) -> tuple[float, float]:
    """When a container that starts now passes its startup probe, and when it is ready."""
    able = now + image.ready_after
    startup, readiness = spec.get("startupProbe"), spec.get("readinessProbe")
    begun = _success(startup, now, able) if startup else now
    return begun, _success(readiness, begun, able) if readiness else begun


def startup_failure(spec: Tree, begun: float, now: float) -> float:
    """When the startup probe of a container that starts now has failed often enough, if it does not succeed before."""
    probe = spec.get("startupProbe")
    if not probe:
        return _NEVER
    failures = probe.get("failureThreshold", 3) - 1
    fails = float(now + probe.get("initialDelaySeconds", 0) + failures * probe.get("periodSeconds", 10))
    return fails if fails < begun else _NEVER


def _success(probe: Tree, begin: float, able: float) -> float:
    """The first time at which a probe has succeeded often enough."""
    if math.isinf(able):
        return _NEVER
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
