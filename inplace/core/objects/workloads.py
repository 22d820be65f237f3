"""Workloads, their revisions and their PodDisruptionBudgets, as far as decisions are made from them (`model`)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from msgspec import Raw

from inplace.core.objects.model import ManagedMeta, Meta, Part
from inplace.core.objects.times import Time

#: A request that is longer is known by its hash.
REQUEST_CHARACTERS: Final = 64


class RollingUpdate(Part, frozen=True):
    """The `rollingUpdate` block of a workload's strategy."""

    partition: int | None = None
    max_unavailable: int | str | None = None


class UpdateStrategy(Part, frozen=True):
    """A workload's `updateStrategy`."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class Ordinals(Part, frozen=True):
    """StatefulSetOrdinals."""

    start: int = 0


class WorkloadSpec(Part, frozen=True):
    """The parts of a workload's spec that are common to all kinds, and those of single kinds with neutral defaults.

    `template`, `selector` and the strategies stay raw: the first is compared as a whole, the others are put back as
    they were.
    """

    replicas: int | None = None
    paused: bool = False
    selector: Raw = Raw(b"{}")
    template: Raw = Raw(b"{}")
    update_strategy: Raw = Raw(b"{}")
    strategy: Raw = Raw(b"{}")
    revision_history_limit: int | None = None
    min_ready_seconds: int = 0
    ordinals: Ordinals | None = None
    volume_claim_templates: Raw = Raw(b"[]")


class WorkloadStatus(Part, frozen=True):
    """The parts of a workload's status that decisions need; the numbers scheduled are a DaemonSet's.

    `conditions` stay raw: most belong to others, and are written back unchanged; `null` if there is no list.
    """

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    fully_labeled_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    conditions: Raw = Raw(b"null")


class Workload(Part, frozen=True):
    """A workload of any supported kind."""

    kind: str = ""
    metadata: ManagedMeta = ManagedMeta()
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()
    #: Whether the cache keeps only a rest of it (`cluster.kept`).
    partial: bool = False


class Requirement(Part, frozen=True):
    """A LabelSelectorRequirement."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Part, frozen=True):
    """A LabelSelector."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[Requirement, ...] = ()


class PdbSpec(Part, frozen=True):
    """PodDisruptionBudgetSpec; how many it allows is its controller's to say."""

    selector: LabelSelector | None = None


class PdbStatus(Part, frozen=True):
    """PodDisruptionBudgetStatus. `disrupted_pods`: since when, by name, Pods count as going that do not look so."""

    observed_generation: int = 0
    disruptions_allowed: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    disrupted_pods: dict[str, Time] | None = None

    @property
    def entries(self) -> dict[str, datetime]:
        """`disrupted_pods`, empty if there are none."""
        return self.disrupted_pods or {}


def request(workload: Workload, key: str) -> str:
    """The current request under this annotation (`names.REQUESTS`); empty if there is none.

    It is repeated in records and in the status, to tell which was answered; one that is too long for that by its hash.
    """
    text = workload.metadata.annotation(key) or ""
    return text if len(text) <= REQUEST_CHARACTERS else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Pdb(Part, frozen=True):
    """A PodDisruptionBudget."""

    metadata: ManagedMeta = ManagedMeta()
    spec: PdbSpec = PdbSpec()
    status: PdbStatus = PdbStatus()
    #: Whether the cache keeps only a rest of it (`cluster.kept`).
    partial: bool = False
    #: It could not be decoded, and this stands in its place (`cluster.unreadable`).
    unreadable: bool = False


class Revision(Part, frozen=True):
    """A ControllerRevision; `data` holds `{"spec": {"template": …}}` (docs/design/kubernetes.md §4.1)."""

    metadata: Meta = Meta()
    revision: int = 0
    data: Raw = Raw(b"{}")
    #: Whether the cache keeps only a rest of it (`cluster.kept`).
    partial: bool = False
