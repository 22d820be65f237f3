"""One workload (docs/design/protocol.md, "One workload"): which of its Pods may move now, and why the others may not.

Everything about a single Pod is asked of `pod`; this module only weighs Pods against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.model import Node, Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod import lifecycle
from inplace.core.pod.availability import available, available_at
from inplace.core.pod.evidence import kubelet_version
from inplace.core.pod.states import Aim, Failed, Ineligible, InProgress, Pending, PodContext, PodState, UpToDate
from inplace.core.rollout import order, pull_pods, rollback
from inplace.core.rollout.memo import Memo
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.schema import DrainPolicy as DrainMode
from inplace.core.settings.schema import InitImages, Parsed, Settings
from inplace.core.state import records, statuses
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase
from inplace.core.template import diff
from inplace.core.template.change import PodChange, Refused

_PENDING: Final = Reason(ReasonCode.PendingWrite, "", "a write of ours has not come back yet")


class PodAssessment(Struct, frozen=True):
    """A Pod of the workload: its state, and why it is not part of this rollout, where it is not.

    `until`: when it becomes available by the passing of time alone, which may free the budget for another. `rank`: its
    place in the order of upgrades. `drift`: images that somebody else has changed since its upgrade. `ready` is the
    Pod's condition, `revision` the one that it is at.
    """

    pod: Pod
    state: PodState
    available: bool
    outside: Reason | None = None
    until: datetime | None = None
    rank: order.Rank = (False, 0, 0, "")
    drift: tuple[Reason, ...] = ()
    ready: bool = False
    revision: str = ""

    @property
    def done(self) -> bool:
        """Whether nothing is left to do or to wait for."""
        return self.outside is not None or (isinstance(self.state, UpToDate) and self.state.settling is None)


class Prospects(Struct, frozen=True):
    """What is true of the Pods whether anything may happen to them or not, by uid.

    `aims`: what each should become, where there is a target; `outside`: why a Pod is not part of the rollout.
    """

    aims: Mapping[str, Aim]
    outside: Mapping[str, Reason]

    def restarting(self, every: Iterable[Pod]) -> Iterator[tuple[Pod, str, dict[str, str]]]:
        """The Pods of which containers would restart, were it their turn: each with its revision and their images."""
        for pod in every:
            aim = self.aims.get(pod.uid)
            if aim is None or not isinstance(aim.lacks, PodChange) or not aim.lacks.images or pod.uid in self.outside:
                continue
            if pod.metadata.deletion_timestamp is None and pod.spec.node_name:
                yield pod, aim.revision, aim.lacks.images


class Course(Struct, frozen=True):
    """Where the Pods of a workload are to go: to the target, and those in `early` (uids) to `before` for now."""

    target: Template
    before: Template | None = None
    early: frozenset[str] = frozenset()

    def of(self, uid: str) -> Template:
        """Where one Pod is to go."""
        return self.before if self.before is not None and uid in self.early else self.target


def prospects(snapshot: Snapshot, settings: Settings, course: Course | None, now: datetime) -> Prospects:
    """Base, target and live Pod compared, for every Pod."""
    target = course.target if course is not None else None
    pods_by_uid = {pod.uid: pod for pod in snapshot.pods}
    outside = snapshot.kind.outside(snapshot.workload, settings, snapshot.pods, moved(snapshot, target))
    if course is None:
        return Prospects({}, outside)
    wanted = course

    def conclude(uid: str) -> tuple[Aim, None]:
        return aim(snapshot, settings, wanted.of(uid), pods_by_uid[uid]), None

    common = (settings, tuple(snapshot.revisions.values()))
    nodes = snapshot.nodes
    own = ((uid, (course.of(uid), pod, nodes.get(pod.spec.node_name))) for uid, pod in pods_by_uid.items())
    return Prospects(_AIMS.recall(snapshot.workload.metadata.uid, common, own, now, conclude), outside)


def unpartitioned(found: Prospects) -> Prospects:
    """The same without a partition: nobody is kept on a revision that has failed."""
    outside = {uid: why for uid, why in found.outside.items() if why.code != ReasonCode.Partition}
    return Prospects(found.aims, outside)


def moved(snapshot: Snapshot, target: Template | None) -> Callable[[Pod], bool]:
    """Whether a Pod is at the target, or was begun to be moved there."""
    revision = target.revision if target is not None else ""

    def is_moved(pod: Pod) -> bool:
        record = records.read(pod)
        begun = isinstance(record, Record) and record.phase is not PodPhase.DONE and record.target == revision
        return begun or snapshot.revision_of(pod) == revision

    return is_moved


def refusals(snapshot: Snapshot, target: Template, found: Prospects) -> tuple[Reason, ...]:
    """Every reason why this change cannot be made in place, over all Pods that it concerns, each once."""
    every: dict[tuple[str, str], Reason] = {}
    for pod in snapshot.pods:
        lacks = found.aims[pod.uid].lacks
        if isinstance(lacks, Refused) and pod.uid not in found.outside and not _at(snapshot, pod, target.revision):
            for reason in lacks.reasons:
                every.setdefault((reason.code, reason.path), reason)
    return tuple(every.values())


def aim(snapshot: Snapshot, settings: Settings, target: Template, pod: Pod) -> Aim:
    """What this Pod should become, and what it still lacks: base, target and live Pod compared."""
    revision, record = snapshot.revision_of(pod), records.read(pod)
    base = snapshot.revisions.get(revision)
    if base is None:
        which = f"revision {revision} of Pod {pod.name}" if revision else f"the revision of Pod {pod.name}"
        why = f"{which} is not known, so its difference to the template is not either"
        return Aim(target.revision, Refused((Reason(ReasonCode.BaseUnknown, f"pods[{pod.name}]", why),)))
    between = snapshot.revisions.get(record.target) if isinstance(record, Record) else None
    bases = [base] if between is None or between is base else [base, between]
    verdicts = [_diff(one, target, settings, snapshot.nodes.get(pod.spec.node_name)) for one in bases]
    refused = [reason for one in verdicts if isinstance(one, Refused) for reason in one.reasons]
    if refused:
        return Aim(target.revision, Refused(tuple(refused)))
    verdict = next(one for one in verdicts if isinstance(one, PodChange))
    lacks = diff.change_for(verdict, _sides(tuple(bases), target), pod, _touched(record))
    return Aim(target.revision, _demand_gate(lacks, pod, settings))


def members(
    snapshot: Snapshot, settings: Settings, target: Template | None, scene: PodContext, found: Prospects
) -> list[PodAssessment]:
    """Every Pod with its state, in the order in which Pods are upgraded."""
    pods_by_uid = {pod.uid: pod for pod in snapshot.pods}
    nodes, sights, blocked, pending = snapshot.nodes, snapshot.sights, snapshot.blocked, snapshot.pending

    def conclude(uid: str) -> tuple[PodAssessment, datetime | None]:
        made = member(snapshot, settings, found, scene, pods_by_uid[uid])
        return made, _lasts(made, scene.now)

    common = (
        target,
        settings,
        snapshot.workload.spec,
        tuple(snapshot.revisions.values()),
        scene.hold,
        scene.settled,
        scene.revision,
        scene.retry,
    )
    outside = found.outside
    own = (
        (
            uid,
            (
                pod,
                found.aims.get(uid),
                nodes.get(pod.spec.node_name),
                sights.get(uid),
                blocked.get(uid),
                outside.get(uid),
                uid in pending,
                scene.unpulled.get(uid),
            ),
        )
        for uid, pod in pods_by_uid.items()
    )
    every = _MEMBERS.recall(snapshot.workload.metadata.uid, common, own, scene.now, conclude)
    return sorted(every.values(), key=attrgetter("rank"))


def scene(
    snapshot: Snapshot, parsed: Parsed, target: Template | Reason, now: datetime, hold: Reason | None
) -> PodContext:
    """What surrounds every Pod of the workload alike."""
    revision = target.revision if isinstance(target, Template) else ""
    before = statuses.read(snapshot.workload.metadata)
    reached = before is not None and (
        (before.phase is Phase.UP_TO_DATE and before.revision == revision)
        or (before.phase is Phase.ROLLED_BACK and before.healthy == revision)
    )
    kind, workload = snapshot.kind, snapshot.workload

    asked = kind.target(workload, snapshot.revisions)

    def marks(of: str) -> Mapping[str, str]:
        return kind.marks(workload, of, newest=isinstance(asked, Template) and of == asked.revision)

    return PodContext(
        workload.metadata.uid,
        revision,
        parsed.settings,
        now,
        hold=hold,
        settled=reached,
        retry=rollback.request(workload),
        expected=pull_pods.digests(snapshot.pulling.helpers) if snapshot.pulling is not None else {},
        marks=marks,
    )


def failed(all_members: Sequence[PodAssessment]) -> list[tuple[PodAssessment, Reason]]:
    """The Pods that failed for the current target, with their reasons."""
    return [(one, one.state.reason) for one in all_members if isinstance(one.state, Failed) and one.outside is None]


def blamed(failures: Sequence[tuple[PodAssessment, Reason]]) -> int:
    """How many of the failures speak against the target; that a node was lost does not."""
    return sum(reason.code != ReasonCode.NodeLost for _, reason in failures)


def drifted(all_members: Sequence[PodAssessment]) -> list[Reason]:
    """Containers of upgraded Pods whose image somebody else has changed since. Reported, never fought over."""
    return [reason for one in all_members for reason in one.drift]


def _lasts(found: PodAssessment, now: datetime) -> datetime | None:
    """How long a Member stays true by itself; `now`: it does not."""
    state = found.state
    if isinstance(state, Pending) or (isinstance(state, InProgress | Failed) and state.action is not None):
        return now  # an action carries the time at which it was decided
    ends = [found.until] if isinstance(state, Ineligible) else [found.until, state.until]
    return min((one for one in ends if one is not None), default=None)


def member(snapshot: Snapshot, settings: Settings, found: Prospects, scene: PodContext, pod: Pod) -> PodAssessment:
    """One Pod with its state; the workload's other Pods do not enter into it."""
    own, ready, uid = _scene_of(scene, snapshot, pod), pod.ready, pod.uid
    rank = order.sort_key(settings, snapshot.kind.order, not ready, pod)
    facts: Any = {"rank": rank, "ready": ready, "revision": own.base}
    if uid in snapshot.pending:
        return PodAssessment(pod, InProgress(_PENDING), available=False, **facts)
    outside, record = found.outside.get(uid), records.read(pod)
    missing = available(pod, own)
    facts["until"] = available_at(pod, own) if missing is not None else None
    if outside is not None and not (isinstance(record, Record) and record.in_flight):
        return PodAssessment(pod, Ineligible(outside), missing is None, outside, **facts)
    state = lifecycle.step(pod, found.aims.get(uid), own)
    in_flight = isinstance(state, InProgress) or pod.metadata.deletion_timestamp is not None
    drift = tuple(_drift(pod, record)) if isinstance(record, Record) and isinstance(state, UpToDate) else ()
    return PodAssessment(pod, state, not in_flight and missing is None, drift=drift, **facts)


def forget(workload: str) -> None:
    """Drop what was concluded of the Pods of a workload that is gone."""
    _AIMS.forget(workload)
    _MEMBERS.forget(workload)


_AIMS: Final[Memo[Aim]] = Memo()
_MEMBERS: Final[Memo[PodAssessment]] = Memo()


def _scene_of(scene: PodContext, snapshot: Snapshot, pod: Pod) -> PodContext:
    return PodContext(
        workload=scene.workload,
        revision=scene.revision,
        settings=scene.settings,
        now=scene.now,
        node=snapshot.nodes.get(pod.spec.node_name),
        sight=snapshot.sights.get(pod.uid),
        hold=scene.hold or scene.unpulled.get(pod.uid),
        settled=scene.settled,
        blocked=snapshot.blocked.get(pod.uid),
        base=snapshot.revision_of(pod),
        retry=scene.retry,
        expected=scene.expected,
        marks=scene.marks,
    )


def _at(snapshot: Snapshot, pod: Pod, revision: str) -> bool:
    """Whether the Pod is at the revision with no unfinished or failed attempt upon it."""
    record = records.read(pod)
    unfinished = isinstance(record, Record) and (record.in_flight or record.phase is PodPhase.FAILED)
    return snapshot.revision_of(pod) == revision and not unfinished


def _touched(record: object) -> tuple[str, ...]:
    """Containers that an unfinished or failed attempt has put an image on, or may have."""
    unfinished = isinstance(record, Record) and (record.in_flight or record.phase is PodPhase.FAILED)
    return tuple(record.containers) if isinstance(record, Record) and unfinished else ()


def _demand_gate(lacks: PodChange | Refused, pod: Pod, settings: Settings) -> PodChange | Refused:
    if settings.drain is not DrainMode.REQUIRED or pod.has_gate(names.GATE):
        return lacks
    if isinstance(lacks, Refused) or not lacks.images:
        return lacks
    why = f"drain is Required, but the Pod has no readiness gate {names.GATE}: add it to the template, or set Auto"
    return Refused((Reason(ReasonCode.GateMissing, "spec.readinessGates", why),))


def _diff(base: Template, target: Template, settings: Settings, node: Node | None) -> PodChange | Refused:
    return _diff_memoised(base, target, settings.restart_on, settings.init_images, kubelet_version(node))


@lru_cache(maxsize=1024)
def _sides(bases: tuple[Template, ...], target: Template) -> diff.TemplatePair:
    return diff.template_pair([base.tree for base in bases], target.tree)


@lru_cache(maxsize=1024)
def _diff_memoised(
    base: Template,
    target: Template,
    restart_on: tuple[str, ...],
    init_images: InitImages,
    kubelet: tuple[int, int] | None,
) -> PodChange | Refused:
    return diff.diff(base.tree, target.tree, restart_on=restart_on, init_images=init_images, kubelet=kubelet)


def _drift(pod: Pod, record: Record) -> list[Reason]:
    found: list[Reason] = []
    if record.phase is not PodPhase.DONE:
        return found
    for name, baseline in record.containers.items():
        container = pod.container(name)
        if container is not None and baseline.to and container.image != baseline.to:
            why = f"somebody else changed the image from {baseline.to} to {container.image}"
            found.append(Reason(ReasonCode.DriftDetected, f"pods[{pod.name}].containers[{name}]", why))
    return found
