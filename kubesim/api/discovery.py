"""What the server says of itself: groups, resources, version, and just enough OpenAPI for `kubectl apply`."""

from __future__ import annotations

from typing import Final

from kubesim.api import kinds
from kubesim.api.kinds import Kind, Tree

VERSION: Final[Tree] = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.3+kubesim",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "python",
}
_SUBKINDS: Final = {
    "scale": ("Scale", "autoscaling", "v1"),
    "eviction": ("Eviction", "policy", "v1"),
    "binding": ("Binding", "", "v1"),
    "token": ("TokenRequest", "authentication.k8s.io", "v1"),
}
_SUBVERBS: Final = {"eviction": ("create",), "binding": ("create",), "token": ("create",)}


def answer(path: str) -> Tree | None:
    """The document at a path of discovery, None if there is none."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["version"]:
            return VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            groups = [_group(group, version) for group, version in kinds.groups() if group]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["apis", group]:
            found = [version for name, version in kinds.groups() if name == group]
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, found[0])} if found else None
        case ["api", version]:
            return _resources("", version)
        case ["apis", group, version]:
            return _resources(group, version)
        case ["openapi", "v3"]:
            return {
                "paths": {
                    _root(*group): {"serverRelativeURL": f"/openapi/v3/{_root(*group)}?hash=0"}
                    for group in kinds.groups()
                }
            }
        case ["openapi", "v3", *rest]:
            return _openapi("/".join(rest))
        case ["openapi", "v2"]:
            return {"swagger": "2.0", "info": {"title": "kubesim", "version": "v1"}, "paths": {}, "definitions": {}}
        case _:
            return None


def _root(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _group(group: str, version: str) -> Tree:
    one = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [one], "preferredVersion": one}


def _resources(group: str, version: str) -> Tree | None:
    found = kinds.of_group(group, version)
    if not found:
        return None
    listed = [entry for kind in found for entry in _entries(kind)]
    where = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": where, "resources": listed}


def _entries(kind: Kind) -> list[Tree]:
    one = kind.resource
    entry: Tree = {"name": one.plural, "singularName": one.kind.lower(), "namespaced": one.namespaced, "kind": one.kind}
    entry["verbs"] = list(kind.verbs)
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    return [entry, *(_subentry(kind, below) for below in kind.subresources)]


def _subentry(kind: Kind, below: str) -> Tree:
    name, group, version = _SUBKINDS.get(below, (kind.resource.kind, "", ""))
    entry: Tree = {"name": f"{kind.resource.plural}/{below}", "singularName": "", "kind": name}
    entry["namespaced"] = kind.resource.namespaced
    entry["verbs"] = list(_SUBVERBS.get(below, kinds.SUBRESOURCE_VERBS))
    if version:
        entry |= {"group": group, "version": version}
    return entry


def _openapi(root: str) -> Tree | None:
    """Paths with the parameters that kubectl looks for before it applies; no schemas."""
    found = [kind for kind in kinds.KINDS if _root(kind.resource.group, kind.resource.version) == root]
    if not found:
        return None
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
    paths: Tree = {}
    for kind in found:
        one = kind.resource
        where = f"/{root}/namespaces/{{namespace}}/{one.plural}" if one.namespaced else f"/{root}/{one.plural}"
        gvk = {"group": one.group, "version": one.version, "kind": one.kind}
        operation = {"parameters": parameters, "x-kubernetes-group-version-kind": gvk, "responses": {}}
        paths[f"{where}/{{name}}"] = {"patch": operation, "put": operation}
        paths[where] = {"post": operation}
    return {"openapi": "3.0.0", "info": {"title": "kubesim", "version": "v1"}, "paths": paths}
