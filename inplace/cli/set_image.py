"""`inplace set image`: as `kubectl set image`, with the containers checked and what follows said."""

from __future__ import annotations

from functools import partial

import click

from inplace.cli import errors, proposals, select
from inplace.cli.commands import COMMANDS
from inplace.cli.connect import OWNER, Ref, read_workload, run_async, submit
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, dry_run_option, dry_run_suffix, filename_option, with_connection
from inplace.cli.say import say
from inplace.core.actions.actions import PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.model import Tree
from inplace.core.template import trees
from inplace.kube.client import Client

#: Every container, as kubectl writes it.
EVERY = "*"


@click.group(
    "set", short_help=COMMANDS["set"][1], help=f"{COMMANDS['set'][1]}\n\nExit codes: 0 set, or nothing to set, 1 error."
)
def set_() -> None:
    """What there is to set."""


@set_.command("image", short_help="Set images of containers.")
@click.argument("words", nargs=-1, metavar="WORKLOAD... CONTAINER=IMAGE...", shell_complete=proposals.workloads)
@filename_option
@dry_run_option
@with_connection
def image(connection: Connection, words: tuple[str, ...], dry_run: str) -> int:
    """WORKLOAD is TYPE/NAME. CONTAINER may be `*`, which stands for every container, init containers excepted.

    Exit codes: 0 set, or nothing to set, 1 error.
    """
    images = {name: text for name, _, text in (word.partition("=") for word in words if "=" in word)}
    named = [word for word in words if "=" not in word]
    if not images or not all(images) or not all(images.values()):
        raise InputError("no image is given: expected CONTAINER=IMAGE after the workloads, such as app=shop:v2")
    act = partial(_set_one, images=images, dry_run=dry_run)
    return run_async(select.run_each(connection, named, act, manager=OWNER))


async def _set_one(client: Client, ref: Ref, *, images: dict[str, str], dry_run: str) -> int:
    workload = await read_workload(client, ref)
    template = trees.decode(workload.spec.template)
    wanted = _wanted(ref, template, images)
    before = trees.images(template)
    changed = {name: text for name, text in wanted.items() if before.get(name) != text}
    if not changed:
        say(f"{ref} unchanged")
        return errors.OK
    containers = trees.all_containers(template)
    for name, text in changed.items():
        containers[name]["image"] = text
    edit = PatchWorkload(workload, None, "set image", {"template": template})
    await submit(client, edit, dry_run)
    say(f"{ref} image updated{dry_run_suffix(dry_run)}")
    for name, text in changed.items():
        say(f"  {name}: {before.get(name)} -> {text}")
    if workload.metadata.label(names.MODE) is None:
        say(f"  {ref} is not opted in: its own controller replaces the Pods")
    return errors.OK


def _wanted(ref: Ref, template: Tree, images: dict[str, str]) -> dict[str, str]:
    """The image of each container that was named. Raises InputError for one that does not exist."""
    known = trees.all_containers(template)
    for name in images:
        if name != EVERY and name not in known:
            raise InputError(f'{ref} has no container "{name}": expected {", ".join(known)}, or {EVERY}')
    every = images.get(EVERY)
    given = {name: text for name, text in images.items() if name != EVERY}
    return (dict.fromkeys(trees.containers(template), every) if every else {}) | given
