"""Which requests a policy or a binding is about: matchConstraints and matchResources (apiserver, policy/matching).

Every resource is served in one version only, so `matchPolicy` makes no difference here.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from kubesim.api import kinds, selectors
from kubesim.api.kinds import Tree
from kubesim.api.registry import Place


class Attributes(Struct, frozen=True):
    """What admission knows of a request beside the object: `namespace` is the Namespace object, if there is one."""

    place: Place
    operation: str
    user: str
    dry_run: bool
    namespace: Tree | None
    old: Tree | None


def matches(constraints: Tree, attributes: Attributes, new: Tree | None) -> bool:
    """Whether a request is one of these; no rules at all, as a binding may have, are all resources."""
    if not _in_namespace(constraints.get("namespaceSelector"), attributes, new):
        return False
    if not _about_object(constraints.get("objectSelector"), attributes.old, new):
        return False
    if _any(constraints.get("excludeResourceRules") or (), attributes):
        return False
    rules = constraints.get("resourceRules") or ()
    return not rules or _any(rules, attributes)


def _any(rules: Iterable[Tree], attributes: Attributes) -> bool:
    return any(_matches_rule(rule, attributes) for rule in rules)


def _matches_rule(rule: Tree, attributes: Attributes) -> bool:
    place = attributes.place
    resource = place.kind.resource
    scope = "Namespaced" if resource.namespaced else "Cluster"
    return (
        _lists(rule.get("apiGroups"), resource.group)
        and _lists(rule.get("apiVersions"), resource.version)
        and _lists(rule.get("operations"), attributes.operation)
        and rule.get("scope", "*") in {"*", scope}
        and any(_names_resource(text, resource.plural, place.subresource) for text in rule.get("resources") or ())
        and (not rule.get("resourceNames") or place.name in rule["resourceNames"])
    )


def _lists(values: Iterable[str] | None, wanted: str) -> bool:
    return any(value in {"*", wanted} for value in values or ())


def _names_resource(text: str, plural: str, subresource: str) -> bool:
    """`pods` is without its subresources, `*` too; `pods/*`, `*/status` and `*/*` are with them."""
    resource, _, below = text.partition("/")
    return resource in {"*", plural} and below in {subresource, "*"}


def _in_namespace(selector: Tree | None, attributes: Attributes, new: Tree | None) -> bool:
    """Objects without a namespace are in every one, but for a Namespace, which is in itself."""
    if not selector:
        return True
    kind = attributes.place.kind
    if kind is kinds.NAMESPACES:
        itself = new or attributes.old
        return itself is not None and selectors.matches(selector, selectors.labels_of(itself))
    if not kind.resource.namespaced:
        return True
    return attributes.namespace is not None and selectors.matches(selector, selectors.labels_of(attributes.namespace))


def _about_object(selector: Tree | None, old: Tree | None, new: Tree | None) -> bool:
    """By the labels that the object had, or by those that it is to have."""
    if not selector:
        return True
    return any(tree is not None and selectors.matches(selector, selectors.labels_of(tree)) for tree in (old, new))
