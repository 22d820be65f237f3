"""`inplace explain`: one Pod's story in time, the evidence of its swap, what it waits for and its deadline."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from msgspec.structs import replace

from inplace.cli import errors, proposals
from inplace.cli.commands import command
from inplace.cli.connect import Notes, Ref, cluster, owner_of, read_live, run_async, warn_if_unattended
from inplace.cli.errors import InputError
from inplace.cli.options import POD_WORDS, Connection, is_name, with_connection
from inplace.cli.render.document import document, is_document, listed, output_option, show
from inplace.cli.render.table import rows
from inplace.cli.say import say, say_blocks
from inplace.core import kinds
from inplace.core.objects.model import Pod, PodEvent
from inplace.core.plan.plan import plan
from inplace.core.pod import prediction
from inplace.core.state import records
from inplace.core.state.records import Record
from inplace.core.views import forecast, workload
from inplace.core.views import pod as explanation
from inplace.core.views.pod import Explanation
from inplace.core.views.workload import ContainerView
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Forbidden, KubeError


@command("explain")
@click.argument("pods", nargs=-1, required=True, metavar="POD...", shell_complete=proposals.pods)
@output_option("wide", "name")
@with_connection
def explain(connection: Connection, pods: tuple[str, ...], output: str) -> int:
    """POD is a Pod's name, or pod/NAME. The timeline is that of the Pod, of its upgrade and of their Events; -o wide
    also shows its containers.

    Exit codes: 0 explained, 1 error.
    """
    words = pods[1:] if len(pods) > 1 and pods[0] in POD_WORDS else pods
    return run_async(_explain(connection, list(dict.fromkeys(map(_name, words))), output))


def _name(text: str) -> str:
    """The name of a Pod. Raises InputError, and for a workload says which command is about it."""
    word, slash, name = text.rpartition("/")
    if kinds.find(word.removesuffix(".apps")) is not None and is_name(name):
        raise InputError(f'"{text}" is no Pod: expected the name of one, or run `inplace status {text}`')
    if (slash and word not in POD_WORDS) or not is_name(name):
        raise InputError(f'unknown Pod "{text}": expected NAME or pod/NAME of a Pod')
    return name


async def _explain(connection: Connection, names: list[str], output: str) -> int:
    found, failed = list[tuple[Ref | None, Explanation]](), False
    async with cluster(connection) as (client, namespace):
        for name in names:
            try:
                found.append(await _one(client, namespace, name))
            except (InputError, KubeError) as error:
                if len(names) == 1:
                    raise
                failed = True
                say(f"error: {namespace}: {errors.told(error)}", err=True)
        _show(found, output, client.clock.now(), alone=len(names) == 1)
    return errors.ERROR if failed else errors.OK


async def _one(client: Client, namespace: str, name: str) -> tuple[Ref | None, Explanation]:
    """The explanation of one Pod, and the workload that it is of, if it is of one."""
    pod = await client.get(resources.PODS, name, namespace, type=Pod)
    ref = await _owner(client, pod)
    if ref is None:
        return None, await _alone(client, pod)
    live = await read_live(client, ref)
    snapshot = live.snapshot()
    planned = plan(snapshot, live.clock.now())
    seen = workload.build(snapshot, planned)
    own = next((view for view in seen.pods if view.name == name), None)
    pod = next((each for each in snapshot.pods if each.name == name), pod)
    if own is None:
        raise InputError(f"pod/{name} no longer belongs to {ref}")
    events, hidden = await _events(client, pod)
    pull_pods = snapshot.pulling
    pulls = [(pull, (await _events(client, pull))[0]) for pull in explanation.pulls_for(pod, own, pull_pods)]
    explained = explanation.explain(str(ref), snapshot.workload.metadata.uid, pod, own, events, pulls)
    Notes().show(*live.notes, *hidden)
    warn_if_unattended(snapshot, live.clock.now())
    return ref, replace(explained, prediction=forecast.predicted(planned.pods, snapshot, pod.uid))


def _show(found: list[tuple[Ref | None, Explanation]], output: str, now: datetime, *, alone: bool) -> None:
    if is_document(output):
        of = ({"workload": ref.identity if ref is not None else None} for ref, _ in found)
        documents = [document(one, "Explanation") | about for (_, one), about in zip(found, of, strict=True)]
        show(listed(documents, "Explanation", alone=alone), output)
        return
    if output == "name":
        for _, one in found:
            say(f"pod/{one.pod.name}")
        return
    say_blocks([*_lines(one, now), *(_containers(one) if output == "wide" else [])] for _, one in found)


def _containers(explained: Explanation) -> list[str]:
    """A table of them."""
    cells = [
        (one.name, one.state, "yes" if one.ready else "no", one.restarts, *images(one))
        for one in explained.pod.containers
    ]
    head = ("NAME", "STATE", "READY", "RESTARTS", "IMAGE", "WANTED")
    return ["", "Containers", *(f"  {line}" for line in rows(head, cells))]


def images(one: ContainerView) -> tuple[str, str]:
    """That of the container that is there, and the one that it is to have."""
    if one.is_old and one.from_image and one.from_image != one.image:
        return one.from_image, one.wanted_image or one.image
    return one.image, one.wanted_image or "<none>"


async def _owner(client: Client, pod: Pod) -> Ref | None:
    """The workload at the end of the Pod's owners; None if it has none of a supported kind, but was restarted."""
    ref = await owner_of(client, pod)
    if ref is None and not isinstance(records.of(pod, pod.uid), Record):
        expected = ", ".join(kind.name for kind in kinds.ALL)
        raise InputError(f"pod/{pod.name} has no owner of a supported kind: expected {expected}")
    return ref


async def _alone(client: Client, pod: Pod) -> Explanation:
    """A Pod of no workload, that a command restarts or has restarted."""
    events, hidden = await _events(client, pod)
    Notes().show(*hidden)
    return explanation.explain("", pod.uid, pod, workload.alone(pod), events)


async def _events(client: Client, pod: Pod) -> tuple[tuple[PodEvent, ...], list[str]]:
    """The Events about it, as long as the server keeps them; and a note if they cannot be seen."""
    chosen = f"involvedObject.uid={pod.uid}"
    try:
        events = await client.list(resources.EVENTS, pod.metadata.namespace, type=PodEvent, field_selector=chosen)
    except Forbidden:
        return (), ["cannot list events: the timeline lacks what the kubelet reported"]
    return tuple(events.items), []


def _lines(explained: Explanation, now: datetime) -> list[str]:
    pod = explained.pod
    ready = "Ready" if pod.ready else "not Ready"
    of, revision = (f" of {explained.workload}", f", revision {pod.revision}") if explained.workload else ("", "")
    lines = [f"pod/{pod.name}{of} on node {pod.node}: {pod.stage}, {ready}{revision}"]
    if pod.reason is not None:
        lines.append(f"  {pod.reason.code}: {pod.reason}")
    for word, at in (("until", pod.until), ("deadline", pod.deadline)):
        if at is not None:
            left = (at - now).total_seconds()
            lines.append(f"  {word} {_time(at)}, {'over' if left <= 0 else f'in {left:.0f} s'}")
    if explained.prediction is not None:
        lines.append(f"  the kubelet: {prediction.told(explained.prediction)}")
    for proof in explained.proofs:
        same = proof.from_image == proof.to_image
        change = proof.to_image if same else f"{proof.from_image} -> {proof.to_image}"
        lines += [f"  {proof.container}: {change}", f"    {proof.evidence or 'no evidence'}: {proof.means}"]
    lines += [f"  {one.container}: {one.from_size} -> {one.to_size}" for one in explained.resizes]
    lines += [f"  {one.name}: {one.image}, wanted: {one.wanted_image}" for one in pod.containers if one.wanted_image]
    lines += ["", "Timeline (UTC)"]
    lines += [f"  {_time(moment.at)}  {moment.what}" for moment in explained.timeline] or ["  <none>"]
    return lines


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
