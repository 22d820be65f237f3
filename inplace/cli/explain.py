"""`inplace explain`: one Pod's story in time, the evidence of its swap, what it waits for and its deadline."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from inplace.cli import errors
from inplace.cli.connect import Ref, cluster, read_live, run_async, show_unseen
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, with_connection
from inplace.core import kinds
from inplace.core.objects.model import Pod, PodEvent, Workload
from inplace.core.plan.plan import plan
from inplace.core.views import pod as explanation
from inplace.core.views import workload
from inplace.core.views.pod import Explanation
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Forbidden
from inplace.runtime.clock import SystemClock


@click.command("explain")
@click.argument("pod")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
@with_connection
def explain(connection: Connection, pod: str, output: str) -> int:
    """Explain POD (its name, or pod/NAME): timeline, evidence, what it waits for, its deadline."""
    return run_async(_explain(connection, pod.removeprefix("pods/").removeprefix("pod/").removeprefix("po/"), output))


async def _explain(connection: Connection, name: str, output: str) -> int:
    async with cluster(connection) as (client, namespace):
        pod = await client.get(resources.PODS, name, namespace, type=Pod)
        ref = await _owner(client, pod)
        live = await read_live(client, ref)
        snapshot = live.snapshot()
        seen = workload.build(snapshot, plan(snapshot, live.clock.now()))
        own = next((one for one in seen.pods if one.name == name), None)
        pod = next((each for each in snapshot.pods if each.name == name), pod)
        if own is None:
            raise InputError(f"pod/{name} is no longer a Pod of {ref}")
        events, hidden = await _events(client, pod)
        made = explanation.explain(str(ref), pod, own, events)
        show_unseen(live)
        if output == "text":
            click.echo("\n".join(_lines(made, SystemClock().now())))
            if hidden:
                click.echo(f"\nThe kubelet's Events are missing: {hidden}")
        else:
            from inplace.cli.render.document import render

            click.echo(render(made, output))
        return errors.OK


async def _owner(client: Client, pod: Pod) -> Ref:
    """The workload at the end of the Pod's owners."""
    found, owner = None, pod.metadata.controller()
    while owner is not None and kinds.is_supported(owner):
        kind = kinds.BY_NAME[owner.kind]
        found = Ref(kind, pod.metadata.namespace, owner.name)
        above = await client.get(
            resources.find(kind.group, kind.plural), owner.name, pod.metadata.namespace, type=Workload
        )
        owner = above.metadata.controller()
    if found is None:
        kinds_ = ", ".join(one.name for one in kinds.ALL)
        raise InputError(f"pod/{pod.name} belongs to no workload of a kind that is upgraded in place: {kinds_}")
    return found


async def _events(client: Client, pod: Pod) -> tuple[tuple[PodEvent, ...], str]:
    """What the kubelet and others have said of it, as long as the server keeps that; and why there is nothing."""
    chosen = f"involvedObject.uid={pod.uid}"
    try:
        found = await client.list(resources.CORE_EVENTS, pod.metadata.namespace, type=PodEvent, field_selector=chosen)
    except Forbidden as error:
        return (), str(error)
    return tuple(found.items), ""


def _lines(made: Explanation, now: datetime) -> list[str]:
    pod = made.pod
    ready = "Ready" if pod.ready else "not Ready"
    lines = [f"pod/{pod.name} of {made.workload} on node {pod.node}: {pod.stage}, {ready}, revision {pod.revision}"]
    if pod.reason is not None:
        lines.append(f"  {pod.reason.code}: {pod.reason}")
    for word, at in (("until", pod.until), ("deadline", pod.deadline)):
        if at is not None:
            left = (at - now).total_seconds()
            lines.append(f"  {word} {_time(at)}, {'over' if left <= 0 else f'in {left:.0f} s'}")
    for one in made.proofs:
        change = f"{one.from_image} -> {one.to_image}" if one.from_image != one.to_image else one.to_image
        lines += [f"  {one.container}: {change}", f"    {one.evidence or 'no evidence'}: {one.means}"]
    lines += ["", "Timeline (UTC)"]
    lines += [f"  {_time(one.at)}  {one.what}" for one in made.timeline] or ["  nothing is known"]
    return lines


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
