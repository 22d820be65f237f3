"""`inplace history` and `inplace undo`: as `kubectl rollout history` and `undo`, and in place.

kubectl undoes nothing on a Deployment that is paused, and while an upgrade is in place it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from inplace.cli import errors, select
from inplace.cli.commands import command
from inplace.cli.connect import OWNER, Ref, cluster, read_live, run_async, show_unseen, submit
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, with_connection
from inplace.cli.render.document import output_option, render
from inplace.cli.render.each import show_each
from inplace.cli.render.table import rows
from inplace.cli.say import say
from inplace.core.actions import lines
from inplace.core.actions.actions import PatchWorkload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views import history as view
from inplace.core.views.history import Past
from inplace.kube import resource as resources
from inplace.kube.client import Client


@command("history")
@select.workloads_argument
@click.option("--revision", type=click.IntRange(1), metavar="N", help="Show the template of this revision.")
@output_option("wide", "name")
@with_connection
def history(connection: Connection, workloads: tuple[str, ...], revision: int | None, output: str) -> int:
    """WORKLOAD is TYPE/NAME. The revision of the present template is marked with *. With --revision the template is
    printed as YAML, and with -o wide the names of its Pods' revision are shown.

    Exit codes: 0 shown, 1 error.
    """
    return run_async(_history(connection, workloads, revision, output))


@command("undo")
@select.workloads_argument
@click.option(
    "--to-revision", type=click.IntRange(1), metavar="N", help="The revision to go back to, not the last one."
)
@dry_run_option
@with_connection
def undo(connection: Connection, workloads: tuple[str, ...], to_revision: int | None, dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. Its template becomes again what it was at the revision before; the controller then moves
    its Pods there, in place.

    Exit codes: 0 undone, or nothing to undo, 1 error.
    """
    act = partial(_undo_one, number=to_revision, dry_run=dry_run)
    return run_async(select.run_each(connection, workloads, act, manager=OWNER))


async def _history(connection: Connection, words: tuple[str, ...], number: int | None, output: str) -> int:
    async def look(client: Client, ref: Ref) -> Sequence[Past]:
        _, found = await read(client, ref)
        return (numbered(ref, found, number),) if number is not None else found

    query = select.parse(words, connection)
    async with cluster(connection, selects=True) as (client, namespace):
        query = query.within(namespace)
        none: Sequence[Past] = ()
        looked = await select.of_each(client, query, look, none)

    def content(past: Sequence[Past]) -> object:
        template = {"template": past[0].template} if number is not None else {}
        return {"items": [one.entry for one in past], **template}

    def lines(ref: Ref, past: Sequence[Past]) -> list[str]:
        shown = _table(past, wide=output == "wide") if number is None else [render(past[0].template, "yaml")]
        return shown if query.alone else [f"{ref} -n {ref.namespace}", *shown]

    found = [(ref, past) for ref, past in looked if past]
    show_each(found, output, "RolloutHistory", alone=query.alone, content=content, lines=lines)
    return errors.OK if len(found) == len(looked) else errors.ERROR


def _table(found: Sequence[Past], *, wide: bool) -> list[str]:
    head = ["REVISION", "PODS", *(["NAME"] if wide else []), "IMAGES", "CHANGE-CAUSE"]
    cells = [
        [
            f"{one.revision}{'*' * one.is_current}",
            one.pods,
            *([one.name or "<unknown>"] if wide else []),
            lines.images(one.images),
            one.change_cause or "<none>",
        ]
        for one in (past.entry for past in found)
    ]
    return rows(head, cells)


async def read(client: Client, ref: Ref, *, exact: bool = False) -> tuple[Snapshot, tuple[Past, ...]]:
    """The workload and its history. Raises InputError if the workload has none; `exact`: also if it is only assumed,
    for want of rights."""
    live = await read_live(client, ref)
    snapshot = live.snapshot()
    unseen = live.cache.unseen.get(resources.CONTROLLERREVISIONS.plural)
    if exact and unseen is not None and not ref.kind.child_kind:
        raise InputError(unseen)
    show_unseen(live)
    found = view.of(snapshot)
    if not found:
        why = "a ReplicaSet of its own keeps none" if not (ref.kind.child_kind or snapshot.owned.revisions) else ""
        raise InputError(f"{ref} has no rollout history{f': {why}' if why else ''}")
    return snapshot, found


def numbered(ref: Ref, found: Sequence[Past], number: int) -> Past:
    """The revision with this number. Raises InputError naming those that there are."""
    past = next((one for one in found if one.entry.revision == number), None)
    if past is None:
        known = ", ".join(str(one.entry.revision) for one in found)
        raise InputError(f"{ref} has no revision {number}: expected one of {known}")
    return past


async def _undo_one(client: Client, ref: Ref, *, number: int | None, dry_run: str) -> int:
    snapshot, found = await read(client, ref, exact=True)
    past = numbered(ref, found, number) if number is not None else _before(ref, found)
    if past.entry.is_current:
        say(f"{ref} skipped: its template is that of revision {past.entry.revision} already")
        return errors.OK
    cause = past.entry.change_cause or None
    lost = cause is None and snapshot.workload.metadata.annotation(view.CHANGE_CAUSE) is None
    edit = PatchWorkload(
        snapshot.workload,
        None,
        "undo",
        {"template": past.template},
        annotations={} if lost else {view.CHANGE_CAUSE: cause},
    )
    await submit(client, edit, dry_run)
    images = lines.images(past.entry.images)
    say(f"{ref} rolled back to revision {past.entry.revision} ({images}){dry_run_suffix(dry_run)}")
    return errors.OK


def _before(ref: Ref, found: Sequence[Past]) -> Past:
    """The last revision that is not the present one. Raises InputError if there is none."""
    others = [past for past in found if not past.entry.is_current]
    if not others:
        raise InputError(f"{ref} has no revision to go back to: its history holds only the present one")
    return others[-1]
