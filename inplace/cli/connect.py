"""What the commands that look at a cluster have in common: connecting, naming a workload, reading it as one snapshot.

kubernetes_asyncio and aiohttp are imported here and only when a command needs a cluster, so that `--help` and the
offline commands stay instant.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

import inplace
from inplace.cli.errors import InputError
from inplace.cli.options import Connection
from inplace.core import kinds
from inplace.core.kinds import Kind, OwnedObjects, Template
from inplace.core.objects import names
from inplace.core.objects.model import Meta, Node, Pod, Revision, Workload
from inplace.core.rollout import pull_pods
from inplace.core.rollout.snapshot import PullPods, Snapshot
from inplace.kube import resource as resources
from inplace.kube.client import DEFAULT_SECONDS, Client
from inplace.kube.connection import connect
from inplace.kube.errors import ConfigError, NotFound
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver, Observer

T = TypeVar("T")
USER_AGENT = f"inplace/{inplace.__version__}"


class Ref(Struct, frozen=True):
    """A workload that a person named: TYPE/NAME in a namespace."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.name.lower()}/{self.name}"


def run_async(main: Coroutine[object, object, T]) -> T:
    """Run a command's coroutine; uvloop where it is installed."""
    try:
        import uvloop  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


@asynccontextmanager
async def cluster(options: Connection, observer: Observer | None = None) -> AsyncIterator[tuple[Client, str]]:
    """A client of the cluster that the options name, and the namespace to work in."""
    seen, clock = observer or NullObserver(), SystemClock()
    connection = await connect(
        kubeconfig=options.kubeconfig,
        context=options.context,
        as_user=options.as_user,
        user_agent=USER_AGENT,
        clock=clock,
    )
    async with connection:
        client = Client(connection, seen, clock, timeout=options.request_timeout or DEFAULT_SECONDS)
        yield client, options.namespace or connection.namespace or "default"


def parse_ref(text: str, namespace: str) -> Ref:
    """`sts/web`, `statefulset/web`, `statefulsets.apps/web`; raises InputError naming what is accepted."""
    word, slash, name = text.partition("/")
    kind = kinds.find(word.removesuffix(".apps"))
    accepted = ", ".join(f"{one.short_names[0]}/NAME" for one in kinds.ALL)
    if not slash or not name or kind is None:
        raise InputError(f"{text!r} names no workload: use {accepted}")
    return Ref(kind, namespace, name)


async def read_workload(client: Client, ref: Ref) -> Workload:
    """The workload, live."""
    where = resources.find(ref.kind.group, ref.kind.plural)
    found = await client.get(where, ref.name, ref.namespace, type=Workload)
    return replace(found, kind=ref.kind.name)


async def read_snapshot(client: Client, ref: Ref) -> Snapshot:
    """The workload with its Pods, revisions and nodes, live; nodes are left out where reading them is forbidden."""
    workload = await read_workload(client, ref)
    kind, uid = ref.kind, workload.metadata.uid
    revisions = await client.list(resources.CONTROLLERREVISIONS, ref.namespace, type=Revision)
    children = await _children(client, ref, uid)
    family = OwnedObjects(tuple(one for one in revisions.items if _owned(one.metadata, {uid})), children)
    pods = await client.list(resources.PODS, ref.namespace, type=Pod)
    owners = {uid, *(one.metadata.uid for one in children)}
    own = tuple(pod for pod in pods.items if _owned(pod.metadata, owners) and not pod.over)
    helpers = tuple(pod for pod in pods.items if uid in pull_pods.workloads_served(pod))
    return Snapshot(
        kind=kind,
        workload=workload,
        pods=own,
        revisions={
            revision: Template(revision, kind.read(raw)) for revision, raw in kind.templates(workload, family).items()
        },
        family=family,
        nodes=await _nodes(client, {pod.spec.node_name for pod in own} - {""}),
        pulling=PullPods(helpers),
    )


async def _children(client: Client, ref: Ref, uid: str) -> tuple[Workload, ...]:
    """The workloads between this one and its Pods."""
    if not ref.kind.through:
        return ()
    between = kinds.BY_NAME[ref.kind.through]
    found = await client.list(resources.find(between.group, between.plural), ref.namespace, type=Workload)
    return tuple(replace(one, kind=between.name) for one in found.items if _owned(one.metadata, {uid}))


def require_opted_in(workload: Workload, ref: Ref) -> None:
    """Raise InputError with the way to opt in, where the workload is not."""
    if workload.metadata.label(names.MODE) is None:
        raise InputError(f"{ref} is not opted in: kubectl label {ref} -n {ref.namespace} {names.MODE}=InPlaceOnly")


def has_gate(workload: Workload) -> bool:
    """Whether the workload's template speaks of our readiness gate."""
    return names.GATE.encode() in bytes(workload.spec.template)


async def _nodes(client: Client, wanted: set[str]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for name in sorted(wanted):
        try:
            found[name] = await client.get(resources.NODES, name, type=Node)
        except NotFound:
            continue
    return found


def _owned(meta: Meta, uids: Collection[str]) -> bool:
    owner = meta.controller()
    return owner is not None and owner.uid in uids


__all__ = ["ConfigError", "Ref", "cluster", "has_gate", "parse_ref", "read_snapshot", "read_workload", "run_async"]
