"""One module per workload kind: its freeze, its revisions, what finished means there. No other module names a kind.

Belongs here: what is true of a kind, and the writes that several kinds share.
"""

from __future__ import annotations

from typing import Final

from inplace.core.kinds.daemonset import DaemonSet
from inplace.core.kinds.deployment import Deployment
from inplace.core.kinds.kind import Kind, OwnedObjects, Template
from inplace.core.kinds.replicaset import ReplicaSet
from inplace.core.kinds.statefulset import StatefulSet
from inplace.core.objects.model import Meta, Owner

ALL: Final[tuple[Kind, ...]] = (StatefulSet(), DaemonSet(), Deployment(), ReplicaSet())
BY_NAME: Final[dict[str, Kind]] = {kind.name: kind for kind in ALL}

__all__ = ["ALL", "BY_NAME", "Kind", "OwnedObjects", "Template", "find", "owner_of"]


def owner_of(meta: Meta, kind: str) -> Owner | None:
    """The workload that controls an object of this kind, as the object says; None if it names no supported one.

    Whoever may write an object may write its owners. So only the pairs count that the controllers of apps/v1 make: a
    ReplicaSet belongs to a Deployment, no other workload to anybody, and all else, as Pods and ControllerRevisions, to
    a workload without children. A chain of owners has two hops at most, whatever is written.
    """
    owner = meta.controller()
    above = BY_NAME.get(owner.kind) if owner is not None else None
    if owner is None or above is None or owner.api_version.partition("/")[0] != above.group:
        return None
    return owner if above.child_kind == (kind if kind in BY_NAME else "") else None


def find(word: str) -> Kind | None:
    """The kind by its name, plural or short name, case-insensitive."""
    name = word.lower()
    return next((kind for kind in ALL if name in (kind.name.lower(), kind.plural, *kind.short_names)), None)
