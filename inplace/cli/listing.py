"""`inplace list`: what is opted in, where it stands, and what it waits for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import click
from msgspec import Struct

from inplace.cli import errors, proposals, select
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, read_workload, run_async
from inplace.cli.options import Connection, filename_option, seconds, with_connection
from inplace.cli.render.document import document, is_document, listed, output_option, show
from inplace.cli.render.table import Printer, rows
from inplace.cli.say import say
from inplace.cli.select import Query
from inplace.cli.watching import OptedIn
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.state import statuses, versions
from inplace.core.state.statuses import Status
from inplace.core.template import trees
from inplace.kube.client import Client

#: What stands in the column of a phase that nobody has reported for the present generation.
UNOBSERVED: Final = "Unobserved"
#: And of one that is not opted in any more, or deleted, in a list that goes on.
GONE: Final = "Gone"


class Listed(Struct, frozen=True, rename="camel"):
    """A workload that is opted in: its mode, and the last report of the present generation; null if there is none."""

    namespace: str
    kind: str
    name: str
    mode: str
    status: Status | None
    #: Why the status cannot be read, if another release has written it; else empty.
    foreign: str = ""
    images: dict[str, str] = {}


@command("list")
@click.argument("types", nargs=-1, metavar="[TYPE[,TYPE]|WORKLOAD...]", shell_complete=proposals.workloads)
@filename_option
@click.option("--watch", "-w", is_flag=True, help="Go on with a line for each that changes, until Ctrl-C or --timeout.")
@click.option("--timeout", type=seconds, metavar="DURATION", help="With --watch: end after this long (30s, 5m).")
@output_option("wide", "name")
@with_connection
def list_(connection: Connection, types: tuple[str, ...], watch: bool, timeout: float | None, output: str) -> int:
    """Of one namespace, or with -A of all. Rights to list the workloads are enough; -w takes watch, too.

    Exit codes: 0 shown, 1 error.
    """
    if timeout is not None and not watch:
        raise errors.InputError("--timeout is for --watch: expected both, or neither")
    if watch:
        if output not in {"text", "wide"}:
            raise errors.InputError(f"--watch prints lines: expected --output text or wide, not {output}")
        return run_async(_watch(connection, types, timeout, wide=output == "wide"))
    return run_async(_list(connection, types, output))


async def _list(connection: Connection, words: tuple[str, ...], output: str) -> int:
    query = select.parse(words, connection, every=True)
    async with cluster(connection, selects=True) as (client, namespace):
        query = query.within(namespace)
        found = [(ref, await read_workload(client, ref)) for ref in query.refs] or await select.find(client, query)
        own = [(ref, one) for ref, one in found if one.metadata.label(names.MODE) is not None]
        now = client.clock.now()
    if is_document(output):
        show(listed([document(_listed(ref, one), "Workload", ref.identity) for ref, one in own], "Workload"), output)
        return errors.OK
    if output == "name":
        for ref, _ in own:
            say(ref.qualified)
        return errors.OK
    if not own:
        say(f"no {query if not query.refs else 'workload of these that is opted in'}", err=True)
        return errors.OK
    for line in _table(own, now, everywhere=connection.all_namespaces, wide=output == "wide"):
        say(line)
    return errors.OK


async def _watch(connection: Connection, words: tuple[str, ...], timeout: float | None, *, wide: bool) -> int:
    query = select.parse(words, connection, every=True)
    async with cluster(connection, selects=True) as (client, namespace):
        query = query.within(namespace)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout or None) as limit:
                await _follow(client, query, wide=wide)
        if not limit.expired():
            raise TimeoutError("timed out watching workloads")
    return errors.OK


async def _follow(client: Client, query: Query, *, wide: bool) -> None:
    """Print the table, and then each workload that has changed, also one that is opted out or deleted."""
    shown, everywhere = dict[Ref, list[str]](), query.namespace is None
    printer: Printer | None = None
    async with OptedIn(client, query).watching() as (found, changed):
        while True:
            changed.clear()
            now, present = client.clock.now(), found()
            cells = {
                ref: [*map(str, _cells(ref, _listed(ref, one), now, everywhere=everywhere, wide=wide))]
                for ref, one in present
            }
            gone = {
                ref: [*([ref.namespace] if everywhere else []), str(ref), "", GONE]
                for ref in shown.keys() - cells.keys()
            }
            if printer is None:
                printer = Printer(_head(everywhere=everywhere, wide=wide), [*cells.values()])
                printer.head()
            since = _head(everywhere=everywhere, wide=wide).index("SINCE")
            for ref, row in {**cells, **gone}.items():
                told = [*row[:since], *row[since + 1 :]]
                if shown.get(ref) != told:
                    printer.row(row)
                    shown[ref] = told
            for ref in gone:
                del shown[ref]
            await changed.wait()


def _listed(ref: Ref, workload: Workload) -> Listed:
    version = statuses.foreign(workload.metadata)
    return Listed(
        ref.namespace,
        ref.kind.name,
        ref.name,
        workload.metadata.label(names.MODE) or "",
        statuses.current(workload),
        versions.why(version) if version is not None else "",
        trees.images(trees.decode(workload.spec.template)) if not trees.excess(workload.spec.template) else {},
    )


def _table(found: list[tuple[Ref, Workload]], now: datetime, *, everywhere: bool, wide: bool) -> list[str]:
    head = _head(everywhere=everywhere, wide=wide)
    return rows(head, [[*_cells(ref, _listed(ref, one), now, everywhere=everywhere, wide=wide)] for ref, one in found])


def _head(*, everywhere: bool, wide: bool) -> list[str]:
    head = [*(["NAMESPACE"] if everywhere else []), "WORKLOAD", "MODE", "PHASE", "UPDATED", "READY", "SINCE"]
    return [*head, *(["REVISION", "IMAGES"] if wide else []), "MESSAGE"]


def _cells(ref: Ref, one: Listed, now: datetime, *, everywhere: bool, wide: bool) -> Iterator[Any]:
    status = one.status
    if everywhere:
        yield ref.namespace
    yield from (ref, one.mode, status.phase if status is not None else UNOBSERVED)
    if status is None:
        yield from ("", "", "")
    else:
        yield from (f"{status.updated}/{status.replicas}", f"{status.ready}/{status.replicas}", _age(status, now))
    if wide:
        yield from (status.revision if status is not None else "", ",".join(one.images.values()))
    yield _message(one)


def _message(one: Listed) -> str:
    if one.foreign:
        return f"its status was {one.foreign}"
    if one.status is None:
        return "waiting for the controller to observe this change"
    waiting = ", ".join(f"{count} {reason}" for reason, count in one.status.waiting.items())
    return f"{one.status.message} ({waiting})" if waiting else one.status.message


def _age(status: Status, now: datetime) -> str:
    """How long ago the status last changed, as kubectl tells an age."""
    seconds = max(0, int((now - status.updated_at).total_seconds()))
    for unit, word in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * unit:
            return f"{seconds // unit}{word}"
    return f"{seconds}s"
