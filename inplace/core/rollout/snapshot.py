"""One consistent look at a workload: everything that a plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from inplace.core.kinds import Kind, OwnedObjects, Template
from inplace.core.objects.model import Meta, Node, Pdb, Pod, Workload, WorkloadSpec
from inplace.core.objects.reasons import Reason
from inplace.core.pod.observation import PodObservation
from inplace.core.settings import schema
from inplace.core.settings.schema import Parsed


class FreezeConflict(Struct, frozen=True):
    """Why the freeze is not put back now, and when it will be."""

    reason: Reason
    until: datetime


class PullRequest(Struct, frozen=True):
    """A helper Pod that was asked for, since when, and the API server's words where it refused it.

    It is not asked for again before `again`.
    """

    since: datetime
    again: datetime
    refused: str = ""


class PullPods(Struct, frozen=True):
    """The helper Pods of one workload, those asked for a moment ago, and how many pull now, by registry, for all."""

    helpers: tuple[Pod, ...] = ()
    asked: Mapping[str, PullRequest] = {}
    busy: Mapping[str, int] = {}


class Snapshot(Struct, frozen=True):
    """The workload, its Pods and everything around them, read at one moment.

    `pods` are those whose controller is this workload by uid, or one of its children, in any order. `pending` holds
    the uids of objects with a write of ours in flight or not yet seen back: they are not acted on. `blocked` says of
    Pods by uid why the API server does not take our writes. Nothing disruptive begins before `not_before`. `contest`
    is there while a freeze that others keep lifting is not put back. `interlock`: whether admission policies freeze
    this workload in the very write that changes its template, None while that is not known. `target` overrides the
    workload's own, for a plan of what is not applied yet. A status whose phase has not changed is written once in
    `status_every`. `room`: how many more Pods the controller may disrupt, over all workloads; None: any number.
    `rehearsed`: what the server has answered to dry runs of image patches, None where nobody asks. `pulling`: what is
    known of images pulled ahead, None where nobody pulls. `budgets`: the PodDisruptionBudgets of the namespace, and
    `reserved` the names of Pods for which we have taken something from them, by their uids; `counted_again`: when the
    controller of one was last asked to count once more; `short_since`: since when Pods wait for them and nothing else
    happens.
    """

    kind: Kind
    workload: Workload
    pods: tuple[Pod, ...]
    revisions: Mapping[str, Template]
    family: OwnedObjects = OwnedObjects()
    nodes: Mapping[str, Node] = {}
    sights: Mapping[str, PodObservation] = {}
    pending: frozenset[str] = frozenset()
    blocked: Mapping[str, Reason] = {}
    not_before: datetime | None = None
    contest: FreezeConflict | None = None
    interlock: bool | None = False
    room: int | None = None
    rehearsed: Mapping[str, Reason | None] | None = None
    pulling: PullPods | None = None
    budgets: tuple[Pdb, ...] = ()
    reserved: Mapping[str, frozenset[str]] = {}
    counted_again: Mapping[str, datetime] = {}
    short_since: datetime | None = None
    target: Template | None = None
    status_every: timedelta = timedelta(seconds=1)

    @property
    def parsed(self) -> Parsed:
        """The workload's settings, and what is wrong with them."""
        workload = self.workload
        known = _PARSED.get(workload.metadata.uid)
        if known is not None and known[0] is workload.metadata and known[1] is workload.spec:
            return known[2]
        found = schema.parse(workload.metadata, self.kind.native(workload))
        if known is not None and known[2] == found:
            found = known[2]  # the same object as before, by which others know that nothing has changed
        if len(_PARSED) >= _MOST_PARSED:
            _PARSED.clear()
        _PARSED[workload.metadata.uid] = (workload.metadata, workload.spec, found)
        return found

    @property
    def objections(self) -> tuple[Reason, ...]:
        """What speaks against the workload whatever its template is: its settings, its strategy, its owner."""
        unsupported = self.kind.unsupported(self.workload)
        return (*self.parsed.errors, *((unsupported,) if unsupported is not None else ()))

    def revision_of(self, pod: Pod) -> str:
        """The revision that a Pod is at; empty where nothing tells."""
        return self.kind.revision_of(self.workload, pod, self.revisions)

    @property
    def grace_seconds(self) -> int:
        """The grace period that the workload asks for."""
        return self.parsed.settings.grace_period_seconds


#: What was parsed last for each workload by uid, with the objects that it was parsed from.
_PARSED: Final[dict[str, tuple[Meta, WorkloadSpec, Parsed]]] = {}
_MOST_PARSED: Final = 10_000
