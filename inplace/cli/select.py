"""The workloads that a command is about, named as for kubectl: TYPE/NAME…, TYPE NAME…, or TYPE with -l or -A.

By a selector, or over all namespaces, only workloads that are opted in are found.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import click
from msgspec import Struct
from msgspec.structs import replace

from inplace.cli import errors, proposals
from inplace.cli.connect import Ref, kind_of, parse_ref
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, is_name
from inplace.cli.say import say
from inplace.core import kinds
from inplace.core.kinds import Kind
from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Denied, KubeError

#: What a command takes that is about one workload or several.
workloads_argument: Final = click.argument(
    "workloads", nargs=-1, metavar="WORKLOAD...", shell_complete=proposals.workloads
)
ACCEPTED: Final = "TYPE/NAME, TYPE NAME, or TYPE with -l SELECTOR or -A"

Act = Callable[[Client, Ref], Awaitable[int]]


class Query(Struct, frozen=True):
    """What was asked for: either `refs`, or all of these kinds that are opted in and that a selector matches."""

    refs: tuple[Ref, ...] = ()
    kinds: tuple[Kind, ...] = ()
    selector: str = ""
    #: None: all namespaces.
    namespace: str | None = None

    def __str__(self) -> str:
        chosen = f" matches {self.selector}" if self.selector else ""
        where = f"in namespace {self.namespace}" if self.namespace else "in any namespace"
        return f"workload that is opted in{chosen} {where}"


def parse(words: Sequence[str], namespace: str, options: Connection, *, every: bool = False) -> Query:
    """What the words and the options choose; `every`: no words mean all. Raises InputError naming what is accepted."""
    everywhere, selector = options.all_namespaces, options.selector or ""
    if any("/" in word for word in words):
        _forbid(everywhere, selector, "a workload is named")
        return Query(tuple(parse_ref(word, namespace) for word in words))
    found = tuple(kind_of(word) for word in words[0].split(",")) if words else kinds.ALL
    if len(words) > 1:
        _forbid(everywhere, selector, "a workload is named")
        return Query(tuple(Ref(kind, namespace, _name(word)) for kind in found for word in words[1:]))
    if not (everywhere or selector or every):
        raise InputError(f"no workload is named: expected {ACCEPTED}")
    return Query((), found, selector, None if everywhere else namespace)


def _forbid(everywhere: bool, selector: str, why: str) -> None:
    for option, given in (("--all-namespaces", everywhere), ("--selector", bool(selector))):
        if given:
            raise InputError(f"{option} cannot be given when {why}: expected {ACCEPTED}")


def _name(word: str) -> str:
    if not is_name(word):
        raise InputError(f'invalid name "{word}": expected the name of a workload')
    return word


async def find(client: Client, query: Query) -> list[tuple[Ref, Workload]]:
    """The workloads that a query without names matches, by namespace, kind and name. Kinds that the user may not list
    are left out with a note, unless these are all."""
    found, denied = list[tuple[Ref, Workload]](), list[Denied]()
    chosen = ",".join(one for one in (query.selector, names.MODE) if one)
    for kind in query.kinds:
        where = resources.find(kind.group, kind.plural)
        try:
            listed = await client.list(where, query.namespace, type=Workload, label_selector=chosen)
        except Denied as error:
            denied.append(error)
            continue
        for one in listed.items:
            ref = Ref(kind, one.metadata.namespace, one.metadata.name)
            found.append((ref, replace(one, kind=kind.name)))
    if len(denied) == len(query.kinds):
        raise denied[0]
    for refusal in denied:
        say(f"note: {refusal}", err=True)
    order = {kind.name: number for number, kind in enumerate(kinds.ALL)}
    return sorted(found, key=lambda one: (one[0].namespace, order[one[0].kind.name], one[0].name))


async def for_each(client: Client, query: Query, act: Act) -> int:
    """Do it to each; one that fails says so and the next is done. Returns the worst exit code.

    Raises InputError if there is none.
    """
    refs = list(query.refs) or [ref for ref, _ in await find(client, query)]
    if not refs:
        raise InputError(f"no {query}")
    if len(refs) == 1:
        return await act(client, refs[0])
    return max([await _or_error(client, ref, act) for ref in refs])


async def _or_error(client: Client, ref: Ref, act: Act) -> int:
    try:
        return await act(client, ref)
    except (InputError, KubeError) as error:
        say(f"error: {ref.namespace}: {' '.join(str(error).split())}", err=True)
        return errors.ERROR
