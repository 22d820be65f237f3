"""`inplace diff`: could this change be made in place? By the same rules as the controller's.

Of two files it is offline, and nothing is imported that could reach a cluster; of workloads it is `compare`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from click.shell_completion import CompletionItem
from msgspec.structs import replace

from inplace.cli import errors, manifest
from inplace.cli.commands import command
from inplace.cli.errors import InputError
from inplace.cli.manifest import Manifest
from inplace.cli.options import Connection, filename_option, with_connection
from inplace.cli.render.document import document as headed
from inplace.cli.render.document import output_option, show
from inplace.cli.say import say
from inplace.core import kinds
from inplace.core.objects.model import Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.settings.annotations import Native, parse
from inplace.core.template import diff as change
from inplace.core.template import sizes, trees
from inplace.core.template.change import Edits, PodChange, Refused, Verdict, too_large
from inplace.core.template.trees import tree


def _minor(text: str) -> tuple[int, int]:
    match = re.match(r"v?(\d{1,3})\.(\d{1,3})(?!\d)", text, re.ASCII)
    if match is None:
        raise click.BadParameter(f'invalid Kubernetes version "{text}": expected MAJOR.MINOR, such as 1.32')
    return int(match[1]), int(match[2])


def _sides(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from inplace.cli import proposals  # which can reach a cluster

    found = proposals.workloads(ctx, param, incomplete) if "/" in incomplete else []
    return found or [CompletionItem(incomplete, type="file")]


@command("diff")
@click.argument("sides", nargs=-1, metavar="[OLD NEW|WORKLOAD...]", type=click.Path(), shell_complete=_sides)
@filename_option
@click.option(
    "--revision", "revisions", type=click.IntRange(1), multiple=True, metavar="N",
    help="From this one of `inplace history` to the present template, or given twice, to the second.",
)  # fmt: skip
@output_option()
@click.option("--kubelet", type=_minor, metavar="VERSION", help="Kubernetes version of the nodes, such as 1.31.")
@with_connection
def diff(
    connection: Connection,
    sides: tuple[str, ...],
    revisions: tuple[int, ...],
    output: str,
    kubelet: tuple[int, int] | None,
) -> int:
    """OLD and NEW are files in YAML or JSON, each with one workload of any kind or a bare Pod template
    ({metadata, spec}); `-` is standard input. Nothing is asked of a cluster.

    With -f, live workloads are compared with their manifests in files: all of these, or each WORKLOAD (TYPE/NAME). With
    --revision, a WORKLOAD is compared with itself at that revision.

    Exit codes: 0 same, 2 in place, 3 not in place, 1 error.
    """
    if connection.filenames or revisions:
        from inplace.cli import compare

        return compare.run(connection, sides, revisions, output, kubelet)
    old, new = _files(sides)
    if old == new == "-":
        raise InputError("only one of OLD and NEW can be standard input")
    before, after = manifest.read(old), manifest.read(new)
    if before.kind != after.kind and {before.kind, after.kind}.isdisjoint(
        {"", "Pod", "PodTemplate", "ControllerRevision"}
    ):
        raise InputError(f"OLD is a {before.kind} but NEW is a {after.kind}: expected two versions of one workload")
    verdict = judge(before, after, kubelet)
    if output == "text":
        head, color = ("not in place", "red") if isinstance(verdict, Refused) else ("in place", "green")
        for line in text(verdict, before.template):
            say(line, head=head, color=color)
    else:
        show(headed(document(verdict, before.template), "Diff"), output)
    return exit_code(verdict)


def _files(sides: tuple[str, ...]) -> tuple[str, str]:
    """OLD and NEW. Raises UsageError, and for workloads says how they are compared."""
    word, slash, _ = sides[0].partition("/") if sides else ("", "", "")
    if slash and kinds.find(word.removesuffix(".apps")) is not None and not Path(sides[0]).exists():
        what = f"what is {sides[0]} to be compared with? expected -f FILE or --revision N"
    elif len(sides) == 2:
        return sides[0], sides[1]
    else:
        ways = "a WORKLOAD with -f FILE or --revision N"
        what = f"expected OLD and NEW, two files, or {ways}, found {len(sides)}"
    raise click.UsageError(what, click.get_current_context())


def judge(before: Manifest, after: Manifest, kubelet: tuple[int, int] | None) -> Verdict:
    """The verdict under the new manifest's own settings; settings that cannot be read refuse every change."""
    for excess in (trees.excess(msgspec.json.encode(side.template)) for side in (before, after)):
        if excess:
            return Refused((too_large("the template", excess),))
    parsed = parse(after.metadata, Native())
    verdict = change.diff(
        before.template,
        after.template,
        restart_on=parsed.settings.restart_on,
        init_images=parsed.settings.init_images,
        kubelet=kubelet,
    )
    if isinstance(verdict, Refused):
        return Refused((*verdict.reasons, *parsed.errors))
    if parsed.errors and not verdict.is_empty:
        return Refused(parsed.errors)
    if _claims(before) != _claims(after):
        message = "the change of volumeClaimTemplates is for new Pods only; live Pods keep their volumes"
        note = Reason(ReasonCode.VolumeClaimTemplatesChanged, "spec.volumeClaimTemplates", message)
        return replace(verdict, notes=(*verdict.notes, note))
    return verdict


def _claims(manifest: Manifest) -> list[Any]:
    """The volumeClaimTemplates without what the API server fills in and reports (SetDefaults_PersistentVolumeClaim)."""
    return [
        {
            "metadata": {key: value for key, value in tree(claim.get("metadata")).items() if value is not None},
            "spec": {"volumeMode": "Filesystem", **tree(claim.get("spec"))},
        }
        for claim in map(tree, manifest.claim_templates)
    ]


def document(verdict: Verdict, before: Tree) -> dict[str, Any]:
    """The verdict as docs/design/protocol.md, "Formats" writes it; `restarts` and `notes` only if there are any."""
    found = verdict if isinstance(verdict, PodChange) else PodChange()
    result: dict[str, Any] = {
        "verdict": _word(verdict),
        "images": found.images,
        "fromImages": _replaced(found, before),
        "metadata": {"labels": found.labels, "annotations": found.annotations},
        "reasons": verdict.reasons if isinstance(verdict, Refused) else (),
    }
    more = {"sizes": found.sizes, "restarts": _again(found), "notes": found.notes}
    return {**result, **{key: value for key, value in more.items() if value}}


def _again(change: PodChange) -> tuple[str, ...]:
    """The containers that restart with the image that they have."""
    return tuple(name for name, container in change.containers.items() if container.restart)


def _replaced(change: PodChange, before: Tree) -> dict[str, str]:
    """The images in the place of which others come."""
    return {name: image for name, image in trees.images(before).items() if name in change.images}


def text(verdict: Verdict, before: Tree) -> Iterator[str]:
    """The verdict for a person, a line per change or reason; `before` is the template that changes."""
    if isinstance(verdict, Refused):
        yield "not in place"
        yield from (f"  {reason}" for reason in verdict.reasons)
        return
    if verdict.is_empty:
        yield "same: nothing to change on live Pods"
    else:
        count = len(verdict.restarts)
        which = f"{count} container{'s' * (count != 1)} restart{'s' * (count == 1)}" if count else "no restart"
        yield f"in place: {which}"
        yield from (f"  size {name}: {sizes.words(size)}" for name, size in verdict.sizes.items())
        old = _replaced(verdict, before)
        yield from (f"  image {name}: {old.get(name, '<none>')} -> {image}" for name, image in verdict.images.items())
        yield from (f"  restart {name}: with the image that it has" for name in _again(verdict))
        yield from _edits("label", verdict.labels)
        yield from _edits("annotation", verdict.annotations)
    yield from (f"  note: {note}" for note in verdict.notes)


def _edits(what: str, edits: Edits) -> Iterator[str]:
    yield from (f"  {what} {key}: added, {value}" for key, value in edits.add.items())
    yield from (f"  {what} {key}: {old} -> {new}" for key, (old, new) in edits.change.items())
    yield from (f"  {what} {key}: removed" for key in edits.remove)


def _word(verdict: Verdict) -> str:
    if isinstance(verdict, Refused):
        return "Refused"
    return "Same" if verdict.is_empty else "InPlace"


def exit_code(verdict: Verdict) -> int:
    """The exit code of a verdict."""
    return {"Same": errors.OK, "InPlace": errors.CHANGES, "Refused": errors.REFUSED}[_word(verdict)]
