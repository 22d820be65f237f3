"""Kinds whose Pods carry no revision: a revision is the fingerprint of a template, and Pods are told apart by matching.

ReplicaSets keep no history of their template. What Pods may have been made from is therefore kept in an annotation of
ours on the ReplicaSet for as long as some of them may differ (docs/design/protocol.md, "Kinds and their freeze").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw

from inplace.core.kinds import kind
from inplace.core.kinds.kind import Revisions, Template
from inplace.core.kinds.partition import Unordered
from inplace.core.objects import names
from inplace.core.objects.model import Pod, Tree, Workload
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.template import trees


def recorded(replica_set: Workload) -> dict[str, Raw]:
    """The templates kept on a ReplicaSet; none where the annotation is missing or cannot be read."""
    text = replica_set.metadata.annotation(names.TEMPLATES)
    try:
        return msgspec.json.decode(text, type=dict[str, Raw]) if text is not None else {}
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}


def encoded(kept: Mapping[str, Raw]) -> str:
    """The annotation that keeps these."""
    return msgspec.json.encode({name: trees.bare(trees.decode(raw)) for name, raw in kept.items()}).decode()


class MatchedByTemplate(Unordered):
    """What Deployment and ReplicaSet say in the same way: the methods of `Kind` of these names."""

    def read(self, kept: Raw) -> Tree:
        """The template, without the label that tells ReplicaSets apart."""
        return trees.bare(trees.decode(kept))

    def expected(self, workload: Workload, pods: Iterable[Pod]) -> Mapping[str, str]:
        """None: there are no ControllerRevisions."""
        return {}

    def target(self, workload: Workload, revisions: Revisions) -> Template | Reason:
        """The workload's own template; its name is known without any controller."""
        found = revisions.get(trees.fingerprint(workload.spec.template))
        return found or Reason(ReasonCode.RevisionUnknown, "spec.template", "the template is not known yet")

    def revision_of(self, workload: Workload, pod: Pod, revisions: Revisions) -> str:
        """The revision that a Pod is at: as our record of it says, else the one whose template it matches best."""
        record = records.read(pod)
        if isinstance(record, Record) and record.workload == workload.metadata.uid:
            said = record.target if record.phase is PodPhase.DONE else record.base
            if said in revisions:
                return said
        return _match(workload, pod, revisions)

    def revision_labels(self, workload: Workload, revision: str, *, newest: bool) -> Mapping[str, str]:
        """None: the record is the mark; a Pod keeps the hash of its ReplicaSet."""
        return {}

    def desired(self, workload: Workload) -> int:
        """`spec.replicas`, 1 where it is absent."""
        return kind.replicas(workload)


def _match(workload: Workload, pod: Pod, revisions: Revisions) -> str:
    """Of the templates whose images the Pod has, the one with most of whose labels and annotations it agrees.

    Where two agree equally well the older counts: what then seems to be missing is metadata, and writing that which
    stands there already disturbs nobody.
    """
    newest = trees.fingerprint(workload.spec.template)
    fitting = [one for one in revisions.values() if _has_images(pod, one.tree)]
    best = max(fitting, key=lambda one: (*_agreement(pod, one.tree), one.revision != newest), default=None)
    return best.revision if best is not None else ""


def _has_images(pod: Pod, tree: Tree) -> bool:
    wanted = trees.images(tree)
    live = {one.name: one.image for one in (*pod.spec.containers, *pod.spec.init_containers)}
    return all(live.get(name) == image for name, image in wanted.items())


def _agreement(pod: Pod, tree: Tree) -> tuple[int, int]:
    """How many keys of the template's metadata the Pod lacks (counted down from 0), and how many it has."""
    sides = (
        (trees.labels(tree), pod.metadata.labels or {}),
        (trees.annotations(tree), pod.metadata.annotations or {}),
    )
    same = sum(live.get(key) == value for wanted, live in sides for key, value in wanted.items())
    return same - sum(len(wanted) for wanted, _ in sides), same
