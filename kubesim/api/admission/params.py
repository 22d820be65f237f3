"""The objects that a binding hands to its policy as `params` (apiserver, policy/generic, CollectParams).

They are read from the storage itself: a real server reads them from its informers, which may be a moment behind.
"""

from __future__ import annotations

from kubesim.api import kinds, selectors
from kubesim.api.admission.matching import Attributes
from kubesim.api.kinds import Kind, Tree
from kubesim.api.storage import Storage


class ParamError(Exception):
    """A binding that cannot be used."""


def collect(storage: Storage, policy: Tree, binding: Tree, attributes: Attributes) -> list[Tree | None]:
    """One for each invocation of the policy: none are no invocation, None is one without params. Raises ParamError."""
    wanted, reference = policy["spec"].get("paramKind"), binding["spec"].get("paramRef")
    if not wanted or not reference:
        return [None]
    found: list[Tree | None] = [*_selected(storage, _kind(wanted), reference, attributes)]
    if not found and reference.get("parameterNotFoundAction") == "Deny":
        raise ParamError("no params found for policy binding with `Deny` parameterNotFoundAction")
    return found


def _kind(wanted: Tree) -> Kind:
    for kind in kinds.KINDS:
        if (kind.resource.api_version, kind.resource.kind) == (wanted["apiVersion"], wanted["kind"]):
            return kind
    raise ParamError(f"paramKind kind `{wanted['apiVersion']}, Kind={wanted['kind']}` not known")


def _selected(storage: Storage, kind: Kind, reference: Tree, attributes: Attributes) -> list[Tree]:
    namespace = _namespace(kind, reference, attributes)
    name, selector = reference.get("name"), reference.get("selector")
    if name and selector is not None:
        raise ParamError("paramRef.name and paramRef.selector are mutually exclusive")
    if name:
        stored = storage.get(kind, namespace, name)
        return [] if stored is None else [stored.tree]
    if selector is None:
        raise ParamError("one of name or selector must be provided")
    every = storage.table(kind).sorted(namespace)
    # An empty selector is everything.
    return [one.tree for one in every if selectors.matches(selector, selectors.labels_of(one.tree))]


def _namespace(kind: Kind, reference: Tree, attributes: Attributes) -> str:
    given = reference.get("namespace") or ""
    if not kind.resource.namespaced:
        if given:
            raise ParamError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
        return ""
    namespace = str(given or attributes.place.namespace)
    if not namespace:
        raise ParamError("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
    return namespace
