"""`inplace events`: what was reported about a workload, what stands between it and its Pods, its Pods and pull Pods."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC
from typing import Final

import click
from msgspec import Struct

from inplace.cli import errors, proposals
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, parse_ref, read_live, run_async, show_unseen
from inplace.cli.options import Connection, seconds, with_connection
from inplace.cli.render.document import document, is_document, output_option, show
from inplace.cli.render.table import rows
from inplace.cli.say import say
from inplace.cluster.live import Live
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views.events import FullEvent, Told, ordered, told, uids
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Forbidden
from inplace.kube.reflector import Reflector
from inplace.kube.store import Store

_HEAD: Final = ("LAST SEEN", "TYPE", "OBJECT", "REASON", "COUNT", "MESSAGE")


class Events(Struct, frozen=True):
    """The document, the oldest first."""

    items: tuple[Told, ...]


@command("events")
@click.argument("workload", shell_complete=proposals.workloads)
@click.option("--watch", "-w", is_flag=True, help="Go on with those to come, until Ctrl-C or --timeout.")
@click.option("--timeout", type=seconds, metavar="DURATION", help="With --watch: end after this long (30s, 5m).")
@output_option()
@with_connection
def events(connection: Connection, workload: str, watch: bool, timeout: float | None, output: str) -> int:
    """WORKLOAD is TYPE/NAME. Its Events, and those of its Pods, ReplicaSets and pull Pods, the oldest first. An API
    server keeps Events for an hour.

    Exit codes: 0 shown, 1 error.
    """
    if timeout is not None and not watch:
        raise errors.InputError("--timeout is for --watch: expected both, or neither")
    if watch and output != "text":
        raise errors.InputError(f"--watch prints lines: expected --output text, not {output}")
    return run_async(_watch(connection, workload, timeout) if watch else _once(connection, workload, output))


async def _once(connection: Connection, text: str, output: str) -> int:
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        live = await read_live(client, ref)
        found = await listed(client, ref, live.snapshot())
        show_unseen(live)
    if is_document(output):
        show(document(Events(tuple(map(told, found))), "EventList", ref.identity), output)
    elif not found:
        say(f"no Events of {ref}: an API server keeps them for an hour", err=True)
    else:
        for line in rows(_HEAD, [_cells(one) for one in found]):
            say(line)
    return errors.OK


async def listed(client: Client, ref: Ref, snapshot: Snapshot) -> list[FullEvent]:
    """The Events about a workload and all that belongs to it, the oldest first."""
    every = await client.list(resources.EVENTS, ref.namespace, type=FullEvent)
    return ordered(one for one in every.items if one.involved_object.uid in uids(snapshot))


async def _watch(connection: Connection, text: str, timeout: float | None) -> int:
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout or None) as limit:
                await _follow(client, ref)
        if not limit.expired():
            raise TimeoutError(f"timed out watching the Events of {ref}")
    return errors.OK


async def _follow(client: Client, ref: Ref) -> None:
    """Print each Event, and again when it is counted up, once it is known to be of the workload."""
    live = Live(client, ref.key)
    store: Store[FullEvent] = Store(
        lambda one: (one.metadata.namespace, one.metadata.name), lambda one: one.metadata.resource_version
    )
    seen, printed = set[str](), set[tuple[str, int]]()
    async with live.watching() as changed:
        show_unseen(live)
        reflector = Reflector(
            client,
            resources.EVENTS,
            store,
            FullEvent,
            namespace=ref.namespace,
            on_change=lambda old, new, initial: changed.set(),
            clock=client.clock,
            fatal=(Forbidden,),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(reflector.run())
            await reflector.wait_answered()
            while True:
                changed.clear()
                seen |= uids(live.snapshot())  # of Pods that have gone, too
                for one in ordered(one for one in store.values() if one.involved_object.uid in seen):
                    if (one.metadata.uid, one.count) not in printed:
                        printed.add((one.metadata.uid, one.count))
                        at, *cells = map(str, _cells(one))
                        say(f"{at}  {cells[0]:<7}  {'  '.join(cells[1:3])}  {cells[4]}")
                await changed.wait()


def _cells(one: FullEvent) -> tuple[object, ...]:
    said = told(one)
    at = said.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if said.at is not None else "<unknown>"
    return at, said.type, said.object, said.reason, said.count, " ".join(said.message.split())
