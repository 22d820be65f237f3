"""What the shell proposes for names: workloads, Pods, namespaces, and what the kubeconfig holds.

A shell waits for it at every press of a key, so it takes a second at most, and says nothing when it fails: whatever is
wrong, the command itself will say.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

from inplace.cli.options import POD_WORDS, Connection, connection

if TYPE_CHECKING:
    from inplace.kube.resource import Resource

#: How long the cluster may take.
SECONDS: Final = 1.0
#: How many names are proposed at most: beyond that they help nobody.
MOST: Final = 500
#: A word that no shell splits or expands, and no terminal obeys.
_WORD: Final = re.compile(r"[\w@%+=:./-]+")
#: Commands for workloads that need not be opted in.
_TAKE_OTHERS: Final = frozenset({"enable", "plan", "check", "image", "history", "undo", "events", "diff", "report"})

_Found = Callable[[Connection, str], AsyncIterator[str]]


def workloads(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """TYPE/NAME, or NAME after a TYPE: those that are opted in, and for commands that take others these as well."""
    given = ctx.params.get(param.name or "") or ()
    first = given[0] if isinstance(given, tuple) and given else ""
    others = ctx.info_name in _TAKE_OTHERS
    if "/" in first:
        first = ""
    return _proposed(ctx, incomplete, lambda options, word: _workloads(options, word, first, others=others))


def pods(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The Pods of the namespace, as NAME or pod/NAME."""
    return _proposed(ctx, incomplete, _pods)


def workloads_and_pods(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Either; Pods as pod/NAME."""
    if incomplete.partition("/")[0] in POD_WORDS and "/" in incomplete:
        return pods(ctx, param, incomplete)
    return workloads(ctx, param, incomplete)


def namespaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The namespaces that there are."""
    return _proposed(ctx, incomplete, _namespaces)


def entries(ctx: click.Context, kind: str, incomplete: str) -> list[CompletionItem]:
    """The names of the kubeconfig's `contexts`, `clusters` or `users`."""
    from inplace.kube import kubeconfig
    from inplace.kube.errors import KubeError

    try:
        return _items(kubeconfig.named(connection(ctx).kubeconfig, kind), incomplete)
    except (KubeError, OSError):
        return []


def _items(found: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """What is a word to every shell: a kubeconfig may be somebody else's, and what it proposes is typed as it is."""
    words = (name for name in sorted(found) if name.startswith(incomplete) and _WORD.fullmatch(name))
    return [CompletionItem(name) for name in words][:MOST]


def _proposed(ctx: click.Context, incomplete: str, find: _Found) -> list[CompletionItem]:
    from inplace.cli.connect import run_async
    from inplace.cli.errors import InputError
    from inplace.kube.errors import KubeError

    found = set[str]()

    async def collect() -> None:
        async with asyncio.timeout(SECONDS):
            async for name in find(connection(ctx), incomplete):
                found.add(name)

    with contextlib.suppress(InputError, KubeError, OSError):  # a TimeoutError is an OSError: what came in time counts
        run_async(collect())
    return _items(found, incomplete)


async def _workloads(options: Connection, word: str, kind_word: str, *, others: bool) -> AsyncIterator[str]:
    from inplace.core import kinds
    from inplace.core.objects import names
    from inplace.kube import resource as resources

    typed, slash, _ = word.partition("/")
    chosen = kind_word or (typed if slash else "")
    for kind in kinds.ALL:
        words = (*kind.short_names, kind.plural)
        if chosen and chosen.removesuffix(".apps") not in words:
            continue
        spelled = typed if slash else next((one for one in words if one.startswith(typed)), "")
        if spelled or kind_word:
            where = resources.find(kind.group, kind.plural)
            async for name in _named(options, where, "" if others else names.MODE):
                yield name if kind_word else f"{spelled}/{name}"


async def _pods(options: Connection, word: str) -> AsyncIterator[str]:
    from inplace.kube import resource as resources

    typed, slash, _ = word.partition("/")
    if slash and typed not in POD_WORDS:
        return
    async for name in _named(options, resources.PODS, owned=True):
        yield f"{typed}/{name}" if slash else name


async def _namespaces(options: Connection, word: str) -> AsyncIterator[str]:
    from inplace.kube import resource as resources

    async for name in _named(options, resources.NAMESPACES):
        yield name


async def _named(
    options: Connection, resource: Resource, selector: str = "", *, owned: bool = False
) -> AsyncIterator[str]:
    """Page by page; `owned`: those of a controller as well. What may not be listed has no names."""
    from inplace.cli.connect import cluster
    from inplace.core.objects.model import Named
    from inplace.kube.answers import decode
    from inplace.kube.errors import Denied

    async with cluster(options, selects=True) as (client, namespace):
        try:
            async for page in client.pages(resource, namespace, label_selector=selector):
                for meta in (decode(raw, Named).metadata for raw in page.items or ()):
                    if owned or meta.controller() is None:
                        yield meta.name
        except Denied:
            return
