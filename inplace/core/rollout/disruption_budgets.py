"""PodDisruptionBudgets: what an upgrade takes from them is reserved as an eviction would take it
(docs/design/kubernetes.md §3.5).

An entry in `disruptedPods` with one disruption less allowed, written on the very version that was read: of our write
and an eviction's one fails. The disruption controller counts a Pod with an entry as not healthy, and once only. It
drops entries after two minutes, so ours are renewed; and it sees by itself a Pod that is not Ready, so the entry of a
drained Pod goes when that is seen, of one that has no gate when its upgrade is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from inplace.core.actions.actions import ReserveDisruptions
from inplace.core.objects import names, selectors
from inplace.core.objects.model import Pdb, Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.schema import DisruptionBudgets, DrainPolicy
from inplace.core.state import records
from inplace.core.state.records import Record

#: The disruption controller's DeletionTimeout is two minutes.
RENEW: Final = timedelta(seconds=60)
#: How long the disruption controller may take to hear what we have heard: that a Pod is not Ready.
HEARD: Final = timedelta(seconds=2)


#: A Pod event makes the disruption controller count one of the Pod's budgets, any one (getPdbForPod); the others keep
#: numbers that are out of date. An entry for a Pod that does not exist makes it count, and is gone then.
COUNT_AGAIN: Final = "inplace.dev-count-again"
PATIENCE: Final = timedelta(seconds=5)
_SHORT: Final = (ReasonCode.DisruptionBudget, ReasonCode.Reserving)


def is_short(waiting: Iterable[Reason]) -> bool:
    """Whether Pods wait for a budget that has nothing to give."""
    return any(one.code in _SHORT for one in waiting)


def due(snapshot: Snapshot, waiting: Iterable[Reason], now: datetime) -> datetime | None:
    """When the wait for a budget is over its deadline; it goes on all the same, but is no progress any more."""
    if not is_short(waiting):
        return None
    return (snapshot.short_since or now) + timedelta(seconds=snapshot.parsed.settings.progress_deadline_seconds)


def overdue(snapshot: Snapshot, waiting: Iterable[Reason], now: datetime) -> Reason | None:
    """The wait for a budget that is."""
    kept = tuple(waiting)
    over = due(snapshot, kept, now)
    if over is None or now < over:
        return None
    return next(one for one in kept if one.code in _SHORT)


class Reservations:
    """What one plan keeps and takes. Ask for each Pod that is granted its start, then carry out `actions`."""

    def __init__(self, snapshot: Snapshot, all_members: Iterable[PodAssessment], now: datetime) -> None:
        self._now = now
        names_ = {pod.name for pod in snapshot.pods}
        #: By uid of the budget: the Pods for which we took something, of this workload and of others.
        self._ours = {uid: taken & names_ for uid, taken in snapshot.reserved.items()}
        self._others = {uid: taken - names_ for uid, taken in snapshot.reserved.items()}
        self._sights = snapshot.sights
        self._pending = snapshot.pending
        respected = snapshot.parsed.settings.disruption_budgets is DisruptionBudgets.RESPECT
        self._budgets = snapshot.budgets if respected else ()
        self._all = snapshot.budgets
        self._drains = snapshot.parsed.settings.drain is not DrainPolicy.NEVER
        #: By uid of the budget: the Pods whose entry is to stand.
        self._kept: dict[str, set[str]] = {one.metadata.uid: set() for one in self._all}
        self._taken: Counter[str] = Counter()
        self._asked_to_count = snapshot.counted_again
        self._doubted: set[str] = set()
        for one in all_members if self._all else ():
            self._keep_in_flight(one.pod)

    def ask(self, pod: Pod) -> Reason | None:
        """Why a Pod does not begin: its budgets are still to be asked, or have nothing to give. One that is not Ready
        takes nothing from them.
        """
        if not pod.ready:
            return None
        mine = [one for one in self._budgets if selectors.matches(one.spec.selector, pod.metadata.labels)]
        lacking = [one for one in mine if not self._holds(one, pod)]
        for one in lacking:
            why = self._refuses(one, pod)
            if why is not None:
                self._doubted.update([one.metadata.uid] if len(mine) > 1 else ())
                return Reason(ReasonCode.DisruptionBudget, f"poddisruptionbudgets[{one.metadata.name}]", why)
        for one in mine:
            self._kept[one.metadata.uid].add(pod.name)
        for one in lacking:
            self._taken[one.metadata.uid] += 1
        if lacking:
            which = ", ".join(one.metadata.name for one in lacking)
            return Reason(ReasonCode.Reserving, "", f"reserving from PodDisruptionBudget {which}")
        return None

    @property
    def actions(self) -> tuple[ReserveDisruptions, ...]:
        """One write for each budget whose entries are to change."""
        changed = (self._change(one) for one in self._all if one.metadata.uid not in self._pending)
        return tuple(one for one in changed if one is not None)

    @property
    def untils(self) -> list[datetime | None]:
        """When the next entry is to be renewed."""
        unready = (sight.unready_at + HEARD for sight in self._sights.values() if sight.unready_at is not None)
        heard = [at for at in unready if at > self._now] if self._all else []
        asked = (at + PATIENCE for uid, at in self._asked_to_count.items() if uid in self._doubted)
        return [
            *heard,
            *(at for at in asked if at > self._now),
            min(
                (at + RENEW for one in self._all for at in self._own(one).values() if at + RENEW > self._now),
                default=None,
            ),
        ]

    # --- what is to stand -------------------------------------------------------------------------------------------

    def _keep_in_flight(self, pod: Pod) -> None:
        """What a Pod in flight still takes; where a write of ours is under way, all is left as it is."""
        needs = self._is_missed(pod)
        for one in self._all:
            uid = one.metadata.uid
            if pod.uid in self._pending and pod.name in self._own(one):
                self._kept[uid].add(pod.name)
            elif needs and self._budgets and selectors.matches(one.spec.selector, pod.metadata.labels):
                self._kept[uid].add(pod.name)
                self._taken[uid] += pod.name not in one.status.entries

    def _is_missed(self, pod: Pod) -> bool:
        """Whether a Pod is in flight and the disruption controller would not know by itself that it does not serve."""
        record = records.read(pod)
        if not isinstance(record, Record) or not record.in_flight or pod.metadata.deletion_timestamp is not None:
            return False
        if pod.ready or not (self._drains and pod.has_gate(names.GATE)):
            return True
        sight = self._sights.get(pod.uid)
        return sight is None or sight.unready_at is None or self._now < sight.unready_at + HEARD

    def _own(self, one: Pdb) -> dict[str, datetime]:
        """The entries that are ours and stand: those that were written by us, and those of Pods in flight."""
        ours = self._ours.get(one.metadata.uid, frozenset())
        kept = self._kept[one.metadata.uid]
        return {name: at for name, at in one.status.entries.items() if name in ours or name in kept}

    def _holds(self, one: Pdb, pod: Pod) -> bool:
        stands = pod.name in one.status.entries
        return stands and pod.name in self._ours.get(one.metadata.uid, frozenset())

    def _refuses(self, one: Pdb, pod: Pod) -> str | None:
        meta, status = one.metadata, one.status
        if meta.uid in self._pending:
            return None  # it is being asked
        if pod.name in status.entries:
            return f"PodDisruptionBudget {meta.name} has an eviction of this Pod under way"
        if status.observed_generation < meta.generation:
            return f"PodDisruptionBudget {meta.name} was changed, and its controller has not looked at it yet"
        if status.disruptions_allowed - self._taken[meta.uid] <= 0:
            return f"PodDisruptionBudget {meta.name} allows no disruption now"
        return None

    def _change(self, one: Pdb) -> ReserveDisruptions | None:
        uid, entries = one.metadata.uid, one.status.entries
        own, wanted = self._own(one), self._kept[uid]
        second = self._now.replace(microsecond=0)
        kept = {name: at for name, at in entries.items() if name not in own or name in wanted}
        renewed = {name: second for name, at in own.items() if name in wanted and self._now >= at + RENEW}
        taken = dict.fromkeys(wanted - entries.keys(), second)
        again = {COUNT_AGAIN: second} if self._is_to_count(uid) else {}
        after = {**kept, **renewed, **taken, **again}
        if after == entries:
            return None
        allowed = max(0, one.status.disruptions_allowed - len(taken))
        ours = (own.keys() & wanted) | taken.keys() | self._others.get(uid, frozenset())
        return ReserveDisruptions(one, after, allowed, frozenset(ours), again=bool(again))

    def _is_to_count(self, uid: str) -> bool:
        """Whether what a budget says may be out of date, and its controller was not asked lately."""
        asked = self._asked_to_count.get(uid)
        return uid in self._doubted and (asked is None or self._now >= asked + PATIENCE)
