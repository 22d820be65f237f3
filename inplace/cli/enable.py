"""`inplace enable`: enable in-place upgrades, frozen in the same write, so that no change slips in between."""

from __future__ import annotations

import click
from msgspec.structs import replace

from inplace.cli import errors
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, has_gate, parse_ref, read_live, run_async, show_unseen
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, with_connection
from inplace.cluster import send
from inplace.core.actions import patches
from inplace.core.actions.actions import PatchWorkload
from inplace.core.actions.describe import describe_request
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason, Reason
from inplace.core.rollout.snapshot import Snapshot, objections
from inplace.core.settings.annotations import Mode
from inplace.kube.client import Client
from inplace.runtime.clock import SystemClock


@command("enable")
@click.argument("workload")
@click.option(
    "--mode",
    type=click.Choice([str(mode) for mode in Mode]),
    default=str(Mode.ONLY),
    show_default=True,
    help="Refuse changes that cannot be made in place, or leave them to the native rollout.",
)
@dry_run_option
@with_connection
def enable(connection: Connection, workload: str, mode: str, dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. It is frozen in the same write, so that no change slips in between.

    Exit codes: 0 enabled, 3 refused, 1 error.
    """
    return run_async(_enable(connection, workload, mode, dry_run))


async def _enable(connection: Connection, text: str, mode: str, dry_run: str) -> int:
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        live = await read_live(client, ref)
        snapshot = live.snapshot()
        show_unseen(live)
        before = snapshot.workload.metadata.label(names.MODE)
        against = objections(snapshot, snapshot.parsed)
        for reason in against:
            click.echo(f"error: cannot enable {ref}: {reason.code}: {reason}", err=True)
        if against:
            return errors.REFUSED
        if before == mode:
            click.echo(f"{ref} already enabled ({mode})")
            return errors.OK
        return await _write(client, ref, snapshot, mode, dry_run)


async def _write(client: Client, ref: Ref, snapshot: Snapshot, mode: str, dry_run: str) -> int:
    frozen = snapshot.kind.freeze(snapshot.workload, snapshot.owned, freeze_policy=False)
    edit = (
        frozen
        if isinstance(frozen, PatchWorkload)
        else PatchWorkload(snapshot.workload, EventReason.Frozen, "opted in")
    )
    edit = replace(edit, labels={**edit.labels, names.MODE: mode})
    request = patches.build(edit, SystemClock().now())
    if dry_run != "client":
        await send.send(client, request, dry_run=dry_run == "server")
    click.echo(f"{ref} enabled ({mode}){dry_run_suffix(dry_run)}")
    if dry_run == "client":
        click.echo(f"  {describe_request(request)}")
    if isinstance(frozen, Reason):
        click.echo(f"  not frozen yet: {frozen.message}")
    if not has_gate(snapshot.workload):
        click.echo(
            f"  the Pod template has no readiness gate {names.GATE}: Pods stay in Services while containers restart"
        )
    return errors.OK
