"""`inplace pause` and `inplace resume`: the setting `paused` of workloads. Pods in flight are completed either way."""

from __future__ import annotations

from functools import partial
from typing import Final

from inplace.cli import errors, select
from inplace.cli.commands import command
from inplace.cli.connect import OWNER, Ref, read_workload, require_opted_in, run_async, submit
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, with_connection
from inplace.cli.say import say
from inplace.core.actions.actions import PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.settings.annotations import parse
from inplace.kube.client import Client

PAUSED: Final = f"{names.PREFIX}paused"


@command("pause")
@select.workloads_argument
@dry_run_option
@with_connection
def pause(connection: Connection, workloads: tuple[str, ...], dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. No further Pod begins; those in flight are completed.

    Exit codes: 0 paused, 1 error.
    """
    return run_async(_set(connection, workloads, dry_run, paused=True))


@command("resume")
@select.workloads_argument
@dry_run_option
@with_connection
def resume(connection: Connection, workloads: tuple[str, ...], dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. Takes back `inplace pause`.

    Exit codes: 0 resumed, 1 error.
    """
    return run_async(_set(connection, workloads, dry_run, paused=False))


async def _set(connection: Connection, words: tuple[str, ...], dry_run: str, *, paused: bool) -> int:
    act = partial(_set_one, dry_run=dry_run, paused=paused)
    return await select.run_each(connection, words, act, manager=OWNER)


async def _set_one(client: Client, ref: Ref, *, dry_run: str, paused: bool) -> int:
    workload = await read_workload(client, ref)
    require_opted_in(workload, ref)
    word = "paused" if paused else "resumed"
    if _is_paused(ref, workload) is paused:
        say(f"{ref} is {'already paused' if paused else 'not paused'}")
    else:
        write = PatchWorkload(workload, None, word, annotations={PAUSED: "true" if paused else None})
        await submit(client, write, dry_run)
        say(f"{ref} {word}{dry_run_suffix(dry_run)}")
    if not paused and workload.spec.paused and workload.metadata.label(names.FROZEN) is None:
        say(f"  its own spec.paused holds it still: run `kubectl rollout resume {ref} -n {ref.namespace}`")
    return errors.OK


def _is_paused(ref: Ref, workload: Workload) -> bool:
    return parse(workload.metadata, ref.kind.native(workload)).settings.paused
