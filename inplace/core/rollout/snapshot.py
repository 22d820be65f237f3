"""A consistent snapshot of a workload: the input of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct

from inplace.core.actions.actions import Action, subject
from inplace.core.actions.describe import sort_of
from inplace.core.kinds import Kind, OwnedObjects, Template
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Pdb, Workload
from inplace.core.pod.observation import PodObservation
from inplace.core.settings.annotations import Parsed, parse
from inplace.core.state import records, reservations, statuses, versions
from inplace.core.state.records import Unreadable
from inplace.core.state.statuses import Status
from inplace.core.template import order, trees
from inplace.core.template.change import too_large


class Pulls(NamedTuple):
    """How many images are being pulled: for the workloads of this namespace, and for those of all."""

    here: int = 0
    everywhere: int = 0


class PullRequest(Struct, frozen=True):
    """A pull Pod that was requested recently, in the namespace of its workload."""

    since: datetime
    image: str
    #: It is not requested again before this.
    again: datetime
    #: The API server's message if it refused the request; `adapted`: one that was made to what it had refused before.
    refused: str = ""
    adapted: bool = False
    #: Whether it is under way, or was accepted: it takes a slot until its Pod is seen.
    sent: bool = False
    namespace: str = ""


class PullPods(Struct, frozen=True):
    """The state of pre-pull."""

    #: The pull Pods of this workload.
    pods: tuple[Pod, ...] = ()
    #: By name: those that were requested and may not be in the cache yet.
    requests: Mapping[str, PullRequest] = {}
    #: By registry: what is being pulled now of what this process has asked for.
    busy: Mapping[str, Pulls] = {}


class FailedWrite(Struct, frozen=True):
    """A write of ours that was refused, got no answer, came too late, or was not kept. Times are in UTC."""

    #: The object, and the sort of write (`describe.sort_of`).
    uid: str
    sort: str
    #: What people are told (WriteRefused). None: it may pass by itself.
    reason: Reason | None
    since: datetime
    #: When it is tried again, if there is still a need for it.
    again: datetime
    #: When there has been none for so long that it counts no more.
    until: datetime
    #: Why a Pod in flight fails for it, once it is clear that it does not pass.
    fatal: Reason | None = None

    def rests(self, now: datetime) -> bool:
        """Whether it is not tried again yet."""
        return now < self.again


class Snapshot(Struct, frozen=True, dict=True):
    """The workload, its Pods and everything around them, read at one moment.

    What only the memory of a controller process knows has a neutral default: a command that has no such memory leaves
    it out, and goes by `reported` instead.
    """

    kind: Kind
    workload: Workload
    #: Pods whose controller is this workload by uid, or one of its children, in any order.
    pods: tuple[Pod, ...]
    #: By name: every template that a Pod may have been created from, and the target.
    revisions: Mapping[str, Template]
    #: Its ControllerRevisions, and the ReplicaSets between it and its Pods.
    owned: OwnedObjects = OwnedObjects()
    #: By name: the nodes of its Pods.
    nodes: Mapping[str, Node] = {}
    #: The PodDisruptionBudgets of the namespace.
    budgets: tuple[Pdb, ...] = ()
    #: Resources that could not be read for lack of rights, by plural name: absence of objects means nothing.
    unseen: frozenset[str] = frozenset()
    #: A template that is not applied yet, in the place of the workload's own: a plan of what would happen.
    target: Template | None = None
    #: A status whose phase has not changed is written once in this time.
    status_every: timedelta = timedelta(seconds=1)

    # --- the memory of a controller process -------------------------------------------------------------------------

    #: By uid: observations of each Pod in flight.
    observations: Mapping[str, PodObservation] = {}
    #: Objects with a write in flight, or whose write the cache does not show yet: they are not acted on.
    pending: frozenset[str] = frozenset()
    #: Our writes for this workload that have failed lately, those that have for the longest time first.
    failed_writes: tuple[FailedWrite, ...] = ()
    #: Nothing disruptive starts before this: the previous leader may still be writing.
    not_before: datetime | None = None
    #: Why what is seen here may be out of date, and has been for a while; empty if it is not.
    stale: str = ""
    #: No deadline of a Pod is over before this: what shows that it was met may not be known yet.
    no_verdict_before: datetime | None = None
    #: When the freeze, lifted by another writer, was restored; the latest last.
    freeze_restored: tuple[datetime, ...] = ()
    #: The managedFields of which our entries were removed last.
    released: bytes = b""
    #: Whether admission policies freeze this workload in the write that changes its template; None: not known yet.
    freeze_policy: bool | None = False
    #: How many more Pods the controller may disrupt, over all workloads; None: any number.
    room: int | None = None
    #: The results of dry runs of image patches; None without dry runs.
    dry_runs: Mapping[str, Reason | None] | None = None
    #: The state of pre-pull; None without pre-pull.
    pull_pods: PullPods | None = None
    #: By uid of a budget: when a recount was last requested.
    recounted_at: Mapping[str, datetime] = {}
    #: Since when Pods wait for what others must end, and nothing else happens.
    blocked_since: datetime | None = None

    # --- without one ------------------------------------------------------------------------------------------------

    #: What the controller last reported of this very generation, if this is the look of a command.
    reported: Status | None = None

    @cached_property
    def parsed(self) -> Parsed:
        """The workload's settings, and what is wrong with them."""
        return parse(self.workload.metadata, self.kind.native(self.workload))

    @cached_property
    def destinations(self) -> Mapping[str, Template]:
        """By name: the revisions that Pods may be moved to."""
        return self.kind.destinations(self.workload, self.owned, self.pods, self.revisions)

    @cached_property
    def reserved(self) -> Mapping[str, frozenset[str]]:
        """By uid of a budget: the names of the Pods for which we, or a leader before us, have reserved from it."""
        return {pdb.metadata.uid: reservations.of(pdb) for pdb in self.budgets}

    @property
    def pulling(self) -> tuple[Pod, ...]:
        """The workload's pull Pods; none without pre-pull."""
        return self.pull_pods.pods if self.pull_pods is not None else ()

    def failure_of(self, action: Action) -> FailedWrite | None:
        """Whether this write has failed lately."""
        if not self.failed_writes:
            return None
        uid, sort = subject(action).uid, sort_of(action)
        return next((write for write in self.failed_writes if (write.uid, write.sort) == (uid, sort)), None)

    def rests(self, action: Action, now: datetime) -> bool:
        """Whether this write has failed, and is not tried again yet."""
        failed = self.failure_of(action)
        return failed is not None and failed.rests(now)

    def fatal(self, uid: str) -> Reason | None:
        """Why a Pod in flight fails: our write on it is refused for good."""
        return next((write.fatal for write in self.failed_writes if write.uid == uid and write.fatal), None)

    def revision_of(self, pod: Pod) -> str:
        """The revision that a Pod is at; empty if unknown."""
        return self.kind.revision_of(self.workload, pod, self.revisions)


def objections(snapshot: Snapshot, parsed: Parsed) -> tuple[Reason, ...]:
    """Why the workload is refused whatever is to change: another version's state, settings, strategy, owner, size."""
    unsupported = snapshot.kind.unsupported(snapshot.workload, parsed.settings)
    excess = trees.excess(snapshot.workload.spec.template)
    large = too_large("the template", excess) if excess else None
    last = (reason for reason in (unsupported, large) if reason is not None)
    return (*_of_other_versions(snapshot), *parsed.errors, *_unknown_in_order(snapshot, parsed), *last)


def _unknown_in_order(snapshot: Snapshot, parsed: Parsed) -> Iterator[Reason]:
    """The names in `container-order` that are neither in the template nor what admission put into a Pod."""
    given = [name for batch in parsed.settings.container_order for name in batch]
    if not given or trees.excess(snapshot.workload.spec.template):
        return
    known = trees.restartable(trees.decode(snapshot.workload.spec.template))
    unknown = [name for name in given if name not in known and not any(pod.container(name) for pod in snapshot.pods)]
    if unknown:
        why = f"{', '.join(unknown[:5])}: no container of the template that can restart; expected {', '.join(known)}"
        yield Reason(ReasonCode.SettingInvalid, order.PATH, why)


def _of_other_versions(snapshot: Snapshot) -> Iterator[Reason]:
    """The state that this version cannot read: of the workload, and of the first Pod that has such a record."""
    version = statuses.foreign(snapshot.workload.metadata)
    if version is not None:
        yield Reason(ReasonCode.VersionUnknown, f"metadata.annotations[{names.STATUS}]", versions.why(version))
    for pod in snapshot.pods:
        record = records.read(pod)
        if isinstance(record, Unreadable) and record.version is not None:
            yield Reason(ReasonCode.VersionUnknown, f"pods[{pod.name}].metadata.annotations[{names.STATE}]", record.why)
            return
