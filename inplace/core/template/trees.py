"""Pod templates as whole JSON trees: decoded, split by container name, compared path by path.

A template is never partial: unknown fields are compared like all others, so that a change of one is never overlooked.
Does not depend on which differences matter (`diff`) and which fields have defaults (`defaults`).
"""

import hashlib
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from inplace.core.objects import names
from inplace.core.objects.memo import memoised_by_digest
from inplace.core.objects.model import Tree
from inplace.core.objects.reading import UNREADABLE
from inplace.core.template.paths import Chosen, Path

_CONTAINERS: Final = ("containers", "initContainers")
#: The largest template that is compared, in bytes of JSON, and how deep it may be nested. The API server takes 1.5 MB,
#: and any depth in a ControllerRevision; one tenant's templates must not take the time that all others share.
MAX_BYTES: Final = 128 * 1024
MAX_DEPTH: Final = 64


class Difference(NamedTuple):
    """One path at which two trees differ; None stands for absent."""

    path: Path
    old: Any
    new: Any


def decode(raw: Raw | bytes) -> Tree:
    """A template as the API server sent it; anything but a JSON object is the empty tree.

    Raises msgspec.DecodeError on bytes that are not JSON.
    """
    return tree(msgspec.json.decode(raw))


def of_revision(data: Raw | bytes) -> Tree:
    """The template kept in a ControllerRevision's data (docs/design/kubernetes.md §4.1); empty if there is none.

    The strategic-merge directive `$patch: replace` is not a field of the template.
    """
    template = tree(tree(decode(data).get("spec")).get("template"))
    return {key: value for key, value in template.items() if key != "$patch"}


def excess(raw: Raw | bytes) -> str:
    """Why a template is not looked into, in words; empty if it is within bounds.

    What is beyond them costs no more than one look at its bytes.
    """
    return _within(bytes(raw))[1]


def _within(encoded: bytes) -> tuple[Any, str]:
    """What it holds, and why that is not looked into."""
    if len(encoded) > MAX_BYTES:
        return None, f"{-(-len(encoded) // 1024)} KiB of JSON, and at most {MAX_BYTES // 1024} KiB are compared"
    try:
        value = msgspec.json.decode(encoded)
    except RecursionError:
        return None, _TOO_DEEP
    except UNREADABLE as error:
        return None, f"no JSON that can be read ({error})"
    many = encoded.count(b"{") + encoded.count(b"[") > MAX_DEPTH
    return value, _TOO_DEEP if many and _is_deep(value) else ""


_TOO_DEEP: Final = f"nested more than {MAX_DEPTH} levels deep"


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        below = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [one for values in below for one in values]
        if not level:
            return False
    return True


def bare(template: Tree) -> Tree:
    """The template without metadata added by a controller or an older server.

    These are the label by which a Deployment's ReplicaSets tell their Pods apart, and a creationTimestamp of null.
    """
    metadata = {key: value for key, value in tree(template.get("metadata")).items() if key != "creationTimestamp"}
    own = {key: value for key, value in tree(metadata.get("labels")).items() if key != names.TEMPLATE_HASH_LABEL}
    if "labels" in metadata:
        metadata = {**metadata, "labels": own}
    return {**template, "metadata": metadata}


@memoised_by_digest(4096)
def _fingerprint(raw: bytes) -> str:
    value, too_much = _within(raw)
    return hashlib.sha256(raw).hexdigest()[:10] if too_much else fingerprint_of(tree(value))


def fingerprint(raw: Raw | bytes) -> str:
    """A short hash of a template's content: equal for equal templates, regardless of the object that holds them.

    Only for our own use: the hashes of controllers cannot be computed outside Go and differ between its releases. One
    in `excess` is equal only to itself, byte by byte.
    """
    return _fingerprint(bytes(raw))


def fingerprint_of(template: Tree) -> str:
    """The same for a decoded template."""
    canonical = msgspec.json.encode(bare(template), order="deterministic")
    return hashlib.sha256(canonical).hexdigest()[:10]


def tree(value: object) -> Tree:
    """The value if it is a JSON object, else the empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Tree]:
    """The objects in a JSON array; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def containers(template: Tree) -> dict[str, Tree]:
    """The regular containers by name, in the template's order."""
    return _by_name(template, "containers")


def init_containers(template: Tree) -> dict[str, Tree]:
    """The init containers by name, native sidecars among them, in the template's order."""
    return _by_name(template, "initContainers")


def all_containers(template: Tree) -> dict[str, Tree]:
    """Both: their names are unique in a Pod."""
    return {**containers(template), **init_containers(template)}


def restartable(template: Tree) -> dict[str, Tree]:
    """The containers that a live Pod can start again: the regular ones, then the native sidecars."""
    init = init_containers(template).items()
    return {**containers(template), **{name: one for name, one in init if is_sidecar(one)}}


def images(template: Tree) -> dict[str, str]:
    """The image string of every container, init containers included."""
    return {name: str(container.get("image") or "") for name, container in all_containers(template).items()}


def without_images(template: Tree) -> Tree:
    """The template with no image in any of its containers."""
    spec = tree(template.get("spec"))
    fields = {field: [_imageless(one) for one in items(spec[field])] for field in _CONTAINERS if field in spec}
    return {**template, "spec": {**spec, **fields}}


def _imageless(container: Tree) -> Tree:
    return {key: value for key, value in container.items() if key != "image"}


def labels(template: Tree) -> dict[str, str]:
    """The template's labels."""
    return _strings(template, "labels")


def annotations(template: Tree) -> dict[str, str]:
    """The template's annotations."""
    return _strings(template, "annotations")


def is_sidecar(container: Tree) -> bool:
    """Whether this init container is a native sidecar (KEP-753)."""
    return container.get("restartPolicy") == "Always"


def differences(a: Tree, b: Tree) -> list[Difference]:
    """Every path at which b differs from a, in a's order. Objects in lists are compared by name, not by index.

    Null, an empty list and an empty map count as absent, as in the API server's encoding (`omitempty`); quantities
    are compared by value. An object on one side only is one difference, at its own path.
    """
    return list(_tree_differences((), "", a, b))


# -- the comparison

#: What identifies an object in a list (the merge keys of the API, types.go `patchMergeKey`); other lists are compared
#: by index, and so is a list in which the key is not unique.
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort", "protocol"),
    "imagePullSecrets": ("name",),
    "readinessGates": ("conditionType",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "hostAliases": ("ip",),
}
#: Maps whose keys the user chose.
_QUANTITY_MAPS: Final = frozenset({"limits", "requests", "overhead"})
_MAPS: Final = _QUANTITY_MAPS | {"labels", "annotations", "nodeSelector", "matchLabels", "volumeAttributes", "options"}
_QUANTITIES: Final = frozenset({"sizeLimit", "divisor"})
#: Fields for which the API server encodes absent as an empty object: maps, and structs that are not pointers.
_EMPTY_IS_ABSENT: Final = _MAPS | {"metadata", "resources"}
#: What may be the name of a field; no field of the API has one as long as this allows.
_FIELD = re.compile(r"[A-Za-z_$][A-Za-z0-9_]{0,99}")


def _tree_differences(path: Path, field: str, a: Tree, b: Tree) -> Iterator[Difference]:
    for key in {**a, **b}:
        chosen = field in _MAPS or not _FIELD.fullmatch(key)
        below = (*path, Chosen(key) if chosen else key)
        yield from _value_differences(below, _field_below(field, key), a.get(key), b.get(key))


def _field_below(field: str, key: str) -> str:
    """The kind of value below a key; unknown if the user chose the key."""
    if field in _QUANTITY_MAPS or (key in _QUANTITIES and field not in _MAPS):
        return "quantity"
    return "" if field in _MAPS else key


def _value_differences(path: Path, field: str, a: object, b: object) -> Iterator[Difference]:
    if field in _EMPTY_IS_ABSENT:
        a, b = ({} if value is None else value for value in (a, b))
    a, b = (None if value == [] else value for value in (a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        yield from _tree_differences(path, field, a, b)
    elif isinstance(a, list) and isinstance(b, list):
        yield from _list_differences(path, field, a, b)
    elif not _equal(a, b) and not (field == "quantity" and _equal(quantity(a), quantity(b))):
        yield Difference(path, a, b)


def _list_differences(path: Path, field: str, a: list[Any], b: list[Any]) -> Iterator[Difference]:
    old, new = _keyed(field, a), _keyed(field, b)
    if old is None or new is None:
        for index, (before, after) in enumerate(zip(a, b, strict=False)):
            yield from _value_differences((*path, Chosen(str(index))), "", before, after)
        yield from (Difference((*path, Chosen(str(index))), a[index], None) for index in range(len(b), len(a)))
        yield from (Difference((*path, Chosen(str(index))), None, b[index]) for index in range(len(a), len(b)))
        return
    for key in {**old, **new}:
        yield from _value_differences((*path, Chosen(key)), "", old.get(key), new.get(key))
    orders = [key for key in old if key in new], [key for key in new if key in old]
    if orders[0] != orders[1]:
        yield Difference(path, *orders)


def _keyed(field: str, objects: list[Any]) -> dict[str, Any] | None:
    keys = _KEYS.get(field)
    if keys is None or not all(isinstance(item, dict) and item.get(keys[0]) is not None for item in objects):
        return None
    keyed = {"/".join(str(item[key]) for key in keys if item.get(key) is not None): item for item in objects}
    return keyed if len(keyed) == len(objects) else None


def _equal(a: object, b: object) -> bool:
    """JSON equality: unlike in Python, true is not 1."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


#: The suffixes of resource.Quantity (apimachinery, pkg/api/resource/suffix.go).
_SUFFIXES: Final[dict[str, Decimal]] = {
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    **{
        suffix: Decimal(1000) ** power
        for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
}
#: Bounded, so that the product is exact within Decimal's 28 digits; longer ones are compared as text.
_QUANTITY = re.compile(r"([+-]?\d{0,12}\.?\d{0,9}(?:[eE][+-]?\d{1,2})?)([KMGTPE]i|[numkMGTPE]?)", re.ASCII)


def quantity(value: object) -> object:
    """The value of a resource.Quantity (`500m`, `1Gi`, `2`) as a Decimal; other values are returned unchanged."""
    match = None if isinstance(value, bool) else _QUANTITY.fullmatch(str(value))
    if match is None or not any(letter.isdigit() for letter in match[1]):
        return value
    try:
        return Decimal(match[1]) * _SUFFIXES[match[2]]
    except InvalidOperation:
        return value


def _by_name(template: Tree, field: str) -> dict[str, Tree]:
    return {str(item.get("name") or ""): item for item in items(tree(template.get("spec")).get(field))}


def _strings(template: Tree, field: str) -> dict[str, str]:
    strings = tree(tree(template.get("metadata")).get(field))
    return {key: "" if value is None else str(value) for key, value in strings.items()}
