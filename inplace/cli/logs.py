"""`inplace logs`: what containers say in Pods that failed or are in flight, before their last restart and since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import click

from inplace.cli import errors, proposals
from inplace.cli.commands import command
from inplace.cli.connect import cluster, parse_ref, read_live, run_async, show_unseen
from inplace.cli.errors import InputError
from inplace.cli.options import POD_WORDS, Connection, is_name, with_connection
from inplace.cli.say import say, say_text
from inplace.core.objects.model import Pod
from inplace.core.plan.plan import plan
from inplace.core.views import workload
from inplace.core.views.workload import PodView
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Rejected

#: How much is read of one log, in bytes.
MOST_BYTES: Final = 2**20


class Log(NamedTuple):
    """One log: of the container that ran before the last restart, or of the one since."""

    pod: str
    container: str
    previous: bool

    def __str__(self) -> str:
        """As its heading."""
        return f"pod/{self.pod} {self.container}{' (previous)' if self.previous else ''}"


@command("logs")
@click.argument("target", shell_complete=proposals.workloads_and_pods)
@click.option("-c", "--container", metavar="NAME", help="Only this container.")
@click.option("--tail", type=click.IntRange(1, 10000), default=50, show_default=True, help="Lines of each log.")
@with_connection
def logs(connection: Connection, target: str, container: str | None, tail: int) -> int:
    """TARGET is TYPE/NAME of a workload, for its Pods that failed, else those in flight; or pod/NAME. Of each
    container first what it said before its last restart, then what it has said since. It takes get on pods/log.

    Exit codes: 0 shown, 1 error, such as that no Pod failed or is in flight.
    """
    return run_async(_logs(connection, target, container, tail))


async def _logs(connection: Connection, target: str, container: str | None, tail: int) -> int:
    async with cluster(connection) as (client, namespace):
        word, slash, name = target.partition("/")
        if word in POD_WORDS and slash:
            if not is_name(name):
                raise InputError(f'unknown Pod "{target}": expected pod/NAME')
            pods = [await client.get(resources.PODS, name, namespace, type=Pod)]
        else:
            pods = await _troubled(client, target, namespace)
        shown = [one for pod in pods for one in of(pod, container)]
        if not shown:
            known = sorted({name for pod in pods for name in _names(pod)})
            raise InputError(f'{target} has no container "{container}" that has started: expected {", ".join(known)}')
        for log in shown:
            say(f"==> {log} <==")
            say_text(await read(client, namespace, log, tail))
    return errors.OK


async def _troubled(client: Client, text: str, namespace: str) -> list[Pod]:
    """The Pods of a workload that failed; if there are none those in flight. Raises InputError if there are none."""
    ref = parse_ref(text, namespace)
    live = await read_live(client, ref)
    snapshot = live.snapshot()
    show_unseen(live)
    found = troubled(workload.build(snapshot, plan(snapshot, live.clock.now())).pods)
    if not found:
        example = f"pod/{snapshot.pods[0].name}" if snapshot.pods else "pod/NAME"
        raise InputError(f"no Pod of {ref} failed or is in flight: expected one by its name, such as {example}")
    return [pod for pod in snapshot.pods if pod.name in found]


def troubled(seen: tuple[PodView, ...]) -> list[str]:
    """The names of the Pods that failed; if there are none, of those in flight, or at the target and not Ready."""
    failed = [pod.name for pod in seen if pod.stage == "Failed"]
    settling = [pod.name for pod in seen if pod.deadline is not None or (pod.stage == "Settling" and not pod.ready)]
    return failed or settling


def _names(pod: Pod) -> list[str]:
    return [status.name for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)]


def of(pod: Pod, container: str | None) -> Iterator[Log]:
    """Of each container that has started: before its last restart, and since."""
    for status in pod.status.container_statuses:
        if container is None or status.name == container:
            if status.restart_count:
                yield Log(pod.name, status.name, previous=True)
            yield Log(pod.name, status.name, previous=False)
    for status in pod.status.init_container_statuses:
        if status.name == container:
            yield Log(pod.name, status.name, previous=False)


async def read(client: Client, namespace: str, log: Log, tail: int) -> str:
    """Its last lines; in their place why there are none, which is no error: the next one may have some."""
    query = {"container": log.container, "tailLines": str(tail), "limitBytes": str(MOST_BYTES)}
    query |= {"previous": "true"} if log.previous else {}
    try:
        text = await client.text(resources.PODS, log.pod, namespace, "log", query)
    except Rejected as error:
        if error.code == 403:
            raise
        return f"<{error.message}>"
    return text.rstrip("\n") or "<nothing>"
