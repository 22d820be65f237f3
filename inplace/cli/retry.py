"""`inplace retry`: another attempt, on request."""

from __future__ import annotations

from typing import Final

import click

from inplace.cli.asking import ask
from inplace.cli.cluster import run_async
from inplace.cli.options import Connection, dry_run_option, with_connection
from inplace.core import names
from inplace.core.names import Phase

PHASES: Final = frozenset({Phase.DEGRADED, Phase.ROLLED_BACK, Phase.ROLLING_BACK})


@click.command("retry")
@click.argument("workload")
@dry_run_option
@with_connection
def retry(connection: Connection, workload: str, dry_run: str) -> int:
    """Try again what failed in WORKLOAD (TYPE/NAME), or what was rolled back."""
    return run_async(ask(connection, workload, names.RETRY, PHASES, dry_run=dry_run))
