"""Plays a story: its moves, the calm, the owner who mends, the opt-out and an undo; with us, and without.

Without us the same moves are made, but for those that only we know, and those that were refused with us.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from msgspec.structs import replace

from inplace.cluster.tries import Ending
from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from inplace.kube.errors import KubeError
from kubesim.api import kinds
from tests import virtual_time
from tests.campaign import kubectl
from tests.campaign.kubectl import Refused
from tests.campaign.ledger import is_at, is_ready
from tests.campaign.stage import Stage, opened
from tests.campaign.story import BAD, LAST, Intent, Move, Story, beginning
from tests.campaign.trace import Sight, Trace, status_of
from tests.campaign.vocabulary import VERBS, intended, possible

#: Seconds between looks, how long all must be well until it counts, and how long all is waited for beyond a deadline.
LOOK = 4.0
WELL = 12.0
#: How long nothing has to have changed until it never will.
STILL = 140.0
BEYOND = 420.0
#: How long a write that got no answer may rest.
RESTS = Ending.UNANSWERED.pause(failures=100).total_seconds()
#: From so many seconds without a move on the judges look.
QUIET = 50.0
#: Phases that may stand for ever.
STANDING = frozenset(
    {Phase.UP_TO_DATE, Phase.REFUSED, Phase.PAUSED, Phase.AWAITING_PROMOTION, Phase.DEGRADED, Phase.ROLLED_BACK}
)
#: Settings that keep Pods back, or say that nothing is to begin; the owner takes them away at the end.
HOLDS = ("paused", "steps", "partition", "drain", "max-unavailable", "max-failures", "on-failure", "gates")
#: Strategies by which the native controller keeps Pods back, or that we refuse.
HOLDING = ("canary", "ondelete", "recreate")


def play(story: Story, *, ours: bool, refused: Collection[int] = ()) -> Trace:
    """What comes of a story. `refused`: the moves that are not made, because they were refused in another run."""
    return virtual_time.run(_play(story, ours=ours, refused=refused))


async def _play(story: Story, *, ours: bool, refused: Collection[int]) -> Trace:
    async with opened(story, ours=ours) as stage:
        player = _Player(stage, story, refused)
        try:
            await player.all()
        except AssertionError as error:
            player.trace.broken = f"{error}"
        except _HotLoop:
            pass  # the judge of requests has enough
        player.trace.entries = stage.ledger.entries
        player.trace.alarms = stage.alarms.heard
        player.trace.broken = player.trace.broken or stage.broken()
        return player.trace


class _HotLoop(Exception):
    """There is nothing to wait for."""


class _Player:
    def __init__(self, stage: Stage, story: Story, refused: Collection[int]) -> None:
        self._stage = stage
        self._story = story
        self._refused = refused
        self._intent = beginning(story.start)
        self.trace = Trace(story, stage.ours)

    async def all(self) -> None:
        """Everything."""
        await self._begin()
        for number, move in enumerate(self._story.moves):
            await self._make(number, move)
        await self._calm()
        for last in LAST:
            await self._mend(last)
        await self._opt_out()
        await self._undo()

    # --- the story --------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        stage = self._stage
        if self._intent.policies:
            await stage.install_policies(True)
        if stage.ours:
            await stage.start_controller()
        if self._intent.kind == "DaemonSet":
            await stage.resize(self._intent.replicas)
        self._wants(self._intent)
        await kubectl.create(stage, kubectl.manifest(stage, self._intent))
        await self._settle(60.0)

    def _wants(self, intent: Intent) -> None:
        self._intent = intent
        self.trace.intents.append((self._stage.clock.monotonic(), intent))

    async def _make(self, number: int, move: Move) -> None:
        verb, stage = VERBS[move.verb], self._stage
        if not possible(self._intent, move) or number in self._refused:
            return
        wanted = intended(self._intent, move)
        if stage.ours or not verb.ours:
            before = self._intent
            self._wants(wanted)  # the judges must not take the consequences for ours alone
            try:
                await verb.act(stage, wanted, move.argument)
            except (Refused, KubeError) as error:
                self.trace.refused[number] = stage.clock.monotonic(), str(error)
                self._wants(before)
        else:
            self._wants(wanted)
        await self._sleep(move.wait)
        if move.wait >= QUIET:
            self._look(f"after move {number}", move.wait)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _calm(self) -> None:
        """Nothing is amiss any more."""
        stage, intent = self._stage, self._intent
        stage.refusals.clear()
        stage.cluster.catalogue.unreachable = frozenset()
        for number in intent.away:
            stage.find_node(number)
        if not intent.alive and stage.ours:
            await stage.start_controller()
        self._wants(replace(intent, registry=True, away=(), refused=(), alive=True))
        began = stage.clock.monotonic()
        if any(move.verb == "refuse" and move.argument.endswith(("timeout", "lost")) for move in self._story.moves):
            await self._sleep(RESTS)
        # A retry that was asked for before a Pod fails counts when it does, and gives it its time once more.
        times = 2 if any(move.verb == "retry" for move in self._story.moves) else 1
        await self._settle(times * self._intent.deadline + BEYOND)
        self._look("calm", stage.clock.monotonic() - began)

    async def _mend(self, last: str) -> None:
        """The owner sets an image that runs, takes away what holds Pods back, and opts in if he had ever."""
        stage, before = self._stage, self._intent
        self._wants(_mended(before, last, [intent for _, intent in self.trace.intents]))
        intent = self._intent
        if before.min_available is not None:
            await kubectl.delete(stage, kinds.PDBS, "web")
        if intent.replicas != before.replicas:
            await stage.resize(intent.replicas)
        if before.paused:
            with suppress(Refused):  # a file that is replaced has taken the pause away
                await kubectl.pause(stage, False)
        if intent.opted_in and stage.ours and self._has_failed():
            await kubectl.metadata(stage, "annotations", names.RETRY, last)
        body = kubectl.manifest(stage, intent)
        if intent.lifted == before.lifted:
            body["spec"].pop(stage.flavour.strategy, None)
        # An apply does not take away what a file had that was replaced: nothing remembers that it was applied.
        gone = {names.PREFIX + key: None for key in {*before.settings, *HOLDS} if key not in intent.settings}
        annotations = {**body["metadata"]["annotations"], **gone}
        await kubectl.patch(stage, {**body, "metadata": {**body["metadata"], "annotations": annotations}})
        began = stage.clock.monotonic()
        await self._settle(self._intent.deadline + BEYOND)
        self._look(f"mended {last}", stage.clock.monotonic() - began)

    async def _opt_out(self) -> None:
        stage = self._stage
        self._wants(replace(self._intent, mode=None))
        await kubectl.metadata(stage, "labels", names.MODE, None)
        await self._settle(60.0)
        self._look("opted out", 60.0)

    async def _undo(self) -> None:
        self._wants(self._intent)
        try:
            await kubectl.undo(self._stage)
        except (Refused, KubeError) as error:
            self.trace.refused[-1] = self._stage.clock.monotonic(), str(error)
        await self._settle(120.0)
        self._look("undone", 60.0)

    # --- waiting and looking ----------------------------------------------------------------------------------------

    async def _settle(self, longest: float) -> None:
        """Wait until all has been well for a while, or until a wait for somebody has stood for long, or in vain."""
        clock = self._stage.clock
        end, well, still, last = clock.monotonic() + longest, 0.0, 0.0, self._standing()
        while clock.monotonic() < end and well < WELL and still < STILL:
            await self._sleep(LOOK)
            well = well + LOOK if self._is_well() else 0.0
            now = self._standing()
            still, last = (still + LOOK if now == last and now is not None else 0.0), now

    async def _sleep(self, seconds: float) -> None:
        """Let time pass. Raises _HotLoop."""
        while seconds > 0:
            await self._stage.clock.sleep(min(seconds, LOOK))
            seconds -= LOOK
            if self._stage.ledger.is_hot():
                raise _HotLoop

    def _standing(self) -> object:
        """What people see, if it may stay as it is for ever; None if it may not."""
        found, pods = self._stage.workload_tree(), self._stage.ledger.pods()
        versions = [pod["metadata"]["resourceVersion"] for pod in pods]
        if found is None or not self._stage.ours:
            return versions
        status = status_of(found)
        if status is None or status.phase not in STANDING:
            return None
        if any(one.code is ReasonCode.FreezeContested for one in status.reasons):
            return None
        return versions, status.phase, status.message

    def _has_failed(self) -> bool:
        """Whether `inplace retry` makes sense."""
        found = self._stage.workload_tree()
        status = status_of(found) if found is not None else None
        return status is not None and status.phase in {Phase.DEGRADED, Phase.ROLLED_BACK}

    def _is_well(self) -> bool:
        stage, found = self._stage, self._stage.workload_tree()
        if found is None:
            return False
        pods = stage.ledger.pods()
        template = found["spec"]["template"]
        alike = self._intent.kind == "ReplicaSet" and not self._intent.opted_in
        if len(pods) != self._intent.replicas or not all(
            is_ready(pod) and (alike or is_at(pod, template)) for pod in pods
        ):
            return False
        if not stage.ours:
            return True
        if self._intent.opted_in:
            status = status_of(found)
            return status is not None and status.phase is Phase.UP_TO_DATE
        return names.STATUS not in (found["metadata"].get("annotations") or {})

    def _look(self, name: str, quiet: float) -> None:
        stage, ledger = self._stage, self._stage.ledger
        quiet = min(quiet, max(0.0, stage.clock.monotonic() - stage.restored_at))
        everything = [one for kind in (kinds.PODS, kinds.REVISIONS, *kinds.TEMPLATED) for one in ledger.objects(kind)]
        self.trace.sights.append(
            Sight(
                name=name,
                at=stage.clock.monotonic(),
                quiet=quiet,
                intent=self._intent,
                workload=stage.workload_tree(),
                pods=ledger.pods(),
                helpers=ledger.helpers(),
                sets=ledger.objects(kinds.REPLICASETS),
                revisions=ledger.objects(kinds.REVISIONS),
                history=kubectl.history(stage),
                every=everything,
                entries=len(ledger.entries),
            )
        )


def _mended(intent: Intent, last: str, earlier: list[Intent]) -> Intent:
    """What the owner wants at the end: a change that needs new Pods stays, and is left to the native rollout."""
    settings = {key: text for key, text in intent.settings.items() if key not in HOLDS}
    strategy = "one" if intent.commit.strategy in HOLDING else intent.commit.strategy
    sidecar = "v1" if intent.commit.sidecar in BAD else intent.commit.sidecar
    commit = replace(intent.commit, tag=last, sidecar=sidecar, settings=settings, strategy=strategy)
    lifted = intent.lifted + (intent.paused or strategy != intent.commit.strategy)
    mode = intent.mode or ("InPlaceOnly" if any(one.opted_in for one in earlier) else None)
    if mode is not None and any(one.commit.env or one.restarted for one in earlier):
        mode = "InPlaceIfPossible"
    size = intent.replicas or 2
    return replace(intent, commit=commit, replicas=size, mode=mode, paused=False, min_available=None, lifted=lifted)
