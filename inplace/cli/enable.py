"""`inplace enable`: enable in-place upgrades, frozen in the same write, so that no change slips in between."""

from __future__ import annotations

from functools import partial
from typing import Final

import click
from msgspec.structs import replace

from inplace.cli import errors, select
from inplace.cli.commands import command
from inplace.cli.connect import Ref, read_live, run_async, show_unseen, submit
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, seconds, with_connection, yes_option
from inplace.cli.say import say
from inplace.core.actions import patches
from inplace.core.actions.actions import PatchWorkload
from inplace.core.actions.describe import describe_request
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason, Reason
from inplace.core.rollout.snapshot import Snapshot, objections
from inplace.core.settings.annotations import Mode
from inplace.core.template import trees
from inplace.core.views import gating
from inplace.kube.client import Client

#: The time between two looks at a rollout.
LOOK_SECONDS: Final = 0.5


@command("enable")
@select.workloads_argument
@click.option(
    "--mode",
    type=click.Choice([str(mode) for mode in Mode]),
    default=str(Mode.ONLY),
    show_default=True,
    help="Refuse changes that cannot be made in place, or leave them to the native rollout.",
)
@click.option(
    "--with-gate",
    is_flag=True,
    help="Add the readiness gate to the Pod template first: one native rollout, and then it is frozen.",
)
@click.option(
    "--timeout", type=seconds, default="10m", show_default=True, metavar="DURATION", help="For that rollout (30s, 5m)."
)
@dry_run_option
@yes_option
@with_connection
def enable(
    connection: Connection,
    workloads: tuple[str, ...],
    mode: str,
    with_gate: bool,
    timeout: float | None,
    dry_run: str,
    yes: bool,
) -> int:
    """WORKLOAD is TYPE/NAME. It is frozen in the same write, so that no change slips in between. What -l or -A choose,
    of all workloads, is listed and asked for.

    Exit codes: 0 enabled, 3 refused, 124 timed out, 1 error.
    """
    return run_async(_enable(connection, workloads, mode, timeout if with_gate else None, dry_run, yes=yes))


async def _enable(
    connection: Connection, words: tuple[str, ...], mode: str, gate_timeout: float | None, dry_run: str, *, yes: bool
) -> int:
    """`gate_timeout`: for the rollout that gives the Pods their gate; None if they get none."""
    act = partial(_enable_one, mode=mode, gate_timeout=gate_timeout, dry_run=dry_run)
    yes = yes or dry_run != "none"
    return await select.run_each(connection, words, act, ask="enable", yes=yes, others=True)


async def _enable_one(client: Client, ref: Ref, *, mode: str, gate_timeout: float | None, dry_run: str) -> int:
    live = await read_live(client, ref)
    snapshot = live.snapshot()
    show_unseen(live)
    before = snapshot.workload.metadata.label(names.MODE)
    against = objections(snapshot, snapshot.parsed)
    for reason in against:
        say(f"error: cannot enable {ref}: {reason.code}: {reason}", err=True)
    if against:
        return errors.REFUSED
    templated = gating.is_templated(snapshot.workload)
    rolls = before is None and not snapshot.kind.held(snapshot.workload)
    if gate_timeout is not None and not templated:
        if not rolls:
            what = gating.remedy(snapshot, opted_in=before is not None)
            say(f"error: cannot add the readiness gate to {ref}: no rollout replaces its Pods now: {what}", err=True)
            return errors.REFUSED
        await _add_gate(client, ref, snapshot, dry_run)
        if dry_run != "none":
            return errors.OK
    if gate_timeout is not None and rolls and dry_run == "none":  # also if an earlier call has begun that rollout
        rolled = await _rolled_out(client, ref, gate_timeout)
        if rolled is None:
            return errors.TIMED_OUT
        snapshot = rolled
    if before == mode:
        say(f"{ref} already enabled ({mode})")
        return errors.OK
    return await _write(client, ref, snapshot, mode, dry_run)


async def _add_gate(client: Client, ref: Ref, snapshot: Snapshot, dry_run: str) -> None:
    """Add our readiness gate to the template of a workload that is not opted in yet."""
    tree = trees.decode(snapshot.workload.spec.template)
    spec = trees.tree(tree.get("spec"))
    gates = [*trees.items(spec.get("readinessGates")), {"conditionType": names.GATE}]
    template = {**tree, "spec": {**spec, "readinessGates": gates}}
    edit = PatchWorkload(snapshot.workload, None, "add the readiness gate", {"template": template})
    await submit(client, edit, dry_run)
    say(f"{ref} has the readiness gate {names.GATE} in its template{dry_run_suffix(dry_run)}")


async def _rolled_out(client: Client, ref: Ref, timeout: float) -> Snapshot | None:
    """Wait until the native rollout is complete, whose new Pods are Ready once the controller opens their gates."""
    clock, said = client.clock, ""
    deadline = clock.monotonic() + timeout
    while True:
        snapshot = (await read_live(client, ref)).snapshot()
        wait = _rolling(snapshot)
        if not wait:
            return snapshot
        if wait != said:
            said = wait
            say(f"  {said}")
        if clock.monotonic() > deadline:
            say(f"error: timed out after {timeout:g}s waiting for {ref}: {said}", err=True)
            say("  it is not enabled yet: inplace must run, or nobody opens the gates of new Pods", err=True)
            return None
        await clock.sleep(LOOK_SECONDS)


def _rolling(snapshot: Snapshot) -> str:
    """What the rollout still lacks; empty if it is over."""
    running = snapshot.kind.freeze(snapshot.workload, snapshot.owned, freeze_policy=False)
    if isinstance(running, Reason):
        return running.message
    unready = sum(not pod.ready for pod in snapshot.pods)  # the rollout is over when the last one has been created
    return f"{unready} of {len(snapshot.pods)} Pods are not Ready" if unready else ""


async def _write(client: Client, ref: Ref, snapshot: Snapshot, mode: str, dry_run: str) -> int:
    frozen = snapshot.kind.freeze(snapshot.workload, snapshot.owned, freeze_policy=False)
    edit = (
        frozen
        if isinstance(frozen, PatchWorkload)
        else PatchWorkload(snapshot.workload, EventReason.Frozen, "opted in")
    )
    edit = replace(edit, labels={**edit.labels, names.MODE: mode})
    await submit(client, edit, dry_run)
    say(f"{ref} enabled ({mode}){dry_run_suffix(dry_run)}")
    if dry_run == "client":
        say(f"  {describe_request(patches.build(edit, client.clock.now()))}")
    if isinstance(frozen, Reason):
        say(f"  not frozen yet: {frozen.message}")
    staying = [pod for pod in snapshot.pods if pod.metadata.deletion_timestamp is None]
    lacking, templated = sum(not pod.has_gate(names.GATE) for pod in staying), gating.is_templated(snapshot.workload)
    if lacking or not (templated or staying):
        which = f"{lacking} of {len(staying)} Pods have" if templated else "the Pod template has"
        say(f"  {which} no readiness gate {names.GATE}: Pods stay in Services while containers restart")
        was_opted_in = snapshot.workload.metadata.label(names.MODE) is not None
        say(f"  {gating.remedy(snapshot, opted_in=was_opted_in or dry_run == 'none')}")
    return errors.OK
