"""`inplace diff OLD NEW`: could this change be made in place? Offline, by the same rules as the controller's.

Nothing is imported that could reach a cluster. Exit codes: 0 same, 2 in place, 3 not in place, 1 error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from inplace.cli import errors, manifest
from inplace.cli.commands import command
from inplace.cli.errors import InputError
from inplace.cli.manifest import Manifest
from inplace.cli.render.document import document as headed
from inplace.cli.render.document import output_option, show
from inplace.cli.say import say
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


@command("diff")
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@output_option()
@click.option("--kubelet", type=_minor, metavar="VERSION", help="Kubernetes version of the nodes, such as 1.31.")
def diff(old: str, new: str, output: str, kubelet: tuple[int, int] | None) -> int:
    """OLD and NEW are files in YAML or JSON, each with one workload of any kind or a bare Pod template
    ({metadata, spec}); `-` is standard input. Nothing is asked of a cluster.

    Exit codes: 0 same, 2 in place, 3 not in place, 1 error.
    """
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
        for line in text(verdict):
            say(line, head=head, color=color)
    else:
        show(headed(document(verdict), "Diff"), output)
    return _exit_code(verdict)


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


def document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as docs/design/protocol.md, "Formats" writes it; `restarts` and `notes` only if there are any."""
    found = verdict if isinstance(verdict, PodChange) else PodChange()
    result: dict[str, Any] = {
        "verdict": _word(verdict),
        "images": found.images,
        "metadata": {"labels": found.labels, "annotations": found.annotations},
        "reasons": verdict.reasons if isinstance(verdict, Refused) else (),
    }
    more = {"sizes": found.sizes, "restarts": _again(found), "notes": found.notes}
    return {**result, **{key: value for key, value in more.items() if value}}


def _again(change: PodChange) -> tuple[str, ...]:
    """The containers that restart with the image that they have."""
    return tuple(name for name, container in change.containers.items() if container.restart)


def text(verdict: Verdict) -> Iterator[str]:
    """The verdict for a person, a line per change or reason."""
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
        yield from (f"  image {name}: {image}" for name, image in verdict.images.items())
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


def _exit_code(verdict: Verdict) -> int:
    return {"Same": errors.OK, "InPlace": errors.CHANGES, "Refused": errors.REFUSED}[_word(verdict)]
