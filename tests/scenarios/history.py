"""Everything that happened in a namespace, as a watch saw it: what scenarios judge by."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.state import records
from inplace.core.state.records import Record


@dataclass(frozen=True)
class Seen:
    """One state of one Pod, and when the watch brought it (seconds, monotonic); `gone` where it was its last.

    `turn`: of the event loop. What a list brings after an outage comes in one, in the order of names, not of time.
    """

    at: float
    pod: Pod
    gone: bool = False
    turn: int = 0


@dataclass
class History:
    """All states of all Pods, in order."""

    seen: list[Seen] = field(default_factory=list)

    def of(self, name: str) -> list[Seen]:
        """The states of one Pod."""
        return [one for one in self.seen if one.pod.name == name]

    def first(self, name: str, holds: Callable[[Pod], bool], after: float = 0.0) -> Seen | None:
        """The first state of a Pod, from a time on, for which something holds."""
        return next((one for one in self.of(name) if one.at >= after and not one.gone and holds(one.pod)), None)

    def moments(self, *, gaps: bool = False) -> Iterator[tuple[float, dict[str, Pod]]]:
        """All Pods as they were after each event; with `gaps`, after each turn of the event loop: within a list, some
        are as before the outage and some as after it.
        """
        now: dict[str, Pod] = {}
        for one, following in itertools.zip_longest(self.seen, self.seen[1:]):
            now = {name: pod for name, pod in now.items() if name != one.pod.name}
            if not one.gone:
                now[one.pod.name] = one.pod
            if not gaps or following is None or following.turn != one.turn:
                yield one.at, now

    def most_unready(self, replicas: int, after: float, *, gaps: bool = False) -> int:
        """The largest number of Pods that were missing or not Ready at once, from a time on."""
        moments = (now for at, now in self.moments(gaps=gaps) if at >= after)
        return max((replicas - sum(pod.ready for pod in now.values()) for now in moments), default=0)

    def least_serving(self, after: float) -> int:
        """The smallest number of Pods that were Ready and not on their way out at once, from a time on."""
        counts = (
            sum(p.ready and p.metadata.deletion_timestamp is None for p in now.values())
            for at, now in self.moments()
            if at >= after
        )
        return min(counts, default=0)

    def drains(self) -> list[str]:
        """Names of Pods in the order in which a record began on them."""
        order: list[tuple[str, object]] = []
        for one in self.seen:
            record = records.read(one.pod)
            if isinstance(record, Record) and (one.pod.name, record.started_at) not in order:
                order.append((one.pod.name, record.started_at))
        return [name for name, _ in order]

    def begun(self) -> list[Seen]:
        """The states in which a record first appeared, one for each upgrade of each Pod."""
        found: dict[tuple[str, object], Seen] = {}
        for one in self.seen:
            record = records.read(one.pod)
            if isinstance(record, Record):
                found.setdefault((one.pod.uid, record.started_at), one)
        return list(found.values())

    def last_unready(self, name: str) -> Seen | None:
        """The last state in which a Pod was not Ready."""
        return next((one for one in reversed(self.of(name)) if not one.gone and not one.pod.ready), None)

    def only(self, workload: str) -> History:
        """The states of one workload's Pods."""
        return History([one for one in self.seen if one.pod.metadata.label("app") == workload])

    def restarts(self, name: str, container: str) -> int:
        """How many times a container was created anew, by its containerIDs.

        One that ends between two looks of the kubelet is never shown as the container; the next status names it as the
        one that ended last.
        """
        ids: set[str] = set()
        for status in (one.pod.container_status(container) for one in self.of(name)):
            if status is not None:
                ended = status.last_state.terminated
                ids |= {status.container_id, ended.container_id if ended is not None else ""}
        return len(ids - {""}) - 1

    def shows_the_old_first(self, pod: Pod) -> bool | None:
        """Whether the first status at the generation of a Pod's last patch shows another container than it has now.

        A busy kubelet may show no status between the old container and the new one. None without generations.
        """
        record = records.read(pod)
        assert isinstance(record, Record)
        first = self.first(pod.name, lambda one: one.status.observed_generation >= record.generation)
        if first is None:
            return None
        return first.pod.status.container_statuses[0].container_id != pod.status.container_statuses[0].container_id

    def gate_closed(self, name: str) -> Seen | None:
        """The first state with our gate at False."""
        return self.first(name, lambda pod: (c := pod.condition(names.GATE)) is not None and c.status == "False")
