"""One Pod, worked on by a command with its user's own rights: looks, writes, and looks again until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from inplace.cluster import send
from inplace.cluster.tries import words
from inplace.core.actions import patches
from inplace.core.actions.actions import Abort, CloseGate, Complete, DryRunPatch, PodAction, RecordFailure
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.times import told
from inplace.core.pod import restarting
from inplace.core.pod.observation import PodObservation, observe
from inplace.core.pod.restarting import Asked
from inplace.core.pod.states import Failed, Ineligible, InProgress, Pending, PodState
from inplace.core.settings.annotations import DrainPolicy
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import (
    Conflict,
    Denied,
    Forbidden,
    KubeError,
    NotFound,
    PreconditionFailed,
    Rejected,
    ServerError,
    Throttled,
    Unauthorized,
    Unexpected,
    Unreachable,
)
from inplace.kube.reflector import Reflector
from inplace.kube.store import Store

#: The time between two looks.
LOOK_SECONDS: Final = 0.5
#: The pause before the server is asked again that has not answered.
AWAY_SECONDS: Final = 2.0
#: How many short looks a write may take to be seen; after that its own tests tell.
SHOWN_LOOKS: Final = 50
#: How often a write may fail because the Pod has changed since it was read.
RACES: Final = 20


class PodLost(KubeError):
    """The Pod is another by now, or somebody else changes it all the time."""


class Single:
    """The restart of containers of one Pod."""

    def __init__(
        self, client: Client, namespace: str, name: str, uid: str, asked: Asked, *, say: Callable[[str], None]
    ) -> None:
        self._client = client
        self._namespace, self._name, self._uid = namespace, name, uid
        self._asked = asked
        self._say = say
        self._pod: Pod | None = None
        self._observation: PodObservation | None = None
        self._node: Node | None = None
        self._slices = True
        self._races = 0
        self._said = ""
        self._begun = self._tried = self._wrote = False
        #: When to wait no longer for what another command has begun, and when that was.
        self._gives_up_at = client.clock.now() + timedelta(seconds=asked.settings.progress_deadline_seconds)
        self._followed_at: datetime | None = None

    async def run(self) -> Record | Reason:
        """Restart: the record of its end, Done or Failed; or why it is not begun. Done is a Pod that serves.

        Raises what the client raises, and PodLost, in an ExceptionGroup. The deadline in the record ends every wait.
        """
        store: Store[Pod] = Store(
            key=lambda pod: (self._namespace, pod.name), version=lambda pod: pod.metadata.resource_version
        )
        watch = Reflector(
            self._client,
            resources.PODS,
            store,
            Pod,
            namespace=self._namespace,
            on_change=self._saw,
            clock=self._client.clock,
            fatal=(Forbidden,),
        )
        self._node = await self._read_node((await self._read()).spec.node_name)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(watch.run())
            await watch.wait_answered()
            try:
                return await self._until_over()
            finally:
                task.cancel()

    def _saw(self, _old: Pod | None, new: Pod | None, _initial: bool) -> None:
        """Every state of the Pod counts as evidence, so it is watched, not looked at now and then."""
        if new is not None and new.name == self._name:
            self._pod = new
            self._observation = observe(self._observation, new, self._client.clock.now(), serving=True)

    async def _until_over(self) -> Record | Reason:
        """Once it has begun, a server that does not answer is waited for: the Pod may be out of service by now."""
        while True:
            try:
                return await self._until_over_or_away()
            except (Unreachable, Unexpected, ServerError, Throttled, Unauthorized) as error:
                record = records.of(self._pod, self._asked.workload) if self._pod is not None else None
                if not self._begun or not isinstance(record, Record) or not record.in_flight:
                    raise
                if self._client.clock.now() >= record.deadline:
                    raise
                self._tell(f"note: {error}; trying again until {told(record.deadline)}")
                await self._client.clock.sleep(AWAY_SECONDS)

    async def _until_over_or_away(self) -> Record | Reason:
        while True:
            pod = await self._current()
            record = records.of(pod, self._asked.workload)
            if self._begun and not isinstance(record, Record):
                raise PodLost(f"the record of the restart of pod/{self._name} was removed by somebody else")
            if self._begun and isinstance(record, Record) and restarting.is_end(record, self._asked):
                return await self._served(record)  # ended by the controller, at the deadline, or by another command
            swapped = restarting.swapping(pod, self._asked)
            if swapped is not None and not (self._begun and restarting.covers(swapped, self._asked)):
                refused = await self._followed(pod, swapped)
                if refused is not None:
                    return refused
                continue
            state = restarting.step(pod, self._asked, self._observation, self._client.clock.now(), self._node)
            if isinstance(state, Ineligible):
                return state.reason
            ended = await self._tried_out(pod, state) or await self._act(state)
            if isinstance(ended, Record):
                return await self._served(ended)
            if ended is not None:
                return ended
            await self._client.clock.sleep(LOOK_SECONDS)

    async def _followed(self, pod: Pod, record: Record) -> Reason | None:
        """Go on with what another command has begun: it is ours if it restarts what we are to restart, and goes first
        if it does not. Returns why that is waited for no longer.
        """
        which = ", ".join(name for name in record.containers if pod.container(name) is not None) or "no container"
        what = f"a restart of {which} by another command, begun at {told(record.started_at)},"
        self._begun = restarting.covers(record, self._asked)
        if self._begun:
            self._say(f"{what} is under way: going on with it")
            return None
        if self._followed_at != record.started_at:
            self._followed_at = record.started_at
            self._say(f"{what} is under way: it is ended first")
        state = restarting.step(pod, self._asked, self._observation, self._client.clock.now())
        if isinstance(state, Ineligible):
            return state.reason
        await self._act(state)
        self._begun = False  # what has ended was not ours
        if self._client.clock.now() >= self._gives_up_at:
            return Reason(ReasonCode.PendingWrite, "", f"{what} has not ended; it does by {told(record.deadline)}")
        await self._client.clock.sleep(LOOK_SECONDS)
        return None

    async def _served(self, ended: Record) -> Record:
        """The record of the end, once the Pod is Ready, for as long as was asked for; else how it failed to be."""
        while ended.phase is PodPhase.DONE:
            pod = self._pod
            if pod is None or pod.uid != self._uid:
                raise PodLost(f"pod/{self._name} is gone, or was replaced by another of its name")
            state = restarting.settling(pod, ended, self._asked, self._observation, self._client.clock.now())
            if isinstance(state, Failed):
                reason = state.reason
                return replace(ended, phase=PodPhase.FAILED, reason=reason.code, message=str(reason))
            wait = restarting.wait_of(state)
            if wait is None:
                break
            self._tell(wait.message)
            await self._client.clock.sleep(LOOK_SECONDS)
        return ended

    async def _tried_out(self, pod: Pod, state: PodState) -> Reason | None:
        """Why the API server would not take the patch: asked before the Pod is taken out of service for it."""
        if self._tried or not isinstance(state, Pending):
            return None
        try:
            refused = await self._ask(pod)
        except (Conflict, PreconditionFailed):
            return None  # the write that follows tests the same, and its next look asks again
        self._tried = True
        return refused

    async def _ask(self, pod: Pod) -> Reason | None:
        images = restarting.images_of(pod, self._asked)
        return await send.ask(self._client, DryRunPatch(pod, images, ""), self._client.clock.now())

    async def _current(self) -> Pod:
        """The Pod as it was seen last; whether it still gets traffic is asked while that matters."""
        pod = self._pod
        if pod is None or pod.uid != self._uid:
            raise PodLost(f"pod/{self._name} is gone, or was replaced by another of its name")
        record = records.of(pod, self._asked.workload)
        drained = isinstance(record, Record) and record.phase is PodPhase.DRAINING and not pod.ready
        if drained and not await self._serves(pod):
            self._observation = observe(self._observation, pod, self._client.clock.now())
        return pod

    async def try_out(self) -> Reason | None:
        """Why it would not begin, or why the API server would not take the patch; None if nothing is against it."""
        pod = await self._read()
        node = await self._read_node(pod.spec.node_name)
        state = restarting.step(pod, self._asked, None, self._client.clock.now(), node)
        if isinstance(state, Ineligible):
            return state.reason
        return await self._ask(pod)

    async def let_go(self) -> bool:
        """The command ends early: a Pod that is only drained goes back into service. Returns whether it was that."""
        self._pod = pod = await self._read()
        record = records.of(pod, self._asked.workload)
        if not self._wrote or pod.uid != self._uid or not isinstance(record, Record) or record.is_ours:
            return False
        if record.phase is not PodPhase.DRAINING or record.containers:
            return False
        await send.send(self._client, patches.build(Abort(pod), self._client.clock.now()))
        self._begun = self._wrote = False
        return True

    @property
    def left(self) -> str | None:
        """What the Pod is left in, if the command ends now; None: nothing that it has begun."""
        pod = self._pod
        record = records.of(pod, self._asked.workload) if pod is not None and pod.uid == self._uid else None
        if not self._wrote or not isinstance(record, Record) or not record.in_flight or record.is_ours:
            return None
        out = "is left out of service" if record.phase is PodPhase.DRAINING else "is left while its containers restart"
        ends = f"until {told(record.deadline)}; then a controller ends it, or the same command, called again, goes on"
        return f"pod/{self._name} {out} {ends}"

    async def _read(self) -> Pod:
        return await self._client.get(resources.PODS, self._name, self._namespace, type=Pod)

    async def _read_node(self, name: str) -> Node | None:
        try:
            return await self._client.get(resources.NODES, name, type=Node) if name else None
        except Forbidden:
            self._say("note: cannot get nodes: whether the node has what the Pod's status tells is unknown")
        except NotFound:
            pass
        return None

    async def _serves(self, pod: Pod) -> bool:
        if not self._slices:
            return False
        try:
            found = await self._client.list(resources.ENDPOINTSLICES, self._namespace, type=EndpointSlice)
        except Forbidden:
            self._slices = False
            self._say("note: cannot list endpointslices: whether the Pod still receives traffic is unknown")
            return False
        return any(pod.uid in one.targets() for one in found.items)

    async def _act(self, state: PodState) -> Record | Reason | None:
        """Make the write that is due; returns how it ended, if that write was the last."""
        action: PodAction | None = state.action if isinstance(state, Pending | InProgress | Failed) else None
        wait = restarting.wait_of(state)
        if wait is not None:
            self._tell(wait.message)
        if action is None:
            return None
        if isinstance(action, Complete | RecordFailure):
            action = replace(action, record=self._asked.kept(action.record, self._client.clock.now()))
        self._wrote = True  # whatever becomes of it: it may have been carried out without an answer
        try:
            version = await send.send(self._client, patches.build(action, self._client.clock.now()))
            await self._shown(version)
            self._begun = True
            if isinstance(action, Complete | RecordFailure):
                return action.record
        except Denied:
            if not isinstance(action, CloseGate) or self._asked.settings.drain is DrainPolicy.NEVER:
                raise
            self._say("note: pods/status may not be written (role inplace-operator): it restarts without a drain")
            settings = replace(self._asked.settings, drain=DrainPolicy.NEVER)
            self._asked = replace(self._asked, settings=settings)
        except (Conflict, PreconditionFailed):
            self._raced()
        except Rejected as error:
            if self._begun and not await self.let_go():
                raise
            return Reason(ReasonCode.AdmissionRejected, "", words(error))
        return None

    def _tell(self, text: str) -> None:
        """Say what has not just been said."""
        if text != self._said:
            self._said = text
            self._say(text)

    async def _shown(self, version: str) -> None:
        """Wait until the watch shows a write of ours; what comes later shows it as well."""
        for _ in range(SHOWN_LOOKS):
            if self._pod is None or int(self._pod.metadata.resource_version or 0) >= int(version or 0):
                return
            await self._client.clock.sleep(LOOK_SECONDS / 5)

    def _raced(self) -> None:
        self._races += 1
        if self._races > RACES:
            raise PodLost(f"pod/{self._name} changed at each of {RACES} attempts to write it")
