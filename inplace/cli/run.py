"""`inplace run`: the controller, in a cluster or from a laptop; with --dry-run the whole loop and no write."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Final

import click
from msgspec.structs import replace

from inplace.cli.commands import command
from inplace.cli.connect import USER_AGENT, cluster, run_async
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, lease_namespace_option, namespace_name, with_connection
from inplace.cli.say import say
from inplace.cluster.memory import Caps
from inplace.controller.app import App, Options
from inplace.controller.metrics import TABLE
from inplace.runtime.watchdog import Watchdog
from inplace.serve.http import Address, ListenError, Server, metrics_routes, parse_listen
from inplace.serve.logs import configure
from inplace.serve.metrics import Metrics
from inplace.serve.probes import probe_routes

#: The addresses that stand for all of a machine's.
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound


@command("run")
@with_connection
@click.option("--dry-run", is_flag=True, help="Write nothing; print each write that would be made.")
@lease_namespace_option("Namespace of the Lease.")
@click.option("--watch-namespace", type=namespace_name, metavar="NAME", help="Watch only this namespace.")
@click.option("--no-leader-elect", is_flag=True, help="Disable leader election (single replica only).")
@click.option(
    "--max-disrupted", type=click.IntRange(1), metavar="N", help="Maximum number of Pods out of service at once."
)
@click.option(
    "--max-disrupted-per-namespace", type=click.IntRange(1), metavar="N", help="Maximum number per namespace."
)
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="HOST:PORT for probes and metrics, or off.")
@click.option("--probe-listen", metavar="TEXT", help="HOST:PORT for the probes alone, instead of --listen; or off.")
@click.option(
    "--metrics-per-workload",
    is_flag=True,
    help="Also serve inplace_workload_info, a series for every opted-in workload.",
)
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
    probe_listen: str | None,
    metrics_per_workload: bool,
    log_level: str,
) -> int:
    """Its rights are those of manifests/; with --dry-run, reading is enough. It stops on SIGTERM and Ctrl-C.

    Exit codes: 0 clean stop, 1 failed.
    """
    if connection.all_namespaces or connection.selector is not None:
        raise InputError(
            "run supports neither --all-namespaces nor --selector: it watches all namespaces, or --watch-namespace"
        )
    given = {"--listen": listen} if probe_listen is None else {"--listen": listen, "--probe-listen": probe_listen}
    addresses = {option: _address(option, text) for option, text in given.items()}
    _check_distinct(addresses)
    if metrics_per_workload and (addresses["--listen"] is None or dry_run):
        off = "--listen off" if addresses["--listen"] is None else "--dry-run"
        raise InputError(f"--metrics-per-workload cannot be used with {off}: nobody could read the metric")
    configure(log_level)
    options = Options(
        lease_namespace=lease_namespace,
        watch_namespace=watch_namespace or connection.namespace,
        leader_elect=not no_leader_elect,
        dry_run=dry_run,
        caps=Caps(max_disrupted, max_disrupted_per_namespace),
        metrics_per_workload=metrics_per_workload,
    )
    return run_async(_run(connection, options, addresses))


def _address(option: str, text: str) -> Address | None:
    try:
        return parse_listen(text, option)
    except ListenError as error:
        raise InputError(str(error)) from error


def _check_distinct(addresses: dict[str, Address | None]) -> None:
    """Two servers cannot have the same address; port 0 is a free one for each."""
    probes, metrics = addresses.get("--probe-listen"), addresses["--listen"]
    if probes is None or metrics is None or probes[1] != metrics[1] or not probes[1]:
        return
    if probes[0] == metrics[0] or {probes[0], metrics[0]} & set(EVERYWHERE):
        raise InputError(
            f"invalid --probe-listen: port {probes[1]} is that of --listen: expected another port, or "
            "no --probe-listen to have the probes at --listen"
        )


async def _run(connection: Connection, options: Options, addresses: dict[str, Address | None]) -> int:
    metrics = Metrics(TABLE)
    async with cluster(replace(connection, namespace=None), metrics) as (client, _), AsyncExitStack() as servers:
        app = App(client, client.clock, metrics, options, say)
        await servers.enter_async_context(Watchdog(metrics))
        for server in _servers(app, metrics, addresses):
            await servers.enter_async_context(server)
        metrics.event("controller.started", level="info", version=USER_AGENT, dry_run=options.dry_run)
        await app.run()
        metrics.event("controller.stopped", level="info")
    return 0


def _servers(app: App, metrics: Metrics, addresses: dict[str, Address | None]) -> list[Server]:
    """Probes and metrics at one address, or each at its own."""
    at_metrics, at_probes = metrics_routes(metrics.registry), probe_routes(app.live, app.ready, app.notes)
    if "--probe-listen" not in addresses:
        return [Server(addresses["--listen"], at_metrics, at_probes)]
    return [
        Server(addresses["--listen"], at_metrics),
        Server(addresses["--probe-listen"], at_probes, option="--probe-listen"),
    ]
