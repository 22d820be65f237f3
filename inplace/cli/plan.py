"""`inplace plan`: what an upgrade would do to which Pods, in which order, and what speaks against it."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import yaml

from inplace.cli import errors
from inplace.cli.connect import Ref, cluster, parse_ref, read_snapshot, run_async
from inplace.cli.errors import InputError
from inplace.cli.options import Connection, with_connection
from inplace.core.actions import patches
from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.model import Pod, Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.template import trees
from inplace.core.views import forecast
from inplace.core.views.forecast import Forecast
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.errors import Forbidden, Invalid, PreconditionFailed
from inplace.runtime.clock import SystemClock

#: The revision's name before the workload's controller has given it one.
UNNAMED: Final = "(not applied yet)"


@click.command("plan")
@click.argument("workload")
@click.option("--image", "images", multiple=True, metavar="CONTAINER=IMAGE", help="As if this image were set.")
@click.option("-f", "--filename", metavar="FILE", help="As if this manifest of the workload were applied; - is stdin.")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
@with_connection
def plan(connection: Connection, workload: str, images: tuple[str, ...], filename: str | None, output: str) -> int:
    """Show what upgrading WORKLOAD (TYPE/NAME) would do. Nothing is changed."""
    if images and filename:
        raise InputError("--image and -f exclude each other: give the one or the other")
    wanted = [_image_option(text) for text in images]
    return run_async(_plan(connection, workload, wanted, filename, output))


async def _plan(
    connection: Connection, text: str, images: list[tuple[str, str]], filename: str | None, output: str
) -> int:
    async with cluster(connection) as (client, namespace):
        ref = parse_ref(text, namespace)
        snapshot = await read_snapshot(client, ref)
        target = _target(snapshot, ref, images, filename)
        if isinstance(target, Reason):
            raise InputError(f"{ref}: {target.message}; try again in a moment")
        made = forecast.forecast(snapshot, target, SystemClock().now())
        rejected = await _rehearse(client, snapshot, made)
    made = msgspec.structs.replace(made, refused=(*made.refused, *rejected))
    _show(ref, made, output)
    if made.refused:
        return errors.REFUSED
    return errors.CHANGES if made.moving else errors.OK


def _image_option(text: str) -> tuple[str, str]:
    container, equals, image = text.partition("=")
    if not equals or not container or not image:
        raise InputError(f"--image {text!r}: use CONTAINER=IMAGE, such as app=repo/app:v2")
    return container, image


def _target(snapshot: Snapshot, ref: Ref, images: list[tuple[str, str]], filename: str | None) -> Template | Reason:
    """The template asked about: the workload's own, that with other images, or a manifest's."""
    if filename is not None:
        return Template(UNNAMED, _from_file(filename, ref))
    if not images:
        return snapshot.kind.target(snapshot.workload, snapshot.revisions)
    tree = copy.deepcopy(trees.decode(snapshot.workload.spec.template))
    every = {**trees.containers(tree), **trees.init_containers(tree)}
    for container, image in images:
        if container not in every:
            raise InputError(f"--image {container}: {ref} has no such container; it has {', '.join(every)}")
        every[container]["image"] = image
    return Template(UNNAMED, tree)


def _from_file(filename: str, ref: Ref) -> Tree:
    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text(encoding="utf-8")
        documents: list[Any] = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise InputError(f"-f {filename}: {' '.join(str(error).split())}") from error
    for one in documents:
        if one.get("kind") == ref.kind.name and trees.tree(one.get("metadata")).get("name") == ref.name:
            return trees.tree(trees.tree(one.get("spec")).get("template"))
    raise InputError(f"-f {filename}: it holds no {ref.kind.name} {ref.name!r}")


async def _rehearse(client: Client, snapshot: Snapshot, made: Forecast) -> list[Reason]:
    """Ask the API server, by a dry run, whether admission takes the image patch of the first Pod of each revision."""
    asked: dict[str, Reason | None] = {}
    for one in made.moving:
        if one.images and one.revision not in asked:
            pod = next(pod for pod in snapshot.pods if pod.name == one.name)
            asked[one.revision] = await _dry_run(client, pod, one.images)
    return [reason for reason in asked.values() if reason is not None]


async def _dry_run(client: Client, pod: Pod, images: dict[str, str]) -> Reason | None:
    request = patches.dry_run(pod, images)
    try:
        await client.patch(
            resources.PODS, pod.name, pod.metadata.namespace, list(request.ops), patch_type=PatchType.JSON,
            type=msgspec.Raw, dry_run=True,
        )  # fmt: skip
    except PreconditionFailed:
        return None
    except (Invalid, Forbidden) as error:
        return Reason(
            ReasonCode.AdmissionRejected, f"pods[{pod.name}]", f"the API server refuses the image patch: {error}"
        )
    return None


def _show(ref: Ref, made: Forecast, output: str) -> None:
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(made)).decode())
    elif output == "yaml":
        click.echo(yaml.safe_dump(msgspec.to_builtins(made), sort_keys=False).rstrip())
    else:
        click.echo("\n".join(_lines(ref, made)))


def _lines(ref: Ref, made: Forecast) -> list[str]:
    lines = [f"{ref} -n {ref.namespace}, revision {made.target}"]
    if not made.opted_in:
        lines.append(f"  not opted in: kubectl label {ref} -n {ref.namespace} {names.MODE}=InPlaceOnly")
    lines += [f"  refused: {reason.code}: {reason}" for reason in made.refused]
    lines += [f"  note: {reason.code}: {reason}" for reason in made.notes]
    if made.refused:
        return [*lines, "  no Pod would be touched"]
    if not made.moving:
        return [*lines, "  nothing to do: every Pod is at this revision"]
    disrupted = sum(not one.metadata_only for one in made.moving)
    lines.append(
        f"  {len(made.moving)} of {len(made.pods)} Pods change, {disrupted} of them restart containers, "
        f"at most {made.budget} at a time, in {made.waves} waves"
    )
    return lines + [f"  {number}. {_pod_line(one)}" for number, one in enumerate(made.pods, start=1)]


def _pod_line(one: forecast.PodForecast) -> str:
    where = f"{one.name} on {one.node or '<unscheduled>'}"
    if one.why_not is not None:
        return f"{where}: stays: {one.why_not.message}"
    if one.metadata_only:
        return f"{where}: labels and annotations only, no restart"
    how = "drained first" if one.drained else "not drained: no readiness gate"
    images = ", ".join(f"{name}: {one.from_images[name]} -> {image}" for name, image in one.images.items())
    return f"{where}: {images} ({'not Ready now, costs no budget; ' if one.broken else ''}{how})"
