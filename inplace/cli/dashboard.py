"""`inplace dashboard`: a page for those who would rather look. Local, read-only, with the user's own kubeconfig."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from importlib import resources
from typing import Final

import click
import msgspec

from inplace.cli import errors
from inplace.cli.commands import command
from inplace.cli.connect import Notes, cluster, run_async
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, with_connection
from inplace.cli.say import say
from inplace.cluster.key import Key
from inplace.cluster.live import NoSuchWorkload
from inplace.cluster.overview import Overview
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views import silence
from inplace.core.views.looks import Looks
from inplace.core.views.panel import panel
from inplace.runtime.clock import Clock
from inplace.runtime.waiting import wait_at_most
from inplace.serve.http import Server
from inplace.serve.page import Feed, File, page_routes

ADDRESS: Final = "127.0.0.1"
_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
#: The longest and the shortest time between two looks, and that it rests so many times as long as one has taken.
LOOK_SECONDS: Final = 2.0
STILL_SECONDS: Final = 0.2
REST: Final = 4.0
#: How often to look whether anybody does what is due: that takes a plan of its own.
LOOK_AGAIN: Final = timedelta(seconds=10)


@command("dashboard")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of 127.0.0.1 to listen on; 0 is a free one.",
)
@with_connection
def dashboard(connection: Connection, port: int) -> int:
    """A page of the workloads that are opted in, of one namespace, or with -A of all, which changes as they do. It is
    for this machine only, and for who has its address, in which there is a token. Nothing can be changed there.

    Exit codes: 0 ended, 130 after Ctrl-C, 1 error.
    """
    if connection.selector is not None:
        raise InputError("--selector is not supported: expected --namespace, or -A for all")
    return run_async(_dashboard(connection, port))


async def _dashboard(connection: Connection, port: int) -> int:
    token, feed, notes = secrets.token_urlsafe(24), Feed(), Notes()
    async with cluster(connection, selects=True) as (client, namespace):
        overview = Overview(client, None if connection.all_namespaces else namespace)
        page = page_routes(token, files(), feed)
        async with overview.watching() as changed, Server((ADDRESS, port), page, option="--port", instead="") as server:
            if overview.shows_nothing:
                raise InputError("; ".join(overview.notes))
            where = "all namespaces" if connection.all_namespaces else f"namespace {namespace}"
            say(f"{where}: http://{ADDRESS}:{server.port}/{token}/  (Ctrl-C to stop)")
            async with contextlib.aclosing(_looks(overview, where)) as looks:
                async for shown in looks:
                    notes.show(*overview.notes)
                    feed.put(shown)
                    await wait_at_most(changed, LOOK_SECONDS)
                    changed.clear()
    return errors.OK


def files() -> dict[str, File]:
    """The page; its own name is empty."""
    folder = resources.files("inplace.cli").joinpath("page")
    found = {name: File(type_, folder.joinpath(name).read_bytes()) for name, type_ in _TYPES.items()}
    return {**found, "": found["index.html"]}


async def _looks(overview: Overview, where: str) -> AsyncGenerator[dict[str, bytes], None]:
    """What is to be shown, again and again; it takes no more than a part of a processor."""
    looks, unattended = Looks(), Unattended()
    while True:
        began, shown = overview.clock.monotonic(), dict[str, bytes]()
        problem = [f"out of date, retrying: {overview.problem}"] if overview.problem else []
        shown[""] = msgspec.json.encode({"key": "", "where": where, "notes": [*overview.notes, *problem]})
        snapshots = dict[Key, Snapshot]()
        for key in overview.workloads():
            with contextlib.suppress(NoSuchWorkload):  # deleted since it was listed
                snapshots[key] = overview.snapshot(key)
        for key, snapshot in snapshots.items():
            now = overview.clock.now()
            seen = looks.view(snapshot, now)
            warnings = unattended.warnings(key, snapshot, now)
            name = f"{key.namespace}/{key}"
            shown[name] = msgspec.json.encode(panel(name, seen, overview.events(snapshot), warnings, now))
            await asyncio.sleep(0)  # whoever reads the page is answered between two workloads
        looks.keep({one.workload.metadata.uid for one in snapshots.values()}, overview.cache.node_names())
        unattended.keep(snapshots)
        yield shown
        await _rest(overview.clock, began)


async def _rest(clock: Clock, began: float) -> None:
    await clock.sleep(max(STILL_SECONDS, REST * (clock.monotonic() - began)))


class Unattended:
    """That no controller does what is due: looked for now and then only."""

    def __init__(self) -> None:
        self._found: dict[Key, tuple[datetime, tuple[str, ...]]] = {}

    def warnings(self, key: Key, snapshot: Snapshot, now: datetime) -> tuple[str, ...]:
        """What is to be said of a workload."""
        looked_at, found = self._found.get(key, (now - LOOK_AGAIN, ()))
        if now >= looked_at + LOOK_AGAIN:
            warning = silence.unattended(snapshot, now)
            found = (warning,) if warning else ()
            self._found[key] = now, found
        return found

    def keep(self, keys: dict[Key, Snapshot]) -> None:
        """Forget all others."""
        self._found = {key: found for key, found in self._found.items() if key in keys}
