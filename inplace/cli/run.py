"""`inplace run`: the controller, in a cluster or from a laptop; with --dry-run the whole loop and no write."""

from __future__ import annotations

import click
from msgspec.structs import replace

from inplace.cli.commands import command
from inplace.cli.connect import USER_AGENT, cluster, run_async
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, with_connection
from inplace.cluster.memory import Caps
from inplace.controller.app import App, Options
from inplace.serve.http import ListenError, Server, parse_listen
from inplace.serve.logs import configure
from inplace.serve.metrics import Metrics


@command("run")
@with_connection
@click.option("--dry-run", is_flag=True, help="Write nothing; print each write that would be made.")
@click.option("--lease-namespace", default="inplace-system", show_default=True, help="Namespace of the Lease.")
@click.option("--watch-namespace", metavar="NAME", help="Watch only this namespace.")
@click.option("--no-leader-elect", is_flag=True, help="Disable leader election (single replica only).")
@click.option(
    "--max-disrupted", type=click.IntRange(1), metavar="N", help="Maximum number of Pods out of service at once."
)
@click.option(
    "--max-disrupted-per-namespace", type=click.IntRange(1), metavar="N", help="Maximum number per namespace."
)
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="HOST:PORT for probes and metrics, or off.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def run(
    connection: Connection,
    *,
    dry_run: bool,
    lease_namespace: str,
    watch_namespace: str | None,
    no_leader_elect: bool,
    max_disrupted: int | None,
    max_disrupted_per_namespace: int | None,
    listen: str,
    log_level: str,
) -> int:
    """Its rights are those of manifests/; with --dry-run, reading is enough. It stops on SIGTERM and Ctrl-C."""
    if connection.all_namespaces or connection.selector is not None:
        raise InputError(
            "run supports neither --all-namespaces nor --selector: it watches all namespaces, or --watch-namespace"
        )
    address = _address(listen)
    configure(log_level)
    options = Options(
        lease_namespace=lease_namespace,
        watch_namespace=watch_namespace or connection.namespace,
        leader_elect=not no_leader_elect,
        dry_run=dry_run,
        caps=Caps(max_disrupted, max_disrupted_per_namespace),
    )
    return run_async(_run(connection, options, address))


def _address(listen: str) -> tuple[str, int] | None:
    try:
        return parse_listen(listen)
    except ListenError as error:
        raise InputError(str(error)) from error


async def _run(connection: Connection, options: Options, address: tuple[str, int] | None) -> int:
    metrics = Metrics()
    async with cluster(replace(connection, namespace=None), metrics) as (client, _):
        app = App(client, client.clock, metrics, options, click.echo)
        async with Server(address, metrics.registry, live=app.live, ready=app.ready):
            metrics.event("controller.started", level="info", version=USER_AGENT, dry_run=options.dry_run)
            await app.run()
            metrics.event("controller.stopped", level="info")
    return 0
