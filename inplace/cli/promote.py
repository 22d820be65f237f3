"""`inplace promote`: the next step of a rollout, on request."""

from __future__ import annotations

from typing import Final

import click

from inplace.cli.asking import ask
from inplace.cli.cluster import run_async
from inplace.cli.options import Connection, dry_run_option, with_connection
from inplace.core import names
from inplace.core.names import Phase

PHASES: Final = frozenset({Phase.AWAITING_PROMOTION})


@click.command("promote")
@click.argument("workload")
@dry_run_option
@with_connection
def promote(connection: Connection, workload: str, dry_run: str) -> int:
    """Let WORKLOAD (TYPE/NAME) go on after the step at which it stands."""
    return run_async(ask(connection, workload, names.PROMOTE, PHASES, dry_run=dry_run))
