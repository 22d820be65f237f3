"""The interface of a workload kind, and what several kinds have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from inplace.core.actions.actions import DeleteReplicaSet, PatchReplicaSet, PatchWorkload, WorkloadAction
from inplace.core.objects.model import Pod, Tree
from inplace.core.objects.reasons import Reason
from inplace.core.objects.workloads import Revision, Workload
from inplace.core.settings.annotations import Native, Settings
from inplace.core.template import sizes, trees
from inplace.core.template.change import Size


class Template(Struct, frozen=True, eq=False, dict=True):
    """The Pod template of one revision. Compared by identity, so that results computed from it can be memoised."""

    revision: str
    #: Empty if the template is in excess of what is compared.
    tree: Tree
    #: Why it is not looked into; empty if it is (`trees.excess`).
    excess: str = ""

    # Looked up for each Pod, and a tenant's template has thousands of each: read once.

    @cached_property
    def images(self) -> Mapping[str, str]:
        """The image of each of its containers."""
        return trees.images(self.tree)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return trees.labels(self.tree)

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        return trees.annotations(self.tree)

    @cached_property
    def sizes(self) -> Mapping[str, Size]:
        """The cpu and memory of each of its containers, and of its Pods as a whole."""
        return sizes.every(self.tree)

    @cached_property
    def imageless(self) -> bytes:
        """A digest, the same for templates that differ in images alone."""
        canonical = msgspec.json.encode(trees.without_images(self.tree), order="deterministic")
        return hashlib.sha256(canonical).digest()

    @classmethod
    def read(cls, revision: str, raw: Raw, read: Callable[[Raw], Tree]) -> Template:
        """The template that `read` finds in what the API server sent, unless that is in excess."""
        excess = trees.excess(raw)
        return cls(revision, {} if excess else read(raw), excess)


class OwnedObjects(Struct, frozen=True):
    """Objects of a workload besides its Pods: its ControllerRevisions, and the workloads between it and its Pods."""

    revisions: tuple[Revision, ...] = ()
    children: tuple[Workload, ...] = ()


Revisions = Mapping[str, Template]


class Kind(Protocol):
    """One workload kind. Stateless; all methods are pure."""

    # --- what it is ---------------------------------------------------------------------------------------------------

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
        """The short names of kubectl."""
        ...

    @property
    def child_kind(self) -> str:
        """The kind of the workloads between this one and its Pods; empty if there is none."""
        ...

    def unsupported(self, workload: Workload, settings: Settings) -> Reason | None:
        """Why this workload cannot be upgraded in place at all, e.g. because of its strategy."""
        ...

    def native(self, workload: Workload) -> Native:
        """The workload's own settings, from `original-strategy` if the freeze replaced them."""
        ...

    def desired(self, workload: Workload) -> int:
        """The desired number of Pods."""
        ...

    def together(self, workload: Workload) -> bool:
        """Whether no Pod starts before all can, because two versions must not serve side by side."""
        ...

    # --- the freeze ---------------------------------------------------------------------------------------------------

    @property
    def frozen_on_demand(self) -> bool:
        """Whether it stays unfrozen while there is nothing to do, if admission policies freeze it on a change."""
        ...

    @property
    def without_freeze_policy(self) -> str:
        """The consequence if no policy protects the freeze; empty if there is none."""
        ...

    def freeze(
        self, workload: Workload, owned: OwnedObjects, *, freeze_policy: bool
    ) -> PatchWorkload | PatchReplicaSet | DeleteReplicaSet | Reason | None:
        """The next write of the freeze, or why it must wait; None if the freeze is complete.

        `freeze_policy`: admission policies freeze the workload in the same write that changes its template.
        """
        ...

    def held(self, workload: Workload) -> bool:
        """Whether the freeze keeps its own controller from replacing Pods."""
        ...

    def probe(self, workload: Workload) -> PatchWorkload | None:
        """For kinds that are frozen on demand: a write, for a dry run, that such policies must revert.

        It lifts the freeze and changes the template. None for other kinds.
        """
        ...

    def fall_back(self, workload: Workload) -> PatchWorkload | None:
        """The write that falls back to the native rollout; None if that would not replace Pods either."""
        ...

    def hand_back(
        self, workload: Workload, owned: OwnedObjects, target: Template, pods: Iterable[tuple[Pod, str]]
    ) -> WorkloadAction | None:
        """The next write after which its own controller, if the freeze is lifted, replaces the Pods that differ from
        the template, and no others; None if it does. `pods`: each with the revision that it is at.
        """
        ...

    def thaw(self, workload: Workload, owned: OwnedObjects) -> WorkloadAction | None:
        """The next write that restores the original strategy and removes our metadata; None if nothing is left."""
        ...

    # --- revisions ----------------------------------------------------------------------------------------------------

    def templates(self, workload: Workload, owned: OwnedObjects) -> Mapping[str, Raw]:
        """Encoded templates, by revision: all that Pods may have been created from, and the target."""
        ...

    def read(self, raw: Raw) -> Tree:
        """Decode a template from `templates`."""
        ...

    def expected(self, workload: Workload, pods: Iterable[Pod]) -> Mapping[str, str]:
        """Revisions that are referenced and must be known, with the names of their ControllerRevisions."""
        ...

    def target(self, workload: Workload, revisions: Revisions) -> Template | Reason:
        """The current target, or why it is not known yet."""
        ...

    def destinations(
        self, workload: Workload, owned: OwnedObjects, pods: Iterable[Pod], revisions: Revisions
    ) -> Revisions:
        """Those of the known revisions that Pods may be moved to.

        Their templates stand in a spec: of the workload, or of a ControllerRevision or a ReplicaSet that it owns.
        Annotations choose among them, and so whoever may write nothing but metadata never chooses an image.
        """
        ...

    def revision_of(self, workload: Workload, pod: Pod, revisions: Revisions) -> str:
        """The revision that a Pod is at; empty if unknown."""
        ...

    def revision_labels(self, workload: Workload, revision: str, *, newest: bool) -> Mapping[str, str]:
        """The labels of Pods of this revision, written only when the upgrade of a Pod is proven, or it is let go of.

        `newest`: whether the revision still matches the workload's template.
        """
        ...

    # --- the writes around an upgrade ---------------------------------------------------------------------------------

    def record(self, workload: Workload, owned: OwnedObjects, target: Template) -> PatchReplicaSet | None:
        """The write that keeps the target on record, before any Pod has it; None if it is, or need not be.

        Without it nobody could tell what that Pod has once the workload has another template.
        """
        ...

    def prepare(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, whole: bool
    ) -> WorkloadAction | None:
        """The next write that is required before Pods move to the target; None if Pods may move.

        `whole`: all Pods move, none is kept on the old revision.
        """
        ...

    def conclude(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, freeze_policy: bool
    ) -> WorkloadAction | None:
        """The next write that is required once every Pod is at the target; None if nothing is left."""
        ...

    # --- which Pods, in which order -----------------------------------------------------------------------------------

    def order(self, pod: Pod) -> int:
        """The sort key of the kind's own update order."""
        ...

    def excluded(
        self, workload: Workload, settings: Settings, pods: Iterable[Pod], moved: Callable[[Pod], bool]
    ) -> Mapping[str, Reason]:
        """The Pods, by uid, that are not part of this rollout: below the partition, or being scaled down.

        `moved`: whether a Pod is at the target or on its way there.
        """
        ...

    # --- what may be reported on it -----------------------------------------------------------------------------------

    @property
    def keeps_conditions(self) -> bool:
        """Whether its own controller keeps conditions that others write to its status
        (docs/design/kubernetes.md §10.2)."""
        ...

    @property
    def labels_with_status(self) -> bool:
        """Whether a write to its status may change its labels, as it may change its annotations."""
        ...

    @property
    def records_at_once(self) -> bool:
        """Whether its template is recorded as soon as it is known, whatever holds an upgrade to it: Pods are created
        from it at any moment, and nobody else keeps it."""
        ...


def replicas(workload: Workload) -> int:
    """`spec.replicas`, 1 if absent."""
    return 1 if workload.spec.replicas is None else workload.spec.replicas
