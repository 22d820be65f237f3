"""Reads and writes of objects as the generic registry of the API server does them (apiserver, registry/generic).

Every write is: take the present object, change it, put back what this endpoint may not touch, validate, store. A write
that changes nothing is not stored. Does not depend on HTTP, watches and users.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Protocol

from msgspec import Struct

from inplace.runtime.clock import Clock
from kubesim.api import failure, kinds, selectors
from kubesim.api.kinds import Kind, Tree
from kubesim.api.patching import managers
from kubesim.api.rules import strategy
from kubesim.api.storage import Storage, Stored
from kubesim.objects import stamp

Change = Callable[[Tree], Tree]
#: Who the server is to itself.
_ITSELF: Final = "kube-apiserver"
_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"


class Place(Struct, frozen=True):
    """Which object a request is about, and which part of it."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Deletion(Struct, frozen=True, rename="camel"):
    """metav1.DeleteOptions; the grace is in seconds."""

    grace_period_seconds: int | None = None
    uid: str = ""
    resource_version: str = ""


class Admission(Protocol):
    """What is asked about every object before it is stored: `old` is None if it is new."""

    def mutate(self, place: Place, old: Tree | None, new: Tree) -> Tree:
        """The object that is stored instead. Raises Failure."""
        ...

    def validate(self, place: Place, old: Tree | None, new: Tree | None) -> None:
        """Raises Failure if this may not be stored, or deleted if `new` is None."""
        ...


#: What a change of an object leaves of who manages its fields: `old` is None if it is new.
Managing = Callable[[Place, Tree | None, Tree], Tree]


class AdmitsAll:
    """No admission."""

    def mutate(self, place: Place, old: Tree | None, new: Tree) -> Tree:
        """The same object."""
        return new

    def validate(self, place: Place, old: Tree | None, new: Tree | None) -> None:
        """Nothing is wrong."""


class Registry:
    """The objects, and the rules by which they come, change and go."""

    def __init__(self, storage: Storage, clock: Clock, rng: random.Random) -> None:
        self.storage = storage
        #: Set anew for every call.
        self.admission: Admission = AdmitsAll()
        self.managing: Managing = lambda _place, _old, new: new
        self._clock = clock
        self._rng = rng

    # --- reads ------------------------------------------------------------------------------------------------------

    def get(self, place: Place) -> Stored:
        """The present object. Raises Failure 404."""
        found = self.storage.get(place.kind, place.namespace, place.name)
        if found is None:
            raise failure.not_found(place.kind, place.name)
        return found

    # --- creation ---------------------------------------------------------------------------------------------------

    def create(self, place: Place, body: Tree, *, dry_run: bool = False) -> Stored:
        """A new object. Raises Failure 404 (namespace), 409, 422."""
        kind = place.kind
        body = self.managing(place, None, body)
        tree = strategy.prepare_create(kind, self.admission.mutate(place, None, body))
        meta = tree["metadata"]
        self._name(kind, place, meta)
        meta["uid"] = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        meta["creationTimestamp"] = stamp(self._clock.now())
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"):
            meta.pop(field, None)
        causes = list(strategy.validate_create(kind, tree))
        if causes:
            raise failure.invalid(kind, meta.get("name", ""), causes)
        self._require_namespace(place)
        self.admission.validate(place, None, tree)
        if self.storage.get(kind, place.namespace, meta["name"]) is not None:
            raise failure.already_exists(kind, meta["name"])
        if dry_run:
            return Stored(place.namespace, meta["name"], 0, tree)
        return self.storage.put(kind, place.namespace, meta["name"], tree)

    def _name(self, kind: Kind, place: Place, meta: Tree) -> None:
        if kind.resource.namespaced:
            if meta.get("namespace", place.namespace) != place.namespace:
                text = "the namespace of the provided object does not match the namespace sent on the request"
                raise failure.bad_request(text)
            meta["namespace"] = place.namespace
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + "".join(self._rng.choices(_SUFFIX, k=5))

    def _require_namespace(self, place: Place) -> None:
        if not place.kind.resource.namespaced:
            return
        found = self.storage.get(kinds.NAMESPACES, "", place.namespace)
        if found is None:
            raise failure.not_found(kinds.NAMESPACES, place.namespace)
        if "deletionTimestamp" in found.tree["metadata"]:
            why = f"unable to create new content in namespace {place.namespace} because it is being terminated"
            raise failure.forbidden(place.kind, place.name, why)

    # --- changes ----------------------------------------------------------------------------------------------------

    def replace(self, place: Place, body: Tree, *, dry_run: bool = False) -> Stored:
        """PUT. Raises Failure 400, 404, 409, 422."""
        meta = body.get("metadata") or {}
        if not meta.get("name"):
            text = "the name of the object ( based on URL) was undeterminable: name must be provided"
            raise failure.bad_request(text.replace("( ", f"({place.name} "))
        self._same_object(place, meta)
        uid = meta.get("uid")

        def put(old: Tree) -> Tree:
            if uid and uid != old["metadata"]["uid"]:
                raise _other_uid(place, uid, old["metadata"]["uid"])
            identity = {key: old["metadata"][key] for key in ("uid", "creationTimestamp")}
            return {**body, "metadata": {**meta, **identity}}

        return self.update(place, put, dry_run=dry_run)

    def patch(self, place: Place, change: Change, *, dry_run: bool = False) -> Stored:
        """PATCH, however it is written. Raises Failure 400, 404, 409, 422."""

        def patched(old: Tree) -> Tree:
            new = change(old)
            meta: Any = new.get("metadata")
            if not isinstance(meta, dict) or not _is_sound(meta):
                raise failure.malformed_patch()
            self._same_object(place, meta)
            return new

        return self.update(place, patched, dry_run=dry_run)

    def update(self, place: Place, change: Change, *, dry_run: bool = False, admitted: bool = False) -> Stored:
        """GuaranteedUpdate: what `change` makes of the present object, if it is still the one that was meant.

        `admitted`: admission is about another object than this, or has been asked already.
        """
        kind, old = place.kind, self.get(place)
        admission = AdmitsAll() if admitted else self.admission
        new = admission.mutate(place, old.tree, self.managing(place, old.tree, change(old.tree)))
        self._check_version(place, old, new["metadata"].get("resourceVersion", ""))
        prepared = strategy.prepare_update(kind, place.subresource, old.tree, new)
        causes = list(strategy.validate_update(kind, place.subresource, old.tree, prepared))
        if causes:
            raise failure.invalid(kind, place.name, causes)
        admission.validate(place, old.tree, prepared)
        prepared["metadata"]["resourceVersion"] = old.tree["metadata"]["resourceVersion"]
        if prepared == old.tree:
            return old
        if dry_run:
            return Stored(place.namespace, place.name, old.version, prepared)
        if "deletionTimestamp" in prepared["metadata"] and self._may_go(kind, prepared):
            return self.storage.remove(kind, Stored(place.namespace, place.name, old.version, prepared))
        return self.storage.put(kind, place.namespace, place.name, prepared)

    def _same_object(self, place: Place, meta: Tree) -> None:
        if meta.get("name", "") != place.name:
            text = f"the name of the object ({meta.get('name', '')}) does not match the name on the URL ({place.name})"
            raise failure.bad_request(text)
        if place.kind.resource.namespaced and meta.get("namespace", place.namespace) != place.namespace:
            text = "the namespace of the provided object does not match the namespace sent on the request"
            raise failure.bad_request(text)
        meta.setdefault("namespace", place.namespace) if place.kind.resource.namespaced else None

    def _check_version(self, place: Place, old: Stored, version: str) -> None:
        if version and not version.isdecimal():
            text = f'strconv.ParseUint: parsing "{version}": invalid syntax'
            raise failure.Failure(500, "", text)
        if version and int(version) != old.version:
            raise failure.conflict(place.kind, place.name)

    # --- deletion ---------------------------------------------------------------------------------------------------

    def delete(
        self, place: Place, options: Deletion, *, dry_run: bool = False, admitted: bool = False
    ) -> tuple[Stored, bool]:
        """Begin or finish a deletion; the object as it is now, and whether it is gone. Raises Failure 404, 409."""
        kind, old = place.kind, self.get(place)
        self._check_preconditions(kind, old, options)
        if not admitted:
            self.admission.validate(place, old.tree, None)
        tree = {**old.tree, "metadata": {**old.tree["metadata"]}}
        meta, grace = tree["metadata"], self._grace(kind, old.tree, options)
        due = self._clock.now() + timedelta(seconds=grace)
        first = "deletionTimestamp" not in meta
        if first or grace < meta.get("deletionGracePeriodSeconds", 0):
            meta["deletionTimestamp"], meta["deletionGracePeriodSeconds"] = stamp(due), grace
        if first and "generation" in meta and (grace or meta.get("finalizers")):
            meta["generation"] += 1
        if kind is kinds.NAMESPACES:
            tree["status"] = {**tree.get("status", {}), "phase": "Terminating"}
        gone = self._may_go(kind, tree)
        if dry_run:
            return Stored(place.namespace, place.name, old.version, tree), gone
        if gone:
            return self.storage.remove(kind, Stored(place.namespace, place.name, old.version, tree)), True
        if tree == old.tree:
            return old, False
        return self.storage.put(kind, place.namespace, place.name, tree), False

    def _check_preconditions(self, kind: Kind, old: Stored, options: Deletion) -> None:
        uid = old.tree["metadata"]["uid"]
        if options.uid and options.uid != uid:
            raise failure.conflict(kind, old.name, failure.uid_text(options.uid, uid), what=kind.resource.kind)
        if options.resource_version and options.resource_version != str(old.version):
            text = failure.version_text(options.resource_version, str(old.version))
            raise failure.conflict(kind, old.name, text, what=kind.resource.kind)

    def _grace(self, kind: Kind, tree: Tree, options: Deletion) -> int:
        """Only Pods that run somewhere take their time (podStrategy.CheckGracefulDelete)."""
        if kind is not kinds.PODS:
            return 0
        if not tree["spec"].get("nodeName") or tree["status"].get("phase") in {"Succeeded", "Failed"}:
            return 0
        wanted = options.grace_period_seconds
        if wanted is None:
            wanted = tree["spec"].get("terminationGracePeriodSeconds", 30)
        return max(1, wanted) if wanted < 0 else int(wanted)

    def _may_go(self, kind: Kind, tree: Tree) -> bool:
        if kind is kinds.NAMESPACES:
            return not (tree.get("spec") or {}).get("finalizers")
        meta = tree["metadata"]
        return not meta.get("finalizers") and not meta.get("deletionGracePeriodSeconds", 0)

    # --- subresources that are verbs --------------------------------------------------------------------------------

    def bind(self, place: Place, body: Tree) -> None:
        """POST pods/binding: the scheduler's decision. Raises Failure 409."""
        node = (body.get("target") or {}).get("name", "")
        old = self.get(place)
        if old.tree["spec"].get("nodeName"):
            text = f"pod {place.name} is already assigned to node {json_text(old.tree['spec']['nodeName'])}"
            raise failure.conflict(place.kind, place.name, text, what="pods/binding")
        scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        scheduled["lastTransitionTime"] = stamp(self._clock.now())
        status = {**old.tree["status"]}
        kept = [condition for condition in status.get("conditions") or () if condition["type"] != "PodScheduled"]
        status["conditions"] = [*kept, scheduled]
        tree = {**old.tree, "metadata": {**old.tree["metadata"]}, "status": status}
        tree["spec"] = {**tree["spec"], "nodeName": node}
        self.storage.put(place.kind, place.namespace, place.name, tree)

    def evict(self, place: Place, options: Deletion, *, dry_run: bool = False) -> None:
        """POST pods/eviction: a deletion that asks the disruption budgets. Raises Failure 429."""
        pod = self.get(place)
        if "deletionTimestamp" not in pod.tree["metadata"]:
            self._take_from_budget(place, pod, dry_run=dry_run)
        self.delete(place, options, dry_run=dry_run, admitted=True)

    def _take_from_budget(self, place: Place, pod: Stored, *, dry_run: bool) -> None:
        labels = selectors.labels_of(pod.tree)
        budgets = [
            one
            for one in self.storage.table(kinds.PDBS).sorted(place.namespace)
            if selectors.matches((one.tree.get("spec") or {}).get("selector"), labels)
        ]
        if len(budgets) > 1:
            raise failure.internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            )
        for budget in budgets:
            status = budget.tree.get("status") or {}
            allowed = status.get("disruptionsAllowed", 0)
            if status.get("observedGeneration", 0) < budget.tree["metadata"].get("generation", 0) or allowed <= 0:
                raise failure.budget_exhausted(budget.name, status)
            if not dry_run:
                disrupted = {**(status.get("disruptedPods") or {}), place.name: stamp(self._clock.now())}
                tree = {**budget.tree, "metadata": {**budget.tree["metadata"]}}
                tree["status"] = {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": disrupted}
                managed = managers.updated(
                    kinds.PDBS, budget.tree, tree, manager=_ITSELF, subresource="status", now=stamp(self._clock.now())
                )
                self.storage.put(kinds.PDBS, budget.namespace, budget.name, managed)


def json_text(value: Any) -> str:
    """A Go %q."""
    return f'"{value}"'


def _is_sound(meta: Tree) -> bool:
    """Whether labels and annotations are maps of strings."""
    for field in ("labels", "annotations"):
        found = meta.get(field)
        if found is not None and not (
            isinstance(found, dict) and all(isinstance(v, str | None) for v in found.values())
        ):
            return False
    return True


def _other_uid(place: Place, wanted: str, found: str) -> failure.Failure:
    path = "/".join(part for part in ("/registry", place.kind.resource.plural, place.namespace, place.name) if part)
    text = (
        f"StorageError: invalid object, Code: 4, Key: {path}, ResourceVersion: 0, AdditionalErrorMsg: Precondition "
        f"failed: UID in precondition: {wanted}, UID in object meta: {found}"
    )
    return failure.conflict(place.kind, place.name, text)
