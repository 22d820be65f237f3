"""What each verb does, from a request's target and body to the bytes of the answer.

Does not depend on connections, faults and time; watches are served by `server`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from inplace.runtime.clock import Clock
from kubesim.api import failure, kinds, listing, logs, requests, tables
from kubesim.api.admission.policies import Policies
from kubesim.api.kinds import Kind, Tree
from kubesim.api.patching import apply, jsonpatch, managers, merge, strategic
from kubesim.api.registry import Managing, Place, Registry
from kubesim.api.requests import Target
from kubesim.api.rules import strategy, workloads
from kubesim.api.storage import Stored
from kubesim.objects import stamp

_TABLE: Final = "as=Table"
_PROTOBUF: Final = "protobuf"
ANONYMOUS: Final = "system:anonymous"


class Call(Struct, frozen=True):
    """A request without its connection."""

    target: Target
    query: Mapping[str, str]
    data: bytes
    content_type: str
    accept: str
    user: str = ANONYMOUS


class Answer(Struct, frozen=True):
    """Status code and body."""

    code: int
    body: bytes


class Verbs:
    """Carries out calls on a registry."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        #: The authorizer, by the `spec` of a review: there is none but this.
        self.allows: Callable[[Tree], bool] = lambda spec: True
        self._verbs: dict[str, Callable[[Call], Answer]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_many,
        }

    def __call__(self, call: Call) -> Answer:
        """Carry out a call. Raises Failure."""
        if call.data and _PROTOBUF in call.content_type:
            raise failure.only_json(call.content_type)
        self._registry.admission = Policies(self._registry.storage, call.user, dry_run="dryRun" in call.query)
        self._registry.managing = self._managing(call)
        return self._verbs[call.target.verb](call)

    def _managing(self, call: Call) -> Managing:
        """Who manages what after a write: tracked for some kinds, and known already of what is applied."""
        tracked = call.target.kind in kinds.MANAGED and "apply-patch" not in call.content_type
        manager, subresource = call.query.get("fieldManager") or "unknown", call.target.subresource
        now = stamp(self._clock.now())

        def managed(place: Place, old: Tree | None, new: Tree) -> Tree:
            if not tracked:
                return new
            complete = strategy.completed(place.kind, new)
            return managers.updated(place.kind, old, complete, manager=manager, subresource=subresource, now=now)

        return managed

    # --- reads ------------------------------------------------------------------------------------------------------

    def _get(self, call: Call) -> Answer:
        one = self._registry.get(call.target.place)
        if call.target.subresource == "scale":
            return _json(200, _scale(one))
        if call.target.subresource == "log":
            return Answer(200, logs.of(one.tree, call.query))
        if _TABLE in call.accept:
            return Answer(200, self._table(call, [one], one.version))
        return Answer(200, view(call.target.kind, one))

    def _list(self, call: Call) -> Answer:
        target = call.target
        page = listing.read(self._registry.storage, target.kind, target.namespace, call.query)
        if _TABLE in call.accept:
            return Answer(200, self._table(call, page.items, page.version))
        if target.kind is kinds.EVENTS:
            items = [
                Stored(item.namespace, item.name, item.version, workloads.core_event(item.tree)) for item in page.items
            ]
            page = listing.Listed(items, page.version, page.token, page.left)
        return Answer(200, listing.body(target.kind, page))

    def _table(self, call: Call, items: list[Stored], version: int) -> bytes:
        include = call.query.get("includeObject", "Metadata")
        return tables.body(call.target.kind, items, version, self._clock.now(), include=include)

    # --- writes -----------------------------------------------------------------------------------------------------

    def _create(self, call: Call) -> Answer:
        target, dry = call.target, requests.dry_run(call.query, "CreateOptions")
        if target.subresource:
            return self._post_below(call, dry)
        body = requests.body_of(call.data, target.kind)
        if target.kind is kinds.REVIEWS:
            said = {"allowed": self.allows(body.get("spec") or {})}
            return _json(201, {**_typed(target.kind), "metadata": {"creationTimestamp": None}, **body, "status": said})
        made = self._registry.create(target.place, body, dry_run=dry)
        return Answer(201, view(target.kind, made))

    def _post_below(self, call: Call, dry: bool) -> Answer:
        place = call.target.place
        match call.target.subresource:
            case "binding":
                self._registry.bind(place, requests.document(call.data, "Binding"))
            case "eviction":
                self._registry.evict(place, requests.deletion_of(call.data, call.query), dry_run=dry)
            case _:
                self._registry.get(place)
                token = {"token": secrets.token_urlsafe(16), "expirationTimestamp": stamp(self._clock.now())}
                return _json(201, {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "status": token})
        return _json(201, _success(code=201))

    def _update(self, call: Call) -> Answer:
        target, dry = call.target, requests.dry_run(call.query, "UpdateOptions")
        if target.subresource == "scale":
            return self._rescale(call, lambda _: requests.document(call.data, "Scale"), dry)
        body = requests.body_of(call.data, target.kind)
        if target.subresource == "finalize":
            finalizers = (body.get("spec") or {}).get("finalizers") or []
            one = self._registry.update(target.place, lambda old: _finalized(old, finalizers))
            return Answer(200, view(target.kind, one))
        return Answer(200, view(target.kind, self._registry.replace(target.place, body, dry_run=dry)))

    def _patch(self, call: Call) -> Answer:
        target, dry = call.target, requests.dry_run(call.query, "PatchOptions")
        change = self._change(call)
        if target.subresource == "scale":
            return self._rescale(call, change, dry)
        if target.kind is kinds.EVENTS:
            plain = change
            change = lambda old: plain(workloads.core_event(old))  # noqa: E731 - the patch speaks of this view
        if "apply-patch" in call.content_type and self._registry.storage.get(*_key(target)) is None:
            body = change({})
            return Answer(201, view(target.kind, self._registry.create(target.place, body, dry_run=dry)))
        return Answer(200, view(target.kind, self._registry.patch(target.place, change, dry_run=dry)))

    def _change(self, call: Call) -> Callable[[Tree], Tree]:
        """The patch as a function of the present object. Raises Failure 400, 415, 422."""
        kind, type_ = call.target.kind, call.content_type.partition(";")[0]
        if type_ == "application/apply-patch+yaml":
            return self._application(call)
        if type_ not in {
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
        }:
            raise failure.unsupported_media()
        patch = requests.patch_of(call.data)
        match type_:
            case "application/json-patch+json":
                return lambda old: jsonpatch.apply(old, patch)
            case "application/merge-patch+json":
                return lambda old: merge.apply(old, patch)
            case _:
                return lambda old: strategic.apply(kind.resource.kind, old, patch)

    def _application(self, call: Call) -> Callable[[Tree], Tree]:
        manager, force = call.query.get("fieldManager", ""), call.query.get("force") in {"true", "1"}
        if not manager:
            cause = failure.required("fieldManager", "is required for apply patch")
            raise failure.invalid_options("PatchOptions", cause)
        config, now = requests.configuration_of(call.data), stamp(self._clock.now())
        meta = config.setdefault("metadata", {})
        meta.setdefault("name", call.target.name)
        return lambda old: apply.apply(call.target.kind, old, config, manager=manager, force=force, now=now)

    def _rescale(self, call: Call, change: Callable[[Tree], Tree], dry: bool) -> Answer:
        """Writes of a Scale change the replicas of the object behind it."""
        place = call.target.place

        def scaled(old: Tree) -> Tree:
            wanted = change(_scale(Stored(place.namespace, place.name, 0, old)))
            spec = {**old["spec"], "replicas": (wanted.get("spec") or {}).get("replicas", 0)}
            version = (wanted.get("metadata") or {}).get("resourceVersion", "")
            return {**old, "metadata": {**old["metadata"], "resourceVersion": version}, "spec": spec}

        return _json(200, _scale(self._registry.update(_whole(call.target).place, scaled, dry_run=dry, admitted=True)))

    # --- deletion ---------------------------------------------------------------------------------------------------

    def _delete(self, call: Call) -> Answer:
        target, dry = call.target, requests.dry_run(call.query, "DeleteOptions")
        options = requests.deletion_of(call.data, call.query)
        one, gone = self._registry.delete(target.place, options, dry_run=dry)
        if gone and target.kind is not kinds.PODS:
            kind = target.kind.resource
            details = {"name": one.name, "group": kind.group, "kind": kind.plural, "uid": one.tree["metadata"]["uid"]}
            return _json(200, _success(details={key: value for key, value in details.items() if value}))
        return Answer(200, view(target.kind, one))

    def _delete_many(self, call: Call) -> Answer:
        target = call.target
        page = listing.read(self._registry.storage, target.kind, target.namespace, call.query)
        options = requests.deletion_of(call.data, call.query)
        for item in page.items:
            place = requests.Target("delete", target.kind, item.namespace, item.name, "").place
            self._registry.delete(place, options)
        return Answer(200, listing.body(target.kind, page))


# --- views ----------------------------------------------------------------------------------------------------------


def view(kind: Kind, stored: Stored) -> bytes:
    """An object as this kind's path shows it."""
    if view_differs(kind):
        return json.dumps(workloads.core_event(stored.tree)).encode()
    return stored.body


def view_differs(kind: Kind) -> bool:
    """Whether this kind's path shows objects otherwise than they are stored."""
    return kind is kinds.EVENTS


def table_event(kind: Kind, stored: Stored, now: datetime, include: str, *, header: bool) -> bytes:
    """The object of a watch event, as a Table of one row."""
    return tables.body(kind, [stored], stored.version, now, include=include, header=header).rstrip()


def wants_table(accept: str) -> bool:
    """Whether the client reads tables."""
    return _TABLE in accept


def _whole(target: Target) -> Target:
    return Target(target.verb, target.kind, target.namespace, target.name, "")


def _key(target: Target) -> tuple[Kind, str, str]:
    return target.kind, target.namespace or "", target.name


def _typed(kind: Kind) -> Tree:
    return {"kind": kind.resource.kind, "apiVersion": kind.resource.api_version}


def _finalized(old: Tree, finalizers: list[str]) -> Tree:
    return {**old, "metadata": {**old["metadata"]}, "spec": {**(old.get("spec") or {}), "finalizers": finalizers}}


def _scale(stored: Stored) -> Tree:
    fields = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    meta = {key: stored.tree["metadata"][key] for key in fields if key in stored.tree["metadata"]}
    spec, status = stored.tree["spec"], stored.tree.get("status") or {}
    replicas = spec.get("replicas", 0)
    shown: Tree = {"replicas": status.get("replicas", 0), "selector": _selector(spec.get("selector") or {})}
    scale: Tree = {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta}
    return scale | {"spec": {"replicas": replicas} if replicas else {}, "status": shown}


def _selector(selector: Tree) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items()))


def _success(*, code: int | None = None, details: Tree | None = None) -> Tree:
    body: Tree = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details is not None:
        body["details"] = details
    if code is not None:
        body["code"] = code
    return body


def _json(code: int, tree: Tree) -> Answer:
    return Answer(code, json.dumps(tree).encode() + b"\n")
