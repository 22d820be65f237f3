"""PodDisruptionBudgets: disruptions of an upgrade are reserved in the same way as those of an eviction
(docs/design/kubernetes.md §3.5).

An entry in `disruptedPods` with one disruption less allowed, written on the very version that was read: of our write
and an eviction's one fails. The disruption controller counts a Pod with an entry as not healthy, and once only. It
drops entries after two minutes, so ours are renewed; and it sees by itself a Pod that is not Ready, so the entry of a
drained Pod goes when that is seen, of one that has no gate when its upgrade is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.actions.actions import ReserveDisruptions
from inplace.core.objects import names, selectors
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Pdb
from inplace.core.pod.availability import broken, closed, drains
from inplace.core.rollout import reported
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.annotations import DisruptionBudgets, DrainPolicy, Settings
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record

#: The disruption controller's DeletionTimeout is two minutes.
RENEW_AFTER: Final = timedelta(seconds=60)
#: How long the disruption controller may take to observe what we have observed: that a Pod is not Ready.
HEARD_AFTER: Final = timedelta(seconds=2)
#: A Pod event makes the disruption controller count one of the Pod's budgets, any one (getPdbForPod); the others keep
#: numbers that are out of date. An entry for a Pod that does not exist makes it recount, and is gone then.
RECOUNT_ENTRY: Final = "inplace.dev-count-again"
RECOUNT_EVERY: Final = timedelta(seconds=5)
_BLOCKED: Final = (ReasonCode.DisruptionBudget, ReasonCode.Reserving)


def is_blocked(waiting: Iterable[Reason]) -> bool:
    """Whether Pods wait for a budget that allows no disruption."""
    return any(reason.code in _BLOCKED for reason in waiting)


class Reservations(Struct, frozen=True):
    """The reservations in the budgets of a namespace: for Pods in flight, and for those admitted since."""

    snapshot: Snapshot
    now: datetime
    #: The budgets that are respected; those that are not may still have entries of ours to be removed.
    respected: tuple[Pdb, ...] = ()
    #: By uid of the budget: the Pods that must have an entry.
    entries: Mapping[str, frozenset[str]] = {}
    #: By uid of the budget: how many disruptions were taken that its status does not show yet.
    taken: Mapping[str, int] = {}
    #: Budgets (uids) whose numbers may be out of date.
    doubted: frozenset[str] = frozenset()

    def reserve(self, pod: Pod) -> tuple[Reservations, Reason | None]:
        """Reserve a disruption of this Pod, or return why it must wait: for the reservation, or for its budgets.

        A broken Pod takes nothing from them.
        """
        if broken(pod):
            return self, None
        own = [pdb for pdb in self.respected if selectors.matches(pdb.spec.selector, pod.metadata.labels)]
        lacking = [pdb for pdb in own if not self._is_reserved(pdb, pod)]
        refused = next((reason for pdb in lacking if (reason := self._write_refused(pdb)) is not None), None)
        for pdb in lacking:
            why = self._refusal(pdb, pod)
            if why is not None:
                doubted = self.doubted | ({pdb.metadata.uid} if len(own) > 1 else set())
                path = f"poddisruptionbudgets[{pdb.metadata.name}]"
                return replace(self, doubted=doubted), Reason(ReasonCode.DisruptionBudget, path, why)
        reserved = self
        for pdb in own:
            reserved = reserved.with_entry(pdb, pod, taken=pdb in lacking)
        if not lacking:
            return reserved, None
        which = ", ".join(pdb.metadata.name for pdb in lacking)
        return reserved, refused or Reason(ReasonCode.Reserving, "", f"reserving from PodDisruptionBudget {which}")

    def with_entry(self, pdb: Pdb, pod: Pod, *, taken: bool) -> Reservations:
        """The same with an entry for a Pod; `taken`: the budget's status does not show it yet."""
        uid = pdb.metadata.uid
        entries = {**self.entries, uid: self.entries.get(uid, frozenset()) | {pod.name}}
        return replace(self, entries=entries, taken={**self.taken, uid: self.taken.get(uid, 0) + taken})

    def writes(self) -> tuple[ReserveDisruptions, ...]:
        """One write for each budget whose entries are to change."""
        pending = self.snapshot.pending
        writes = (self._write(pdb) for pdb in self.snapshot.budgets if pdb.metadata.uid not in pending)
        return tuple(write for write in writes if write is not None)

    def deadlines(self) -> list[datetime]:
        """When to renew or remove an entry, or to request a recount again."""
        budgets = self.snapshot.budgets
        observations = self.snapshot.observations.values() if budgets else ()
        found = [seen.unready_at + HEARD_AFTER for seen in observations if seen.unready_at is not None]
        found += [at + RECOUNT_EVERY for uid, at in self.snapshot.recounted_at.items() if uid in self.doubted]
        found += [at + RENEW_AFTER for pdb in budgets for at in self.own(pdb).values()]
        return [at for at in found if at > self.now]

    def own(self, pdb: Pdb) -> dict[str, datetime]:
        """Our current entries: those that we wrote, and those of Pods in flight. A time in the future counts as now."""
        uid = pdb.metadata.uid
        ours = self._written(uid) - self._of_others(uid) | self.entries.get(uid, frozenset())
        return {name: min(at, self.now) for name, at in pdb.status.entries.items() if name in ours}

    def _written(self, uid: str) -> frozenset[str]:
        return self.snapshot.reserved.get(uid, frozenset())

    def _is_reserved(self, pdb: Pdb, pod: Pod) -> bool:
        stands = pod.name in pdb.status.entries
        return stands and pod.name in self._written(pdb.metadata.uid)

    def _write_refused(self, pdb: Pdb) -> Reason | None:
        """Why our reservation in a budget is refused, or not kept; it is tried again."""
        where = f"poddisruptionbudgets[{pdb.metadata.name}]"
        failed = (write.reason for write in self.snapshot.failed_writes if write.uid == pdb.metadata.uid)
        return next((reason for reason in failed if reason is not None), None) or reported.refused_write(
            self.snapshot.reported, where
        )

    def _refusal(self, pdb: Pdb, pod: Pod) -> str | None:
        meta, status = pdb.metadata, pdb.status
        if pdb.unreadable:
            return f"PodDisruptionBudget {meta.name} cannot be read by this version of inplace: it may allow nothing"
        if meta.uid in self.snapshot.pending:
            return None  # it is being asked
        if pod.name in status.entries:
            return f"PodDisruptionBudget {meta.name} has an eviction of this Pod in progress"
        if status.observed_generation < meta.generation:
            return f"PodDisruptionBudget {meta.name} was changed, and its controller has not observed that yet"
        if status.disruptions_allowed - self.taken.get(meta.uid, 0) <= 0:
            return f"PodDisruptionBudget {meta.name} allows no disruption now"
        return None

    def _write(self, pdb: Pdb) -> ReserveDisruptions | None:
        uid, entries = pdb.metadata.uid, pdb.status.entries
        if pdb.unreadable:
            return None
        own, wanted = self.own(pdb), self.entries.get(uid, frozenset())
        second = self.now.replace(microsecond=0)
        kept = {name: at for name, at in entries.items() if name not in own or name in wanted}
        renewed = {name: second for name, at in own.items() if name in wanted and self.now >= at + RENEW_AFTER}
        taken = dict.fromkeys(wanted - entries.keys(), second)
        recount = {RECOUNT_ENTRY: second} if self._needs_recount(uid) else {}
        after = {**kept, **renewed, **taken, **recount}
        if after == entries:
            return None
        allowed = max(0, pdb.status.disruptions_allowed - len(taken))
        ours = (own.keys() & wanted) | taken.keys() | self._of_others(uid)
        return ReserveDisruptions(pdb, after, allowed, frozenset(ours), recount=bool(recount))

    def _of_others(self, uid: str) -> frozenset[str]:
        """Entries of ours for Pods of other workloads."""
        written = self._written(uid)
        return written - {pod.name for pod in self.snapshot.pods} if written else written

    def _needs_recount(self, uid: str) -> bool:
        """Whether a budget's numbers may be outdated, and no recount was requested recently."""
        asked = self.snapshot.recounted_at.get(uid)
        return uid in self.doubted and (asked is None or self.now >= asked + RECOUNT_EVERY)


def standing(snapshot: Snapshot, settings: Settings, pods: Iterable[Pod], now: datetime) -> Reservations:
    """The reservations required for the Pods in flight among these."""
    respected = settings.disruption_budgets is DisruptionBudgets.RESPECT
    found = Reservations(snapshot, now, snapshot.budgets if respected else ())
    for pod in pods if snapshot.budgets else ():
        missed = _is_missed(snapshot, settings, pod, now)
        serves = missed and _serves(snapshot, settings, pod)
        found = _keep(found, pod, kept=serves or pod.uid in snapshot.pending, missed=missed and not serves)
    return found


def _keep(found: Reservations, pod: Pod, *, kept: bool, missed: bool) -> Reservations:
    """The reservations that a Pod in flight still needs. `kept`: those that it has, while a write of ours is under way
    or as long as it serves; `missed`: one in each of its budgets."""
    for pdb in found.snapshot.budgets:
        if kept and pod.name in found.own(pdb):
            found = found.with_entry(pdb, pod, taken=False)
        elif missed and found.respected and selectors.matches(pdb.spec.selector, pod.metadata.labels):
            found = found.with_entry(pdb, pod, taken=pod.name not in pdb.status.entries)
    return found


def _serves(snapshot: Snapshot, settings: Settings, pod: Pod) -> bool:
    """Whether a Pod in flight has not been disrupted: it is being resized, or what was patched restarts nothing. Before
    it is, it asks for its reservation."""
    record = records.of(pod, snapshot.workload.metadata.uid)
    if not isinstance(record, Record) or record.phase is PodPhase.RESIZING:
        return True
    undrained = drains(pod, settings, record.containers) and not closed(pod)
    return record.phase is PodPhase.SWAPPING and undrained


def _is_missed(snapshot: Snapshot, settings: Settings, pod: Pod, now: datetime) -> bool:
    """Whether a Pod is in flight and the disruption controller cannot know yet that it is disrupted."""
    record = records.of(pod, snapshot.workload.metadata.uid)
    if not isinstance(record, Record) or not record.in_flight or pod.metadata.deletion_timestamp is not None:
        return False
    if pod.ready or settings.drain is DrainPolicy.NEVER or not pod.has_gate(names.GATE):
        return True
    seen = snapshot.observations.get(pod.uid)
    return seen is None or seen.unready_at is None or now < seen.unready_at + HEARD_AFTER
