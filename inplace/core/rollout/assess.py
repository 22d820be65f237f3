"""assess(snapshot, now) -> Assessment: the revision, change and state of every Pod, and why the workload is refused.

Computed once for each look, in four steps that build on each other:

    targets      the revisions that Pods go to: forward, back, or only some of them targets.py
    changes      base, target and live Pod compared, for every Pod                 changes.py
    refusals     settings, template, admission (by dry run), rewritten images      dry_runs.py, prepull.py
    states       every Pod's own state machine, with all of that around it         pod/lifecycle.py

The plan, the recheck before a disruptive write, the forecast and opting out are a few lines each over it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.kinds import Kind, Template
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod import lifecycle
from inplace.core.pod.availability import available, available_at
from inplace.core.pod.observation import PodObservation
from inplace.core.pod.states import Failed, ImageWait, Ineligible, InProgress, Pending, PodContext, PodState, UpToDate
from inplace.core.rollout import changes, dry_runs, order, prepull, pull_pods, reported, rollback, targets
from inplace.core.rollout.changes import Changes, Comparison
from inplace.core.rollout.dry_runs import DryRuns
from inplace.core.rollout.memo import NodeImages, PerPod
from inplace.core.rollout.order import Rank
from inplace.core.rollout.prepull import PrePullState
from inplace.core.rollout.snapshot import Snapshot, objections
from inplace.core.rollout.targets import Rollback, Targets, Unknown, Upgrade
from inplace.core.settings.annotations import Parsed, PrePullPolicy, Settings
from inplace.core.state import records, statuses
from inplace.core.state.records import Record
from inplace.core.template.change import PodChange, Verdict

_PENDING_WRITE: Final = Reason(ReasonCode.PendingWrite, "", "waiting for the cache to show our last write")
_NO_DIGESTS: Final[Mapping[str, str]] = {}


class PodAssessment(Struct, frozen=True):
    """A Pod of the workload: its revision, its change to the target, and its state."""

    pod: Pod
    state: PodState
    #: Whether it counts as available: Ready for long enough, and not in flight.
    available: bool
    #: Why it takes no part in this rollout.
    excluded: Reason | None = None
    #: When it becomes available if nothing else happens, which may free the budget for another.
    until: datetime | None = None
    #: Its place in the order of upgrades.
    rank: Rank = (False, 0, 0, "")
    #: Images that another writer has set.
    drift: tuple[Reason, ...] = ()
    #: The Pod's condition Ready.
    ready: bool = False
    #: The revision that it is at.
    revision: str = ""
    #: The revision that it goes to, or stays at for now; empty if not known yet.
    target: str = ""
    #: The change to its target, or why it cannot be made in place; None if the target is not known yet.
    change: Verdict | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do or to wait for."""
        return self.excluded is not None or (isinstance(self.state, UpToDate) and self.state.settling is None)


class Assessment(Struct, frozen=True):
    """The facts about a workload, before any decision."""

    snapshot: Snapshot
    now: datetime
    parsed: Parsed
    targets: Targets
    dry_runs: DryRuns
    images: PrePullState
    #: Why the workload is refused regardless of its template.
    objections: tuple[Reason, ...]
    #: Everything that refuses the workload before its first disruption, the objections first.
    refused: tuple[Reason, ...]
    #: In the order in which Pods are upgraded.
    pods: tuple[PodAssessment, ...]

    @property
    def settings(self) -> Settings:
        """The settings of this workload."""
        return self.parsed.settings

    @property
    def destination(self) -> Template | None:
        """The targets of the Pods; None if not known yet."""
        return targets.destination(self.targets)

    @property
    def participants(self) -> tuple[PodAssessment, ...]:
        """The Pods that take part in this rollout."""
        return tuple(pod for pod in self.pods if pod.excluded is None)

    @property
    def rolling_back(self) -> bool:
        """Whether the template's revision has failed and is being rolled back."""
        return isinstance(self.targets, Rollback) or (isinstance(self.targets, Unknown) and self.targets.rolling_back)

    def turning(self) -> Iterator[PodAssessment]:
        """Pods in flight to another revision than their target, to which they are to change on the way."""
        for pod in self.pods:
            record = records.of(pod.pod, self.snapshot.workload.metadata.uid)
            if not isinstance(record, Record) or not record.is_ours:
                continue
            if record.in_flight and record.target != pod.target:
                yield pod

    @property
    def is_in_progress(self) -> bool:
        """Whether any Pod is in flight."""
        return any(isinstance(pod.state, InProgress) for pod in self.pods)


class _Common(NamedTuple):
    """The inputs that are the same for all Pods."""

    workload: str
    kind: Kind
    settings: Settings
    hold: Reason | None
    unrecorded: Reason | None
    settled: bool
    retry: str
    revision_labels: Mapping[str, Mapping[str, str]]
    nodes_visible: bool
    no_verdict_before: datetime | None


class _Inputs(NamedTuple):
    """The inputs of one Pod, in addition."""

    pod: Pod
    revision: str
    target: str
    change: Verdict | None
    node: Node | None
    observation: PodObservation | None
    write_refused: Reason | None
    excluded: Reason | None
    pending: bool
    images: ImageWait | None
    digests: Mapping[str, str]


class Assessor:
    """Assesses workloads, and memoises the result for each Pod as long as its inputs are the same.

    `acts`: whether its actions are carried out. Who only looks need not have them anew at each moment.
    """

    def __init__(self, *, acts: bool = True) -> None:
        self._acts = acts
        self._comparison = Comparison()
        self._revisions: PerPod[Pod, str] = PerPod()
        self._pods: PerPod[_Inputs, PodAssessment] = PerPod()
        self._node_images = NodeImages()
        self._latest: Assessment | None = None

    def forget(self, workload: str) -> None:
        """Drop everything about a deleted workload (uid)."""
        self._comparison.forget(workload)
        self._revisions.forget(workload)
        self._pods.forget(workload)

    def keep(self, workloads: Container[str], nodes: Container[str]) -> None:
        """Drop everything about workloads (uids) and nodes (names) that do not exist."""
        for uid in self._revisions.workloads() | self._pods.workloads():
            if uid not in workloads:
                self.forget(uid)
        self._node_images.keep(nodes)

    def assess(self, snapshot: Snapshot, now: datetime) -> Assessment:
        """Assess a workload that is opted in, or would be. The same look is assessed once, whoever asks."""
        latest = self._latest
        if latest is None or latest.snapshot is not snapshot or latest.now != now:
            latest = self._latest = self._assess(snapshot, now)
        return latest

    def _assess(self, snapshot: Snapshot, now: datetime) -> Assessment:
        parsed = snapshot.parsed
        to = targets.determine(snapshot, parsed.settings)
        revisions = self._revisions_of(snapshot, now)
        compared = self._comparison.compare(snapshot, parsed.settings, to, revisions, now)
        asked = dry_runs.ask(snapshot, compared)
        # What runs already is on its node: nothing is pulled for a rollback.
        policy = PrePullPolicy.NEVER if isinstance(to, Rollback) else parsed.settings.pre_pull
        images = prepull.check(snapshot, parsed.settings, compared, policy, now, self._node_images)
        against = objections(snapshot, parsed)
        refused = (
            *against,
            *changes.refusals(snapshot, to, compared),
            *asked.refused,
            *images.rewritten,
            *(reported.refusals(snapshot.reported) if snapshot.dry_runs is None else ()),  # whoever asks knows better
        )
        common = _common(snapshot, parsed.settings, to, refused[0] if refused else None)
        pods = self._states(snapshot, common, compared, revisions, images, now)
        return Assessment(snapshot, now, parsed, to, asked, images, against, refused, pods)

    def assess_opting_out(self, snapshot: Snapshot, now: datetime, why: Reason) -> Assessment:
        """Assess a workload that is opted out: Pods in flight complete, no others start, for `why`."""
        parsed = snapshot.parsed
        asked = snapshot.kind.target(snapshot.workload, snapshot.revisions)
        to = Unknown(asked) if isinstance(asked, Reason) else Upgrade(asked)
        revisions = self._revisions_of(snapshot, now)
        compared = self._comparison.compare(snapshot, parsed.settings, to, revisions, now)
        common, images = _common(snapshot, parsed.settings, to, why), PrePullState()
        pods = self._states(snapshot, common, compared, revisions, images, now)
        return Assessment(snapshot, now, parsed, to, DryRuns(), images, (), (), pods)

    def assess_pod(self, snapshot: Snapshot, live: Pod, now: datetime) -> PodAssessment:
        """Assess one Pod that was read just now, and that a plan of this very snapshot granted its start.

        So nothing held the workload back, and its images are on its node.
        """
        settings = snapshot.parsed.settings
        to = targets.determine(snapshot, settings)
        target, change = self._comparison.compare_one(snapshot, settings, to, live) or ("", None)
        inputs = _Inputs(
            pod=live,
            revision=snapshot.revision_of(live),
            target=target,
            change=change,
            node=snapshot.nodes.get(live.spec.node_name),
            observation=snapshot.observations.get(live.uid),
            write_refused=snapshot.fatal(live.uid),
            excluded=None,
            pending=False,
            images=None,
            digests=_digests(snapshot).get(live.spec.node_name, _NO_DIGESTS),
        )
        return _assess_pod(_common(snapshot, settings, to, None), inputs, now)

    def _revisions_of(self, snapshot: Snapshot, now: datetime) -> dict[str, str]:
        """By uid: the revision that each Pod is at."""
        workload, status = snapshot.workload, statuses.read(snapshot.workload.metadata)
        return self._revisions.recall(
            workload.metadata.uid,
            (workload.spec, status.healthy if status is not None else "", tuple(snapshot.revisions.values())),
            ((pod.uid, pod) for pod in snapshot.pods),
            now,
            lambda pod: (snapshot.revision_of(pod), None),
        )

    def _states(
        self,
        snapshot: Snapshot,
        common: _Common,
        compared: Changes,
        revisions: Mapping[str, str],
        images: PrePullState,
        now: datetime,
    ) -> tuple[PodAssessment, ...]:
        """Every Pod with its state, in the order in which Pods are upgraded."""
        digests = _digests(snapshot)

        def inputs(pod: Pod) -> _Inputs:
            uid, node = pod.uid, pod.spec.node_name
            target, change = compared.verdicts.get(uid, ("", None))
            return _Inputs(
                pod,
                revisions[uid],
                target,
                change,
                snapshot.nodes.get(node),
                snapshot.observations.get(uid),
                snapshot.fatal(uid),
                compared.excluded.get(uid),
                uid in snapshot.pending,
                images.wait(uid),
                digests.get(node, _NO_DIGESTS),
            )

        def conclude(one: _Inputs) -> tuple[PodAssessment, datetime | None]:
            assessed = _assess_pod(common, one, now)
            return assessed, _holds_until(assessed, now, acts=self._acts)

        found = self._pods.recall(
            common.workload, common, ((pod.uid, inputs(pod)) for pod in snapshot.pods), now, conclude
        )
        return tuple(sorted(found.values(), key=attrgetter("rank")))


def _common(snapshot: Snapshot, settings: Settings, to: Targets, hold: Reason | None) -> _Common:
    workload, target = snapshot.workload, targets.destination(to)
    status = statuses.read(workload.metadata)
    return _Common(
        workload=workload.metadata.uid,
        kind=snapshot.kind,
        settings=settings,
        hold=hold,
        unrecorded=_unrecorded(snapshot, target),
        settled=status is not None and target is not None and status.is_settled(target.revision),
        retry=rollback.request(workload),
        revision_labels=_revision_labels(snapshot),
        nodes_visible="nodes" not in snapshot.unseen,
        no_verdict_before=snapshot.no_verdict_before,
    )


def _unrecorded(snapshot: Snapshot, target: Template | None) -> Reason | None:
    write = snapshot.kind.record(snapshot.workload, snapshot.owned, target) if target is not None else None
    return Reason(ReasonCode.Preparing, "", write.note) if write is not None else None


def _revision_labels(snapshot: Snapshot) -> dict[str, Mapping[str, str]]:
    """By revision, known or only named by a record: the labels of its Pods."""
    kind, workload = snapshot.kind, snapshot.workload
    asked = kind.target(workload, snapshot.revisions)
    newest = asked.revision if isinstance(asked, Template) else None
    found = (records.of(pod, workload.metadata.uid) for pod in snapshot.pods)
    named = {record.target for record in found if isinstance(record, Record)}
    return {
        revision: kind.revision_labels(workload, revision, newest=revision == newest)
        for revision in sorted({*snapshot.revisions, *named})
    }


def _digests(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """By node and image: the digest that a container of it will have there."""
    found: dict[str, dict[str, str]] = {}
    for (node, image), digest in pull_pods.digests(snapshot.workload, snapshot.pulling).items():
        found.setdefault(node, {})[image] = digest
    return found


def _assess_pod(common: _Common, inputs: _Inputs, now: datetime) -> PodAssessment:
    """Assess one Pod, independently of the workload's other Pods."""
    pod, excluded = inputs.pod, inputs.excluded
    assessed = PodAssessment(
        pod,
        InProgress(_PENDING_WRITE),
        available=False,
        rank=order.rank(common.settings, common.kind.order, pod),
        ready=pod.ready,
        revision=inputs.revision,
        target=inputs.target,
        change=inputs.change,
    )
    if inputs.pending:
        return assessed
    context = _context(common, inputs, now)
    missing = available(pod, context)
    assessed = replace(assessed, until=available_at(pod, context) if missing is not None else None)
    record = records.of(pod, common.workload)
    if excluded is not None and not (isinstance(record, Record) and record.in_flight):
        return replace(assessed, state=Ineligible(excluded), available=missing is None, excluded=excluded)
    state = lifecycle.step(pod, context)
    in_flight = isinstance(state, InProgress) or pod.metadata.deletion_timestamp is not None
    drift = inputs.change.drift if isinstance(inputs.change, PodChange) and isinstance(state, UpToDate) else ()
    return replace(assessed, state=state, available=not in_flight and missing is None, drift=drift)


def _context(common: _Common, inputs: _Inputs, now: datetime) -> PodContext:
    return PodContext(
        workload=common.workload,
        settings=common.settings,
        now=now,
        target=inputs.target,
        change=inputs.change,
        base=inputs.revision,
        node=inputs.node,
        nodes_visible=common.nodes_visible,
        no_verdict_before=common.no_verdict_before,
        observation=inputs.observation,
        hold=common.hold,
        unrecorded=common.unrecorded,
        settled=common.settled,
        write_refused=inputs.write_refused,
        retry=common.retry,
        images=inputs.images,
        digests=inputs.digests,
        revision_labels=common.revision_labels,
    )


def _holds_until(assessed: PodAssessment, now: datetime, *, acts: bool) -> datetime | None:
    """How long an assessment stays valid if nothing changes; `now`: not at all."""
    state = assessed.state
    if isinstance(state, Pending):
        return now if acts else assessed.until  # an action carries the time at which it was decided
    if isinstance(state, InProgress | Failed) and state.action is not None:
        return now
    return min((at for at in (assessed.until, state.until) if at is not None), default=None)
