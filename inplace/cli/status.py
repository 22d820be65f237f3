"""`inplace status`: wait until an upgrade is over and say how it ended; with --watch, draw it while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import click
import msgspec

from inplace.cli import errors
from inplace.cli.connect import Ref, cluster, parse_ref, read_snapshot, read_workload, require_opted_in, run_async
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, seconds, with_connection
from inplace.core.plan import plan
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase, Status
from inplace.core.views import workload as view
from inplace.core.views.workload import WorkloadView
from inplace.kube.client import Client
from inplace.runtime.clock import SystemClock

POLL_SECONDS: Final = 0.5
#: How long a controller may take to answer a change before we say that none does.
SILENCE_SECONDS: Final = 10.0
_ENDS: Final = {
    Phase.UP_TO_DATE: errors.OK,
    Phase.REFUSED: errors.REFUSED,
    Phase.DEGRADED: errors.FAILED,
    Phase.ROLLED_BACK: errors.FAILED,
}

Draw = Callable[[Status | None, WorkloadView | None], None]


@click.command("status")
@click.argument("workload")
@click.option("--watch", "-w", is_flag=True, help="Draw the live tree of Pods and containers.")
@click.option(
    "--timeout", type=seconds, metavar="DURATION", help="Give up after this long with exit code 124 (30s, 5m)."
)
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
@with_connection
def status(connection: Connection, workload: str, watch: bool, timeout: float | None, output: str) -> int:
    """Wait until the upgrade of WORKLOAD (TYPE/NAME) is over.

    Exit codes: 0 done, 3 refused, 4 failed or rolled back, 124 timed out, 1 error. With -o json or yaml: print the
    state once and do not wait.
    """
    return run_async(_status(connection, workload, watch, timeout, output))


async def _status(connection: Connection, text: str, watch: bool, timeout: float | None, output: str) -> int:
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        require_opted_in(await read_workload(client, ref), ref)
        if output != "text":
            return await _once(client, ref, output)
        try:
            async with asyncio.timeout(timeout or None):
                return await (_watched(client, ref) if watch else _plain(client, ref))
        except TimeoutError:
            click.echo(f"error: {ref} is not done after {timeout:g} s", err=True)
            return errors.TIMED_OUT


async def _once(client: Client, ref: Ref, output: str) -> int:
    from inplace.cli.render.document import render

    snapshot = await read_snapshot(client, ref)
    seen = view.build(snapshot, plan.plan(snapshot, SystemClock().now()))
    own = statuses.current(snapshot.workload)
    click.echo(render(msgspec.to_builtins(msgspec.structs.replace(seen, status=own)), output))
    return _ENDS.get(own.phase, errors.OK) if own is not None else errors.OK


async def _plain(client: Client, ref: Ref) -> int:
    """One line per change."""
    said: set[str] = set()

    def draw(now: Status | None, _: WorkloadView | None) -> None:
        line = _line(ref, now)
        if line not in said:
            said.clear()
            said.add(line)
            click.echo(line)

    return await _follow(client, ref, draw, tree=False)


async def _watched(client: Client, ref: Ref) -> int:
    from inplace.cli.render.tree import LiveTree

    with LiveTree() as live:
        return await _follow(client, ref, live.draw, tree=True)


async def _follow(client: Client, ref: Ref, draw: Draw, *, tree: bool) -> int:
    """Look until the phase is one that ends; a record of an older generation is not believed."""
    clock = SystemClock()
    heard, told = clock.monotonic(), False
    while True:
        if tree:
            snapshot = await read_snapshot(client, ref)
            workload, seen = snapshot.workload, view.build(snapshot, plan.plan(snapshot, clock.now()))
        else:
            workload, seen = await read_workload(client, ref), None
        require_opted_in(workload, ref)
        own = statuses.current(workload)
        draw(own, seen)
        if own is not None and own.phase in _ENDS:
            return _ENDS[own.phase]
        heard = clock.monotonic() if own is not None else heard
        if not told and clock.monotonic() - heard > SILENCE_SECONDS:
            click.echo(f"{ref}: no controller has answered for {SILENCE_SECONDS:g} s: is inplace running?", err=True)
            told = True
        await clock.sleep(POLL_SECONDS)


def _line(ref: Ref, now: Status | None) -> str:
    if now is None:
        return f"{ref}: waiting for the controller to see this change"
    parts = [f"{ref}: {now.phase}: {now.message}"]
    if now.phase not in _ENDS and now.waiting:
        parts.append(", ".join(f"{count} {reason}" for reason, count in now.waiting.items()))
    parts += [f"{one.pod}: {one.code}: {one.message}" for one in now.failures]
    if now.phase is Phase.REFUSED:
        parts += [f"{one.code}: {one}" for one in now.reasons[1:]]
    return "\n  ".join(parts)


__all__ = ["InputError", "status"]
