"""A request as the API understands it: which verb on which object, from method, path and query.

Does not depend on what the verb does (apiserver, endpoints/request/requestinfo.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import yaml
from msgspec import Struct

from kubesim.api import failure, kinds
from kubesim.api.kinds import Kind, Tree
from kubesim.api.registry import Deletion, Place

_SINGLE: Final = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_MANY: Final = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
#: Subresources that are created, not read.
_POSTED: Final = frozenset({"eviction", "binding", "token"})
_TRUE: Final = frozenset({"true", "1"})


class Target(Struct, frozen=True):
    """What a request wants. `namespace` None means all, or a kind without namespaces."""

    verb: str
    kind: Kind
    namespace: str | None
    name: str
    subresource: str

    @property
    def place(self) -> Place:
        """The object that is meant."""
        return Place(self.kind, self.namespace or "", self.name, self.subresource)


def target(method: str, path: str, query: Mapping[str, str]) -> Target | None:
    """What a request wants; None if it is not a path of objects. Raises Failure 404, 405."""
    parts = [unquote(part) for part in path.split("/") if part]
    match parts:
        case ["api", "v1", *rest]:
            group, version = "", "v1"
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    if not rest:
        return None
    if not kinds.of_group(group, version):
        return None
    return _target(method, group, version, rest, query)


def _target(method: str, group: str, version: str, rest: list[str], query: Mapping[str, str]) -> Target:
    namespace: str | None = None
    if rest[0] == "namespaces" and len(rest) > 2 and kinds.find(group, version, rest[2]) is not None:
        namespace, rest = rest[1], rest[2:]
    kind = kinds.find(group, version, rest[0])
    if kind is None or (namespace is not None) > kind.resource.namespaced or len(rest) > 3:
        raise failure.no_such_path()
    name, below = (*rest[1:], "", "")[:2]
    if below and below not in kind.subresources:
        raise failure.no_such_path()
    verb = _verb(method, name, below, query)
    if (
        verb is None
        or (name and namespace is None and kind.resource.namespaced)
        or _needs_namespace(verb, kind, namespace)
    ):
        raise failure.method_not_allowed()
    return Target(verb, kind, namespace, name, below)


def _needs_namespace(verb: str, kind: Kind, namespace: str | None) -> bool:
    return verb == "create" and kind.resource.namespaced and namespace is None


def _verb(method: str, name: str, below: str, query: Mapping[str, str]) -> str | None:
    if below in _POSTED:
        return "create" if method == "POST" else None
    verb = (_SINGLE if name else _MANY).get(method)
    if verb == "list" and query.get("watch") in _TRUE:
        return "watch"
    return verb


# --- options and bodies -----------------------------------------------------------------------------------------------


def dry_run(query: Mapping[str, str], options: str) -> bool:
    """Whether nothing is to be stored. Raises Failure 422."""
    value = query.get("dryRun", "")
    if value not in {"", "All"}:
        raise failure.invalid_options(options, failure.unsupported("dryRun", [value], ("All",)))
    return bool(value)


def document(data: bytes, kind: str) -> Tree:
    """A JSON object. Raises Failure 400."""
    try:
        found = msgspec.json.decode(data)
    except msgspec.DecodeError:
        shown = data.decode(errors="replace")
        text = f"couldn't get version/kind; json parse error: unexpected end of JSON input ({shown})"
        raise failure.bad_request(f"the object provided is unrecognized (must be of type {kind}): {text}") from None
    if not isinstance(found, dict):
        raise failure.bad_request(f"the object provided is unrecognized (must be of type {kind}): not an object")
    return found


def body_of(data: bytes, kind: Kind) -> Tree:
    """An object of a kind. Raises Failure 400."""
    found = document(data, kind.resource.kind)
    said = found.get("kind")
    if said and said != kind.resource.kind:
        one = kind.resource
        package = one.group.partition(".")[0] or "core"
        text = f"converting ({one.version}.{said}) to ({package}.{one.kind}): unknown conversion"
        raise failure.bad_request(f'{said} in version "{one.version}" cannot be handled as a {one.kind}: {text}')
    return found


def patch_of(data: bytes) -> Any:
    """A patch in JSON. Raises Failure 400."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        raise failure.bad_request("error decoding patch: unexpected end of JSON input") from None


def configuration_of(data: bytes) -> Tree:
    """An applied configuration, JSON or YAML. Raises Failure 400."""
    try:
        found = yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise failure.bad_request(f"error decoding YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise failure.bad_request("error decoding YAML: not an object")
    return found


def deletion_of(data: bytes, query: Mapping[str, str]) -> Deletion:
    """DeleteOptions, from the body or the query."""
    found = document(data, "DeleteOptions") if data else {}
    options = found.get("deleteOptions") or found  # an Eviction carries them
    held = options.get("preconditions") or {}
    grace = options.get("gracePeriodSeconds")
    if grace is None and query.get("gracePeriodSeconds", "").lstrip("-").isdecimal():
        grace = int(query["gracePeriodSeconds"])
    return Deletion(grace, held.get("uid") or "", held.get("resourceVersion") or "")
