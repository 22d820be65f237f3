"""An upgrade of injected containers, from its first write to its last: look, decide, write, until nothing is left.

It is the loop of a command and lives as long as that; its state is on the Pods. Writes go the way of the controller's
(`apply`), so that one that fails rests, one without an answer is settled, and a stale cache disrupts nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from inplace.cluster.fleet import Fleet
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.controller.apply import Applier
from inplace.core.actions.actions import PodAction
from inplace.core.objects.model import Pod
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import sidecars
from inplace.core.plan.precedence import controller_first
from inplace.core.plan.sidecars import Look, Member, Order
from inplace.core.pod import lifecycle
from inplace.core.pod.states import Failed, Pending, UpToDate
from inplace.core.rollout import quotas
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
    #: Nothing has gone on for the progress deadline.
    STUCK = auto()


def look(fleet: Fleet, memory: Memory | None, asked: Order) -> tuple[list[Look], list[Pod]]:
    """The selected Pods with the container, by workload; and those of no workload that could be upgraded.

    `memory`: of whoever upgrades them; None for who only looks.
    """
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


def tally(looks: list[Look], strangers: list[Pod]) -> str:
    """How many are done, of how many that could be; and what became of the others."""
    members = [one for found in looks if found.objection is None for one in found.members if one.refused is None]
    done, failed = sum(one.is_done for one in members), sum(isinstance(one.state, Failed) for one in members)
    refused = sum(len(found.members) for found in looks) + len(strangers) - len(members)
    rest = [f", {number} {what}" for number, what in ((failed, "failed"), (refused, "refused")) if number]
    return f"{done} of {counted(len(members), 'Pod')} done{''.join(rest)}"


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
        self._began_at = self._moved_at = fleet.clock.monotonic()
        self._applier = Applier(
            fleet.client, memory, self._recheck, NullObserver(), lambda _, event: None,
            lambda _, delay: changed.set(), lambda: _NO_LEASE,
        )  # fmt: skip

    async def run(self) -> End:
        """Until nothing is to be done any more, or nothing goes on."""
        self._memory.infer(self._fleet.selected())
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
            found, strangers = look(self._fleet, self._memory, self._asked)
            looks = [one for one in found if one.objection is None]
            hold = self._hold(looks)
            deferred = self._submit(looks, hold)
            self._tell(looks, deferred)
            end = self._over(looks, hold)
            if end is not None:
                stuck = f"nothing has gone on for {self._patience} s; " if end is End.STUCK else ""
                self._say(stuck + tally(found, strangers))
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
        room = self._max_disrupted - sum(look.in_flight for look in looks)
        deferred = dict[str, Reason]()
        looking = timedelta(seconds=self._fleet.clock.monotonic() - self._began_at)
        for look in looks:
            decision = sidecars.decide(look, hold or controller_first(look.snapshot, look.now, looking), room)
            meta = look.snapshot.workload.metadata
            for action in decision.actions:
                self._applier.submit(Key(look.snapshot.kind.name, meta.namespace, meta.name), look.snapshot, action)
            room -= decision.begun
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

    def _over(self, looks: list[Look], hold: Reason | None) -> End | None:
        """How it has ended, if nothing is to be done any more, or nothing goes on."""
        states = [one.state for look in looks for one in look.members if one.refused is None]
        if self._memory.is_unsettled or any(quotas.underway(state) for state in states):
            return None
        left = any(look.left for look in looks)
        if not left or (hold is not None and hold.code != ReasonCode.CacheStale):
            return End.FAILED if any(look.has_failed for look in looks) else End.PAUSED if left else End.DONE
        waited = self._fleet.clock.monotonic() - self._moved_at
        return None if waited < self._patience else End.STUCK

    @property
    def _patience(self) -> int:
        """How long to wait where nothing goes on, in seconds."""
        return self._asked.settings.progress_deadline_seconds

    def _recheck(self, snapshot: Snapshot, live: Pod, now: datetime) -> PodAction | None:
        """The action on a Pod as it was read just now."""
        return sidecars.recheck(snapshot, live, self._asked, now)
