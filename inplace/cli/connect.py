"""Connecting to a cluster and naming a workload: what the commands that look at one have in common.

kubernetes_asyncio and aiohttp are imported here and only when a command needs a cluster, so that `--help` and the
offline commands stay instant.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

import inplace
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, is_name
from inplace.cli.say import Tell, say
from inplace.cluster import send
from inplace.cluster.key import Key
from inplace.cluster.live import Live, require_top
from inplace.core import kinds
from inplace.core.actions import patches
from inplace.core.actions.actions import PatchWorkload
from inplace.core.kinds import Kind
from inplace.core.objects import names
from inplace.core.objects.model import Named, Pod
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views import silence
from inplace.kube import resource as resources
from inplace.kube.client import DEFAULT_SECONDS, Client
from inplace.kube.connection import connect
from inplace.kube.errors import KubeError, NotFound
from inplace.kube.kubeconfig import Flags
from inplace.runtime.clock import ServerClock, SystemClock
from inplace.runtime.observe import NullObserver, Observer

T = TypeVar("T")
USER_AGENT = f"inplace/{inplace.__version__}"
#: Owns what a command writes for the workload's owner, and what stays when the workload is opted out.
OWNER = f"{names.FIELD_MANAGER}-cli"


class Ref(Struct, frozen=True):
    """A workload that a person named: TYPE/NAME in a namespace."""

    kind: Kind
    namespace: str
    name: str

    @property
    def key(self) -> Key:
        """The same for the cache."""
        return Key(self.kind.name, self.namespace, self.name)

    @property
    def identity(self) -> dict[str, str]:
        """As a document has it."""
        return {"kind": self.kind.name, "namespace": self.namespace, "name": self.name}

    @property
    def qualified(self) -> str:
        """As kubectl's `-o name`: `statefulset.apps/web`."""
        return f"{self.kind.name.lower()}.{self.kind.group}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind.name.lower()}/{self.name}"


def run_async(main: Coroutine[object, object, T]) -> T:
    """Run a command's coroutine; uvloop if it is installed."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_stoppable(main))


async def _stoppable(main: Coroutine[object, object, T]) -> T:
    """The end of a terminal (SIGHUP), and of a job (SIGTERM), is that of Ctrl-C: nothing is left half done."""
    loop, task, stopped = asyncio.get_running_loop(), asyncio.current_task(), False
    assert task is not None

    def stop() -> None:
        nonlocal stopped
        stopped = True
        task.cancel()

    # What somebody ignores stays ignored (nohup); of threads only the first is told of signals.
    first = threading.current_thread() is threading.main_thread()
    handled = [one for one in (signal.SIGTERM, signal.SIGHUP) if first and signal.getsignal(one) == signal.SIG_DFL]
    for one in handled:
        loop.add_signal_handler(one, stop)
    try:
        return await main
    except asyncio.CancelledError as error:
        if stopped:
            raise click.Abort from error
        raise
    finally:
        for one in handled:
            loop.remove_signal_handler(one)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """In a function of its own: what is raised in an `except` names the ImportError in its traceback."""
    try:
        import uvloop  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    found: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return found


@asynccontextmanager
async def cluster(
    options: Connection, observer: Observer | None = None, *, selects: bool = False, manager: str = names.FIELD_MANAGER
) -> AsyncIterator[tuple[Client, str]]:
    """A client of the cluster that the options name, and the namespace to work in.

    `selects`: whether the command takes several objects; else options that choose many raise InputError. `manager`: who
    is to own the fields that it writes.
    """
    given = (("--all-namespaces", options.all_namespaces), ("--selector", options.selector is not None))
    for option, chosen in given:
        if chosen and not selects:
            raise InputError(f"{option} is not supported: expected one object by its name, and --namespace")
    seen, clock = observer or NullObserver(), ServerClock(SystemClock())
    connection = await connect(
        kubeconfig=options.kubeconfig,
        context=options.context,
        as_user=options.as_user,
        as_groups=options.as_groups,
        as_uid=options.as_uid,
        as_extra=_extra(options.as_extra),
        flags=Flags(**{field: getattr(options, field) for field in Flags.__struct_fields__}),
        user_agent=USER_AGENT,
        clock=clock,
    )
    async with connection:
        timeout = options.request_timeout or DEFAULT_SECONDS
        client = Client(connection, seen, clock, timeout=timeout, field_manager=manager)
        namespace = options.namespace or connection.namespace or "default"
        try:
            yield client, namespace
        except NotFound as error:
            raise await where(client, namespace, error) from error


def _extra(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The values of each key."""
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return tuple((key, tuple(values)) for key, values in found.items())


async def where(client: Client, namespace: str, error: NotFound) -> InputError:
    """The same failure, which names the namespace that was looked in, or says that there is none of that name."""
    if not error.message.endswith('" not found'):  # of a resource that this server has not, nothing is known
        return InputError(str(error))
    try:
        await client.get(resources.NAMESPACES, namespace, type=Named)
    except NotFound:
        return InputError(f"{error}: there is no namespace {namespace}: see `kubectl get namespaces`")
    except KubeError:
        pass  # who may not look is told the name at least
    return InputError(f"{error} in namespace {namespace}")


def parse_ref(text: str, namespace: str) -> Ref:
    """`sts/web`, `statefulset/web`, `statefulsets.apps/web`; raises InputError naming what is accepted."""
    word, slash, name = text.partition("/")
    kind = kinds.find(word.removesuffix(".apps"))
    accepted = ", ".join(f"{kind_.short_names[0]}/NAME" for kind_ in kinds.ALL)
    if not slash or not is_name(name) or kind is None:
        raise InputError(f'unknown workload "{text}": expected {accepted}')
    return Ref(kind, namespace, name)


def kind_of(word: str) -> Kind:
    """`sts`, `statefulset`, `statefulsets.apps`; raises InputError naming what is accepted."""
    kind = kinds.find(word.removesuffix(".apps"))
    if kind is None:
        accepted = ", ".join(one.short_names[0] for one in kinds.ALL)
        raise InputError(f'unknown workload type "{word}": expected {accepted}, or TYPE/NAME')
    return kind


async def read_workload(client: Client, ref: Ref) -> Workload:
    """The workload, live. Raises NoSuchWorkload if it belongs to another one."""
    where = resources.find(ref.kind.group, ref.kind.plural)
    found = await client.get(where, ref.name, ref.namespace, type=Workload)
    require_top(found, ref.key)
    return replace(found, kind=ref.kind.name)


async def owner_of(client: Client, pod: Pod) -> Ref | None:
    """The workload at the end of the Pod's owners, two hops away at most; None if no supported kind is there.

    Raises InputError if an owner is another object than the one that the Pod names.
    """
    ref, owner = None, kinds.owner_of(pod.metadata, resources.PODS.kind)
    while owner is not None:
        kind = kinds.BY_NAME[owner.kind]
        ref = Ref(kind, pod.metadata.namespace, owner.name)
        above = await client.get(resources.find(kind.group, kind.plural), owner.name, ref.namespace, type=Workload)
        if above.metadata.uid != owner.uid:
            raise InputError(f"pod/{pod.name} names {ref} as its owner, but has another uid for it than the API server")
        owner = kinds.owner_of(above.metadata, kind.name)
    return ref


async def read_live(client: Client, ref: Ref) -> Live:
    """Everything about a workload, read once."""
    live = Live(client, ref.key)
    await live.load()
    return live


async def submit(client: Client, edit: PatchWorkload, dry_run: str) -> None:
    """Send what a command changes of a workload, as its `--dry-run` says: for `client` nothing is sent.

    Raises what the client raises.
    """
    if dry_run != "client":
        await send.send(client, patches.build(edit, client.clock.now()), dry_run=dry_run == "server")


class Notes:
    """Lines on stderr beside the result, each of them once."""

    def __init__(self, tell: Tell = say) -> None:
        self._tell = tell
        self._shown: set[str] = set()

    def show(self, *notes: str) -> None:
        """Show those that have not been shown yet."""
        for note in notes:
            if note not in self._shown:
                self._shown.add(note)
                self._tell(f"note: {note}", err=True)


def show_unseen(live: Live) -> None:
    """A line on stderr for everything that the user's rights do not show."""
    Notes().show(*live.notes)


def warn_if_unattended(snapshot: Snapshot, now: datetime, tell: Tell = say) -> bool:
    """Say on stderr that no controller does what is due; returns whether that was said."""
    warning = silence.unattended(snapshot, now)
    if warning:
        tell(f"warning: {warning}", err=True)
    return bool(warning)


def require_opted_in(workload: Workload, ref: Ref) -> None:
    """Raise InputError with the way to opt in if the workload is not."""
    if workload.metadata.label(names.MODE) is None:
        raise InputError(f"{ref} is not opted in: {how_to_opt_in(ref)}")


def how_to_opt_in(ref: Ref) -> str:
    """The command that does."""
    return f"run `inplace enable {ref} -n {ref.namespace}`"
