"""`inplace check`: is everything there that an upgrade needs, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click
from msgspec import Struct

from inplace.cli import checks, errors, select
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, read_live, run_async
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, lease_namespace_option, with_connection
from inplace.cli.render.document import FORMATS, render
from inplace.cli.say import say
from inplace.core.objects.plural import counted
from inplace.core.views import checkup
from inplace.core.views.checkup import Finding, Level
from inplace.kube.client import Client
from inplace.kube.errors import KubeError

_COLORS = {Level.OK: "green", Level.NOTE: "yellow", Level.UNKNOWN: "yellow", Level.PROBLEM: "red"}


class Checked(Struct, frozen=True):
    """The findings about one workload."""

    namespace: str
    kind: str
    name: str
    findings: tuple[Finding, ...]


class Report(Struct, frozen=True, rename="camel"):
    """The document: what was found of the cluster, or of workloads."""

    cluster: tuple[Finding, ...] = ()
    workloads: tuple[Checked, ...] = ()

    @property
    def findings(self) -> Iterator[Finding]:
        """All of them."""
        yield from self.cluster
        for one in self.workloads:
            yield from one.findings


@command("check")
@select.workloads_argument
@click.option("-o", "--output", type=click.Choice(FORMATS), default="text", show_default=True)
@lease_namespace_option("Namespace of the controller's Lease.")
@with_connection
def check(connection: Connection, workloads: tuple[str, ...], output: str, lease_namespace: str) -> int:
    """Without a WORKLOAD: the server and its features, your own rights with the rules to add, policies, and the
    controller that leads. With WORKLOAD (TYPE/NAME), or -l or -A: what would keep these from being upgraded well.

    Nothing is changed. What is not allowed to be seen is `unknown`, and no problem.

    Exit codes: 0 no problem, 4 a problem was found, 1 error.
    """
    return run_async(_check(connection, workloads, output, lease_namespace))


async def _check(connection: Connection, words: tuple[str, ...], output: str, lease_namespace: str) -> int:
    async with cluster(connection, selects=True) as (client, namespace):
        if words or connection.selector or connection.all_namespaces:
            query = select.parse(words, namespace, connection)
            refs = query.refs or tuple(ref for ref, _ in await select.find(client, query))
            if not refs:
                raise InputError(f"no {query}")
            report = Report(workloads=tuple([await _workload(client, ref, alone=len(refs) == 1) for ref in refs]))
        else:
            report = Report(tuple([one async for one in checks.cluster(client, namespace, lease_namespace)]))
    if output != "text":
        say(render(report, output))
    else:
        _show(report)
    return errors.FAILED if any(one.level is Level.PROBLEM for one in report.findings) else errors.OK


async def _workload(client: Client, ref: Ref, *, alone: bool) -> Checked:
    """One of several that cannot be looked at is a finding, so that the others are looked at all the same."""
    try:
        live = await read_live(client, ref)
        findings = checkup.of(live.snapshot(), live.clock.now())
    except KubeError as error:
        if alone:
            raise
        findings = (Finding("workload", Level.PROBLEM, str(error)),)
    return Checked(ref.namespace, ref.kind.name, ref.name, findings)


def _show(report: Report) -> None:
    _lines(report.cluster, "")
    for one in report.workloads:
        say(f"{one.kind.lower()}/{one.name} -n {one.namespace}")
        _lines(one.findings, "  ")
    counts = [sum(one.level is level for one in report.findings) for level in (Level.PROBLEM, Level.UNKNOWN)]
    unknown = f", {counts[1]} could not be looked at" if counts[1] else ""
    say(f"{counted(counts[0], 'problem')} found{unknown}" if counts[0] else f"no problem found{unknown}")


def _lines(findings: Iterable[Finding], indent: str) -> None:
    for one in findings:
        head = f"{indent}{one.level:<8}"
        say(f"{head} {one.topic}: {one.message}", head=head, color=_COLORS[one.level])
        for line in one.remedy.splitlines():
            say(f"{indent}         {line}")
