"""One consistent look at a workload: everything that a plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from inplace.core import settings
from inplace.core.kinds import Kind, Template
from inplace.core.model import Node, Pod, Reason, Workload
from inplace.core.observation import Sight


class Snapshot(Struct, frozen=True):
    """The workload, its Pods and everything around them, read at one moment.

    `pods` are those whose controller is this workload by uid, in any order. `pending` holds the uids of objects with
    a write of ours in flight or not yet seen back: they are not acted on. `blocked` says of Pods by uid why the API
    server does not take our writes. Nothing disruptive begins before `not_before`. `target` overrides the workload's
    own, for a plan of what is not applied yet.
    """

    kind: Kind
    workload: Workload
    pods: tuple[Pod, ...]
    revisions: Mapping[str, Template]
    nodes: Mapping[str, Node] = {}
    sights: Mapping[str, Sight] = {}
    pending: frozenset[str] = frozenset()
    blocked: Mapping[str, Reason] = {}
    not_before: datetime | None = None
    target: Template | None = None

    @property
    def grace_seconds(self) -> int:
        """The grace period that the workload asks for."""
        return settings.parse(self.workload.metadata, self.kind.native(self.workload)).settings.grace_period_seconds
