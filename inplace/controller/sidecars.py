"""An upgrade of injected containers, from its first write to its last: look, decide, write, until nothing is left.

It is the loop of a command and lives as long as that; its state is on the Pods. Writes go the way of the controller's
(`apply`), so that one that fails rests, one without an answer is settled, and a stale cache disrupts nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from typing import Final

from inplace.cluster.fleet import Fleet
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.controller.apply import Applier
from inplace.core.actions.actions import PodAction
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import sidecars
from inplace.core.plan.sidecars import Look, Member, Order
from inplace.core.pod import lifecycle
from inplace.core.pod.states import Failed, InProgress, Pending, UpToDate
from inplace.core.rollout.snapshot import Snapshot
from inplace.runtime.observe import NullObserver
from inplace.runtime.waiting import wait_at_most

#: The longest time between two looks, in seconds.
LOOK_SECONDS: Final = 1.0
#: A command has no lease to lose: none of its requests is shortened by one.
_NO_LEASE: Final = 3600.0


class End(Enum):
    """How an upgrade has ended."""

    DONE = auto()
    PAUSED = auto()
    FAILED = auto()


def look(fleet: Fleet, memory: Memory, asked: Order) -> tuple[list[Look], list[Pod]]:
    """The selected Pods with the container, by workload; and those of no workload that could be upgraded."""
    groups, strangers = fleet.groups(asked.container, memory)
    now = fleet.clock.now()
    return [sidecars.look(group.snapshot, group.pods, asked, now) for group in groups], strangers


def words(member: Member) -> str:
    """Where a Pod stands."""
    why = lifecycle.explain(member.state)
    match member.state:
        case UpToDate():
            return f"done: {member.live}" if why is None else f"{why.code}: {member.live}, {why}"
        case Failed(reason=reason):
            return f"failed: {reason.code}: {reason}"
        case Pending():
            return f"begins: {member.live} -> {member.image}"
        case _:
            return f"{why.code}: {why}" if why is not None else member.live


class Upgrade:
    """From the first write to the last. Lives as long as the command."""

    def __init__(
        self,
        fleet: Fleet,
        memory: Memory,
        changed: asyncio.Event,
        asked: Order,
        tell: Callable[[str], None],
        *,
        max_disrupted: int,
    ) -> None:
        self._fleet, self._memory, self._changed, self._asked = fleet, memory, changed, asked
        self._say, self._max_disrupted = tell, max_disrupted
        self._paused = False
        self._said: dict[str, str] = {}
        self._moved_at = fleet.clock.monotonic()
        self._applier = Applier(
            fleet.client, memory, self._recheck, NullObserver(), lambda _, event: None,
            lambda _, delay: changed.set(), lambda: _NO_LEASE,
        )  # fmt: skip

    async def run(self) -> End:
        """Until nothing is to be done any more, or nothing goes on."""
        async with asyncio.TaskGroup() as group:
            writes = group.create_task(self._applier.run())
            await asyncio.sleep(0)  # it has to own its tasks before the first is submitted
            try:
                return await self._upgrade()
            finally:
                await self._applier.finish()
                writes.cancel()

    def pause(self) -> None:
        """Begin nothing more, and end when the Pods in flight are done."""
        self._paused = True
        self._changed.set()

    @property
    def is_paused(self) -> bool:
        """Whether it begins nothing more."""
        return self._paused

    async def _upgrade(self) -> End:
        while True:
            self._changed.clear()
            found, _ = look(self._fleet, self._memory, self._asked)
            looks = [one for one in found if one.objection is None]
            hold = self._hold(looks)
            deferred = self._submit(looks, hold)
            self._tell(looks, deferred)
            end = self._over(looks, hold, deferred)
            if end is not None:
                return end
            await wait_at_most(self._changed, LOOK_SECONDS)

    def _hold(self, looks: list[Look]) -> Reason | None:
        """Why no Pod begins."""
        if self._paused:
            return Reason(ReasonCode.Paused, "", "the command begins no more")
        failed = sum(len(look.failed) for look in looks)
        if failed > self._asked.settings.max_failures:
            why = f"failed: {failed}, more than --max-failures {self._asked.settings.max_failures}"
            return Reason(ReasonCode.WorkloadDegraded, "", why)
        if self._fleet.problem is not None:
            return Reason(ReasonCode.CacheStale, "", f"out of date: {self._fleet.problem}")
        return None

    def _submit(self, looks: list[Look], hold: Reason | None) -> dict[str, Reason]:
        """Start the writes of this look; returns why Pods that could begin do not, by namespace and name."""
        writing = len(self._memory.writing)
        room = self._max_disrupted - sum(look.in_flight for look in looks) - writing
        deferred = dict[str, Reason]()
        for look in looks:
            decision = sidecars.decide(look, hold, room)
            meta = look.snapshot.workload.metadata
            for action in decision.actions:
                self._applier.submit(Key(look.snapshot.kind.name, meta.namespace, meta.name), look.snapshot, action)
            begun = sum(isinstance(one.state, Pending) for one in look.members) - len(decision.deferred)
            room -= max(0, begun)
            deferred |= {f"{meta.namespace}/{name}": why for name, why in decision.deferred.items()}
        return deferred

    def _tell(self, looks: list[Look], deferred: dict[str, Reason]) -> None:
        """A line for each Pod whose state has changed."""
        for look in looks:
            for member in look.members:
                name = f"{member.pod.metadata.namespace}/{member.pod.name}"
                why, line = deferred.get(name), words(member)
                line = f"waits: {why.code}: {why}" if why is not None else line
                before, stage = self._said.get(name), line.partition(": ")[0]
                if before != stage:
                    if before is not None or not member.is_done:
                        self._say(f"{name}: {line}")
                    self._said[name] = stage
                    self._moved_at = self._fleet.clock.monotonic()

    def _over(self, looks: list[Look], hold: Reason | None, deferred: dict[str, Reason]) -> End | None:
        """How it has ended, if nothing is to be done any more, or nothing goes on."""
        members = [member for look in looks for member in look.members if member.refused is None]
        if self._memory.is_unsettled or any(isinstance(one.state, InProgress) for one in members):
            return None
        failed = sum(len(look.failed) for look in looks)
        left = [one for one in members if not one.is_done and not isinstance(one.state, Failed)]
        done = sum(one.is_done for one in members)
        if not left or (hold is not None and hold.code != ReasonCode.CacheStale):
            self._say(f"{done} of {len(members)} Pods done" + (f", {failed} failed" if failed else ""))
            return End.FAILED if failed else End.PAUSED if left else End.DONE
        patience = self._asked.settings.progress_deadline_seconds
        if self._fleet.clock.monotonic() < self._moved_at + patience:
            return None
        self._say(f"nothing has gone on for {patience} s; {done} of {len(members)} Pods done")
        return End.FAILED

    def _recheck(self, snapshot: Snapshot, live: Pod, now: datetime) -> PodAction | None:
        """The action on a Pod as it was read just now."""
        found = sidecars.look(snapshot, (live,), self._asked, now).members
        state = found[0].state if found else None
        return state.action if isinstance(state, Pending | InProgress | Failed) else None
