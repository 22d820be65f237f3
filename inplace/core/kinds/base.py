"""What every workload kind must say about itself, and what several kinds say in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final, Protocol

import msgspec
from msgspec import Raw, Struct

from inplace.core import names
from inplace.core.actions import Amend, Edit, WorkloadAction
from inplace.core.model import Pod, Reason, Revision, Tree, Workload
from inplace.core.names import Code, EventReason
from inplace.core.settings import Native, Settings


class Template(Struct, frozen=True, eq=False):
    """The Pod template of one revision. Compared by identity, so that what is computed from it can be memoised."""

    revision: str
    tree: Tree


class Family(Struct, frozen=True):
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
    def through(self) -> str:
        """The kind of the workloads between this one and its Pods; empty where there is none."""
        ...

    @property
    def keeps_conditions(self) -> bool:
        """Whether its own controller keeps the conditions that others write to its status (kubernetes.md 13.13)."""
        ...

    @property
    def frozen_on_demand(self) -> bool:
        """Whether it stands unfrozen as long as nothing is to be done, where admission policies see to the freeze."""
        ...

    @property
    def unkept(self) -> str:
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

    def freeze(self, workload: Workload, family: Family, *, interlocked: bool) -> Edit | Amend | Reason | None:
        """What must be written before anything else: the write that freezes; a reason to wait with it; or nothing.

        `interlocked`: admission policies freeze the workload in the very write that changes its template.
        """
        ...

    def trial(self, workload: Workload) -> Edit | None:
        """Of a kind that is frozen on demand: a write, for a dry run, that such policies must turn back.

        It lifts the freeze and changes the template. None for the other kinds.
        """
        ...

    def held(self, workload: Workload) -> bool:
        """Whether its own controller is kept from replacing Pods, by us."""
        ...

    def lift(self, workload: Workload) -> Edit | None:
        """The write that hands a change over to the native controller; None where it would not replace Pods either."""
        ...

    def thaw(self, workload: Workload, family: Family) -> WorkloadAction | None:
        """The next write that restores the original strategy and removes what is ours; None where nothing is left."""
        ...

    def templates(self, workload: Workload, family: Family) -> Mapping[str, Raw]:
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

    def marks(self, workload: Workload, revision: str, *, newest: bool) -> Mapping[str, str]:
        """The labels that make a Pod one of this revision, written when its upgrade is proven and not before.

        `newest`: whether the revision is still what the workload's template asks for.
        """
        ...

    def prepare(self, workload: Workload, family: Family, target: Template, *, whole: bool) -> WorkloadAction | None:
        """The next write that must be made before a Pod is moved to the target; None where Pods may move.

        `whole`: every Pod is to be moved, none is kept on the old revision.
        """
        ...

    def conclude(
        self, workload: Workload, family: Family, target: Template, *, interlocked: bool
    ) -> WorkloadAction | None:
        """The next write that must be made once every Pod is at the target; None where nothing is left."""
        ...

    def desired(self, workload: Workload) -> int:
        """How many Pods the workload wants."""
        ...

    def order(self, pod: Pod) -> int:
        """The kind's own order of update, ascending."""
        ...

    def outside(
        self, workload: Workload, settings: Settings, pods: Iterable[Pod], moved: Callable[[Pod], bool]
    ) -> Mapping[str, Reason]:
        """By uid, the Pods that are not part of this rollout: kept by the partition, or about to be scaled away.

        `moved`: whether a Pod is at the target, or was begun to be moved there.
        """
        ...


class Unordered:
    """What kinds whose Pods have no order of their own say in the same way: the methods of `Kind` of these names."""

    def order(self, pod: Pod) -> int:
        """None of its own; then the name decides."""
        return 0

    def outside(
        self: Kind, workload: Workload, settings: Settings, pods: Iterable[Pod], moved: Callable[[Pod], bool]
    ) -> Mapping[str, Reason]:
        """`partition` Pods are kept, whichever come last."""
        return kept_back(settings, self.desired(workload), pods, self.order, moved)


# --- what several kinds have in common -------------------------------------------------------------------------------

#: API groups of systems that upgrade or replace Pods of workloads that they own by rules of their own.
RIVALS: Final = frozenset({"apps.kruise.io", "argoproj.io"})


def owned_elsewhere(workload: Workload, *, by_anybody: bool = False) -> Reason | None:
    """Why a workload is not ours to upgrade: another system owns it, and would undo what is changed in place.

    `by_anybody`: any owner at all does; else those that are known to.
    """
    owner = workload.metadata.controller()
    if owner is None or not (by_anybody or owner.api_version.partition("/")[0] in RIVALS):
        return None
    why = f"it belongs to {owner.kind} {owner.name} ({owner.api_version}), which would undo what is changed in place"
    return Reason(Code.KIND_UNSUPPORTED, "metadata.ownerReferences", why)


def frozen(workload: Workload) -> bool:
    """Whether our label says that the freeze is ours."""
    return workload.metadata.label(names.FROZEN) is not None


def replicas(workload: Workload) -> int:
    """`spec.replicas`, 1 where it is absent."""
    return 1 if workload.spec.replicas is None else workload.spec.replicas


def standing(workload: Workload) -> Edit | None:
    """Of a workload that is frozen by itself: only our label is to be written, where it is not there."""
    return None if frozen(workload) else freezing(workload, EventReason.FROZEN, "nothing to change: already frozen", {})


def hold(workload: Workload, spec: Tree) -> Edit:
    """The write that freezes, or that puts a freeze back which somebody else has lifted."""
    if frozen(workload):
        lost = "the freeze was lifted by somebody else and is put back"
        return freezing(workload, EventReason.FREEZE_LOST, lost, spec)
    return freezing(workload, EventReason.FROZEN, "native rollouts are held; upgrades happen in place", spec)


def freezing(workload: Workload, why: EventReason, note: str, spec: Tree) -> Edit:
    """The write that freezes: the spec, the label, and what the freeze replaces."""
    original = bytes(workload.spec.update_strategy).decode()
    kept: dict[str, str | None] = {names.ORIGINAL_STRATEGY: original} if "updateStrategy" in spec else {}
    return Edit(workload, why, note, spec, {names.FROZEN: "true"}, kept)


def thawing(workload: Workload, spec: Tree) -> Edit | None:
    """The write that removes every key of ours, and restores the spec with it; None where no key is left."""
    labels = [key for key in (names.FROZEN, names.PHASE) if workload.metadata.label(key) is not None]
    ours = (names.STATUS, names.ORIGINAL_STRATEGY, names.TEMPLATES, names.SETTINGS)
    annotations = [key for key in ours if workload.metadata.annotation(key) is not None]
    if not labels and not annotations:
        return None
    note = "the original update strategy is restored"
    return Edit(workload, EventReason.RESTORED, note, spec, dict.fromkeys(labels), dict.fromkeys(annotations))


def lifting(workload: Workload, spec: Tree) -> Edit:
    """The write that hands over: the original strategy is back, and the freeze is put in place again afterwards."""
    note = "this change cannot be made in place: the native rollout replaces the Pods"
    kept = [key for key in (names.ORIGINAL_STRATEGY,) if workload.metadata.annotation(key) is not None]
    return Edit(workload, EventReason.HANDED_OVER, note, spec, {names.FROZEN: None}, dict.fromkeys(kept))


def original_strategy(workload: Workload) -> Tree:
    """The updateStrategy that the freeze replaced, for the write that puts it back; empty where none is recorded."""
    text = workload.metadata.annotation(names.ORIGINAL_STRATEGY)
    return {"updateStrategy": msgspec.json.decode(text)} if text else {}


def kept_back(
    settings: Settings,
    desired: int,
    pods: Iterable[Pod],
    order: Callable[[Pod], object],
    moved: Callable[[Pod], bool],
) -> dict[str, Reason]:
    """A partition where Pods have no ordinals: that many are kept, those that come last in the order."""
    keep = settings.held_back(desired)
    if not keep:
        return {}
    waiting = sorted((pod for pod in pods if not moved(pod)), key=lambda pod: (order(pod), pod.name))
    return {pod.uid: partitioned(str(settings.partition)) for pod in waiting[max(0, len(waiting) - keep) :]}


@lru_cache(maxsize=256)
def partitioned(partition: str) -> Reason:
    """Kept by the partition. One object for each partition: what is remembered of Pods is compared by identity."""
    return Reason(Code.PARTITION, "", f"kept on the old revision by partition {partition}")


@lru_cache(maxsize=256)
def scaled_away(desired: int) -> Reason:
    """About to be removed by the workload's own controller."""
    return Reason(Code.SCALED_AWAY, "spec.replicas", f"beyond the {desired} replicas asked for")
