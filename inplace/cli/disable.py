"""`inplace disable`: opt a workload out, with its original strategy restored and nothing of ours left behind.

What the controller does when the label is removed is done here as well, by the same plan: it works without one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import click
from msgspec.structs import replace

from inplace.cli import errors
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, parse_ref, run_async, show_unseen
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, with_connection
from inplace.cli.say import say
from inplace.cluster import send
from inplace.cluster.live import Live
from inplace.cluster.memory import Memory
from inplace.core.actions import patches
from inplace.core.actions.actions import Action, PatchWorkload, WriteStatus, subject
from inplace.core.objects import names
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.plan import opt_out, plan
from inplace.core.plan.plan import Planner
from inplace.core.plan.result import Plan
from inplace.core.plan.status import explain
from inplace.core.rollout.assess import PodAssessment
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state.statuses import Phase
from inplace.core.template import trees
from inplace.kube.errors import Conflict, PreconditionFailed

#: How long opting out may take, and the longest time between two looks, in seconds.
TIMEOUT_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.5
#: How long the workload's own controller may take to name the revision of its template, in seconds.
REVISION_SECONDS: Final = 10.0


@command("disable")
@click.argument("workload")
@click.option(
    "--force", is_flag=True, help="Disable even if Pods differ from the template: the native rollout replaces them."
)
@dry_run_option
@with_connection
def disable(connection: Connection, workload: str, force: bool, dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. Its own update strategy is restored; no controller has to run.

    Exit codes: 0 disabled, 3 Pods differ from the template, 124 timed out, 1 error.
    """
    return run_async(_disable(connection, workload, force, dry_run))


async def _disable(connection: Connection, text: str, force: bool, dry_run: str) -> int:
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        clock = client.clock
        live = Live(client, ref.key)
        memory = Memory(clock, live.cache)
        async with live.watching(memory) as changed:
            show_unseen(live)
            snapshot = await _with_target(live, memory, changed)
            behind = plan.behind(_without_mode(snapshot), clock.now())
            if behind:
                _warn(ref, behind, force=force)
                if not force:
                    return errors.REFUSED
            left = None if dry_run != "none" else await _opt_out(live, memory, changed, force=bool(behind))
    if left is not None:
        return _unfinished(ref, left)
    say(f"{ref} disabled{dry_run_suffix(dry_run)}")
    for line in _gate_left(ref, snapshot.workload):
        say(line)
    return errors.OK


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
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), LOOK_SECONDS)


def _warn(ref: Ref, behind: list[PodAssessment], *, force: bool) -> None:
    names_ = ", ".join(pod.pod.name for pod in behind[:5]) + (", …" if len(behind) > 5 else "")
    differ = f"{counted(len(behind), 'Pod')} differ{'s' * (len(behind) == 1)} from the template ({names_})"
    if force:
        say(f"warning: {differ}: the {ref.kind.name} controller replaces them", err=True)
        return
    say(f"error: cannot disable {ref}: {differ}", err=True)
    ways = "let the upgrade end, put back the template that they have, or use --force"
    say(f"  the {ref.kind.name} controller would replace them: {ways}", err=True)


def _unfinished(ref: Ref, left: Plan) -> int:
    """Say what keeps the workload from being opted out, and what to do."""
    if left.status is None or left.status.phase is not Phase.PAUSED:
        say(f"error: timed out waiting for the native rollout of {ref}: retry when it completes", err=True)
        return errors.TIMED_OUT
    say(f"error: {ref} is not disabled yet: {left.status.message}", err=True)
    for pod in left.pods:
        why = explain(pod, left.deferred)
        if why is not None and why.code != ReasonCode.OptOutPending:
            say(f"  {pod.pod.name}: {why.code}: {why}", err=True)
    return errors.REFUSED


async def _opt_out(live: Live, memory: Memory, changed: asyncio.Event, *, force: bool) -> Plan | None:
    """Write what opting out takes, look by look, until nothing of ours is left; the last plan if it does not end so.

    That is when Pods have come to differ meanwhile, or when it takes too long.
    """
    clock, planner = live.clock, Planner()
    began = moved = clock.monotonic()
    while True:
        changed.clear()
        snapshot = live.snapshot(memory)
        gone = snapshot.workload.metadata.label(names.MODE) is None
        if gone and not snapshot.pending and not opt_out.cleanup(snapshot):
            return None
        last, now = planner.plan(snapshot, clock.now()), clock.monotonic()
        is_stuck = gone and not force and last.status is not None and last.status.phase is Phase.PAUSED
        moved = moved if is_stuck else now
        if now > began + TIMEOUT_SECONDS or now > moved + REVISION_SECONDS:
            return last
        for action in _next(snapshot, planner, clock.now(), force=force):
            try:
                version = await send.send(live.client, patches.build(action, clock.now()))
            except (PreconditionFailed, Conflict):
                continue  # another writer was faster, perhaps the controller: look again
            if version:
                memory.wrote(subject(action).uid, version)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), LOOK_SECONDS)


def _next(snapshot: Snapshot, planner: Planner, now: datetime, *, force: bool) -> list[Action]:
    """The label first, so that the controller starts nothing more; then what opting out takes.

    With `force` the native controller gets its way first; what it replaces nothing for is left as it is.
    """
    workload = snapshot.workload
    if workload.metadata.uid in snapshot.pending:
        return []
    if workload.metadata.label(names.MODE) is not None:
        return [PatchWorkload(workload, EventReason.Restored, "opted out", labels={names.MODE: None})]
    if force and workload.metadata.label(names.FROZEN) is not None:
        fall_back = snapshot.kind.fall_back(workload)
        return [fall_back] if fall_back is not None else list(opt_out.cleanup(snapshot))
    planned = planner.plan(snapshot, now).actions
    return [action for action in planned if not isinstance(action, WriteStatus)]


def _without_mode(snapshot: Snapshot) -> Snapshot:
    meta = snapshot.workload.metadata
    labels = {key: value for key, value in (meta.labels or {}).items() if key != names.MODE}
    return replace(snapshot, workload=replace(snapshot.workload, metadata=replace(meta, labels=labels)))
