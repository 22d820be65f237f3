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
from inplace.core.objects.model import Owner

ALL: Final[tuple[Kind, ...]] = (StatefulSet(), DaemonSet(), Deployment(), ReplicaSet())
BY_NAME: Final[dict[str, Kind]] = {kind.name: kind for kind in ALL}

__all__ = ["ALL", "BY_NAME", "Kind", "OwnedObjects", "Template", "find", "is_supported"]


def is_supported(owner: Owner) -> bool:
    """Whether an ownerReference names a supported workload: other API groups use the same kind names."""
    kind = BY_NAME.get(owner.kind)
    return kind is not None and owner.api_version.partition("/")[0] == kind.group


def find(word: str) -> Kind | None:
    """The kind by its name, plural or short name, case-insensitive."""
    name = word.lower()
    return next((kind for kind in ALL if name in (kind.name.lower(), kind.plural, *kind.short_names)), None)
