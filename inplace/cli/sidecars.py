"""`inplace sidecars`: upgrade a container that admission injected, in place, over the Pods of a selection.

A long-running command with its user's own rights. All of its state is on the Pods, in records that name it, so that it
can be ended at any time and goes on when it is started again. Beside a controller it counts in the same budgets, and
neither touches what the other has begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Any, Final

import click
from msgspec import Struct
from msgspec.structs import replace

from inplace.cli import errors
from inplace.cli.commands import command
from inplace.cli.connect import Notes, cluster, run_async
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, dry_run_option, require_seconds, seconds, with_connection
from inplace.cli.say import say
from inplace.cli.select import SELECTORS, confirm
from inplace.cluster import send
from inplace.cluster.fleet import Fleet
from inplace.cluster.memory import Memory
from inplace.controller.sidecars import End, Upgrade, look, tally, words
from inplace.core.actions.actions import CloseGate
from inplace.core.objects import images, selectors
from inplace.core.objects.model import Pod
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import LabelSelector
from inplace.core.plan.sidecars import Look, Member, Order, dry_run
from inplace.core.pod.states import Pending, UpToDate
from inplace.core.settings import grammar
from inplace.core.settings.annotations import DisruptionBudgets, DrainPolicy, Settings
from inplace.core.state.records import LONGEST_COMMAND
from inplace.core.template import trees
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Conflict, Denied, KubeError, NotFound, PreconditionFailed

#: How many containers an error names.
_NAMED: Final = 20
_CODES: Final = {
    End.DONE: errors.OK, End.PAUSED: errors.INTERRUPTED, End.FAILED: errors.FAILED, End.STUCK: errors.FAILED,
}  # fmt: skip


@command("sidecars")
@click.option("-c", "--container", required=True, metavar="NAME", help="The container that admission injected.")
@click.option("--image", required=True, metavar="IMAGE", help="The image that it is to have.")
@click.option("--rollback", is_flag=True, help="Give Pods that were moved to this image back what they had before.")
@click.option("--max-unavailable", default="1", show_default=True, help="Of each workload's Pods: a count or percent.")
@click.option("--max-disrupted", type=click.IntRange(1), default=10, show_default=True, help="In flight over all.")
@click.option("--max-failures", type=click.IntRange(0), default=0, show_default=True, help="More failed Pods stop it.")
@click.option("--grace-period", type=seconds, default="0s", show_default=True, metavar="DURATION",
              help="Between out of service and the new image.")  # fmt: skip
@click.option("--min-ready", type=seconds, default="0s", show_default=True, metavar="DURATION",
              help="How long a Pod has to serve before it counts as done.")  # fmt: skip
@click.option("--progress-deadline", type=seconds, default="10m", show_default=True, metavar="DURATION",
              help="How long one Pod may take; and how long to wait where nothing goes on.")  # fmt: skip
@click.option("--no-drain", is_flag=True, help="Keep Pods in service although they have the readiness gate.")
@click.option("--ignore-disruption-budgets", is_flag=True, help="Reserve nothing from PodDisruptionBudgets.")
@click.option("--ignore-injector", is_flag=True, help="Begin although new Pods would get another image.")
@click.option("--skip-refused", is_flag=True, help="Upgrade the others if some Pods are refused.")
@click.option("--retry", is_flag=True, help="Try again what has failed.")
@click.option("--pause", is_flag=True, help="Begin nothing; only end what an earlier run has left in flight.")
@dry_run_option
@click.option("-y", "--yes", is_flag=True, help="Begin without asking.")
@with_connection
def sidecars(connection: Connection, **given: Any) -> int:
    """The Pods are those of -l SELECTOR in the namespace of -n, or of all with -A. First comes the plan, then the
    question whether to begin. Started again, it goes on with what is there: all of its state is on the Pods. Ctrl-C
    begins nothing more and ends when the Pods in flight are done; a second one leaves at once.

    Exit codes: 0 done, 2 Pods are to change (--dry-run), 3 refused, 4 failed or stuck, 130 paused, 1 error.
    """
    if connection.selector is None:
        raise InputError("missing --selector: expected -l SELECTOR, such as -l app=web")
    chosen = selectors.parse(connection.selector)
    if chosen is None:
        raise InputError(f'invalid selector "{connection.selector}": expected {SELECTORS}')
    _order(**given)  # what is wrong with it is said before a cluster is asked
    return run_async(_sidecars(connection, chosen, given))


class Ways(Struct, frozen=True):
    """How to go about it."""

    max_disrupted: int
    ignore_injector: bool
    skip_refused: bool
    pause: bool
    dry_run: str
    yes: bool

    @classmethod
    def of(cls, given: dict[str, Any]) -> Ways:
        """Out of all options."""
        return cls(**{name: given[name] for name in cls.__struct_fields__})


def _order(
    *, container: str, image: str, max_unavailable: str, grace_period: float, min_ready: float,
    progress_deadline: float, max_failures: int, **given: Any,
) -> Order:  # fmt: skip
    amount = grammar.amount(1)(max_unavailable)
    if amount is None:
        raise InputError(f'invalid --max-unavailable "{max_unavailable}": expected a count or a percentage from 1%')
    if images.parse(image) is None:
        raise InputError(f'invalid --image "{image}": expected a reference, such as registry.example.com/proxy:v2')
    longest = int(LONGEST_COMMAND.total_seconds())
    times = (("--grace-period", grace_period), ("--min-ready", min_ready), ("--progress-deadline", progress_deadline))
    for option, value in times:
        require_seconds(option, value, 0, longest)
    settings = Settings(
        max_unavailable=amount,
        grace_period_seconds=round(grace_period),
        min_ready_seconds=round(min_ready),
        progress_deadline_seconds=max(1, round(progress_deadline)),
        max_failures=max_failures,
        drain=DrainPolicy.NEVER if given["no_drain"] else DrainPolicy.AUTO,
        disruption_budgets=DisruptionBudgets.IGNORE
        if given["ignore_disruption_budgets"]
        else DisruptionBudgets.RESPECT,
    )
    return Order(container, image, settings, given["rollback"])


async def _sidecars(connection: Connection, chosen: LabelSelector, given: dict[str, Any]) -> int:
    try:
        async with cluster(connection, selects=True) as (client, namespace):
            return await upgrade(client, None if connection.all_namespaces else namespace, chosen, given)
    except asyncio.CancelledError as error:  # out of all task groups, which would wrap it
        raise click.Abort from error


async def upgrade(client: Client, namespace: str | None, chosen: LabelSelector, given: dict[str, Any]) -> int:
    """The command, once it has a client; `namespace`: None for all; `given`: its options, by name."""
    asked, ways = _order(**given), Ways.of(given)
    if given["retry"]:
        asked = replace(asked, retried_at=client.clock.now())
    fleet = Fleet(client, namespace, chosen)
    async with fleet.watching():
        Notes().show(*fleet.notes)
        _require_container(fleet.selected(), asked.container)
        looks, strangers = look(fleet, None, asked)
        planned = await _plan(client, looks, strangers, asked, ways)
    if planned is not None:
        return planned
    if _to_change(looks) and not (ways.yes or ways.pause):
        confirm("Begin?", "begin")
    # The answer may have taken long, and nothing was watched meanwhile: begin from what is there now.
    fleet = Fleet(client, namespace, chosen)
    memory = Memory(client.clock, fleet.cache)
    async with fleet.watching(memory) as changed:
        begun = Upgrade(fleet, memory, changed, asked, say, max_disrupted=ways.max_disrupted)
        if ways.pause:
            begun.pause()
        with _interruptible(begun):
            return _CODES[await begun.run()]


def _require_container(pods: list[Pod], name: str) -> None:
    """A typing error in a selector or a name is none of an upgrade that is done. Raises InputError."""
    if not pods:
        raise InputError("no Pod matches --selector: expected one of Pods that are there")
    if all(pod.container(name) is None for pod in pods):
        have = sorted({one.name for pod in pods for one in (*pod.spec.containers, *pod.spec.init_containers)})
        which = f"none of {counted(len(pods), 'Pod')} has a container {name}"
        raise InputError(f"{which}: expected one that they have: {', '.join(have[:_NAMED])}")


def _to_change(looks: list[Look]) -> list[Member]:
    """Those whose image is to change, now or once what they wait for is over, or that are in flight."""
    left = (one for found in looks for one in found.left)
    return [one for one in left if not isinstance(one.state, UpToDate)]


async def _plan(client: Client, looks: list[Look], strangers: list[Pod], asked: Order, ways: Ways) -> int | None:
    """Print the plan; the exit code if that is all, None if there is something to begin or to wait for."""
    refused = [*plan_lines(asked, looks, strangers)]
    if ways.dry_run == "client":
        say("admission was not asked: --dry-run=server asks it", err=True)
    else:
        refused += await _asked(client, looks, ways)
    for line in refused:
        say(f"refused: {line}", err=True)
    left = any(found.left for found in looks)
    if refused and not (ways.skip_refused and left):
        return errors.REFUSED
    if ways.dry_run != "none":
        return errors.CHANGES if _to_change(looks) else _ended(looks)
    if left:
        return None
    say(tally(looks, strangers))
    return _ended(looks)


@contextlib.contextmanager
def _interruptible(upgrade: Upgrade) -> Iterator[None]:
    """The first signal pauses, the second ends the command wherever it is: the next run goes on from there."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        if upgrade.is_paused and task is not None:
            task.cancel()
            return
        upgrade.pause()
        say("pausing: beginning nothing more; again to leave Pods in flight as they are", err=True)

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    try:
        yield
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)


def _ended(looks: list[Look]) -> int:
    return errors.FAILED if any(found.has_failed for found in looks) else errors.OK


# --- the plan --------------------------------------------------------------------------------------------------------


def plan_lines(asked: Order, looks: list[Look], strangers: list[Pod]) -> Iterator[str]:
    """Print the plan, a line for each Pod; yields what is refused."""
    count = counted(sum(len(found.members) for found in looks), "Pod")
    say(f"container {asked.container}: {count} of {counted(len(looks), 'workload')}")
    for found in looks:
        meta = found.snapshot.workload.metadata
        budget = found.order.settings.budget(found.snapshot.kind.desired(found.snapshot.workload))
        say(f"{meta.namespace}/{found.snapshot.kind.name.lower()}/{meta.name}: at most {budget} unavailable at a time")
        for member in found.members:
            say(f"  {member.pod.name}: {_planned(member) if found.objection is None else 'refused'}")
        if found.objection is not None:
            yield f"{meta.namespace}/{meta.name}: {found.objection.code}: {found.objection}"
        else:
            for member in found.members:
                if member.refused is not None:
                    yield f"{meta.namespace}/{member.pod.name}: {member.refused.code}: {member.refused}"
    for pod in strangers:
        why = "it belongs to nobody, or to a workload of another kind than inplace knows"
        yield f"{pod.metadata.namespace}/{pod.name}: {ReasonCode.KindUnsupported}: {why}"


def _planned(member: Member) -> str:
    match member.state:
        case Pending(action=action):
            how = "drained first" if isinstance(action, CloseGate) else "in service, for it is not drained"
            return f"{member.live} -> {member.image}, {how}"
        case _:
            return words(member)


async def _asked(client: Client, looks: list[Look], ways: Ways) -> list[str]:
    """What admission says of the new image, and to new Pods. Who may not ask is told so."""
    refused, notes = list[str](), Notes()
    for found in looks:
        patch = dry_run(found)
        if patch is None or found.objection is not None:
            continue
        where = f"{found.snapshot.workload.metadata.namespace}/{found.snapshot.workload.metadata.name}"
        try:
            answer = await send.ask(client, patch, client.clock.now())
        except Denied as error:
            raise InputError(f"cannot patch pods: {error}") from error
        except (Conflict, NotFound, PreconditionFailed):
            answer = None  # that Pod has changed, or has gone
        if answer is None and not ways.ignore_injector:
            answer = await _injected(client, found, notes)
        if answer is not None:
            refused.append(f"{where}: {answer.code}: {answer}")
    return refused


async def _injected(client: Client, found: Look, notes: Notes) -> Reason | None:
    """Why a Pod that is made anew would not have the image: found out by the dry run of such a Pod."""
    snapshot, wanted = found.snapshot, found.order
    template = trees.decode(snapshot.workload.spec.template)
    name = f"{snapshot.workload.metadata.name[:200]}-inplace-asks"
    body = {
        **template,
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**trees.tree(template.get("metadata")), "name": name},
    }
    try:
        made = await client.create(resources.PODS, snapshot.workload.metadata.namespace, body, type=Pod, dry_run=True)
    except Denied:
        notes.show("cannot create pods: whether new Pods are given this image was not asked")
        return None
    except KubeError as error:
        notes.show(f"whether new Pods of {snapshot.workload.metadata.name} are given this image is unknown: {error}")
        return None
    container = made.container(wanted.container)
    image = next((one.image for one in found.members if isinstance(one.state, Pending)), wanted.image)
    if container is None or container.image == image:
        return None
    why = f"a new Pod gets {container.image}, not {image}: change what injects it first (or --ignore-injector)"
    return Reason(ReasonCode.InjectorDiffers, f"containers[{wanted.container}]", why)
