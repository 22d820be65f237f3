"""Compares base, target and live Pod: the change that each Pod needs, and which Pods take no part in the rollout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.kinds import Template
from inplace.core.kinds.ownership import set_of
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.evidence import kubelet_version
from inplace.core.rollout import targets
from inplace.core.rollout.memo import Bounded, PerPod
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.rollout.targets import Rollback, Targets
from inplace.core.settings.annotations import DrainPolicy, Settings
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.template import diff, order
from inplace.core.template.change import PodChange, Refused, Size, Verdict, too_large
from inplace.core.template.diff import TemplatePair

#: One object: the memo of Pods compares by identity.
_AWAY: Final = Reason(ReasonCode.ScaledAway, "metadata.ownerReferences", "its ReplicaSet is scaled to 0")


class Restart(NamedTuple):
    """A Pod whose containers would restart, its target revision, and by container: the images that are patched, and
    those of them that are to run."""

    pod: Pod
    revision: str
    images: Mapping[str, str]
    pulled: Mapping[str, str]


class Resizing(NamedTuple):
    """A Pod that would be resized, its target revision, and the new sizes by container."""

    pod: Pod
    revision: str
    sizes: Mapping[str, Size]


class Changes(Struct, frozen=True):
    """What is true of the Pods whether or not anything may happen to them, by uid."""

    #: The target revision of each Pod and the change to it; empty if the target is not known yet.
    verdicts: Mapping[str, tuple[str, Verdict]]
    #: Why a Pod takes no part in the rollout.
    excluded: Mapping[str, Reason]

    def restarting(self, pods: Iterable[Pod]) -> Iterator[Restart]:
        """The Pods whose containers would restart."""
        for pod, revision, change in self._to_come(pods):
            if change.disrupts:
                yield Restart(pod, revision, change.images, change.pulled)

    def resizing(self, pods: Iterable[Pod]) -> Iterator[Resizing]:
        """The Pods that would be resized."""
        for pod, revision, change in self._to_come(pods):
            if change.sizes:
                yield Resizing(pod, revision, change.sizes)

    def _to_come(self, pods: Iterable[Pod]) -> Iterator[tuple[Pod, str, PodChange]]:
        """The Pods on nodes with a change of their containers to come."""
        for pod in pods:
            revision, verdict = self.verdicts.get(pod.uid, ("", None))
            if not isinstance(verdict, PodChange) or not verdict.containers or pod.uid in self.excluded:
                continue
            if pod.metadata.deletion_timestamp is None and pod.spec.node_name:
                yield pod, revision, verdict


class _Inputs(NamedTuple):
    """Everything that one Pod's change depends on, beside the settings."""

    pod: Pod
    #: The revision that the Pod is at, and its template; None if that is not known.
    revision: str
    base: Template | None
    #: The templates that attempts have moved it towards.
    attempted: tuple[Template, ...]
    #: Containers whose image an unfinished or failed attempt has changed, or may have.
    touched: tuple[str, ...]
    #: Those that an attempt in flight to this target has patched, in an earlier batch or just now.
    restarted: tuple[str, ...]
    target: Template
    kubelet: tuple[int, int] | None


class Comparison:
    """Compares, and memoises results as long as their inputs are the same."""

    def __init__(self) -> None:
        self._verdicts: PerPod[_Inputs, Verdict] = PerPod()
        self._diffs: Bounded[Verdict] = Bounded(1024)
        self._pairs: Bounded[TemplatePair] = Bounded(1024)

    def forget(self, workload: str) -> None:
        """The workload is gone."""
        self._verdicts.forget(workload)

    def compare(
        self, snapshot: Snapshot, settings: Settings, to: Targets, revisions: Mapping[str, str], now: datetime
    ) -> Changes:
        """The changes of every Pod on its way to its target; `revisions`: by uid, what each is at."""
        target = targets.destination(to)
        excluded = snapshot.kind.excluded(
            snapshot.workload, settings, snapshot.pods, targets.is_moved(snapshot, target)
        )
        excluded = {**excluded, **scaled_away(snapshot)}
        if isinstance(to, Rollback):  # no Pod is kept on a revision that has failed
            excluded = {uid: reason for uid, reason in excluded.items() if reason.code != ReasonCode.Partition}
        if target is None:
            return Changes({}, excluded)
        inputs = [self._inputs(snapshot, pod, revisions[pod.uid], to, target) for pod in snapshot.pods]
        verdicts = self._verdicts.recall(
            snapshot.workload.metadata.uid,
            settings,
            ((one.pod.uid, one) for one in inputs),
            now,
            lambda one: (self.change(one, settings), None),
        )
        return Changes({one.pod.uid: (one.target.revision, verdicts[one.pod.uid]) for one in inputs}, excluded)

    def compare_one(self, snapshot: Snapshot, settings: Settings, to: Targets, pod: Pod) -> tuple[str, Verdict] | None:
        """The same for one Pod that was read just now; None while its target is not known."""
        target = targets.destination(to)
        if target is None:
            return None
        inputs = self._inputs(snapshot, pod, snapshot.revision_of(pod), to, target)
        return inputs.target.revision, self.change(inputs, settings)

    def _inputs(self, snapshot: Snapshot, pod: Pod, revision: str, to: Targets, target: Template) -> _Inputs:
        record = records.of(pod, snapshot.workload.metadata.uid)
        attempted = record.attempted if isinstance(record, Record) else ()
        own = targets.destination_of(to, pod.uid) or target
        return _Inputs(
            pod,
            revision,
            snapshot.revisions.get(revision),
            tuple(snapshot.revisions[each] for each in attempted if each in snapshot.revisions),
            tuple(record.containers) if isinstance(record, Record) and _is_unfinished(record) else (),
            _patched(pod, record, own) if isinstance(record, Record) else (),
            own,
            kubelet_version(snapshot.nodes.get(pod.spec.node_name)),
        )

    def change(self, inputs: _Inputs, settings: Settings) -> Verdict:
        """The change of this Pod to its target, or why it cannot be made in place."""
        pod, base, target = inputs.pod, inputs.base, inputs.target
        if base is None:
            revision = inputs.revision
            which = f"revision {revision} of Pod {pod.name}" if revision else f"the revision of Pod {pod.name}"
            why = f"{which} is unknown, so its difference from the template cannot be determined: delete that Pod"
            return Refused((Reason(ReasonCode.BaseUnknown, f"pods[{pod.name}]", why),))
        bases = tuple(dict.fromkeys((base, *inputs.attempted)))
        large = next((one for one in (target, *bases) if one.excess), None)
        if large is not None and bases != (target,):
            return Refused((too_large(f"the template of revision {large.revision}", large.excess),))
        verdicts = [self._diff(each, target, settings, inputs.kubelet) for each in bases]
        refused = [reason for verdict in verdicts if isinstance(verdict, Refused) for reason in verdict.reasons]
        if refused:
            return Refused(tuple(refused))
        possible = next(verdict for verdict in verdicts if isinstance(verdict, PodChange))
        pair = self._pairs.recall(
            (bases, target), lambda: diff.template_pair([each.tree for each in bases], target.tree)
        )
        change = diff.change_for(possible, pair, pod, inputs.touched, settings.restart_on, inputs.restarted)
        return _demand_gate(_ordered(change, target, settings), pod, settings)

    def _diff(self, base: Template, target: Template, settings: Settings, kubelet: tuple[int, int] | None) -> Verdict:
        restart_on, init_images = settings.restart_on, settings.init_images
        return self._diffs.recall(
            (base, target, restart_on, init_images, kubelet),
            lambda: diff.diff(base.tree, target.tree, restart_on=restart_on, init_images=init_images, kubelet=kubelet),
        )


def scaled_away(snapshot: Snapshot) -> dict[str, Reason]:
    """The Pods of ReplicaSets at 0 replicas. Nobody compares them any more, nor keeps their template."""
    empty = {child.metadata.uid for child in snapshot.owned.children if child.spec.replicas == 0}
    return {pod.uid: _AWAY for pod in snapshot.pods if set_of(pod) in empty} if empty else {}


def refusals(snapshot: Snapshot, to: Targets, changes: Changes) -> tuple[Reason, ...]:
    """Every reason why this change cannot be made in place, over all Pods that it concerns, each once."""
    target = targets.destination(to)
    found: dict[tuple[str, str], Reason] = {}
    for pod in snapshot.pods if target is not None else ():
        if pod.metadata.deletion_timestamp is not None:
            continue  # it is replaced whatever becomes of the upgrade
        verdict = changes.verdicts[pod.uid][1]
        if isinstance(verdict, Refused) and pod.uid not in changes.excluded and not _is_at(snapshot, pod, target):
            for reason in verdict.reasons:
                found.setdefault((reason.code, reason.path), reason)
    return tuple(found.values())


def _is_at(snapshot: Snapshot, pod: Pod, target: Template | None) -> bool:
    """Whether the Pod is at the target with no unfinished or failed attempt upon it."""
    record = records.of(pod, snapshot.workload.metadata.uid)
    return target is not None and snapshot.revision_of(pod) == target.revision and not _is_unfinished(record)


def _patched(pod: Pod, record: Record, target: Template) -> tuple[str, ...]:
    """The containers that have, by this record, the image that they are to have at this target."""
    if record.phase is not PodPhase.SWAPPING or record.target != target.revision:
        return ()
    live = {name: pod.container(name) for name in record.containers}
    return tuple(name for name, one in live.items() if one is not None and one.image == record.containers[name].to)


def _is_unfinished(record: object) -> bool:
    return isinstance(record, Record) and (record.in_flight or record.phase is PodPhase.FAILED)


def _ordered(change: Verdict, target: Template, settings: Settings) -> Verdict:
    if not isinstance(change, PodChange) or not change.restarts:
        return change
    ordered = replace(change, order=order.of(target.tree, settings.container_order))
    return replace(ordered, notes=(*ordered.notes, *order.note(ordered)))


def _demand_gate(change: Verdict, pod: Pod, settings: Settings) -> Verdict:
    if settings.drain is not DrainPolicy.REQUIRED or pod.has_gate(names.GATE):
        return change
    if isinstance(change, Refused) or not change.disrupts:
        return change
    why = f"drain is Required, but the Pod has no readiness gate {names.GATE}: add it to the template, or set Auto"
    return Refused((Reason(ReasonCode.GateMissing, "spec.readinessGates", why),))
