"""`inplace promote` and `inplace retry`: an annotation with a token, which the controller answers once."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Final

import click
from msgspec import Struct

from inplace.cli import errors, select
from inplace.cli.commands import command
from inplace.cli.connect import Ref, read_workload, require_opted_in, run_async, submit
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, with_connection
from inplace.cli.say import say
from inplace.core.actions.actions import PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.rollout import steps
from inplace.core.state import statuses, versions
from inplace.core.state.statuses import Phase
from inplace.kube.client import Client


class Request(Struct, frozen=True):
    """What may be asked of the controller: the annotation, the phases in which it makes sense, and the word for it."""

    annotation: str
    phases: tuple[Phase, ...]
    #: The past participle, and what is said once it is written: the controller has yet to answer.
    done: str
    asked: str
    #: What the token begins with.
    prefix: str = ""


PROMOTE: Final = Request(names.PROMOTE, (Phase.AWAITING_PROMOTION,), "promoted", "promotion requested")
PROMOTE_FULLY: Final = Request(
    names.PROMOTE,
    (Phase.AWAITING_PROMOTION, Phase.PROGRESSING, Phase.PAUSED),
    "promoted",
    "full promotion requested",
    steps.FULL,
)
RETRY: Final = Request(
    names.RETRY, (Phase.DEGRADED, Phase.ROLLED_BACK, Phase.ROLLING_BACK), "retried", "retry requested"
)


@command("promote")
@select.workloads_argument
@click.option("--full", is_flag=True, help="Skip the steps that are left.")
@dry_run_option
@with_connection
def promote(connection: Connection, workloads: tuple[str, ...], full: bool, dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. Its phase must be AwaitingPromotion; with --full it may also be Progressing or Paused.

    Exit codes: 0 asked, 1 in another phase, or another error.
    """
    return run_async(_request(connection, workloads, PROMOTE_FULLY if full else PROMOTE, dry_run))


@command("retry")
@select.workloads_argument
@dry_run_option
@with_connection
def retry(connection: Connection, workloads: tuple[str, ...], dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. Its phase must be Degraded, RollingBack or RolledBack.

    Exit codes: 0 asked, 1 in another phase, or another error.
    """
    return run_async(_request(connection, workloads, RETRY, dry_run))


async def _request(connection: Connection, words: tuple[str, ...], request: Request, dry_run: str) -> int:
    return await select.run_each(connection, words, partial(_ask, request=request, dry_run=dry_run))


async def _ask(client: Client, ref: Ref, *, request: Request, dry_run: str) -> int:
    """Write the request if the workload is in one of its phases; else say in which it is."""
    workload = await read_workload(client, ref)
    require_opted_in(workload, ref)
    _require_phase(ref, workload, request)
    token = request.prefix + secrets.token_hex(4)
    write = PatchWorkload(workload, None, request.asked, annotations={request.annotation: token})
    await submit(client, write, dry_run)
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
