"""What came of a story: everything that judges read."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from inplace.core.objects import names
from inplace.core.objects.model import Meta
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase, Status
from tests.campaign.ledger import Entry, Tree, annotation, is_ready, label
from tests.campaign.story import Intent, Story


@dataclass(frozen=True)
class Sight:
    """The namespace at a moment at which nobody has done anything for `quiet` seconds."""

    name: str
    at: float
    quiet: float
    intent: Intent
    workload: Tree | None
    pods: list[Tree]
    helpers: list[Tree]
    sets: list[Tree]
    revisions: list[Tree]
    history: list[Tree]
    every: list[Tree]
    #: How many entries the ledger had.
    entries: int = 0

    @property
    def status(self) -> Status | None:
        """Our status of the present generation."""
        return status_of(self.workload) if self.workload is not None else None

    @property
    def is_partition_written(self) -> bool:
        """Whether the partition of its strategy is owned by who wrote it, and not by us or by who applies a file."""
        meta = self.workload["metadata"] if self.workload is not None else {}
        entries = [one for one in meta.get("managedFields", ()) if one["operation"] == "Update"]
        specs = [one["fieldsV1"].get("f:spec", {}) for one in entries if one["manager"] != names.FIELD_MANAGER]
        return any("f:partition" in one.get("f:updateStrategy", {}).get("f:rollingUpdate", {}) for one in specs)

    @property
    def template(self) -> Tree:
        """The present Pod template."""
        return self.workload["spec"]["template"] if self.workload is not None else {}

    @property
    def ready(self) -> int:
        """Pods that are Ready."""
        return sum(map(is_ready, self.pods))

    @property
    def desired(self) -> int:
        """As many Pods as there should be."""
        return self.intent.replicas


@dataclass
class Trace:
    """One run of a story."""

    story: Story
    ours: bool
    entries: list[Entry] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    #: What was wanted from when on.
    intents: list[tuple[float, Intent]] = field(default_factory=list)
    #: The moves that kubectl or the server refused, by their number, with the time and the words.
    refused: dict[int, tuple[float, str]] = field(default_factory=dict)
    #: What our controller logged as an error, and how it ended if it did.
    alarms: list[str] = field(default_factory=list)
    broken: str = ""

    def sight(self, name: str) -> Sight | None:
        """A sight by its name."""
        return next((one for one in self.sights if one.name == name), None)

    @property
    def is_mended(self) -> bool:
        """Whether the owner's last images came to all Pods, as far as the workload is ours."""
        found = [one for one in self.sights if one.name.startswith("mended")]
        return bool(found) and all(
            not one.intent.opted_in or (one.status is not None and one.status.phase is Phase.UP_TO_DATE)
            for one in found
        )

    def is_partition_taken(self, twin: Trace) -> bool:
        """Whether a file was replaced over our partition: by that the partition is his who did so, and no file that is
        applied from then on takes it away. Without us (`twin`) that write changed nothing there."""
        return any(one.is_partition_written for one in self.sights) and not any(
            one.is_partition_written for one in twin.sights
        )

    @property
    def is_out(self) -> bool:
        """Whether we have let go of the workload."""
        found = self.sight("opted out")
        if found is None or found.workload is None:
            return False
        return label(found.workload, names.FROZEN) is None and annotation(found.workload, names.STATUS) is None

    def intent_at(self, at: float) -> Intent:
        """What was wanted at a time."""
        return self.intents_in(at, at)[-1]

    def intents_in(self, begin: float, end: float) -> list[Intent]:
        """What was wanted within a time, at least one."""
        before = [intent for at, intent in self.intents if at <= begin]
        return [*before[-1:], *(intent for at, intent in self.intents if begin < at <= end)] or [self.intents[0][1]]

    @property
    def has_unheard_settings(self) -> bool:
        """Whether the owner changed settings while no controller ran: nobody can tell what an undo then copies back."""
        pairs = pairwise(intent for _, intent in self.intents)
        return any(not now.alive and now.settings != before.settings for before, now in pairs)

    def since_unquiet(self, at: float) -> float:
        """How long nothing has been amiss, up to a time."""
        began: float | None = None
        for when, intent in self.intents:
            if when > at:
                break
            if not intent.quiet:
                began = None
            elif began is None:
                began = when
        return at - began if began is not None else 0.0


def status_of(workload: Tree) -> Status | None:
    """Our status, if it speaks of the present generation."""
    status = statuses.read(Meta(annotations=workload["metadata"].get("annotations")))
    if status is None or status.observed_generation < workload["metadata"].get("generation", 0):
        return None
    return status
