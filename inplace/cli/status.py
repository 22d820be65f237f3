"""`inplace status`: wait until an upgrade is over and say how it ended; with --watch, draw it while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import click
from msgspec import Struct
from msgspec.structs import replace

from inplace.cli import endings, errors, select
from inplace.cli.commands import command
from inplace.cli.connect import (
    Notes,
    Ref,
    cluster,
    read_live,
    read_workload,
    require_opted_in,
    run_async,
    show_unseen,
    warn_if_unattended,
)
from inplace.cli.endings import Until
from inplace.cli.options import Connection, seconds, with_connection
from inplace.cli.render import table
from inplace.cli.render.document import output_option
from inplace.cli.render.each import show_each
from inplace.cli.say import Tell, say
from inplace.cli.select import Query
from inplace.cluster.live import Live
from inplace.core.objects import names
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import Reason
from inplace.core.objects.workloads import Workload
from inplace.core.plan.plan import plan
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import statuses, versions
from inplace.core.state.statuses import Phase, Status
from inplace.core.views import silence
from inplace.core.views import workload as view
from inplace.core.views.looks import Looks
from inplace.core.views.workload import WorkloadView
from inplace.kube.client import Client
from inplace.kube.errors import KubeError
from inplace.runtime.clock import Clock
from inplace.runtime.waiting import wait_at_most

POLL_SECONDS: Final = 0.5
#: Of many workloads at once: ten requests a second in all.
EACH_SECONDS: Final = 0.1
UNREPORTED: Final = "waiting for the controller to observe this change"
#: The longest and the shortest time between two pictures of the live view.
REDRAW_SECONDS: Final = 1.0
STILL_SECONDS: Final = 0.2
#: It rests so many times as long as it has taken to decide of what there is to be a picture: 1,000 Pods take 0.1 s.
REST: Final = 4.0
#: How long a controller may take to answer a change before we say that none does.
SILENCE_SECONDS: Final = 10.0
#: How often to look whether anybody does what is due.
LOOK_AGAIN: Final = timedelta(seconds=10)


class Waited(Struct, frozen=True):
    """What is waited for; `revision`: no other one may be rolled out, if it is not empty."""

    until: Until = Until.OVER
    revision: str = ""

    def check(self, ref: Ref, status: Status) -> None:
        """Raises InputError if another revision is rolled out."""
        if self.revision and status.revision != self.revision:
            raise errors.InputError(f"{ref}: revision {status.revision} is rolled out, expected {self.revision}")


class Looked(Struct, frozen=True):
    """One look at a workload, and the exit code of what was seen."""

    view: WorkloadView
    code: int


_OVER: Final = Waited()
Draw = Callable[[Status | None, WorkloadView | None], None]
Follow = Callable[[Client, Ref, Waited], Awaitable[int]]
Look = Callable[[], Awaitable[tuple[Workload, WorkloadView | None]]]


@command("status")
@select.workloads_argument
@click.option("--watch", "-w", is_flag=True, help="Watch the Pods, on a terminal in a live view.")
@click.option(
    "--timeout", type=seconds, metavar="DURATION", help="Give up after this long, with exit code 124 (30s, 5m)."
)
@click.option(
    "--for",
    "until",
    type=click.Choice([str(one) for one in Until]),
    default=str(Until.OVER),
    show_default=True,
    help="Wait until it is over or somebody has to do something, until it is done, until no Pod is in flight after "
    "inplace pause, or until the next step is reached.",
)
@click.option("--revision", metavar="NAME", help="Fail if another revision than this is, or comes to be, rolled out.")
@output_option("wide", "name")
@with_connection
def status(
    connection: Connection,
    workloads: tuple[str, ...],
    watch: bool,
    timeout: float | None,
    until: str,
    revision: str | None,
    output: str,
) -> int:
    """WORKLOAD is TYPE/NAME. Several are waited for at once. With -o, the status is printed once, without a wait; wide
    is a table of the Pods. A wait for a PodDisruptionBudget is no failure, and goes on.

    Exit codes: 0 done, or what --for names, 3 refused, 4 failed or rolled back, 5 waits for `inplace promote` or
    `inplace resume`, 124 timed out, 1 error.
    """
    waited = Waited(Until(until), revision or "")
    return run_async(_status(connection, workloads, watch, timeout, output, waited))


async def _status(
    connection: Connection, words: tuple[str, ...], watch: bool, timeout: float | None, output: str, waited: Waited
) -> int:
    query = select.parse(words, connection)
    async with cluster(connection, selects=True) as (client, namespace):
        query = query.within(namespace)
        refs = await select.chosen(client, query)
        if len(refs) > 1 and (watch or waited.revision):
            option = "--watch" if watch else "--revision"
            raise errors.InputError(f"{option} is of one workload: expected one, found {len(refs)}")
        if output != "text":
            return await _once(client, query, output)
        if len(refs) == 1:
            return await _waited(client, refs[0], _watched if watch else _plain, timeout, waited)
        follow = partial(_plain, several=len(refs), spaces=len({ref.namespace for ref in refs}))
        found = (
            select.or_error(client, ref, partial(_waited, follow=follow, timeout=timeout, waited=waited), errors.ERROR)
            for ref in refs
        )
        return select.worst(await asyncio.gather(*found))


async def _waited(client: Client, ref: Ref, follow: Follow, timeout: float | None, waited: Waited) -> int:
    """Wait for one workload, as long as the timeout allows."""
    _require_ours(await read_workload(client, ref), ref)
    limit = asyncio.timeout(timeout or None)
    try:
        async with limit:
            return await follow(client, ref, waited)
    except TimeoutError:
        if not limit.expired():
            raise
        say(f"error: timed out after {timeout:g}s waiting for {ref}", err=True)
        return errors.TIMED_OUT


async def _once(client: Client, query: Query, output: str) -> int:
    """Print it, and do not wait."""
    looked = await select.of_each(client, query, _looked, None)
    found = [(ref, one) for ref, one in looked if one is not None]
    show_each(found, output, "WorkloadStatus", alone=query.alone, content=lambda one: one.view, lines=_with_pods)
    return select.worst(errors.ERROR if one is None else one.code for _, one in looked)


def _with_pods(ref: Ref, one: Looked) -> list[str]:
    status = one.view.status
    headline = f"{status.phase}: {status.message}" if status is not None else UNREPORTED
    return [f"{ref} -n {ref.namespace}: {headline}", *(f"  {line}" for line in table.pods(one.view))]


async def _looked(client: Client, ref: Ref) -> Looked:
    _require_ours(await read_workload(client, ref), ref)
    live = await read_live(client, ref)
    snapshot = live.snapshot()
    seen = view.build(snapshot, plan(snapshot, live.clock.now()))
    show_unseen(live)
    warn_if_unattended(snapshot, live.clock.now())
    own = statuses.current(snapshot.workload)
    if statuses.foreign(snapshot.workload.metadata) is not None:
        own = seen.status  # what this version makes of it
    code = None
    if own is not None and snapshot.workload.metadata.label(names.MODE) is not None:
        code = endings.code(own, snapshot.workload)
    return Looked(replace(seen, status=own), code or errors.OK)


class Unattended:
    """Says once that no controller does what is due; looked for only now and then, for it takes a plan."""

    def __init__(self, tell: Tell = say) -> None:
        self._tell = tell
        self._again: datetime | None = None
        self._said = False

    def is_possible(self, workload: Workload, now: datetime) -> bool:
        """Whether to look: of a change that nobody has observed yet, `_follow` speaks sooner."""
        own = statuses.current(workload)
        if self._said or own is None or own.phase in endings.ENDS or now < own.updated_at + silence.SILENCE:
            return False
        return self._again is None or now >= self._again

    def show(self, snapshot: Snapshot, now: datetime) -> None:
        """Warn if it is so."""
        self._again, self._said = now + LOOK_AGAIN, warn_if_unattended(snapshot, now, self._tell)


async def _plain(client: Client, ref: Ref, waited: Waited, *, several: int = 1, spaces: int = 1) -> int:
    """One line per change; of `several` workloads the server is asked less often for each, and of several namespaces
    each line begins with one."""
    printed = list[str]()
    name = f"{ref.namespace}: {ref}" if spaces > 1 else str(ref)
    pause = max(POLL_SECONDS, EACH_SECONDS * several)

    def draw(now: Status | None, _: WorkloadView | None) -> None:
        nonlocal printed
        lines = _lines(name, now)
        if lines != printed:
            printed = lines
            for line in lines:
                say(line)

    unattended = Unattended()

    async def look() -> tuple[Workload, WorkloadView | None]:
        workload = await read_workload(client, ref)
        if unattended.is_possible(workload, client.clock.now()):
            with contextlib.suppress(KubeError):  # who may not see the Pods is not told
                unattended.show((await read_live(client, ref)).snapshot(), client.clock.now())
        return workload, None

    return await _follow(client.clock, ref, look, draw, lambda: client.clock.sleep(pause), waited)


async def _watched(client: Client, ref: Ref, waited: Waited) -> int:
    """The live view: one list, then events; and once a second, for what the passing of time alone changes."""
    from inplace.cli.render.screen import Screen

    live, looks, screen = Live(client, ref.key), Looks(), Screen(client.clock.now)
    notes, unattended = Notes(screen.tell), Unattended(screen.tell)
    began = client.clock.monotonic()
    async with live.watching() as changed:

        async def look() -> tuple[Workload, WorkloadView | None]:
            nonlocal began
            began = client.clock.monotonic()
            changed.clear()
            notes.show(*live.notes, *([f"out of date, retrying: {live.problem}"] if live.problem else []))
            snapshot = live.snapshot()
            if unattended.is_possible(snapshot.workload, live.clock.now()):
                unattended.show(snapshot, live.clock.now())
            return snapshot.workload, looks.view(snapshot, live.clock.now())

        async def wait() -> None:
            await client.clock.sleep(max(STILL_SECONDS, REST * (client.clock.monotonic() - began)))
            await wait_at_most(changed, REDRAW_SECONDS)

        with screen, screen.resizing(changed.set):
            return await _follow(client.clock, ref, look, screen.draw, wait, waited, screen.tell)


async def _follow(
    clock: Clock,
    ref: Ref,
    look: Look,
    draw: Draw,
    wait: Callable[[], Awaitable[None]],
    waited: Waited = _OVER,
    tell: Tell = say,
) -> int:
    """Look until the phase is one that ends; a status of an older generation is not believed.

    A workload whose label was removed ends only when nothing of ours is left on it.
    """
    answered_at, warned, behind = clock.monotonic(), False, False
    while True:
        workload, seen = await look()
        if not _is_ours(workload):
            tell(f"{ref}: opted out")
            return errors.OK
        version = statuses.foreign(workload.metadata)
        if version is not None and workload.metadata.label(names.MODE) is not None:
            tell(f"{ref}: {Phase.REFUSED}: its status was {versions.why(version)}")
            return errors.REFUSED
        own = statuses.current(workload)
        if is_behind(own, seen) and not behind:  # the watches bring what belongs together one after the other
            behind = True
            await wait()
            continue
        behind = False
        draw(own, seen)
        if own is not None and workload.metadata.label(names.MODE) is not None:
            waited.check(ref, own)
            code = endings.code(own, workload, waited.until)
            if code is not None:
                return code
        answered_at = clock.monotonic() if own is not None else answered_at
        if not warned and clock.monotonic() - answered_at > SILENCE_SECONDS:
            silent = f"no controller has reported for {SILENCE_SECONDS:g}s"
            why = "none runs for this namespace, or it may not write the status (WriteRefused in kubectl describe)"
            tell(f"warning: {silent}: {why}", err=True)
            warned = True
        await wait()


def is_behind(own: Status | None, seen: WorkloadView | None) -> bool:
    """Whether the Pods that are seen are not yet those of which the controller has reported the end, or the reverse."""
    if own is None or seen is None or seen.phase is None:
        return False
    return own.phase is not seen.phase and Phase.UP_TO_DATE in (own.phase, seen.phase)


def _require_ours(workload: Workload, ref: Ref) -> None:
    if not _is_ours(workload):
        require_opted_in(workload, ref)


def _is_ours(workload: Workload) -> bool:
    """Whether it is opted in, or waits to be opted out."""
    meta = workload.metadata
    return any(meta.label(key) is not None for key in (names.MODE, names.FROZEN)) or statuses.read(meta) is not None


def _lines(ref: object, now: Status | None) -> list[str]:
    if now is None:
        return [f"{ref}: {UNREPORTED}"]
    parts = [f"{ref}: {now.phase}: {now.message}"]
    if now.phase not in endings.ENDS and now.waiting:
        parts.append("Pods that wait: " + ", ".join(f"{count} {reason}" for reason, count in now.waiting.items()))
    parts += _failed(now)
    told = now.reasons[1:] if now.phase is Phase.REFUSED else _untold(now)
    parts += [f"{reason.code}: {reason}" for reason in told]
    return [parts[0], *(f"  {part}" for part in parts[1:])]


def _failed(now: Status) -> Iterator[str]:
    """A line for each way in which Pods have failed, with their names, and how many more there are."""
    alike: dict[tuple[str, str], list[str]] = {}
    for failure in now.failures:
        alike.setdefault((failure.code, failure.message), []).append(failure.pod)
    yield from (f"{', '.join(pods)}: {code}: {message}" for (code, message), pods in alike.items())
    if now.failed > len(now.failures) > 0:
        yield f"and {counted(now.failed - len(now.failures), 'more Pod')}"


def _untold(now: Status) -> Iterator[Reason]:
    """The reasons that neither the headline nor a failure has in full."""
    said = (now.message, *(failure.message for failure in now.failures))
    return (reason for reason in now.reasons if not any(reason.message in text for text in said))
