"""What every workload kind must say about itself; everything else is common to all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from inplace.core.actions import Edit
from inplace.core.model import Pod, Reason, Tree, Workload
from inplace.core.settings import Native, Settings


class Template(Struct, frozen=True, eq=False):
    """The Pod template of one revision. Compared by identity, so that what is computed from it can be memoised."""

    revision: str
    tree: Tree


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

    def unsupported(self, workload: Workload) -> Reason | None:
        """Why this workload cannot be upgraded in place at all, e.g. for its strategy."""
        ...

    def native(self, workload: Workload) -> Native:
        """The workload's own settings, from `original-strategy` where the freeze replaced them."""
        ...

    def freeze(self, workload: Workload) -> Edit | Reason | None:
        """The write that freezes; a reason to wait with it; nothing where the freeze stands."""
        ...

    def thaw(self, workload: Workload) -> Edit | None:
        """The write that restores the original strategy and removes every key of ours; None where none is left."""
        ...

    def target(self, workload: Workload, revisions: Mapping[str, Template]) -> Template | Reason:
        """The current target, or why it is not known yet."""
        ...

    def desired(self, workload: Workload) -> int:
        """How many Pods the workload wants."""
        ...

    def order(self, pod: Pod) -> int:
        """The kind's own order of update, ascending."""
        ...

    def outside(self, workload: Workload, settings: Settings, pod: Pod) -> Reason | None:
        """Why the Pod is not part of this rollout: kept by the partition, or about to be scaled away."""
        ...
