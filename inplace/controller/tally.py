"""What the workloads add up to: the sums over the figures of their last plans.

Each plan replaces what its workload contributes, so that a sum goes down as well as up, and costs as much as that one
workload has Pods. Ages are computed when somebody looks. Whether a wait has ended, or a Pod has failed, is told by the
difference between two plans of this process: what had begun before the first of them is not measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from inplace.cluster.key import Key
from inplace.controller.counts import NONE
from inplace.core import kinds
from inplace.core.state.statuses import Phase
from inplace.core.views.figures import EXPLAINED, Failure, Figures, State, Step, WaitingOn
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

Values = Mapping[tuple[str, ...], float]
_KINDS: Final = tuple(kind.name for kind in kinds.ALL)


class _Stay(NamedTuple):
    """What a Pod is at, since when (monotonic; None: since before it was first seen), and its last counted failure."""

    doing: Step | WaitingOn | None
    since: float | None
    failure: Failure | None = None


class _Contribution(NamedTuple):
    """One workload: its last figures, its phase since when (monotonic), and whether that was seen to begin."""

    figures: Figures
    since: float
    is_whole: bool


class Tally:
    """Of one process, which leads."""

    def __init__(self, clock: Clock, observer: Observer) -> None:
        self._clock = clock
        self._observer = observer
        self._known: dict[Key, _Contribution] = {}
        #: By metric and label values.
        self._sums: Counter[tuple[str, ...]] = Counter()
        self._stays: dict[Key, dict[str, _Stay]] = {}

    # --- what plans find --------------------------------------------------------------------------------------------

    def update(self, key: Key, figures: Figures) -> None:
        """A workload was planned."""
        if figures == Figures():
            self.forget(key)
            return
        before, now = self._known.get(key), self._clock.monotonic()
        if before is not None:
            self._add(key.kind, before.figures, -1)
        self._add(key.kind, figures, +1)
        same = before is not None and before.figures.phase is figures.phase
        if before is not None and not same:
            self._leave(key.kind, before, now)
        since, is_whole = (before.since, before.is_whole) if before is not None and same else (now, before is not None)
        self._known[key] = _Contribution(figures, since, is_whole)
        self._stays[key] = self._moved(key, figures, now)

    def forget(self, key: Key) -> None:
        """A workload is gone, or none of ours."""
        before = self._known.pop(key, None)
        if before is not None:
            self._add(key.kind, before.figures, -1)
            self._leave(key.kind, before, self._clock.monotonic())
        self._stays.pop(key, None)

    def _add(self, kind: str, figures: Figures, sign: int) -> None:
        for what, amount in _amounts(kind, figures):
            self._sums[what] += sign * amount
            if not self._sums[what]:
                del self._sums[what]

    def _leave(self, kind: str, before: _Contribution, now: float) -> None:
        phase = before.figures.phase
        if phase not in (None, Phase.UP_TO_DATE) and before.is_whole:
            took = now - before.since
            self._observer.observe("inplace_workload_phase_seconds", took, kind=kind, phase=str(phase))

    def _moved(self, key: Key, figures: Figures, now: float) -> dict[str, _Stay]:
        """Every Pod that is at something, measured where it has gone on; those that have failed are counted once."""
        stays, is_first = self._stays.get(key, {}), key not in self._stays
        found = {uid: stays[uid] for uid in figures.unknown if uid in stays}
        for uid in (stays.keys() | figures.doing.keys() | figures.failures.keys()) - figures.unknown:
            before, doing, failure = stays.get(uid), figures.doing.get(uid), figures.failures.get(uid)
            counted = before.failure if before is not None else None
            if failure is not None and not _is_same(failure, counted):
                counted = failure
                if not is_first:
                    self._observer.count("inplace_pods_failed_total", kind=key.kind, code=failure.code)
            if before is not None and before.doing is doing:
                found[uid] = before if counted is before.failure else before._replace(failure=counted)
                continue
            self._measure(key.kind, before, now)
            if doing is not None or (counted is not None and figures.phase is not Phase.UP_TO_DATE):
                found[uid] = _Stay(doing, None if is_first else now, counted)
        return found

    def _measure(self, kind: str, stay: _Stay | None, now: float) -> None:
        if stay is None or stay.since is None or stay.doing is None:
            return
        took = now - stay.since
        if isinstance(stay.doing, Step):
            self._observer.observe("inplace_pod_step_seconds", took, kind=kind, step=stay.doing)
        else:
            self._observer.observe("inplace_pod_waiting_seconds", took, kind=kind, on=stay.doing)

    # --- what is read -----------------------------------------------------------------------------------------------

    def workloads(self) -> Values:
        """By kind and phase."""
        return {(kind, phase): self._sums["phase", kind, phase] for kind in _KINDS for phase in Phase}

    def reasons(self) -> Values:
        """By kind, phase and reason."""
        return self._of("reason")

    def pods(self) -> Values:
        """By kind and state."""
        return {(kind, state): self._sums["state", kind, state] for kind in _KINDS for state in State}

    def waiting(self) -> Values:
        """By kind and reason."""
        return self._of("waiting")

    def closed_gates(self) -> Values:
        """By kind."""
        return {(kind,): self._sums["gates", kind] for kind in _KINDS}

    def oldest_gate(self) -> Values:
        """By kind, in seconds."""
        now, found = self._clock.now(), dict.fromkeys(_KINDS, 0.0)
        for key, one in self._known.items():
            if one.figures.closed_since is not None:
                age = (now - one.figures.closed_since).total_seconds()
                found[key.kind] = max(found[key.kind], age)
        return {(kind,): age for kind, age in found.items()}

    def budget(self) -> Values:
        """By kind: how many Pods may be unavailable."""
        return {(kind,): self._sums["budget", kind] for kind in _KINDS}

    def budget_used(self) -> Values:
        """By kind: how many are."""
        return {(kind,): self._sums["budget_used", kind] for kind in _KINDS}

    def oldest_phase(self) -> Values:
        """By kind and phase, in seconds."""
        now, found = self._clock.monotonic(), dict[tuple[str, ...], float]()
        for key, one in self._known.items():
            phase = one.figures.phase
            if phase is not None and phase is not Phase.UP_TO_DATE:
                found[key.kind, phase] = max(found.get((key.kind, phase), 0.0), now - one.since)
        return found

    def each(self) -> Values:
        """By namespace, name, kind, phase and reason: 1."""
        return {
            (key.namespace, key.name, key.kind, one.figures.phase, one.figures.reason or NONE): 1
            for key, one in self._known.items()
            if one.figures.phase is not None
        }

    def _of(self, what: str) -> Values:
        return {of[1:]: amount for of, amount in self._sums.items() if of[0] == what}


def _amounts(kind: str, figures: Figures) -> Iterator[tuple[tuple[str, ...], int]]:
    """What a workload adds to each sum."""
    if figures.phase is not None:
        yield ("phase", kind, figures.phase), 1
    if figures.phase in EXPLAINED:
        yield ("reason", kind, figures.phase, figures.reason or NONE), 1
    for state, pods in figures.states.items():
        yield ("state", kind, state), pods
    for code, pods in figures.waiting.items():
        yield ("waiting", kind, code), pods
    yield ("gates", kind), figures.closed_gates
    yield ("budget", kind), figures.budget
    yield ("budget_used", kind), figures.budget_used


def _is_same(failure: Failure, counted: Failure | None) -> bool:
    """Whether it was counted before: one Pod fails once for a revision, unless a retry was requested."""
    return counted is not None and (failure.target, failure.retry) == (counted.target, counted.retry)
