"""`inplace plan`: what an upgrade would do to which Pods, in which order, and what speaks against it.

It is the controller's own decision about what is there now, or about a template that is not applied yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inplace.cli import errors, manifest, proposals, select
from inplace.cli.commands import command
from inplace.cli.connect import Notes, Ref, cluster, how_to_opt_in, read_live, run_async, warn_if_unattended
from inplace.cli.errors import InputError
from inplace.cli.manifest import Manifest
from inplace.cli.options import Connection, with_connection
from inplace.cli.render.document import output_option
from inplace.cli.render.each import show_each
from inplace.cli.render.table import rows
from inplace.cli.select import Query
from inplace.cluster import send
from inplace.cluster.live import Live
from inplace.core.kinds import Template
from inplace.core.objects.model import Tree
from inplace.core.objects.plural import counted
from inplace.core.objects.reasons import Reason
from inplace.core.plan.plan import Planner
from inplace.core.pod import prediction
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.template import diff, trees
from inplace.core.template.change import PodChange
from inplace.core.views import forecast
from inplace.core.views.forecast import Forecast, PodForecast, Verdict
from inplace.kube.client import Client
from inplace.kube.errors import Conflict, Denied, NotFound, PreconditionFailed

#: The revision's name before the workload's controller has given it one.
UNNAMED: Final = "(not applied yet)"
NOT_ASKED: Final = "the API server was not asked whether it accepts the change"
#: How long the workload's own controller may take to look at a change, and the time between two looks, in seconds.
PATIENCE_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.25


@command("plan")
@click.argument("workloads", nargs=-1, metavar="WORKLOAD...", shell_complete=proposals.workloads)
@click.option("--image", "images", multiple=True, metavar="CONTAINER=IMAGE", help="Plan as if this image were set.")
@click.option(
    "-f", "--filename", type=click.Path(), metavar="FILE", help="Plan as if this manifest were applied; - is stdin."
)
@output_option("wide", "name")
@with_connection
def plan(
    connection: Connection, workloads: tuple[str, ...], images: tuple[str, ...], filename: str | None, output: str
) -> int:
    """WORKLOAD is TYPE/NAME. Nothing is changed: the API server is asked by dry runs. With -f and without a WORKLOAD
    all workloads of the file are planned. Right after a change the command waits for the workload's own controller, for
    5 s at most.

    Exit codes: 0 nothing to do, 2 Pods are to change, now or later, 3 refused or rolled back, 1 error.
    """
    if images and filename:
        raise InputError("--image and --filename are mutually exclusive")
    wanted = [_image_option(text) for text in images]
    held = manifest.all_in(filename) if filename is not None else []
    asked = Asked(wanted, filename or "", tuple(held))
    return run_async(_plan(connection, workloads, asked, output))


class Asked(Struct, frozen=True):
    """What is planned as if it were so: images, or the manifests of a file; neither: what is."""

    images: list[tuple[str, str]]
    filename: str
    manifests: tuple[Manifest, ...]

    @property
    def is_given(self) -> bool:
        """Whether it is anything else than what is there."""
        return bool(self.images or self.filename)


async def _plan(connection: Connection, words: tuple[str, ...], asked: Asked, output: str) -> int:
    query = _query(connection, words, asked)
    async with cluster(connection, selects=True) as (client, namespace):
        query = query.within(namespace)
        looked = await select.of_each(client, query, partial(_planned, asked=asked), None)
    found = [(ref, planned) for ref, planned in looked if planned is not None]
    pods = _pod_table if output == "wide" else _pod_lines
    show_each(
        found,
        output,
        "Plan",
        alone=query.alone,
        content=lambda planned: planned,
        lines=lambda ref, planned: _lines(ref, planned, pods),
    )
    return select.worst(errors.ERROR if planned is None else _code(planned) for _, planned in looked)


def _query(connection: Connection, words: tuple[str, ...], asked: Asked) -> Query:
    """As for other commands; here -f is what is planned, and names the workloads only if nothing else does."""
    if not asked.filename or words or connection.selector or connection.all_namespaces:
        return select.parse(words, connection)
    return Query(tuple(select.named(asked.filename, asked.manifests, connection.namespace)))


async def _planned(client: Client, ref: Ref, *, asked: Asked) -> Forecast:
    live = await read_live(client, ref) if asked.is_given else await _observed(client, ref)
    snapshot = live.snapshot()
    warn_if_unattended(snapshot, live.clock.now())
    target = _target(snapshot, ref, asked)
    if target is not None:  # what the controller reported is about another template
        snapshot = replace(snapshot, target=target, reported=None)
    planned, notes = await _forecast(client, live, snapshot)
    if not planned.target:
        why = planned.hold.message if planned.hold is not None else "the target is not known"
        raise InputError(f"cannot plan {ref}: {why}, for {PATIENCE_SECONDS:g}s: look at kube-controller-manager")
    Notes().show(*live.notes, *notes)
    return planned


async def _observed(client: Client, ref: Ref) -> Live:
    """A look in which the workload's own controller has named its revision, or the last one before patience ends: right
    after a write it has not yet looked."""
    deadline, notes = client.clock.monotonic() + PATIENCE_SECONDS, Notes()
    while True:
        live = await read_live(client, ref)
        snapshot = live.snapshot()
        target = snapshot.kind.target(snapshot.workload, snapshot.revisions)
        if not isinstance(target, Reason) or client.clock.monotonic() >= deadline:
            return live
        notes.show(f"{ref}: {target.message}, {PATIENCE_SECONDS:g}s at most")
        await client.clock.sleep(LOOK_SECONDS)


def _code(planned: Forecast) -> int:
    if planned.refused or planned.is_given_up:
        return errors.REFUSED
    return errors.OK if planned.is_done else errors.CHANGES


async def _forecast(client: Client, live: Live, snapshot: Snapshot) -> tuple[Forecast, list[str]]:
    """Ask the API server, by dry runs as the controller does, whether it takes the patches; then forecast."""
    planner, notes, answers = Planner(), list[str](), dict[str, Reason | None]()
    asked = replace(snapshot, dry_runs=answers)
    for dry_run in planner.dry_runs(asked, live.clock.now()):
        answers[dry_run.key] = None  # whoever cannot be asked counts as willing
        unasked = f"cannot patch {'pods/resize' if dry_run.sizes else 'pods'}: {NOT_ASKED}"
        if unasked in notes:
            continue
        try:
            answers[dry_run.key] = await send.ask(client, dry_run, live.clock.now())
        except Denied:
            notes.append(unasked)
        except (Conflict, NotFound, PreconditionFailed):
            continue  # that Pod has changed, or has gone: the controller will ask again
    return forecast.forecast(asked, live.clock.now(), planner), notes


def _image_option(text: str) -> tuple[str, str]:
    container, equals, image = text.partition("=")
    if not equals or not container or not image:
        raise InputError(f'invalid --image "{text}": expected CONTAINER=IMAGE, such as app=repo/app:v2')
    return container, image


def _target(snapshot: Snapshot, ref: Ref, asked: Asked) -> Template | None:
    """The template asked about: the workload's own with other images, or a manifest's; None: its own."""
    if asked.filename:
        found = manifest.pick(
            manifest.called(asked.filename), list(asked.manifests), ref.kind.name, ref.namespace, ref.name
        )
        return _named(snapshot, found.template)
    if not asked.images:
        return None
    tree = trees.decode(snapshot.workload.spec.template)
    containers = trees.all_containers(tree)
    for container, image in asked.images:
        if container not in containers:
            raise InputError(
                f'invalid --image: {ref} has no container "{container}": expected one of {", ".join(containers)}'
            )
        containers[container]["image"] = image
    return _named(snapshot, tree)


def _named(snapshot: Snapshot, tree: Tree) -> Template:
    """The revision from which this template changes nothing, the present one before others; or one without a name."""
    own = trees.fingerprint(snapshot.workload.spec.template)
    known = sorted(snapshot.revisions.values(), key=lambda template: trees.fingerprint_of(template.tree) != own)
    verdicts = ((template, diff.diff(template.tree, tree)) for template in known)
    same = (template for template, verdict in verdicts if isinstance(verdict, PodChange) and verdict.is_empty)
    return next(same, Template(UNNAMED, tree, trees.excess(msgspec.json.encode(tree))))


def _pod_lines(planned: Forecast) -> list[str]:
    return [f"  {number}. {_pod_line(pod)}" for number, pod in enumerate(planned.pods, start=1)]


def _lines(ref: Ref, planned: Forecast, pods: Callable[[Forecast], list[str]] = _pod_lines) -> list[str]:
    lines = [f"{ref} -n {ref.namespace}, revision {planned.target}"]
    if not planned.opted_in:
        lines.append(f"  not opted in: {how_to_opt_in(ref)}")
    if not planned.frozen:
        lines.append(f"  not frozen: until it is, the {ref.kind.name} controller replaces the Pods at a change")
    lines += [f"  refused: {reason.code}: {reason}" for reason in planned.refused]
    lines += [f"  note: {reason.code}: {reason}" for reason in planned.notes]
    if planned.refused:
        native = f"  not in place: the {ref.kind.name} controller would replace the Pods"
        return [*lines, native if planned.falls_back or not planned.frozen else "  no Pod would be changed"]
    on_hold = [f"  on hold: {planned.hold.code}: {planned.hold}"] if planned.hold is not None else []
    if planned.is_done:
        return [*lines, *([] if planned.frozen else on_hold), *_nothing_to_do(ref, planned, pods)]
    if planned.rolled_back_from:
        lines += _rolled_back(ref, planned)
    if planned.is_given_up:
        return [*lines, *_missing(ref, planned), *pods(planned)]
    lines += [_summary(planned), *_missing(ref, planned), *on_hold]
    if planned.step:
        lines.append(f"  stops at {planned.step}")
    return [*lines, *pods(planned), *_predicted(planned)]


def _rolled_back(ref: Ref, planned: Forecast) -> list[str]:
    """That the template's revision is not tried again by itself, and where the Pods are or go."""
    there = sum(pod.verdict is Verdict.UP_TO_DATE for pod in planned.pods)
    where = f"{there} of {len(planned.pods)} Pods are back at this one"
    return [
        f"  rolled back: the template asks for revision {planned.rolled_back_from}, which has failed; {where}",
        f"  to go on: change the template, or run `inplace retry {ref} -n {ref.namespace}`",
    ]


def _nothing_to_do(ref: Ref, planned: Forecast, pods: Callable[[Forecast], list[str]]) -> list[str]:
    """That nothing is to change in place, and the Pods if not all are simply there."""
    there = sum(pod.verdict is Verdict.UP_TO_DATE for pod in planned.pods)
    if there == len(planned.pods) and not planned.missing:
        done = "every Pod is at this revision" if planned.desired else "the workload wants no Pods"
        return [f"  nothing to do: {done}"]
    settling = sum(pod.verdict is Verdict.IN_PROGRESS for pod in planned.pods)
    done = f"nothing more to do: 0 of {len(planned.pods)} Pods change, {settling} in progress"
    done = done if settling else f"nothing to do: 0 of {len(planned.pods)} Pods change"
    return [
        f"  {done}, {there} are up to date",
        *_missing(ref, planned),
        *pods(planned),
    ]


def _missing(ref: Ref, planned: Forecast) -> list[str]:
    if not planned.missing:
        return []
    return [f"  {planned.missing} of {planned.desired} Pods are missing: the {ref.kind.name} controller makes them"]


def _pod_table(planned: Forecast) -> list[str]:
    """A column for each thing that a line says."""
    head = ("POD", "NODE", "REVISION", "VERDICT", "DRAINED", "CHANGES", "WHY-NOT")
    cells = [
        (
            pod.name,
            pod.node or "<none>",
            pod.revision,
            pod.verdict,
            "yes" if pod.drained else "no",
            _changes(pod) or ("labels and annotations" if pod.metadata_only else "<none>"),
            pod.why_not.message if pod.why_not is not None else "<none>",
        )
        for pod in planned.pods
    ]
    return [f"  {line}" for line in rows(head, cells)]


def _predicted(planned: Forecast) -> list[str]:
    """What the kubelet does to the containers of the Pods that change; with their number where it is not the same."""
    counts = Counter(
        prediction.told(pod.prediction) for pod in planned.pods if pod.disrupted and pod.prediction is not None
    )
    return [
        f"  the kubelet{'' if len(counts) == 1 else f', for {count} of the Pods'}: {text}"
        for text, count in counts.items()
    ]


def _summary(planned: Forecast) -> str:
    disrupted = sum(pod.disrupted for pod in planned.pods)
    restart = "restarts" if disrupted == 1 else "restart"
    waves = f", in {counted(planned.waves, 'wave')}" if planned.waves else ""
    return (
        f"  {len(planned.changing)} of {len(planned.pods)} Pods change, {disrupted} of them {restart} containers, "
        f"at most {planned.budget} at a time{waves}; {len(planned.starting)} would start now{_others(planned)}"
    )


def _others(planned: Forecast) -> str:
    """The Pods that make it something to do, although they do not start."""
    moving = sum(pod.outstanding and pod.verdict is Verdict.IN_PROGRESS for pod in planned.pods)
    counts = ((moving, "in progress"), (len(planned.held), "cannot change for now"))
    return "".join(f", {count} {what}" for count, what in counts if count)


def _pod_line(pod: PodForecast) -> str:
    where = f"{pod.name} ({pod.node or 'not scheduled'})"
    why = pod.why_not.message if pod.why_not is not None else ""
    match pod.verdict:
        case Verdict.UP_TO_DATE:
            return f"{where}: up to date"
        case Verdict.SKIPPED:
            return f"{where}: skipped: {why}{_to_come(pod)}"
        case Verdict.IN_PROGRESS:
            return f"{where}: in progress: {why}{_then(pod)}"
        case Verdict.FAILED:
            return f"{where}: failed: {why}{_to_come(pod)}"
    waits = f"; waits: {why}" if pod.verdict is Verdict.WAITS else ""
    if pod.metadata_only:
        return f"{where}: labels and annotations only, no restart{waits}"
    if not pod.disrupts:
        return f"{where}: {_changes(pod)} (no restart, not drained{waits})"
    how = "drained first" if pod.drained else "not drained: no readiness gate"
    return f"{where}: {_changes(pod)} ({'not Ready now, costs no budget; ' if pod.broken else ''}{how}{waits})"


def _then(pod: PodForecast) -> str:
    """What a Pod in flight goes on to beyond what has been patched."""
    if not pod.changes or not (_changes(pod) or pod.metadata_only):
        return ""
    if pod.metadata_only:
        return "; then labels and annotations"
    how = "no restart" if not pod.disrupts else f"restarts{' again' if pod.again else ''}"
    return f"; then {_changes(pod)} ({how})"


def _to_come(pod: PodForecast) -> str:
    """What a Pod still lacks that is to change, but cannot for now."""
    return f"; not done: {_changes(pod)}" if pod.outstanding and _changes(pod) else ""


def _changes(pod: PodForecast) -> str:
    """Sizes and images, each with what is there now."""
    sizes = [f"{name}: {pod.from_sizes[name]} -> {size}" for name, size in pod.sizes.items()]
    return ", ".join(sizes + [f"{name}: {pod.from_images[name]} -> {image}" for name, image in pod.images.items()])
