"""What every workload kind must say about itself, and what several kinds say in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Raw, Struct

from inplace.core.actions.actions import PatchReplicaSet, PatchWorkload, WorkloadAction
from inplace.core.objects.model import Pod, Revision, Tree, Workload
from inplace.core.objects.reasons import Reason
from inplace.core.settings.schema import Native, Settings


class Template(Struct, frozen=True, eq=False):
    """The Pod template of one revision. Compared by identity, so that what is computed from it can be memoised."""

    revision: str
    tree: Tree


class OwnedObjects(Struct, frozen=True):
    """What belongs to a workload besides its Pods: its ControllerRevisions, and the workloads between it and them."""

    revisions: tuple[Revision, ...] = ()
    children: tuple[Workload, ...] = ()


Revisions = Mapping[str, Template]


class Kind(Protocol):
    """One workload kind. Stateless; all methods are pure."""

    @property
    def name(self) -> str:
        """As in `kind:`."""
        ...

    @property
    def plural(self) -> str:
        """As in the API path."""
        ...

    @property
    def group(self) -> str:
        """The API group."""
        ...

    @property
    def short_names(self) -> tuple[str, ...]:
        """What people type."""
        ...

    @property
    def child_kind(self) -> str:
        """The kind of the workloads between this one and its Pods; empty where there is none."""
        ...

    @property
    def keeps_conditions(self) -> bool:
        """Whether its own controller keeps the conditions that others write to its status
        (docs/design/kubernetes.md §10.2)."""
        ...

    @property
    def frozen_on_demand(self) -> bool:
        """Whether it stands unfrozen as long as nothing is to be done, where admission policies see to the freeze."""
        ...

    @property
    def without_freeze_policy(self) -> str:
        """What it means that no policy keeps the freeze; empty where there is nothing to keep."""
        ...

    @property
    def labels_with_status(self) -> bool:
        """Whether a write to its status may change its labels too, as it may its annotations."""
        ...

    def unsupported(self, workload: Workload) -> Reason | None:
        """Why this workload cannot be upgraded in place at all, e.g. for its strategy."""
        ...

    def native(self, workload: Workload) -> Native:
        """The workload's own settings, from `original-strategy` where the freeze replaced them."""
        ...

    def freeze(
        self, workload: Workload, owned: OwnedObjects, *, freeze_policy: bool
    ) -> PatchWorkload | PatchReplicaSet | Reason | None:
        """What must be written before anything else: the write that freezes; a reason to wait with it; or nothing.

        `freeze_policy`: admission policies freeze the workload in the very write that changes its template.
        """
        ...

    def probe(self, workload: Workload) -> PatchWorkload | None:
        """Of a kind that is frozen on demand: a write, for a dry run, that such policies must turn back.

        It lifts the freeze and changes the template. None for the other kinds.
        """
        ...

    def held(self, workload: Workload) -> bool:
        """Whether its own controller is kept from replacing Pods, by us."""
        ...

    def fall_back(self, workload: Workload) -> PatchWorkload | None:
        """The write that hands a change over to the native controller; None where it would not replace Pods either."""
        ...

    def thaw(self, workload: Workload, owned: OwnedObjects) -> WorkloadAction | None:
        """The next write that restores the original strategy and removes what is ours; None where nothing is left."""
        ...

    def templates(self, workload: Workload, owned: OwnedObjects) -> Mapping[str, Raw]:
        """Every template that a Pod may have been made from or is to become, as it is kept, by the revision's name."""
        ...

    def read(self, kept: Raw) -> Tree:
        """The Pod template in what `templates` gave."""
        ...

    def expected(self, workload: Workload, pods: Iterable[Pod]) -> Mapping[str, str]:
        """Revisions that are spoken of and must be known, with the names of the ControllerRevisions that hold them."""
        ...

    def target(self, workload: Workload, revisions: Revisions) -> Template | Reason:
        """The current target, or why it is not known yet."""
        ...

    def revision_of(self, workload: Workload, pod: Pod, revisions: Revisions) -> str:
        """The revision that a Pod is at; empty where nothing tells."""
        ...

    def revision_labels(self, workload: Workload, revision: str, *, newest: bool) -> Mapping[str, str]:
        """The labels that make a Pod one of this revision, written when its upgrade is proven and not before.

        `newest`: whether the revision is still what the workload's template asks for.
        """
        ...

    def prepare(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, whole: bool
    ) -> WorkloadAction | None:
        """The next write that must be made before a Pod is moved to the target; None where Pods may move.

        `whole`: every Pod is to be moved, none is kept on the old revision.
        """
        ...

    def conclude(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, freeze_policy: bool
    ) -> WorkloadAction | None:
        """The next write that must be made once every Pod is at the target; None where nothing is left."""
        ...

    def desired(self, workload: Workload) -> int:
        """How many Pods the workload wants."""
        ...

    def order(self, pod: Pod) -> int:
        """The kind's own order of update, ascending."""
        ...

    def excluded(
        self, workload: Workload, settings: Settings, pods: Iterable[Pod], moved: Callable[[Pod], bool]
    ) -> Mapping[str, Reason]:
        """By uid, the Pods that are not part of this rollout: kept by the partition, or about to be scaled away.

        `moved`: whether a Pod is at the target, or was begun to be moved there.
        """
        ...


# --- what several kinds have in common -------------------------------------------------------------------------------


def replicas(workload: Workload) -> int:
    """`spec.replicas`, 1 where it is absent."""
    return 1 if workload.spec.replicas is None else workload.spec.replicas
