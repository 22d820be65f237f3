"""`inplace check`: is everything there that an upgrade needs, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from inplace.cli import checks, errors, select
from inplace.cli.commands import command
from inplace.cli.connect import Ref, cluster, read_live, run_async
from inplace.cli.options import Connection, lease_namespace_option, with_connection
from inplace.cli.render.document import document, is_document, output_option, show
from inplace.cli.render.table import rows
from inplace.cli.say import say
from inplace.core.objects.plural import counted
from inplace.core.views import checkup
from inplace.core.views.checkup import Finding, Level
from inplace.kube.client import Client
from inplace.kube.errors import KubeError

_COLORS = {Level.OK: "green", Level.NOTE: "yellow", Level.UNKNOWN: "yellow", Level.PROBLEM: "red"}


class Identity(Struct, frozen=True):
    """A workload by its name."""

    kind: str
    namespace: str
    name: str


class Checked(Struct, frozen=True):
    """The findings about one workload."""

    workload: Identity
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
@output_option("wide", "name")
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
    refs = list[Ref]()
    chosen = words or connection.selector or connection.all_namespaces or connection.filenames
    query = select.parse(words, connection) if chosen else None
    async with cluster(connection, selects=True) as (client, namespace):
        if query is not None:
            query = query.within(namespace)
            refs = await select.chosen(client, query)
            report = Report(workloads=tuple([await _workload(client, ref, alone=query.alone) for ref in refs]))
        else:
            report = Report(tuple([one async for one in checks.cluster(client, namespace, lease_namespace)]))
    if is_document(output):
        show(document(report, "Check"), output)
    elif output == "name":
        for ref in refs:
            say(ref.qualified)
    elif output == "wide":
        for line in _table(report):
            say(line)
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
    return Checked(Identity(**ref.identity), findings)


def _show(report: Report) -> None:
    _lines(report.cluster, "")
    for one in report.workloads:
        say(f"{_of(one)} -n {one.workload.namespace}")
        _lines(one.findings, "  ")
    counts = [sum(one.level is level for one in report.findings) for level in (Level.PROBLEM, Level.UNKNOWN)]
    unknown = f", {counts[1]} could not be looked at" if counts[1] else ""
    say(f"{counted(counts[0], 'problem')} found{unknown}" if counts[0] else f"no problem found{unknown}")


def _of(one: Checked) -> str:
    return f"{one.workload.kind.lower()}/{one.workload.name}"


def _table(report: Report) -> list[str]:
    """A line of columns per finding."""
    cells = [("", "<cluster>", one) for one in report.cluster]
    cells += [(one.workload.namespace, _of(one), finding) for one in report.workloads for finding in one.findings]
    head = ("NAMESPACE", "OBJECT", "LEVEL", "TOPIC", "MESSAGE")
    return rows(head, [(*of, one.level, one.topic, " ".join(one.message.split())) for *of, one in cells])


def _lines(findings: Iterable[Finding], indent: str) -> None:
    for one in findings:
        head = f"{indent}{one.level:<8}"
        say(f"{head} {one.topic}: {one.message}", head=head, color=_COLORS[one.level])
        for line in one.remedy.splitlines():
            say(f"{indent}         {line}")
