"""`inplace disable`: opt a workload out, with its original strategy restored and nothing of ours left behind.

What the controller does when the label is removed is done here as well, by the same plan: it works without one.
"""

from __future__ import annotations

from typing import Final

import click
from msgspec.structs import replace

from inplace.cli import errors
from inplace.cli.connect import Ref, cluster, has_gate, parse_ref, read_snapshot, run_async
from inplace.cli.options import Connection, dry_run_option, with_connection
from inplace.cluster import send
from inplace.core.actions import patches
from inplace.core.actions.actions import Action, PatchWorkload, WriteStatus
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason
from inplace.core.plan import opt_out, plan
from inplace.core.rollout.snapshot import Snapshot
from inplace.kube.client import Client
from inplace.kube.errors import Conflict, PreconditionFailed
from inplace.runtime.clock import SystemClock

#: Looks at the workload, half a second apart, until it must be clean.
MOST_LOOKS: Final = 240
PAUSE_SECONDS: Final = 0.5


@click.command("disable")
@click.argument("workload")
@click.option("--force", is_flag=True, help="Lift the freeze although Pods differ from the template.")
@dry_run_option
@with_connection
def disable(connection: Connection, workload: str, force: bool, dry_run: str) -> int:
    """Opt WORKLOAD (TYPE/NAME) out and leave nothing behind."""
    return run_async(_disable(connection, workload, force, dry_run))


async def _disable(connection: Connection, text: str, force: bool, dry_run: str) -> int:
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        snapshot = await read_snapshot(client, ref)
        behind = opt_out.behind(_without_mode(snapshot), SystemClock().now())
        if behind:
            named = ", ".join(one.pod.name for one in behind[:5]) + (" …" if len(behind) > 5 else "")
            click.echo(
                f"{ref}: {len(behind)} Pods differ from the template ({named}): once the freeze is lifted, the "
                f"{ref.kind.name} controller replaces them",
                err=True,
            )
            if not force:
                click.echo("  upgrade them first, put the template back, or use --force", err=True)
                return errors.REFUSED
        if dry_run != "none":
            click.echo(f"{ref} would be opted out")
            return errors.OK
        await _leave(client, ref, force=bool(behind))
    click.echo(f"{ref} opted out")
    if has_gate(snapshot.workload):
        click.echo(f"  its template still has the readiness gate {names.GATE}: remove it before you uninstall inplace")
    return errors.OK


async def _leave(client: Client, ref: Ref, *, force: bool) -> None:
    clock = SystemClock()
    for _ in range(MOST_LOOKS):
        snapshot = await read_snapshot(client, ref)
        if snapshot.workload.metadata.label(names.MODE) is None and not opt_out.cleanup(snapshot):
            return
        for action in _next(snapshot, force=force):
            try:
                await send.send(client, patches.build(action, clock.now()))
            except (PreconditionFailed, Conflict):
                continue  # somebody was faster, the controller perhaps: look again
        await clock.sleep(PAUSE_SECONDS)
    raise errors.InputError(f"{ref}: its own controller has not ended its rollout yet; run this again when it has")


def _next(snapshot: Snapshot, *, force: bool) -> list[Action]:
    """The label first, so that the controller begins nothing more; then what opting out takes.

    With `force` the native controller gets its way first; what it replaces nothing for is left as it is.
    """
    workload = snapshot.workload
    if workload.metadata.label(names.MODE) is not None:
        return [PatchWorkload(workload, EventReason.Restored, "opted out", labels={names.MODE: None})]
    if force and workload.metadata.label(names.FROZEN) is not None:
        lift = snapshot.kind.lift(workload)
        return [lift] if lift is not None else list(opt_out.cleanup(snapshot))
    planned = plan.plan(snapshot, SystemClock().now()).actions
    return [one for one in planned if not isinstance(one, WriteStatus)]


def _without_mode(snapshot: Snapshot) -> Snapshot:
    meta = snapshot.workload.metadata
    labels = {key: value for key, value in (meta.labels or {}).items() if key != names.MODE}
    return replace(snapshot, workload=replace(snapshot.workload, metadata=replace(meta, labels=labels)))
