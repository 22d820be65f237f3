"""`inplace promote` and `inplace retry`: an annotation with a token, which the controller answers once."""

from __future__ import annotations

import secrets
from typing import Final

import click
from msgspec import Struct

from inplace.cli import errors
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, parse_ref, read_workload, require_opted_in, run_async
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, with_connection
from inplace.cli.say import say
from inplace.cluster import send
from inplace.core.actions import patches
from inplace.core.actions.actions import PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.state import statuses, versions
from inplace.core.state.statuses import Phase


class Request(Struct, frozen=True):
    """What may be asked of the controller: the annotation, the phases in which it makes sense, and the word for it."""

    annotation: str
    phases: tuple[Phase, ...]
    #: The past participle, and what is said once it is written: the controller has yet to answer.
    done: str
    asked: str


PROMOTE: Final = Request(names.PROMOTE, (Phase.AWAITING_PROMOTION,), "promoted", "promotion requested")
RETRY: Final = Request(
    names.RETRY, (Phase.DEGRADED, Phase.ROLLED_BACK, Phase.ROLLING_BACK), "retried", "retry requested"
)


@command("promote")
@click.argument("workload")
@dry_run_option
@with_connection
def promote(connection: Connection, workload: str, dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. Its phase must be AwaitingPromotion.

    Exit codes: 0 asked, 1 in another phase, or another error.
    """
    return run_async(_request(connection, workload, PROMOTE, dry_run))


@command("retry")
@click.argument("workload")
@dry_run_option
@with_connection
def retry(connection: Connection, workload: str, dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. Its phase must be Degraded, RollingBack or RolledBack.

    Exit codes: 0 asked, 1 in another phase, or another error.
    """
    return run_async(_request(connection, workload, RETRY, dry_run))


async def _request(connection: Connection, text: str, request: Request, dry_run: str) -> int:
    """Write the request if the workload is in one of its phases; else say in which it is."""
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        workload = await read_workload(client, ref)
        require_opted_in(workload, ref)
        _require_phase(ref, workload, request)
        write = PatchWorkload(workload, None, request.asked, annotations={request.annotation: secrets.token_hex(4)})
        if dry_run != "client":
            await send.send(client, patches.build(write, client.clock.now()), dry_run=dry_run == "server")
        say(f"{ref}: {request.asked}{dry_run_suffix(dry_run)}")
        return errors.OK


def _require_phase(ref: Ref, workload: Workload, request: Request) -> None:
    version = statuses.foreign(workload.metadata)
    if version is not None:
        raise errors.InputError(f"{ref} cannot be {request.done}: its status was {versions.why(version)}")
    status = statuses.current(workload)
    if status is None or status.phase not in request.phases:
        phase = status.phase if status is not None else "unknown (not observed by the controller yet)"
        expected = " or ".join(sorted(request.phases))
        raise errors.InputError(f"{ref} cannot be {request.done}: phase is {phase}, expected {expected}")
