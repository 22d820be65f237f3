"""The rules of ObjectMeta: what a name may be, what never changes (apimachinery, api/validation/objectmeta.go)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kubesim.api.failure import Cause, forbidden_value, invalid_value, required
from kubesim.api.kinds import Kind, Tree
from kubesim.api.rules import names

#: All annotations of an object together.
MOST_ANNOTATION_BYTES: Final = 256 * 1024
_LABEL_NAMES: Final = frozenset({"Service", "Namespace"})


def validate(kind: Kind, meta: Tree) -> Iterator[Cause]:
    """Names, labels and annotations of an object."""
    name = meta.get("name")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        check = names.dns_label if kind.resource.kind in _LABEL_NAMES else names.subdomain
        yield from (invalid_value("metadata.name", name, text) for text in check(name))
    yield from labels("metadata.labels", meta.get("labels") or {})
    yield from annotation_keys("metadata.annotations", meta.get("annotations") or {})


def labels(field: str, found: Tree) -> Iterator[Cause]:
    """Keys and values of labels."""
    for key, value in found.items():
        yield from (invalid_value(field, key, text) for text in names.qualified_name(key))
        yield from (invalid_value(field, value, text) for text in names.label_value(value))


def annotation_keys(field: str, found: Tree) -> Iterator[Cause]:
    """Keys of annotations, and their size."""
    for key in found:
        yield from (invalid_value(field, key, text) for text in names.qualified_name(key.lower()))
    if sum(len(key.encode()) + len(value.encode()) for key, value in found.items()) > MOST_ANNOTATION_BYTES:
        text = f"Too long: may not be more than {MOST_ANNOTATION_BYTES} bytes"
        yield Cause(field, "FieldValueTooLong", text)


def validate_update(old: Tree, new: Tree) -> Iterator[Cause]:
    """What never changes."""
    for field in ("name", "namespace", "uid", "creationTimestamp"):
        if new.get(field, "") != old.get(field, ""):
            yield invalid_value(f"metadata.{field}", new.get(field, ""), "field is immutable")
    added = [finalizer for finalizer in new.get("finalizers") or () if finalizer not in (old.get("finalizers") or ())]
    if old.get("deletionTimestamp") and added:
        shown = ", ".join(f'"{one}"' for one in added)
        text = "no new finalizers can be added if the object is being deleted, found new finalizers "
        yield forbidden_value("metadata.finalizers", f"{text}[]string{{{shown}}}")
