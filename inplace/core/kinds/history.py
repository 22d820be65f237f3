"""The history of a Deployment for `kubectl rollout undo`: ReplicaSets without Pods that keep a template
(docs/design/kubernetes.md §6.3).

While it is frozen, its controller makes none: the old template is kept here before its active ReplicaSet gets another.
A template stands in one ReplicaSet only, because of several with the same the oldest would be the current one.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from msgspec import Raw

from inplace.core.actions.actions import CreateReplicaSet, DeleteReplicaSet
from inplace.core.kinds import undo
from inplace.core.kinds.kind import OwnedObjects, Template
from inplace.core.objects import names
from inplace.core.objects.model import Tree
from inplace.core.objects.reading import read
from inplace.core.objects.workloads import Workload
from inplace.core.template import trees


def has_pods(child: Workload) -> bool:
    """Whether a ReplicaSet has Pods, or is to have some: it is no history then."""
    return bool(child.spec.replicas is None or child.spec.replicas or child.status.replicas)


def keep(workload: Workload, owned: OwnedObjects, active: Workload) -> CreateReplicaSet | None:
    """A ReplicaSet without Pods that keeps the old template for `kubectl rollout undo`
    (docs/design/kubernetes.md §6.3.2)."""
    current = trees.fingerprint(active.spec.template)
    others = (child for child in owned.children if child.metadata.uid != active.metadata.uid)
    lasting = (child for child in others if child.metadata.deletion_timestamp is None)
    known = any(trees.fingerprint(child.spec.template) == current for child in lasting)
    if known or workload.spec.revision_history_limit == 0:
        return None
    selector = read(workload.spec.selector, dict[str, Any], {})
    own = _free_hash(workload, owned, current)
    labels = {**trees.tree(selector.get("matchLabels")), names.TEMPLATE_HASH_LABEL: own}
    template = _with_label(trees.bare(trees.decode(active.spec.template)), own)
    revision_labels = {
        key: text for key, text in (active.metadata.annotations or {}).items() if key not in undo.NOT_HISTORY
    }
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "controller": True}
    body = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{workload.metadata.name}-{own}",
            "labels": trees.labels(template),
            "annotations": revision_labels,
            "ownerReferences": [{**owner, "name": workload.metadata.name, "uid": workload.metadata.uid}],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": workload.spec.min_ready_seconds,
            "selector": {**selector, "matchLabels": labels},
            "template": template,
        },
    }
    return CreateReplicaSet(workload, "ReplicaSet", body, "keep the old template for kubectl rollout undo")


def rivals(owned: OwnedObjects, active: Workload, revision: str) -> list[Workload]:
    """ReplicaSets without Pods that have this template as well: only the active one may have it
    (docs/design/kubernetes.md §6.3.1)."""
    others = (child for child in owned.children if child.metadata.uid != active.metadata.uid and not has_pods(child))
    return [child for child in others if trees.fingerprint(child.spec.template) == revision]


def make_way(workload: Workload, owned: OwnedObjects, active: Workload, revision: str) -> DeleteReplicaSet | None:
    """Delete the next of these. One with a finalizer may stay for long, and does no harm while it is paused."""
    staying = (child for child in rivals(owned, active, revision) if child.metadata.deletion_timestamp is None)
    rival = next(staying, None)
    return DeleteReplicaSet(workload, rival, "the active ReplicaSet takes over its template") if rival else None


def without_twins(workload: Workload, owned: OwnedObjects, target: Template) -> DeleteReplicaSet | None:
    """Delete the next ReplicaSet that only keeps a template which one with Pods has again: the history has it once."""
    filled = ((child, trees.fingerprint(child.spec.template)) for child in owned.children if has_pods(child))
    older = (make_way(workload, owned, child, found) for child, found in filled if found != target.revision)
    return next((write for write in older if write is not None), None)


def make_single(workload: Workload, owned: OwnedObjects) -> DeleteReplicaSet | None:
    """Without Pods: delete the next ReplicaSet whose template an older one has, which would be the current one.

    It was kept here for a change that the Deployment had no Pods for in the end, so the other never got a new template.
    """
    staying = (child for child in owned.children if child.metadata.deletion_timestamp is None)
    found = dict[str, Workload]()
    for child in sorted(staying, key=age):
        older = found.setdefault(trees.fingerprint(child.spec.template), child)
        if older is not child and not has_pods(child):
            return DeleteReplicaSet(workload, child, f"{older.metadata.name} has its template")
    return None


def age(child: Workload) -> tuple[str, str]:
    """The order in which the Deployment controller looks at ReplicaSets: the oldest first."""
    return str(child.metadata.creation_timestamp), child.metadata.name


def with_hash(raw: Raw, active: Workload) -> Tree:
    """The Deployment's template as the active ReplicaSet must have it: with the label of its selector."""
    own = trees.labels(trees.decode(active.spec.template)).get(names.TEMPLATE_HASH_LABEL, "")
    return _with_label(trees.bare(trees.decode(raw)), own)


def _free_hash(workload: Workload, owned: OwnedObjects, revision: str) -> str:
    """A hash for another ReplicaSet of this template, always the same until there is one of that name.

    The active ReplicaSet may have been made here for the same template; the Deployment's uid keeps the name apart from
    everybody else's.
    """
    taken = {child.metadata.name for child in owned.children}
    texts = (f"{workload.metadata.uid}/{revision}/{count}" for count in itertools.count())
    hashes = (hashlib.sha256(text.encode()).hexdigest()[:10] for text in texts)
    return next(own for own in hashes if f"{workload.metadata.name}-{own}" not in taken)


def _with_label(tree: Tree, value: str) -> Tree:
    metadata = trees.tree(tree.get("metadata"))
    labels = {**trees.labels(tree), names.TEMPLATE_HASH_LABEL: value}
    return {**tree, "metadata": {**metadata, "labels": labels}}
