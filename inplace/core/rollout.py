"""One workload (protocol §4): which of its Pods may move now, and why the others may not.

Everything about a single Pod is asked of `pod`; this module only weighs Pods against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from msgspec import Struct

from inplace.core import change, names, order
from inplace.core import pod as pods
from inplace.core import record as records
from inplace.core.actions import Finish, PodAction, Swap
from inplace.core.budget import allowance
from inplace.core.change import InPlace, Refused
from inplace.core.evidence import kubelet_version
from inplace.core.kinds import Template
from inplace.core.model import Node, Pod, Reason
from inplace.core.names import Code, PodPhase
from inplace.core.record import Record
from inplace.core.scene import Aim, Failed, Held, Moving, Scene, Startable, State, UpToDate, available, available_at
from inplace.core.settings import Drain, InitImages, Settings
from inplace.core.snapshot import Snapshot

_PENDING: Final = Reason(Code.PENDING_WRITE, "", "a write of ours has not come back yet")


class Member(Struct, frozen=True):
    """A Pod of the workload: its state, and why it is not part of this rollout, where it is not.

    `until`: when it becomes available by the passing of time alone, which may free the budget for another.
    """

    pod: Pod
    state: State
    available: bool
    outside: Reason | None = None
    until: datetime | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do or to wait for."""
        return self.outside is not None or (isinstance(self.state, UpToDate) and self.state.settling is None)


class Choice(Struct, frozen=True):
    """Who begins now, and why each of the others that could does not."""

    starts: tuple[PodAction, ...]
    waiting: dict[str, Reason]


def refusals(snapshot: Snapshot, settings: Settings, target: Template) -> tuple[Reason, ...]:
    """Every reason why this change cannot be made in place, over all Pods that it concerns, each once."""
    found: dict[tuple[str, str], Reason] = {}
    for pod in snapshot.pods:
        if snapshot.kind.outside(snapshot.workload, settings, pod) is not None or _at(pod, target.revision):
            continue
        lacks = aim(snapshot, settings, target, pod).lacks
        for reason in lacks.reasons if isinstance(lacks, Refused) else ():
            found.setdefault((reason.code, reason.path), reason)
    return tuple(found.values())


def aim(snapshot: Snapshot, settings: Settings, target: Template, pod: Pod) -> Aim:
    """What this Pod should become, and what it still lacks: base, target and live Pod compared."""
    record = records.read(pod)
    base = snapshot.revisions.get(pod.metadata.label(names.REVISION_LABEL) or "")
    if base is None:
        revision = pod.metadata.label(names.REVISION_LABEL) or "none"
        why = f"revision {revision} of Pod {pod.name} is not known, so its difference to the template is not either"
        return Aim(target.revision, Refused((Reason(Code.BASE_UNKNOWN, f"labels[{names.REVISION_LABEL}]", why),)))
    between = snapshot.revisions.get(record.target) if isinstance(record, Record) else None
    bases = [base] if between is None or between is base else [base, between]
    verdicts = [_diff(one, target, settings, snapshot.nodes.get(pod.spec.node_name)) for one in bases]
    refused = [reason for one in verdicts if isinstance(one, Refused) for reason in one.reasons]
    if refused:
        return Aim(target.revision, Refused(tuple(refused)))
    verdict = next(one for one in verdicts if isinstance(one, InPlace))
    lacks = change.for_pod(verdict, [one.tree for one in bases], target.tree, pod, _touched(record))
    return Aim(target.revision, _demand_gate(lacks, pod, settings))


def members(snapshot: Snapshot, settings: Settings, target: Template | None, scene: Scene) -> list[Member]:
    """Every Pod with its state, in the order in which Pods are upgraded."""
    found = [_member(snapshot, settings, target, scene, pod) for pod in snapshot.pods]
    kind_order = snapshot.kind.order
    return sorted(found, key=lambda one: order.sort_key(settings, kind_order, not one.pod.ready, one.pod))


def choose(all_members: Sequence[Member], settings: Settings, desired: int, wait: Reason | None) -> Choice:
    """Grant starts within the budget. `wait` holds back every start, whatever the budget says."""
    counted = [one for one in all_members if one.outside is None or one.outside.code != Code.SCALED_AWAY]
    left = allowance(settings, desired, sum(one.available for one in counted))
    starts: list[PodAction] = []
    waiting: dict[str, Reason] = {}
    for member in all_members:
        if not isinstance(member.state, Startable) or member.outside is not None:
            continue
        free = member.state.broken or not _disrupts(member.state.action)
        if wait is not None:
            waiting[member.pod.name] = wait
        elif free or left > 0:
            starts.append(member.state.action)
            left -= not free
        else:
            limit = settings.max_unavailable
            waiting[member.pod.name] = Reason(Code.BUDGET, "", f"max-unavailable {limit} is used up")
    return Choice(tuple(starts), waiting)


def failed(all_members: Sequence[Member]) -> list[tuple[Member, Reason]]:
    """The Pods that failed for the current target, with their reasons."""
    return [(one, one.state.reason) for one in all_members if isinstance(one.state, Failed) and one.outside is None]


def drifted(all_members: Sequence[Member]) -> list[Reason]:
    """Containers of upgraded Pods whose image somebody else has changed since. Reported, never fought over."""
    found = []
    for member in all_members:
        record = records.read(member.pod)
        if isinstance(record, Record) and record.phase is PodPhase.DONE and isinstance(member.state, UpToDate):
            found += _drift(member.pod, record)
    return found


def _member(snapshot: Snapshot, settings: Settings, target: Template | None, scene: Scene, pod: Pod) -> Member:
    own = _scene_of(scene, snapshot, pod)
    outside = snapshot.kind.outside(snapshot.workload, settings, pod)
    if pod.uid in snapshot.pending:
        return Member(pod, Moving(_PENDING), available=False, outside=None)
    record = records.read(pod)
    if outside is not None and not (isinstance(record, Record) and record.in_flight):
        until = available_at(pod, own)
        return Member(pod, Held(outside), available=available(pod, own) is None, outside=outside, until=until)
    state = pods.step(pod, aim(snapshot, settings, target, pod) if target is not None else None, own)
    in_flight = isinstance(state, Moving) or pod.metadata.deletion_timestamp is not None
    return Member(pod, state, available=not in_flight and available(pod, own) is None, until=available_at(pod, own))


def _scene_of(scene: Scene, snapshot: Snapshot, pod: Pod) -> Scene:
    return Scene(
        workload=scene.workload,
        revision=scene.revision,
        settings=scene.settings,
        now=scene.now,
        node=snapshot.nodes.get(pod.spec.node_name),
        sight=snapshot.sights.get(pod.uid),
        hold=scene.hold,
        settled=scene.settled,
        blocked=snapshot.blocked.get(pod.uid),
    )


def _at(pod: Pod, revision: str) -> bool:
    """Whether the Pod is at the revision with no unfinished or failed attempt upon it."""
    record = records.read(pod)
    unfinished = isinstance(record, Record) and (record.in_flight or record.phase is PodPhase.FAILED)
    return pod.metadata.label(names.REVISION_LABEL) == revision and not unfinished


def _touched(record: object) -> tuple[str, ...]:
    """Containers that an unfinished or failed attempt has put an image on, or may have."""
    unfinished = isinstance(record, Record) and (record.in_flight or record.phase is PodPhase.FAILED)
    return tuple(record.containers) if isinstance(record, Record) and unfinished else ()


def _demand_gate(lacks: InPlace | Refused, pod: Pod, settings: Settings) -> InPlace | Refused:
    if settings.drain is not Drain.REQUIRED or pod.has_gate(names.GATE):
        return lacks
    if isinstance(lacks, Refused) or not lacks.images:
        return lacks
    why = f"drain is Required, but the Pod has no readiness gate {names.GATE}: add it to the template, or set Auto"
    return Refused((Reason(Code.GATE_MISSING, "spec.readinessGates", why),))


def _diff(base: Template, target: Template, settings: Settings, node: Node | None) -> InPlace | Refused:
    return _diff_memoised(base, target, settings.restart_on, settings.init_images, kubelet_version(node))


@lru_cache(maxsize=1024)
def _diff_memoised(
    base: Template,
    target: Template,
    restart_on: tuple[str, ...],
    init_images: InitImages,
    kubelet: tuple[int, int] | None,
) -> InPlace | Refused:
    return change.diff(base.tree, target.tree, restart_on=restart_on, init_images=init_images, kubelet=kubelet)


def _disrupts(action: PodAction) -> bool:
    return not isinstance(action, Finish) and not (isinstance(action, Swap) and not action.change.images)


def _drift(pod: Pod, record: Record) -> list[Reason]:
    found = []
    for name, baseline in record.containers.items():
        container = pod.container(name)
        if container is not None and baseline.to and container.image != baseline.to:
            why = f"somebody else changed the image from {baseline.to} to {container.image}"
            found.append(Reason(Code.DRIFT, f"pods[{pod.name}].containers[{name}]", why))
    return found
