"""ControllerRevisions: the history of a workload's template
(pkg/controller/history, docs/design/kubernetes.md §4.1, §5).

Pure: `history` makes the writes. A revision is found again by its content, never by its name.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Final

from kubesim.controllers.base import reference_to
from kubesim.controllers.informers import Tree

HASH_LABEL: Final = "controller-revision-hash"
OWN_HASH: Final = "controller.kubernetes.io/hash"
#: rand.SafeEncodeString: no vowels, no words.
_SAFE: Final = "bcdfghjklmnpqrstvwxz2456789"


def data_of(template: Tree) -> Tree:
    """The patch that restores a template (getPatch)."""
    return {"spec": {"template": {**template, "$patch": "replace"}}}


def template_of(revision: Tree) -> Tree:
    """The template that a revision holds."""
    found = revision["data"]["spec"]["template"]
    return {key: value for key, value in found.items() if key != "$patch"}


def hash_of(data: Tree, collisions: int = 0) -> str:
    """A hash as the names of revisions and Pods carry it; any stable one would do."""
    digest = zlib.crc32(json.dumps(data, sort_keys=True).encode() + (str(collisions).encode() if collisions else b""))
    return "".join(_SAFE[int(digit) % len(_SAFE)] for digit in str(digest))


def in_order(revisions: Iterable[Tree]) -> list[Tree]:
    """Oldest first (SortControllerRevisions)."""
    return sorted(
        revisions,
        key=lambda revision: (
            revision["revision"],
            revision["metadata"]["creationTimestamp"],
            revision["metadata"]["name"],
        ),
    )


def find(revisions: Iterable[Tree], data: Tree) -> Tree | None:
    """The newest revision with this content."""
    return next((one for one in reversed(in_order(revisions)) if one["data"] == data), None)


def new(workload: Tree, kind: str, data: Tree, number: int, collisions: int = 0, *, hash_label: str = OWN_HASH) -> Tree:
    """A revision of a workload, to be created; `hash_label` is where the kind keeps its hash."""
    meta, suffix = workload["metadata"], hash_of(data, collisions)
    labels = {**(workload["spec"]["template"]["metadata"].get("labels") or {}), hash_label: suffix}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{meta['name']}-{suffix}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": meta.get("annotations") or {},
            "ownerReferences": [reference_to(workload, "apps/v1", kind)],
        },
        "data": data,
        "revision": number,
    }


def superfluous(revisions: Iterable[Tree], live: set[str], limit: int) -> list[Tree]:
    """The oldest unused revisions beyond the limit (truncateHistory)."""
    unused = [one for one in in_order(revisions) if one["metadata"]["name"] not in live]
    return unused[: max(0, len(unused) - limit)]
