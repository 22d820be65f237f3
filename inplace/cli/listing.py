"""`inplace list`: what is opted in, where it stands, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import click
from msgspec import Struct

from inplace.cli import errors, proposals, select
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, read_workload, run_async
from inplace.cli.options import Connection, with_connection
from inplace.cli.render.document import document, is_document, listed, output_option, show
from inplace.cli.render.table import rows
from inplace.cli.say import say
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.state import statuses, versions
from inplace.core.state.statuses import Status
from inplace.core.template import trees

#: What stands in the column of a phase that nobody has reported for the present generation.
UNOBSERVED: Final = "Unobserved"


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
@output_option("wide", "name")
@with_connection
def list_(connection: Connection, types: tuple[str, ...], output: str) -> int:
    """Of one namespace, or with -A of all. Rights to list the workloads are enough.

    Exit codes: 0 shown, 1 error.
    """
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
    head = [*(["NAMESPACE"] if everywhere else []), "WORKLOAD", "MODE", "PHASE", "UPDATED", "READY", "SINCE"]
    head += [*(["REVISION", "IMAGES"] if wide else []), "MESSAGE"]
    return rows(head, [[*_cells(ref, _listed(ref, one), now, everywhere=everywhere, wide=wide)] for ref, one in found])


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
