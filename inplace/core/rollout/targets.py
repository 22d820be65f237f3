"""The target revisions of a workload's Pods: the template's, the healthy one, or the template's up to a step."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from inplace.core.kinds import Template
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason
from inplace.core.rollout import order, rollback, steps
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.rollout.steps import CurrentStep
from inplace.core.settings.annotations import Settings
from inplace.core.state import records, statuses
from inplace.core.state.records import PodPhase, Record


class Unknown(Struct, frozen=True):
    """The target is not known yet, or no longer exists."""

    reason: Reason
    #: What the template asks for, if at least that is known.
    asked: Template | None = None
    #: What the template asks for is being rolled back.
    rolling_back: bool = False


class Upgrade(Struct, frozen=True):
    """Every Pod goes to what the template asks for."""

    asked: Template


class AtStep(Struct, frozen=True):
    """Only as many Pods as the step allows go there."""

    asked: Template
    step: CurrentStep
    #: The target of the Pods in `early` (uids): the revision that was healthy before; None if unknown.
    before: Template | None = None
    early: frozenset[str] = frozenset()


class Rollback(Struct, frozen=True):
    """What the template asks for has failed; every Pod goes back to what was healthy here."""

    asked: Template
    back_to: Template


Targets = Unknown | Upgrade | AtStep | Rollback


def determine(snapshot: Snapshot, settings: Settings) -> Targets:
    """The targets as of this look."""
    asked = snapshot.target or snapshot.kind.target(snapshot.workload, snapshot.revisions)
    back = rollback.under_way(snapshot, asked)
    if isinstance(asked, Reason):
        return Unknown(asked, rolling_back=back is not None)
    if isinstance(back, Reason):
        return Unknown(back, asked, rolling_back=True)
    if back is not None:
        return Rollback(asked, back)
    step = steps.current_step(snapshot, settings, asked)
    return Upgrade(asked) if step is None else _at_step(snapshot, settings, asked, step)


def _at_step(snapshot: Snapshot, settings: Settings, asked: Template, step: CurrentStep) -> AtStep:
    status = statuses.read(snapshot.workload.metadata)
    healthy = snapshot.destinations.get(status.healthy) if status is not None else None
    if healthy is None or healthy is asked:
        return AtStep(asked, step)

    def rank(pod: Pod) -> object:
        return order.rank(settings, snapshot.kind.order, pod)

    return AtStep(asked, step, healthy, steps.early(snapshot, step, asked, is_moved(snapshot, asked), rank))


def destination(targets: Targets) -> Template | None:
    """The template that the workload's Pods go to; None while it is not known."""
    match targets:
        case Unknown():
            return None
        case Rollback(back_to=back_to):
            return back_to
        case Upgrade(asked) | AtStep(asked):
            return asked


def destination_of(targets: Targets, uid: str) -> Template | None:
    """The template that one Pod goes to, or stays at, for now."""
    if isinstance(targets, AtStep) and targets.before is not None and uid in targets.early:
        return targets.before
    return destination(targets)


def is_moved(snapshot: Snapshot, target: Template | None) -> Callable[[Pod], bool]:
    """Whether a Pod is at the target, or has started to move there."""
    revision = target.revision if target is not None else ""

    def moved(pod: Pod) -> bool:
        record = records.of(pod, snapshot.workload.metadata.uid)
        started = isinstance(record, Record) and record.phase is not PodPhase.DONE and record.target == revision
        return started or snapshot.revision_of(pod) == revision

    return moved
