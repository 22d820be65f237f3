"""The rollout history of a workload, as its own controller keeps it: for `inplace history` and `inplace undo`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from inplace.core.objects import names
from inplace.core.objects.model import Meta, Tree
from inplace.core.objects.reasons import Reason
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.template import trees

CHANGE_CAUSE: Final = "kubernetes.io/change-cause"


class Entry(Struct, frozen=True, rename="camel"):
    """One template that was rolled out: its number, `kubernetes.io/change-cause`, images, and whether it is the
    workload's present one. `pods`: how many are at it, and `name`: the revision by which they are."""

    revision: int
    change_cause: str
    images: dict[str, str]
    is_current: bool
    pods: int
    name: str = ""


class Past(Struct, frozen=True):
    """An entry and its template, as it is to be written into the workload."""

    entry: Entry
    template: Tree


def of(snapshot: Snapshot) -> tuple[Past, ...]:
    """The history, the oldest first. A bare ReplicaSet has none; nor has what cannot be read a place in it."""
    wanted = trees.fingerprint(snapshot.workload.spec.template)
    target = snapshot.kind.target(snapshot.workload, snapshot.revisions)
    named = "" if isinstance(target, Reason) else target.revision
    pods = Counter(map(snapshot.revision_of, snapshot.pods))
    found = []
    for number, meta, template, revision in _kept(snapshot):
        current = trees.fingerprint_of(template) == wanted or (bool(named) and revision == named)
        cause = meta.annotation(CHANGE_CAUSE) or ""
        found.append(Past(Entry(number, cause, trees.images(template), current, pods[revision], revision), template))
    return tuple(sorted(found, key=lambda past: past.entry.revision))


def _kept(snapshot: Snapshot) -> Iterator[tuple[int, Meta, Tree, str]]:
    """The number, the metadata, the template, and the name by which Pods have it."""
    for child in snapshot.owned.children:
        number = child.metadata.annotation(names.DEPLOYMENT_REVISION) or ""
        if number.isdecimal() and len(number) <= 18 and not trees.excess(child.spec.template):
            template = trees.bare(trees.decode(child.spec.template))
            yield int(number), child.metadata, template, trees.fingerprint(child.spec.template)
    for revision in snapshot.owned.revisions:
        if not trees.excess(revision.data):
            template = trees.of_revision(revision.data)
            # A StatefulSet's Pods have the name of a revision, a DaemonSet's the hash in its label.
            known = (revision.metadata.name, revision.metadata.label(names.REVISION_LABEL))
            name = next((one for one in known if one in snapshot.revisions), None)
            yield revision.revision, revision.metadata, template, name or ""
