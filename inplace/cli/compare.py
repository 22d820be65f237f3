"""`inplace diff` of live workloads: with their manifests in files, or with themselves at another revision."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from inplace.cli import diff, errors, history, manifest, select
from inplace.cli.connect import Ref, cluster, read_workload, run_async
from inplace.cli.errors import InputError
from inplace.cli.manifest import Manifest
from inplace.cli.options import Connection
from inplace.cli.render.each import show_each
from inplace.cli.select import Query
from inplace.core.objects.model import Tree
from inplace.core.objects.workloads import Workload
from inplace.core.template import trees
from inplace.core.template.change import Verdict
from inplace.kube.client import Client


class Compared(Struct, frozen=True):
    """From which template, and what becomes of the change."""

    before: Tree
    verdict: Verdict


class Files(Struct, frozen=True):
    """What each file holds."""

    held: tuple[tuple[str, tuple[Manifest, ...]], ...]

    @classmethod
    def read(cls, filenames: Sequence[str]) -> Files:
        """All of them. Raises InputError for what cannot be read."""
        sources = [source for filename in filenames for source in manifest.sources(filename)]
        return cls(tuple((source, tuple(manifest.all_in(source))) for source in sources))

    def refs(self, given: str | None) -> tuple[Ref, ...]:
        """The workloads that they hold. Raises InputError if one holds none."""
        return tuple(ref for source, found in self.held for ref in select.named(source, found, given))

    def pick(self, ref: Ref) -> Manifest:
        """The manifest of a workload. Raises InputError if there is none, or more than one."""
        where = ", ".join(manifest.called(source) for source, _ in self.held)
        every = [one for _, found in self.held for one in found]
        return manifest.pick(where, every, ref.kind.name, ref.namespace, ref.name)


def run(
    connection: Connection,
    words: tuple[str, ...],
    revisions: tuple[int, ...],
    output: str,
    kubelet: tuple[int, int] | None,
) -> int:
    """The command; returns its exit code."""
    if connection.filenames and revisions:
        raise InputError("--filename and --revision are mutually exclusive: a change is from one template to another")
    if len(revisions) > 2:
        raise InputError(f"--revision is given {len(revisions)} times: expected one, or two")
    return run_async(_run(connection, words, revisions, output, kubelet))


async def _run(
    connection: Connection,
    words: tuple[str, ...],
    revisions: tuple[int, ...],
    output: str,
    kubelet: tuple[int, int] | None,
) -> int:
    files = Files.read(connection.filenames)
    if connection.filenames and not (words or connection.selector or connection.all_namespaces):
        query = Query(files.refs(connection.namespace))
    else:
        query = select.parse(words, connection, files_are_content=True)
    look = partial(_with_file, files=files) if connection.filenames else partial(_with_revisions, numbers=revisions)
    async with cluster(connection, selects=True) as (client, namespace):
        query = query.within(namespace)
        looked = await select.of_each(client, query, partial(look, kubelet=kubelet), None)
    found = [(ref, one) for ref, one in looked if one is not None]
    show_each(
        found,
        output,
        "Diff",
        alone=query.alone,
        content=lambda one: diff.document(one.verdict, one.before),
        lines=lambda ref, one: [f"{ref} -n {ref.namespace}", *diff.text(one.verdict, one.before)],
    )
    return select.worst(errors.ERROR if one is None else diff.exit_code(one.verdict) for _, one in looked)


async def _with_file(client: Client, ref: Ref, *, files: Files, kubelet: tuple[int, int] | None) -> Compared:
    """From what is there to what the file has."""
    wanted = files.pick(ref)
    workload = await read_workload(client, ref)
    before = Manifest(trees.decode(workload.spec.template), ref.kind.name, workload.metadata, wanted.claim_templates)
    return Compared(before.template, diff.judge(before, wanted, kubelet))


async def _with_revisions(
    client: Client, ref: Ref, *, numbers: tuple[int, ...], kubelet: tuple[int, int] | None
) -> Compared:
    """From one revision to another, or to what is there."""
    snapshot, found = await history.read(client, ref, exact=True)
    workload = snapshot.workload
    before, *after = [history.numbered(ref, found, number).template for number in numbers]
    wanted = after[0] if after else trees.bare(trees.decode(workload.spec.template))
    return Compared(before, diff.judge(_of(ref, workload, before), _of(ref, workload, wanted), kubelet))


def _of(ref: Ref, workload: Workload, template: Tree) -> Manifest:
    """A template under the workload's own settings."""
    return Manifest(template, ref.kind.name, workload.metadata)
