"""`inplace report`: one archive for whoever is to help, with what a workload's upgrade is decided by and no secret.

Everything is read by the user's own rights; what may not be read is named in it. Its size is bounded.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final

import click

import inplace
from inplace.cli import checks, errors, events, proposals
from inplace.cli import logs as logged
from inplace.cli.check import Checked, Identity, Report
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, parse_ref, read_live, run_async
from inplace.cli.errors import InputError
from inplace.cli.logs import Log
from inplace.cli.options import Connection, lease_namespace_option, with_connection
from inplace.cli.render.document import document, render
from inplace.cli.say import say
from inplace.cluster.live import Live
from inplace.core.plan.plan import Planner, plan
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views import checkup, forecast, redaction
from inplace.core.views import workload as view
from inplace.core.views.events import told
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import KubeError
from inplace.kube.resource import Resource
from inplace.runtime.printable import one_line

#: The most objects of a resource, lines of a log, and bytes of all files together.
MOST_OBJECTS: Final = 200
LOG_LINES: Final = 200
MOST_BYTES: Final = 32 * 2**20


class Archive:
    """Files in a tar archive, up to a size; what does not fit is named in the last one."""

    def __init__(self, tar: tarfile.TarFile, top: str, at: float) -> None:
        self._tar, self._top, self._at = tar, top, at
        self._left = MOST_BYTES
        self.omitted: list[str] = []

    def add(self, name: str, text: str) -> None:
        """One file."""
        data = text.encode(errors="replace")
        if len(data) > self._left:
            self.omitted.append(f"{name}: {len(data)} bytes, beyond {MOST_BYTES} in all")
            return
        self._left -= len(data)
        self._write(name, data)

    def close(self) -> None:
        """The list of what is not there."""
        self._write("omitted.txt", "".join(f"{one_line(line)}\n" for line in self.omitted or ["nothing"]).encode())

    def _write(self, name: str, data: bytes) -> None:
        entry = tarfile.TarInfo(f"{self._top}/{name}")
        entry.size, entry.mtime, entry.mode = len(data), int(self._at), 0o600
        self._tar.addfile(entry, io.BytesIO(data))


@command("report")
@click.argument("workload", shell_complete=proposals.workloads)
@click.option(
    "-f", "--filename", type=click.Path(dir_okay=False), metavar="FILE", help="Default: inplace-NAMESPACE-NAME.tar.gz."
)
@click.option(
    "--logs", "with_logs", is_flag=True, help="Also the logs of Pods that failed or are in flight, as they are."
)
@lease_namespace_option("Namespace of the controller's Lease.")
@with_connection
def report(connection: Connection, workload: str, filename: str | None, with_logs: bool, lease_namespace: str) -> int:
    """WORKLOAD is TYPE/NAME. A new file is written: the workload, its ReplicaSets and revisions, Pods, budgets and
    Events, what `check`, `plan` and `status` say of them. No Secret or ConfigMap is read. Values of env, arguments,
    commands, requests of probes and hooks, options of volumes, last words and foreign annotations are redacted; logs
    are not, and come only with --logs.

    Exit codes: 0 written, 1 error.
    """
    return run_async(_report(connection, workload, filename, lease_namespace, with_logs=with_logs))


async def _report(
    connection: Connection, text: str, filename: str | None, lease_namespace: str, *, with_logs: bool
) -> int:
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        live = await read_live(client, ref)
        top = f"inplace-{ref.namespace}-{ref.name}"
        path = Path(filename or f"{top}.tar.gz")
        with _new(path) as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
            archive = Archive(tar, top, client.clock.now().timestamp())
            async for name, content in _files(client, ref, live, lease_namespace, archive, with_logs=with_logs):
                archive.add(name, content)
            archive.close()
    say(f"{path} written{f', {len(archive.omitted)} files omitted' if archive.omitted else ''}")
    return errors.OK


def _new(path: Path) -> io.BufferedWriter:
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise InputError(f"{path} exists: give another --filename, or remove it") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return path.open("wb")


async def _files(
    client: Client, ref: Ref, live: Live, lease_namespace: str, archive: Archive, *, with_logs: bool
) -> AsyncIterator[tuple[str, str]]:
    """Each file with its name. What cannot be read is noted as omitted."""
    snapshot, now = live.snapshot(), live.clock.now()
    planned, planner = plan(snapshot, now), Planner()
    seen = view.build(snapshot, planned)
    archive.omitted += live.notes
    yield "version.txt", f"inplace {inplace.__version__}\n{now.isoformat(timespec='seconds')}\n"
    yield "status.yaml", render(document(seen, "WorkloadStatus", ref.identity), "yaml")
    yield "plan.yaml", render(document(forecast.forecast(snapshot, now, planner), "Plan", ref.identity), "yaml")
    of_workload = Report(workloads=(Checked(Identity(**ref.identity), tuple(checkup.of(snapshot, now))),))
    yield "check-workload.yaml", render(document(of_workload, "Check"), "yaml")
    try:
        found = tuple([one async for one in checks.cluster(client, ref.namespace, lease_namespace)])
        yield "check.yaml", render(document(Report(found), "Check"), "yaml")
        told_ = events.Events(tuple(map(told, await events.listed(client, ref, snapshot))))
        yield "events.yaml", render(document(told_, "EventList", ref.identity), "yaml")
    except KubeError as error:
        archive.omitted.append(str(error))
    for resource, names in _objects(ref, snapshot):
        for number, name in enumerate(names):
            if number == MOST_OBJECTS:
                archive.omitted.append(f"{resource.plural}: {len(names) - number} beyond {MOST_OBJECTS}")
                break
            try:
                found_: dict[str, Any] = await client.get(resource, name, _place(resource, ref), type=dict)
            except KubeError as error:
                archive.omitted.append(f"{resource.plural}/{name}: {error}")
                continue
            yield f"{resource.plural}/{name}.yaml", render(redaction.redacted(found_), "yaml")
    for log in _logs(snapshot, logged.troubled(seen.pods)) if with_logs else ():
        try:
            text = await logged.read(client, ref.namespace, log, LOG_LINES)
        except KubeError as error:
            archive.omitted.append(f"log of {log}: {error}")
            continue
        yield f"logs/{log.pod}.{log.container}{'.previous' if log.previous else ''}.log", text


def _objects(ref: Ref, snapshot: Snapshot) -> Iterable[tuple[Resource, list[str]]]:
    """What decisions are made from, by name."""
    own = resources.find(ref.kind.group, ref.kind.plural)
    yield own, [ref.name]
    yield resources.REPLICASETS, [one.metadata.name for one in snapshot.owned.children]
    yield resources.CONTROLLERREVISIONS, [one.metadata.name for one in snapshot.owned.revisions]
    yield resources.PODS, [pod.name for pod in (*snapshot.pods, *snapshot.pulling)]
    yield resources.PODDISRUPTIONBUDGETS, [one.metadata.name for one in snapshot.budgets]
    yield resources.NODES, sorted({pod.spec.node_name for pod in snapshot.pods} - {""})


def _place(resource: Resource, ref: Ref) -> str | None:
    return ref.namespace if resource.namespaced else None


def _logs(snapshot: Snapshot, names: list[str]) -> Iterable[Log]:
    for pod in snapshot.pods:
        if pod.name in names:
            yield from logged.of(pod, None)
