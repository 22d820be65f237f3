"""One consistent look at a workload: everything that a plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from inplace.core.kinds import Kind, OwnedObjects, Template
from inplace.core.objects.model import Node, Pdb, Pod, Workload
from inplace.core.objects.reasons import Reason
from inplace.core.pod.observation import PodObservation
from inplace.core.settings import schema
from inplace.core.settings.schema import Parsed
from inplace.core.state.statuses import Status


class PullRequest(Struct, frozen=True):
    """A pull Pod that was asked for a moment ago."""

    since: datetime
    #: It is not asked for again before this.
    again: datetime
    #: The API server's words if it refused it.
    refused: str = ""


class PullPods(Struct, frozen=True):
    """What is known of images pulled ahead."""

    #: The pull Pods of this workload.
    pods: tuple[Pod, ...] = ()
    #: By name: those that were asked for and may not be seen yet.
    requests: Mapping[str, PullRequest] = {}
    #: By registry: how many pull now, over all workloads.
    busy: Mapping[str, int] = {}


class Snapshot(Struct, frozen=True):
    """The workload, its Pods and everything around them, read at one moment.

    What only the memory of a controller process knows has a neutral default: a command that has no such memory leaves
    it out, and goes by `reported` instead.
    """

    kind: Kind
    workload: Workload
    #: Pods whose controller is this workload by uid, or one of its children, in any order.
    pods: tuple[Pod, ...]
    #: By name: every template that a Pod may have been made from or is to become.
    revisions: Mapping[str, Template]
    #: Its ControllerRevisions, and the ReplicaSets between it and its Pods.
    owned: OwnedObjects = OwnedObjects()
    #: By name: the nodes of its Pods.
    nodes: Mapping[str, Node] = {}
    #: The PodDisruptionBudgets of the namespace.
    budgets: tuple[Pdb, ...] = ()
    #: What could not be read for want of rights, by plural name: nothing is concluded from its absence.
    unseen: frozenset[str] = frozenset()
    #: A template that is not applied yet, in the place of the workload's own: a plan of what would happen.
    target: Template | None = None
    #: A status whose phase has not changed is written once in this time.
    status_every: timedelta = timedelta(seconds=1)

    # --- the memory of a controller process -------------------------------------------------------------------------

    #: By uid: what was seen of each Pod in flight.
    observations: Mapping[str, PodObservation] = {}
    #: Objects with a write in flight, or whose write the cache does not show yet: they are not acted on.
    pending: frozenset[str] = frozenset()
    #: By uid: why the API server refuses our writes on a Pod.
    write_refused: Mapping[str, Reason] = {}
    #: Nothing disruptive starts before this: the leader before may still be writing.
    not_before: datetime | None = None
    #: When the freeze, lifted by another writer, was restored; the latest last.
    freeze_restored: tuple[datetime, ...] = ()
    #: Whether admission policies freeze this workload in the write that changes its template; None: not known yet.
    freeze_policy: bool | None = False
    #: How many more Pods the controller may disrupt, over all workloads; None: any number.
    room: int | None = None
    #: The API server's answers to dry runs of image patches; None if nobody asks.
    dry_runs: Mapping[str, Reason | None] | None = None
    #: What is known of images pulled ahead; None if nobody pulls.
    pull_pods: PullPods | None = None
    #: By uid of a budget: the names of the Pods for which we have reserved from it.
    reserved: Mapping[str, frozenset[str]] = {}
    #: By uid of a budget: when its controller was last asked to recount.
    recounted_at: Mapping[str, datetime] = {}
    #: Since when Pods wait for budgets and nothing else happens.
    blocked_since: datetime | None = None

    # --- without one ------------------------------------------------------------------------------------------------

    #: What the controller last reported of this very generation, if this is the look of a command.
    reported: Status | None = None

    @property
    def parsed(self) -> Parsed:
        """The workload's settings, and what is wrong with them."""
        return schema.parse(self.workload.metadata, self.kind.native(self.workload))

    def revision_of(self, pod: Pod) -> str:
        """The revision that a Pod is at; empty if nothing tells."""
        return self.kind.revision_of(self.workload, pod, self.revisions)


def objections(snapshot: Snapshot, parsed: Parsed) -> tuple[Reason, ...]:
    """What speaks against the workload whatever its template is: its settings, its strategy, its owner."""
    unsupported = snapshot.kind.unsupported(snapshot.workload)
    return (*parsed.errors, *((unsupported,) if unsupported is not None else ()))
