"""`inplace restart`: a workload's containers by the controller, or one Pod's by the user's own rights."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from functools import partial
from math import ceil
from typing import Any

import click
from msgspec import Struct

from inplace.cli import errors, proposals, select
from inplace.cli.commands import command
from inplace.cli.connect import (
    Ref,
    cluster,
    owner_of,
    read_live,
    read_workload,
    require_opted_in,
    run_async,
    submit,
)
from inplace.cli.errors import InputError
from inplace.cli.options import (
    POD_WORDS,
    Connection,
    dry_run_option,
    dry_run_suffix,
    filename_option,
    is_name,
    require_seconds,
    seconds,
    with_connection,
    yes_option,
)
from inplace.cli.say import say
from inplace.cluster.single import Single
from inplace.core.actions.actions import PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.model import Pod, Tree
from inplace.core.pod.restarting import Asked
from inplace.core.settings.annotations import Settings
from inplace.core.settings.grammar import MAX_SECONDS
from inplace.core.state.records import LONGEST_COMMAND, PodPhase, Record
from inplace.core.template import chosen, restarts, trees
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import KubeError


@command("restart")
@click.argument("targets", nargs=-1, metavar="TARGET...", shell_complete=proposals.workloads_and_pods)
@filename_option
@click.option("-c", "--container", "containers", multiple=True, metavar="NAME", help="Only this one; can be repeated.")
@click.option(
    "--ordered",
    is_flag=True,
    help="One after the other, as -c names them, each when the one before is ready.",
)
@click.option(
    "--failure-policy",
    type=click.Choice(["Fail", "Ignore"]),
    default="Fail",
    show_default=True,
    help="With --ordered: whether a container that fails keeps the next ones from their restart.",
)
@click.option(
    "--grace-period",
    type=seconds,
    default="0",
    metavar="DURATION",
    help="Time between the Pod's last traffic and the restart (5s).",
)
@click.option(
    "--min-started",
    type=seconds,
    default="0",
    metavar="DURATION",
    help="Time that the new containers must be ready (10s).",
)
@click.option(
    "--timeout", type=seconds, default="10m", show_default=True, metavar="DURATION", help="For each attempt (30s, 5m)."
)
@click.option(
    "--keep",
    type=seconds,
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="How long `inplace explain pod/NAME` tells what became of it, where nothing is opted in (0s, 1h).",
)
@click.option(
    "--ask-registry",
    is_flag=True,
    help="Restart although imagePullPolicy is Always: while the registry is away the container does not start.",
)
@dry_run_option
@yes_option
@with_connection
def restart(connection: Connection, targets: tuple[str, ...], dry_run: str, yes: bool, **given: Any) -> int:
    """TARGET is TYPE/NAME of a workload that is opted in, whose Pods the controller restarts one budget at a time, as
    after `kubectl rollout restart`, all or those of -c; or pod/NAME of any Pod, which the command restarts by your own
    rights. What -l or -A choose is listed and asked for. Several Pods restart one after the other; one that fails ends
    it.

    A Pod with the readiness gate is drained first, which takes the role inplace-operator; the controller counts it.

    Exit codes: 0 restarted (of a workload: asked), 3 refused, 4 failed, 1 error.
    """
    options = Options(**given)
    pods = _pods(targets)
    if not pods:
        if options != Options(options.containers, options.ordered, timeout=options.timeout, keep=options.keep):
            raise InputError(
                f"{' '.join(targets)}: of a workload its settings say how a Pod is restarted: expected nothing but -c, "
                "--ordered and --dry-run, or pod/NAME for the rest"
            )
        return run_async(_ask(connection, targets, options, dry_run, yes=yes))
    if connection.filenames:
        raise InputError(f"--filename names workloads: expected it without {targets[0]}")
    return run_async(_restart_all(connection, pods, options, dry_run))


def _pods(targets: tuple[str, ...]) -> list[str]:
    """The names of the Pods, if it is about Pods. Raises InputError for a mixture."""
    words = [f"pod/{word}" for word in targets[1:]] if targets and targets[0] in POD_WORDS else list(targets)
    found = [word.partition("/")[2] for word in words if word.partition("/")[0] in POD_WORDS and "/" in word]
    if found and len(found) < len(words):
        raise InputError("Pods and workloads restart in different ways: expected only pod/NAME, or only TYPE/NAME")
    for name in found:
        if not is_name(name):
            raise InputError(f'unknown Pod "pod/{name}": expected pod/NAME')
    return list(dict.fromkeys(found))


async def _restart_all(connection: Connection, pods: list[str], options: Options, dry_run: str) -> int:
    """One after the other: each stays in service until its own turn."""
    settings = _settings(options)
    for name in pods:
        code = await _restart(connection, name, options, settings, dry_run)
        if code != errors.OK:
            return code
    return errors.OK


class Options(Struct, frozen=True):
    """What was given for the restart of a Pod; times are in seconds."""

    containers: tuple[str, ...] = ()
    ordered: bool = False
    failure_policy: str = "Fail"
    grace_period: float = 0
    min_started: float = 0
    timeout: float = 600
    keep: float = 600
    ask_registry: bool = False


def _settings(given: Options) -> Settings:
    """As the settings of a workload would say it. Raises InputError for times that make no sense."""
    grace, minimum, timeout = given.grace_period, given.min_started, given.timeout
    longest = int(LONGEST_COMMAND.total_seconds())
    bounds = (
        ("--grace-period", grace, 0, longest),
        ("--min-started", minimum, 0, longest),
        ("--timeout", timeout, 1, longest),
        ("--keep", given.keep, 0, MAX_SECONDS),
    )
    for option, value, least, most in bounds:
        require_seconds(option, value, least, most)
    if grace + minimum >= timeout:
        both = f"--grace-period ({grace:g}s) and --min-started ({minimum:g}s)"
        raise InputError(f"{both} together must be less than --timeout ({timeout:g}s)")
    return Settings(
        grace_period_seconds=ceil(grace), min_ready_seconds=ceil(minimum), progress_deadline_seconds=ceil(timeout)
    )


async def _ask(connection: Connection, words: tuple[str, ...], options: Options, dry_run: str, *, yes: bool) -> int:
    act = partial(_ask_one, options=options, dry_run=dry_run)
    return await select.run_each(connection, words, act, ask="restart", yes=yes or dry_run != "none")


async def _ask_one(client: Client, ref: Ref, *, options: Options, dry_run: str) -> int:
    """The controller: by the annotation in the template that `kubectl rollout restart` writes, or by our own for chosen
    containers."""
    workload = await read_workload(client, ref)
    require_opted_in(workload, ref)
    tree = trees.decode(workload.spec.template)
    metadata = trees.tree(tree.get("metadata"))
    stamp = client.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
    own = _request(tree, options, stamp)
    marks = {**trees.tree(metadata.get("annotations")), **(own or {names.RESTARTED_AT: stamp})}
    template = {**tree, "metadata": {**metadata, "annotations": marks}}
    write = PatchWorkload(workload, None, "restart requested", {"template": template})
    await submit(client, write, dry_run)
    say(f"{ref}: restart requested{dry_run_suffix(dry_run)}")
    return errors.OK


def _request(template: Tree, options: Options, stamp: str) -> dict[str, str]:
    """The annotation for chosen containers, or for an order; empty if all restart at once."""
    able = trees.restartable(template)
    for name in options.containers:
        if name not in able:
            raise InputError(f"the template has no container {name} that can restart: expected {', '.join(able)}")
    wanted = tuple(dict.fromkeys(options.containers)) or tuple(able)
    if options.ordered:
        return {names.RESTART: chosen.write(stamp, tuple((name,) for name in wanted))}
    return {names.RESTART: chosen.write(stamp, (wanted,))} if options.containers else {}


async def _restart(connection: Connection, name: str, options: Options, settings: Settings, dry_run: str) -> int:
    async with cluster(connection) as (client, namespace):
        pod = await client.get(resources.PODS, name, namespace, type=Pod)
        chosen = _chosen(pod, options.containers)
        asking = () if options.ask_registry else restarts.asking(pod, chosen)
        for reason in asking:
            why = f"{reason.code}: {reason} (--ask-registry restarts it all the same)"
            say(f"error: pod/{name}: {', '.join(chosen)} cannot restart: {why}", err=True)
        if asking:
            return errors.REFUSED
        code = errors.OK
        for batch in [(one,) for one in chosen] if options.ordered else [chosen]:
            found = await _one(client, pod, batch, settings, timedelta(seconds=options.keep), dry_run)
            code = code or found
            if found != errors.OK and options.failure_policy == "Fail":
                break
        return code


def _chosen(pod: Pod, containers: tuple[str, ...]) -> tuple[str, ...]:
    """The containers to restart, in the order in which they are named; all that can start again if none is."""
    init = {one.name: one for one in pod.spec.init_containers}
    able = (
        *(one.name for one in pod.spec.containers),
        *(one.name for one in init.values() if one.restart_policy == "Always"),
    )
    for name in containers:
        if name not in able:
            raise InputError(f"pod/{pod.name} has no container {name} that can restart: expected {', '.join(able)}")
    return tuple(dict.fromkeys(containers)) or able


async def _one(
    client: Client, pod: Pod, batch: tuple[str, ...], settings: Settings, keep: timedelta, dry_run: str
) -> int:
    """Restart these containers together, and say what became of it."""
    what = f"pod/{pod.name}: {', '.join(batch)}"
    if dry_run == "client":
        say(f"{what} would restart{dry_run_suffix(dry_run)}")
        return errors.OK
    to_restart = await asked(client, pod, batch, settings, keep)
    single = Single(client, pod.metadata.namespace, pod.name, pod.uid, to_restart, say=lambda text: say(f"  {text}"))
    if dry_run == "server":
        refused = await single.try_out()
        say(f"{what} {'would restart' if refused is None else f'refused: {refused}'}{dry_run_suffix(dry_run)}")
        return errors.OK if refused is None else errors.REFUSED
    try:
        ended = await single.run()
    except asyncio.CancelledError:
        with contextlib.suppress(KubeError):  # then it is told that it was not let go
            await single.let_go()
        _tell_left(single)
        raise
    except ExceptionGroup:
        _tell_left(single)
        raise
    if not isinstance(ended, Record):
        say(f"error: {what} cannot restart: {ended.code}: {ended}", err=True)
        return errors.REFUSED
    if ended.phase is PodPhase.DONE:
        proofs = ", ".join(f"{name} ({one.evidence})" for name, one in ended.containers.items() if name in batch)
        say(f"pod/{pod.name} restarted: {proofs}")
        return errors.OK
    say(f"error: {what} failed: {ended.reason}: {ended.message}", err=True)
    return errors.FAILED


def _tell_left(single: Single) -> None:
    """What the command leaves behind when it ends before its time."""
    if single.left is not None:
        say(f"warning: {single.left}", err=True)


async def asked(
    client: Client, pod: Pod, batch: tuple[str, ...], settings: Settings, keep: timedelta | None = None
) -> Asked:
    """Under which workload and revision the record is kept, so that the controller knows the Pod by it; of a workload
    that is opted in it stays anyway."""
    ref: Ref | None = await owner_of(client, pod)
    if ref is None:
        return Asked(batch, settings, pod.uid, keep=keep)
    snapshot = (await read_live(client, ref)).snapshot()
    revision = snapshot.revision_of(pod)
    template = snapshot.revisions.get(revision)
    wanted = trees.images(template.tree) if template is not None else {}
    kept = None if snapshot.workload.metadata.label(names.MODE) is not None else keep
    return Asked(batch, settings, snapshot.workload.metadata.uid, revision, wanted, kept)
