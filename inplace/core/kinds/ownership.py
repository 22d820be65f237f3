"""Workloads that belong to another controller, which would undo what is changed in place."""

from __future__ import annotations

from typing import Final

from inplace.core.objects.model import Workload
from inplace.core.objects.reasons import Reason, ReasonCode

#: API groups of systems that upgrade or replace Pods of workloads that they own by rules of their own.
FOREIGN_CONTROLLERS: Final = frozenset({"apps.kruise.io", "argoproj.io"})


def owned_elsewhere(workload: Workload, *, by_anybody: bool = False) -> Reason | None:
    """Why a workload is not ours to upgrade: another system owns it, and would undo what is changed in place.

    `by_anybody`: any owner at all does; else those that are known to.
    """
    owner = workload.metadata.controller()
    if owner is None or not (by_anybody or owner.api_version.partition("/")[0] in FOREIGN_CONTROLLERS):
        return None
    why = f"it belongs to {owner.kind} {owner.name} ({owner.api_version}), which would undo what is changed in place"
    return Reason(ReasonCode.KindUnsupported, "metadata.ownerReferences", why)
