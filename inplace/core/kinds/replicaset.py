"""A standalone ReplicaSet, without a Deployment: never frozen, because it never replaces Pods on a template change.

Its template is recorded at opt-in and before each upgrade: otherwise the template of live Pods would be unknown once
the ReplicaSet's template has changed (docs/design/protocol.md, "Kinds and their freeze").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Raw

from inplace.core.actions.actions import PatchReplicaSet, PatchWorkload, WorkloadAction
from inplace.core.kinds import matching
from inplace.core.kinds.freezing import is_frozen, thaw
from inplace.core.kinds.kind import OwnedObjects, Revisions, Template
from inplace.core.kinds.ownership import owned_elsewhere
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import EventReason, Reason
from inplace.core.objects.workloads import Workload
from inplace.core.settings.annotations import Native, Settings
from inplace.core.state import statuses
from inplace.core.template import trees


class ReplicaSet(matching.MatchedByTemplate):
    """The kind ReplicaSet."""

    name: Final = "ReplicaSet"
    plural: Final = "replicasets"
    group: Final = "apps"
    short_names: Final = ("rs", "replicaset")
    child_kind: Final = ""
    keeps_conditions: Final = True
    frozen_on_demand: Final = False
    without_freeze_policy: Final = ""
    labels_with_status: Final = True
    records_at_once: Final = True

    def unsupported(self, workload: Workload, settings: Settings) -> Reason | None:
        """Owned by any other workload, such as an Argo Rollout, which finds its ReplicaSets by their hash."""
        return owned_elsewhere(workload, by_any=True)

    def together(self, workload: Workload) -> bool:
        """Never: it has no strategy."""
        return False

    def native(self, workload: Workload) -> Native:
        """`minReadySeconds`; a ReplicaSet has no strategy."""
        return Native(min_ready_seconds=workload.spec.min_ready_seconds)

    def freeze(
        self, workload: Workload, owned: OwnedObjects, *, freeze_policy: bool
    ) -> PatchWorkload | PatchReplicaSet | Reason | None:
        """Only record the template: there is nothing to freeze."""
        if is_frozen(workload):
            return None
        note = "its template is recorded; upgrades happen in place"
        templates = matching.encoded({trees.fingerprint(workload.spec.template): workload.spec.template})
        return PatchWorkload(
            workload, EventReason.Frozen, note, {}, {names.FROZEN: "true"}, {names.TEMPLATES: templates}
        )

    def probe(self, workload: Workload) -> PatchWorkload | None:
        """None: the freeze is permanent."""
        return None

    def held(self, workload: Workload) -> bool:
        """Always: there is no native rollout."""
        return True

    def fall_back(self, workload: Workload) -> PatchWorkload | None:
        """None: a ReplicaSet replaces no Pods on a change."""
        return None

    def hand_back(
        self, workload: Workload, owned: OwnedObjects, target: Template, pods: Iterable[tuple[Pod, str]]
    ) -> WorkloadAction | None:
        """Nothing: it replaces no Pods."""
        return None

    def thaw(self, workload: Workload, owned: OwnedObjects) -> WorkloadAction | None:
        """Remove our keys."""
        return thaw(workload, {})

    def templates(self, workload: Workload, owned: OwnedObjects) -> Mapping[str, Raw]:
        """The recorded templates and its own."""
        own = workload.spec.template
        return {**matching.recorded(workload), trees.fingerprint(own): own}

    def destinations(
        self, workload: Workload, owned: OwnedObjects, pods: Iterable[Pod], revisions: Revisions
    ) -> Revisions:
        """Its own template, and of those that are recorded only such as a live Pod has all images of.

        No other object keeps them. Whoever may give that Pod its images needs none of our rights.
        """
        live = tuple(pods)
        vouched = {
            revision: template
            for revision, template in revisions.items()
            if any(not matching.wrong_images(pod, template) for pod in live)
        }
        return {**vouched, **super().destinations(workload, owned, live, revisions)}

    def nearest(self, workload: Workload, revisions: Revisions, wrong: Mapping[str, int]) -> str:
        """Only what all Pods have been at: it replaces none, so that they may be older than any that is known."""
        status, found = statuses.read(workload.metadata), super().nearest(workload, revisions, wrong)
        return found if status is not None and status.healthy == found else ""

    def record(self, workload: Workload, owned: OwnedObjects, target: Template) -> PatchReplicaSet | None:
        """Beside the old one, on the ReplicaSet itself."""
        templates = matching.recorded(workload)
        if target.revision in templates or target.revision != trees.fingerprint(workload.spec.template):
            return None  # it is on record, or not applied yet
        templates[target.revision] = workload.spec.template
        if not matching.can_record(templates):
            return None
        return PatchReplicaSet(
            workload, workload, "record the new template", {}, {names.TEMPLATES: matching.encoded(templates)}
        )

    def prepare(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, whole: bool
    ) -> WorkloadAction | None:
        """Record the new template."""
        return self.record(workload, owned, target)

    def conclude(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, freeze_policy: bool
    ) -> WorkloadAction | None:
        """Remove the templates that no Pod has any more."""
        if matching.recorded(workload).keys() == {target.revision}:
            return None
        templates = matching.encoded({target.revision: workload.spec.template})
        return PatchReplicaSet(workload, workload, "remove old templates", {}, {names.TEMPLATES: templates})
