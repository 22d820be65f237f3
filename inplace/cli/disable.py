"""`inplace disable`: opt a workload out, with its original strategy restored and nothing of ours left behind.

What the controller does when the label is removed is done here as well, by the same plan: it works without one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

import click
from msgspec.structs import replace

from inplace.cli import errors, select
from inplace.cli.commands import command
from inplace.cli.connect import Ref, run_async, show_unseen
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, with_connection, yes_option
from inplace.cli.say import say
from inplace.cluster import send
from inplace.cluster.live import Live
from inplace.cluster.memory import Memory
from inplace.core.actions import patches
from inplace.core.actions.actions import Action, PatchWorkload, WriteStatus, subject
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.plan import messages, opt_out, plan, readiness_gates
from inplace.core.plan.plan import Planner
from inplace.core.plan.result import Plan
from inplace.core.plan.status import explain
from inplace.core.rollout import changes, freeze
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state.statuses import Phase
from inplace.core.template import trees
from inplace.core.views import gating
from inplace.kube.client import Client
from inplace.kube.errors import Conflict, NotFound, PreconditionFailed
from inplace.runtime.waiting import wait_at_most

#: How long opting out may take, and the longest time between two looks, in seconds.
TIMEOUT_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.5
#: How long the workload's own controller may take to name the revision of its template, in seconds.
REVISION_SECONDS: Final = 10.0


@command("disable")
@select.workloads_argument
@click.option(
    "--force", is_flag=True, help="Disable even if Pods differ from the template: the native rollout replaces them."
)
@dry_run_option
@yes_option
@with_connection
def disable(connection: Connection, workloads: tuple[str, ...], force: bool, dry_run: str, yes: bool) -> int:
    """WORKLOAD is TYPE/NAME. Its own update strategy is restored; no controller has to run. What -l or -A choose is
    listed and asked for.

    Exit codes: 0 disabled, 3 Pods differ from the template, 124 timed out, 1 error.
    """
    return run_async(_disable(connection, workloads, force, dry_run, yes=yes))


async def _disable(connection: Connection, words: tuple[str, ...], force: bool, dry_run: str, *, yes: bool) -> int:
    act = partial(_disable_one, force=force, dry_run=dry_run)
    return await select.run_each(connection, words, act, ask="disable", yes=yes or dry_run != "none")


async def _disable_one(client: Client, ref: Ref, *, force: bool, dry_run: str) -> int:
    clock, left = client.clock, None
    live = Live(client, ref.key)
    memory = Memory(clock, live.cache)
    async with live.watching(memory) as changed:
        show_unseen(live)
        snapshot = await _with_target(live, memory, changed)
        behind = plan.behind(_without_mode(snapshot), clock.now())
        if behind and (force or _is_kept(snapshot, behind)):
            _warn(ref, snapshot, behind, force=force)
            if not force:
                return errors.REFUSED
        if dry_run == "none":
            left = await opted_out(live, memory, changed, force=force)
        elif dry_run == "server":
            await _try_out(live, snapshot, force=force)
    if left is not None:
        return _unfinished(ref, snapshot, left)
    say(f"{ref} disabled{dry_run_suffix(dry_run)}")
    for line in _gate_left(ref, snapshot.workload):
        say(line)
    return errors.OK


async def _try_out(live: Live, snapshot: Snapshot, *, force: bool) -> None:
    """Submit what comes first, without persisting it: the label, and what follows from its absence now. Raises what the
    client raises, such as that it is not allowed."""
    now = live.clock.now()
    first = _next(snapshot, Planner(), now, force=force)
    then = _next(_without_mode(snapshot), Planner(), now, force=force)
    for action in (*first, *(one for one in then if one not in first)):
        with contextlib.suppress(PreconditionFailed, Conflict, NotFound):  # another writer was faster
            await send.send(live.client, patches.build(action, now), dry_run=True)


def _gate_left(ref: Ref, workload: Workload) -> Iterator[str]:
    """How to take the gate out of the template: not before this, for a workload that is opted in refuses the change."""
    gates = trees.items(trees.tree(trees.decode(workload.spec.template).get("spec")).get("readinessGates"))
    for index, gate in enumerate(gates):
        if trees.tree(gate).get("conditionType") == names.GATE:
            edit = f'[{{"op": "remove", "path": "/spec/template/spec/readinessGates/{index}"}}]'
            yield f"  the Pod template still has the readiness gate {names.GATE}; before you uninstall inplace:"
            yield f"    kubectl patch {ref} -n {ref.namespace} --type=json -p '{edit}'"
            yield "  which is a native rollout: it replaces the Pods one last time"


async def _with_target(live: Live, memory: Memory, changed: asyncio.Event) -> Snapshot:
    """A look in which the workload's own controller has named its revision; the last one if it does not in time.

    Right after a change of the workload every Pod would count as different from a template that nobody knows yet.
    """
    deadline = live.clock.monotonic() + REVISION_SECONDS
    while True:
        changed.clear()
        snapshot = live.snapshot(memory)
        known = not isinstance(snapshot.kind.target(snapshot.workload, snapshot.revisions), Reason)
        if known or live.clock.monotonic() > deadline:
            return snapshot
        await wait_at_most(changed, LOOK_SECONDS)


def _is_kept(snapshot: Snapshot, behind: list[PodAssessment]) -> bool:
    """Whether the freeze is all that keeps these Pods, and nothing else is to be done for them.

    It is not if somebody has lifted it; and if only the label is gone, Pods in flight are to be ended.
    """
    if snapshot.workload.metadata.label(names.MODE) is not None:
        return True
    return snapshot.kind.held(snapshot.workload) and not opt_out.is_in_flight(behind)


def _replaces(snapshot: Snapshot) -> bool:
    """Whether a native rollout begins without our freeze."""
    kind, workload = snapshot.kind, snapshot.workload
    lifted = not kind.held(workload) and not workload.spec.paused
    return lifted or kind.fall_back(workload) is not None


def _warn(ref: Ref, snapshot: Snapshot, behind: list[PodAssessment], *, force: bool) -> None:
    names_ = ", ".join(pod.pod.name for pod in behind[:5]) + (", …" if len(behind) > 5 else "")
    differ = f"{messages.differing(len(behind))} ({names_})"
    if _replaces(snapshot):
        what = f"the {ref.kind.name} controller {'replaces' if force else 'would replace'} them"
        if force and opt_out.is_in_flight(behind):
            what += ", but for those in flight that have it by then"
    elif snapshot.workload.spec.paused:
        what = f"they {'are' if force else 'would be'} replaced once it is resumed"
    else:
        what = f"no controller {'replaces them: they stay until they are deleted' if force else 'would replace them'}"
    if force:
        say(f"warning: {differ}: {what}", err=True)
        return
    ways = "let the upgrade end, put back the template that they have, or use --force"
    say(f"error: cannot disable {ref}: {differ}", err=True)
    say(f"  {what}: {ways}", err=True)


def _unfinished(ref: Ref, snapshot: Snapshot, left: Plan) -> int:
    """Say what keeps the workload from being opted out, and what to do."""
    if left.status is None or left.status.phase is not Phase.PAUSED:
        say(f"error: timed out waiting for the native rollout of {ref}: run this command again", err=True)
        if gating.is_templated(snapshot.workload):
            say("  until it, or a controller, opens their readiness gate new Pods do not serve", err=True)
        return errors.TIMED_OUT
    say(f"error: {ref} is not disabled yet: {left.status.message}", err=True)
    for pod in left.pods:
        why = explain(pod, left.deferred)
        if why is not None and why.code != ReasonCode.OptOutPending:
            say(f"  {pod.pod.name}: {why.code}: {why}", err=True)
    return errors.REFUSED


async def opted_out(live: Live, memory: Memory, changed: asyncio.Event, *, force: bool) -> Plan | None:
    """Write what opting out takes, look by look, until nothing of ours is left; the last plan if it does not end so.

    That is when Pods have come to differ meanwhile, or when it takes too long.
    """
    clock, planner = live.clock, Planner()
    began = moved = clock.monotonic()
    first, standing = live.snapshot(memory), frozenset[str]()
    behind = bool(plan.behind(_without_mode(first), clock.now()))
    force = force and behind
    replaces = behind and _replaces(first) and (force or not first.kind.held(first.workload))
    while True:
        changed.clear()
        snapshot = live.snapshot(memory)
        gone = snapshot.workload.metadata.label(names.MODE) is None
        awaited = _awaited(snapshot, clock.now(), replaces=replaces)
        if gone and not snapshot.pending and not opt_out.cleanup(snapshot) and not awaited:
            return None
        last, now = planner.plan(snapshot, clock.now()), clock.monotonic()
        is_stuck = gone and not force and last.status is not None and last.status.phase is Phase.PAUSED
        moved = moved if is_stuck else now
        began, standing = (now, awaited) if awaited != standing else (began, standing)
        if now > began + TIMEOUT_SECONDS or now > moved + REVISION_SECONDS:
            return last
        for action in _next(snapshot, planner, clock.now(), force=force):
            try:
                version = await send.send(live.client, patches.build(action, clock.now()))
            except (PreconditionFailed, Conflict, NotFound):
                continue  # another writer was faster, perhaps the controller: look again
            if version:
                memory.wrote(subject(action).uid, version)
        await wait_at_most(changed, LOOK_SECONDS)


def _next(snapshot: Snapshot, planner: Planner, now: datetime, *, force: bool) -> list[Action]:
    """The label first, so that the controller starts nothing more; then what opting out takes.

    With `force` the native controller gets its way first; what it replaces nothing for is left as it is.
    """
    workload = snapshot.workload
    if any(one.metadata.uid in snapshot.pending for one in (workload, *snapshot.owned.children)):
        return []
    if workload.metadata.label(names.MODE) is not None:
        return [PatchWorkload(workload, EventReason.Restored, "opted out", labels={names.MODE: None})]
    if force and workload.metadata.label(names.FROZEN) is not None:
        write = freeze.hand_back(snapshot) or snapshot.kind.fall_back(workload)
        return [write] if write is not None else list(opt_out.cleanup(snapshot))
    planned = planner.plan(snapshot, now).actions
    return [action for action in planned if not isinstance(action, WriteStatus)]


def _awaited(snapshot: Snapshot, now: datetime, *, replaces: bool) -> frozenset[str]:
    """What has to come before nobody needs us: gates that are to be opened, and Pods that are to be replaced (uids).

    Without a controller nobody else opens the gates of the new Pods.
    """
    opening = readiness_gates.opening(snapshot, now)
    awaited = {subject(action).uid for action in opening.actions}
    if opening.due is not None:
        awaited.add(names.GATE)
    if replaces:
        awaited |= {pod.pod.uid for pod in plan.behind(snapshot, now)}
        going = changes.scaled_away(snapshot)
        lasting = [pod for pod in snapshot.pods if pod.uid not in going and pod.metadata.deletion_timestamp is None]
        missing = snapshot.kind.desired(snapshot.workload) - len(lasting)
        awaited |= {f"missing {number}" for number in range(missing)}
    return frozenset(awaited)


def _without_mode(snapshot: Snapshot) -> Snapshot:
    meta = snapshot.workload.metadata
    labels = {key: value for key, value in (meta.labels or {}).items() if key != names.MODE}
    return replace(snapshot, workload=replace(snapshot.workload, metadata=replace(meta, labels=labels)))
