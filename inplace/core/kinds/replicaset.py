"""A ReplicaSet of its own, without a Deployment: it never replaces a Pod for its template, so nothing is frozen.

Its template is recorded at opt-in and before each upgrade: without that nobody could tell what live Pods were made
from once the template has changed (protocol §1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Raw

from inplace.core import names, template
from inplace.core.actions import Amend, Edit, WorkloadAction
from inplace.core.kinds import base, templates
from inplace.core.kinds.base import Family, Template
from inplace.core.model import Reason, Workload
from inplace.core.names import EventReason
from inplace.core.settings import Native


class ReplicaSet(templates.Matched):
    """The kind ReplicaSet."""

    name: Final = "ReplicaSet"
    plural: Final = "replicasets"
    group: Final = "apps"
    short_names: Final = ("rs", "replicaset")
    through: Final = ""
    keeps_conditions: Final = True
    frozen_on_demand: Final = False
    unkept: Final = ""
    labels_with_status: Final = True

    def unsupported(self, workload: Workload) -> Reason | None:
        """One that a foreign workload manages, such as an Argo Rollout, which finds its ReplicaSets by their hash."""
        return base.owned_elsewhere(workload, by_anybody=True)

    def native(self, workload: Workload) -> Native:
        """`minReadySeconds`; a ReplicaSet has no strategy."""
        return Native(min_ready_seconds=workload.spec.min_ready_seconds)

    def freeze(self, workload: Workload, family: Family, *, interlocked: bool) -> Edit | Amend | Reason | None:
        """Only the record of the template: there is nothing to hold."""
        if base.frozen(workload):
            return None
        note = "its template is recorded; upgrades happen in place"
        kept = templates.encoded({template.fingerprint(workload.spec.template): workload.spec.template})
        return Edit(workload, EventReason.FROZEN, note, {}, {names.FROZEN: "true"}, {names.TEMPLATES: kept})

    def trial(self, workload: Workload) -> Edit | None:
        """None: the freeze stands always."""
        return None

    def held(self, workload: Workload) -> bool:
        """Always."""
        return True

    def lift(self, workload: Workload) -> Edit | None:
        """None: it replaces no Pod by itself."""
        return None

    def thaw(self, workload: Workload, family: Family) -> WorkloadAction | None:
        """Remove our keys."""
        return base.thawing(workload, {})

    def templates(self, workload: Workload, family: Family) -> Mapping[str, Raw]:
        """Those recorded, and its own."""
        own = workload.spec.template
        return {**templates.recorded(workload), template.fingerprint(own): own}

    def prepare(self, workload: Workload, family: Family, target: Template, *, whole: bool) -> WorkloadAction | None:
        """Record the new template beside the old, before a Pod has it."""
        kept = templates.recorded(workload)
        if target.revision in kept:
            return None
        kept[target.revision] = workload.spec.template
        return Amend(workload, workload, "record the new template", {}, {names.TEMPLATES: templates.encoded(kept)})

    def conclude(
        self, workload: Workload, family: Family, target: Template, *, interlocked: bool
    ) -> WorkloadAction | None:
        """Forget the templates that no Pod has any more."""
        if templates.recorded(workload).keys() == {target.revision}:
            return None
        kept = templates.encoded({target.revision: workload.spec.template})
        return Amend(workload, workload, "forget old templates", {}, {names.TEMPLATES: kept})
