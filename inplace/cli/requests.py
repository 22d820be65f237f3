"""`inplace promote` and `inplace retry`: one annotation with a token, which the controller answers once."""

from __future__ import annotations

import secrets

import click

from inplace.cli import errors
from inplace.cli.connect import cluster, parse_ref, read_workload, require_opted_in, run_async
from inplace.cli.options import Connection, dry_run_option, with_connection
from inplace.core.objects import names
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType


@click.command("promote")
@click.argument("workload")
@dry_run_option
@with_connection
def promote(connection: Connection, workload: str, dry_run: str) -> int:
    """Let WORKLOAD (TYPE/NAME) go on after the step at which it stands."""
    return run_async(_ask(connection, workload, names.PROMOTE, {Phase.AWAITING_PROMOTION}, dry_run=dry_run))


@click.command("retry")
@click.argument("workload")
@dry_run_option
@with_connection
def retry(connection: Connection, workload: str, dry_run: str) -> int:
    """Try again what failed in WORKLOAD (TYPE/NAME), or what was rolled back."""
    failed = {Phase.DEGRADED, Phase.ROLLED_BACK, Phase.ROLLING_BACK}
    return run_async(_ask(connection, workload, names.RETRY, failed, dry_run=dry_run))


async def _ask(connection: Connection, text: str, request: str, phases: set[Phase], *, dry_run: str) -> int:
    """Write the request, where the workload is in one of these phases; else say in which it is."""
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        workload = await read_workload(client, ref)
        require_opted_in(workload, ref)
        status = statuses.current(workload)
        if status is None or status.phase not in phases:
            now = status.phase if status is not None else "not known: the controller has not looked at it yet"
            wanted = " or ".join(sorted(phases))
            raise errors.InputError(f"{ref}: there is nothing to ask for: the phase is {now}, and must be {wanted}")
        where = resources.find(ref.kind.group, ref.kind.plural)
        body = {"metadata": {"uid": workload.metadata.uid, "annotations": {request: secrets.token_hex(4)}}}
        if dry_run != "client":
            server = dry_run == "server"
            await client.patch(
                where, ref.name, ref.namespace, body, patch_type=PatchType.MERGE, dry_run=server, type=dict
            )
        done = "asked" if dry_run == "none" else f"would be asked ({dry_run} dry run)"
        click.echo(f"{ref} {done}: {request} at phase {status.phase}: {status.message}")
        return errors.OK
