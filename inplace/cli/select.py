"""The workloads that a command is about, named as for kubectl: TYPE/NAME…, TYPE NAME…, TYPE with -l or -A, or -f FILE.

By a selector, or over all namespaces, only workloads that are opted in are found, but by `enable`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from inplace.cli import errors, manifest, proposals
from inplace.cli.connect import Ref, cluster, kind_of, parse_ref, where
from inplace.cli.errors import InputError
from inplace.cli.manifest import Manifest
from inplace.cli.options import Connection, filename_option, is_name
from inplace.cli.say import say
from inplace.core import kinds
from inplace.core.kinds import Kind
from inplace.core.objects import names, selectors
from inplace.core.objects.plural import counted
from inplace.core.objects.workloads import Workload
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Conflict, Denied, KubeError, NotFound, PreconditionFailed

T = TypeVar("T")
_F = TypeVar("_F", bound=Callable[..., Any])
SELECTORS: Final = "app=web, tier!=db, env in (a,b), mesh or !mesh, separated by commas"
ACCEPTED: Final = "TYPE/NAME, TYPE NAME, TYPE with -l SELECTOR or -A, or -f FILE"

#: How often a workload may have changed between the look at it and the write.
RACES: Final = 4

Act = Callable[[Client, Ref], Awaitable[int]]


def workloads_argument(function: _F) -> _F:
    """What a command takes that is about one workload or several: words, and files that name them."""
    argument = click.argument("workloads", nargs=-1, metavar="WORKLOAD...", shell_complete=proposals.workloads)
    decorated: _F = argument(filename_option(function))
    return decorated


class Query(Struct, frozen=True):
    """What was asked for: either `refs`, or all of these kinds that are opted in and that a selector matches."""

    refs: tuple[Ref, ...] = ()
    kinds: tuple[Kind, ...] = ()
    selector: str = ""
    #: None: all namespaces; empty, as in `refs`: the present one, until it is known.
    namespace: str | None = ""
    #: Whether those that are not opted in are meant too.
    others: bool = False

    @property
    def alone(self) -> bool:
        """Whether one workload is named, and whatever it is fails with it."""
        return len(self.refs) == 1

    def within(self, namespace: str) -> Query:
        """The same, once the present namespace is known."""
        refs = tuple(dict.fromkeys(replace(ref, namespace=ref.namespace or namespace) for ref in self.refs))
        return replace(self, refs=refs, namespace=namespace if self.namespace == "" else self.namespace)

    def __str__(self) -> str:
        what = "workload" if self.others else "workload that is opted in"
        chosen = f" matches {self.selector}" if self.selector else ""
        where = f"in namespace {self.namespace}" if self.namespace else "in any namespace"
        return f"{what}{chosen} {where}"


def parse(words: Sequence[str], options: Connection, *, every: bool = False, files_are_content: bool = False) -> Query:
    """What the words and the options choose, before any cluster is asked; `every`: no words mean all;
    `files_are_content`: -f names no workloads, but what they are compared with.

    Raises InputError naming what is accepted.
    """
    everywhere, selector = options.all_namespaces, options.selector or ""
    if options.selector == "":  # of a variable that is not set, most likely
        raise InputError('invalid --selector "": expected labels, such as app=web')
    if selector and selectors.parse(selector) is None:
        raise InputError(f'invalid --selector "{selector}": expected {SELECTORS}')
    if options.filenames and not files_are_content:
        if words:
            raise InputError(f"--filename cannot be given when a workload is named: expected {ACCEPTED}")
        _forbid(everywhere, selector, "files name the workloads")
        return Query(tuple(in_files(options.filenames, options.namespace)))
    if any("/" in word for word in words):
        _forbid(everywhere, selector, "a workload is named")
        return Query(tuple(parse_ref(word, "") for word in words))
    found = tuple(kind_of(word) for word in words[0].split(",")) if words else kinds.ALL
    if len(words) > 1:
        _forbid(everywhere, selector, "a workload is named")
        return Query(tuple(Ref(kind, "", _name(word)) for kind in found for word in words[1:]))
    if not (everywhere or selector or every):
        raise InputError(f"no workload is named: expected {ACCEPTED}")
    return Query((), found, selector, None if everywhere else "")


def _forbid(everywhere: bool, selector: str, why: str) -> None:
    for option, given in (("--all-namespaces", everywhere), ("--selector", bool(selector))):
        if given:
            raise InputError(f"{option} cannot be given when {why}: expected {ACCEPTED}")


def _name(word: str) -> str:
    if not is_name(word):
        raise InputError(f'invalid name "{word}": expected the name of a workload')
    return word


def in_files(filenames: Iterable[str], given: str | None) -> Iterator[Ref]:
    """The workloads that files name, whatever else is in them.

    `given`: the namespace of --namespace, which no file may contradict. Raises InputError if a file holds none.
    """
    for filename in filenames:
        for source in manifest.sources(filename):
            yield from named(source, manifest.all_in(source), given)


def named(source: str, manifests: Iterable[Manifest], given: str | None) -> Iterator[Ref]:
    """The same of manifests that have been read."""
    called = manifest.called(source)
    found = [one for one in manifests if one.kind in kinds.BY_NAME]
    if not found:
        known = ", ".join(kind.name for kind in kinds.ALL)
        raise InputError(f"{called}: expected a workload ({known}), found none")
    for one in found:
        own = one.metadata.namespace
        if own and given and own != given:
            what = f"{one.kind.lower()}/{one.metadata.name}"
            raise InputError(f"{called}: {what} is of namespace {own}: expected --namespace {own}, not {given}")
        yield Ref(kinds.BY_NAME[one.kind], own, _name(one.metadata.name))


async def find(client: Client, query: Query) -> list[tuple[Ref, Workload]]:
    """The workloads that a query without names matches, by namespace, kind and name. Kinds that the user may not list
    are left out with a note, unless these are all."""
    found, denied = list[tuple[Ref, Workload]](), list[Denied]()
    chosen = ",".join(one for one in (query.selector, "" if query.others else names.MODE) if one)
    for kind in query.kinds:
        resource = resources.find(kind.group, kind.plural)
        try:
            listed = await client.list(resource, query.namespace, type=Workload, label_selector=chosen)
        except Denied as error:
            denied.append(error)
            continue
        for one in listed.items:
            if query.others and kinds.owner_of(one.metadata, kind.name) is not None:
                continue  # a ReplicaSet of a Deployment
            ref = Ref(kind, one.metadata.namespace, one.metadata.name)
            found.append((ref, replace(one, kind=kind.name)))
    if len(denied) == len(query.kinds):
        raise denied[0]
    for refusal in denied:
        say(f"note: {refusal}", err=True)
    order = {kind.name: number for number, kind in enumerate(kinds.ALL)}
    return sorted(found, key=lambda one: (one[0].namespace, order[one[0].kind.name], one[0].name))


async def chosen(client: Client, query: Query) -> list[Ref]:
    """The workloads by their names. Raises InputError if there is none."""
    refs = list(query.refs) or [ref for ref, _ in await find(client, query)]
    if not refs:
        raise InputError(f"no {query}")
    return refs


async def for_each(client: Client, query: Query, act: Act) -> int:
    """Do it to each; one that fails says so and the next is done. Returns the worst exit code.

    Raises InputError if there is none.
    """
    return worst(code for _, code in await of_each(client, query, act, errors.ERROR))


async def run_each(
    connection: Connection,
    words: Sequence[str],
    act: Act,
    *,
    manager: str = names.FIELD_MANAGER,
    ask: str = "",
    yes: bool = False,
    others: bool = False,
) -> int:
    """Do it to each workload that the words and options choose, as `for_each`; returns the command's exit code.

    `ask`: the verb by which what a selector or --all-namespaces chose is asked for first, unless `yes`. `others`: those
    that are not opted in are meant too. `manager`: who is to own the fields that are written.
    """
    query = replace(parse(words, connection), others=others)
    async with cluster(connection, selects=True, manager=manager) as (client, namespace):
        query = query.within(namespace)
        if ask:
            query = await confirmed(client, query, ask, yes=yes)
        return await for_each(client, query, _despite_others(act))


def _despite_others(act: Act) -> Act:
    """The same, from a new look at the workload if somebody else has written it since: as its own controller does, that
    changes nothing of what is asked."""

    async def acted(client: Client, ref: Ref) -> int:
        for _ in range(RACES):
            with contextlib.suppress(PreconditionFailed, Conflict):
                return await act(client, ref)
        return await act(client, ref)

    return acted


async def confirmed(client: Client, query: Query, verb: str, *, yes: bool) -> Query:
    """The query by names. If a selector or --all-namespaces chose them, they are listed and asked for, unless `yes`.

    Raises click.Abort at a no, and InputError if there is none, or where nobody can answer.
    """
    if query.refs:
        return query
    refs = await chosen(client, query)
    for ref in refs:
        say(f"{ref.namespace}: {ref}", err=True)
    if not yes:
        confirm(f"{verb.capitalize()} {counted(len(refs), 'workload')}?", f"{verb} these")
    return replace(query, refs=tuple(refs), kinds=())


def confirm(question: str, what: str) -> None:
    """Ask before something is begun. Raises click.Abort at a no, and InputError where nobody can answer."""
    if not is_terminal():
        raise InputError(f"nobody can be asked here whether to {what}: expected --yes")
    click.confirm(question, abort=True, err=True)


async def of_each(
    client: Client, query: Query, look: Callable[[Client, Ref], Awaitable[T]], failed: T
) -> list[tuple[Ref, T]]:
    """What is found of each, one after the other; one that fails says so and is `failed`, unless it was named alone.

    Raises InputError if there is none.
    """
    refs = await chosen(client, query)
    if query.alone:
        try:
            return [(refs[0], await look(client, refs[0]))]
        except NotFound as error:
            raise await where(client, refs[0].namespace, error) from error
    return [(ref, await or_error(client, ref, look, failed)) for ref in refs]


async def or_error(client: Client, ref: Ref, look: Callable[[Client, Ref], Awaitable[T]], failed: T) -> T:
    """What is found of one of several, or `failed` once it is said why."""
    try:
        return await look(client, ref)
    except NotFound as error:
        told = str(await where(client, ref.namespace, error))
    except (InputError, KubeError) as error:
        told = errors.told(error)
    say(f"error: {ref.namespace}: {told}", err=True)
    return failed


def worst(codes: Iterable[int]) -> int:
    """The exit code of several: that of an error, or the highest."""
    found = set(codes)
    return errors.ERROR if errors.ERROR in found else max(found, default=errors.OK)


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()
