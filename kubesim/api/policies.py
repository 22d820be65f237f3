"""What manifests/policies make of a write: the freeze kept, the status honest, the gate given to new Pods.

The same rules as the CEL there, which the real API server runs; tests hold the two together by running the same
scenarios on both. Without authentication, an account is told by the agent: ours begins with a prefix. Refuses to know
the validating ones, which only say what nobody here writes.
"""

from __future__ import annotations

from typing import Final

from inplace.core.objects import names
from kubesim.api import kinds
from kubesim.api.kinds import Tree
from kubesim.api.registry import Place
from kubesim.api.storage import Storage

_STUCK: Final = ("Degraded", "Refused", "RolledBack")
_HELD: Final = {"type": "RollingUpdate", "rollingUpdate": {"partition": names.FROZEN_PARTITION}}
_APPS: Final = frozenset(kind.resource.kind for kind in kinds.TEMPLATED)


class Policies:
    """Those installed: none at first. Change the attributes to install and remove them."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.keep_freeze = False
        self.honest_status = False
        self.gate = False
        #: What the agent of the controller's own account begins with.
        self.ours = "inplace-"

    def admit(self, agent: str, place: Place, old: Tree | None, new: Tree, *, dry_run: bool) -> Tree:
        """The object as it is stored."""
        kind = place.kind.resource.kind
        if old is None:
            return self._gated(place, new) if self.gate and kind == "Pod" else new
        if kind not in _APPS:
            return new
        if place.subresource == "status":
            return _honest(new) if self.honest_status else new
        foreign = dry_run or not agent.startswith(self.ours)
        return _kept(kind, old, new) if self.keep_freeze and foreign and not place.subresource else new

    def _gated(self, place: Place, pod: Tree) -> Tree:
        owners = [one for one in pod["metadata"].get("ownerReferences") or () if one.get("controller")]
        gates = pod["spec"].get("readinessGates") or []
        if not any(self._opted_in(place, pod, one) for one in owners):
            return pod
        if any(one["conditionType"] == names.GATE for one in gates):
            return pod
        return {**pod, "spec": {**pod["spec"], "readinessGates": [*gates, {"conditionType": names.GATE}]}}

    def _opted_in(self, place: Place, pod: Tree, owner: Tree) -> bool:
        """Whether the owner, or the Deployment that the owner is named after, carries the opt-in."""
        suffix = "-" + _labels(pod).get(names.TEMPLATE_HASH_LABEL, "")
        for kind in kinds.TEMPLATED:
            for one in self._storage.table(kind).sorted(place.namespace):
                by_name = kind.resource.kind == "Deployment" and owner["name"] == one.name + suffix
                if names.MODE in _labels(one.tree) and (by_name or owner["uid"] == one.tree["metadata"]["uid"]):
                    return True
        return False


def _kept(kind: str, old: Tree, new: Tree) -> Tree:
    """The freeze as it stood, whatever the write says (keep-freeze.yaml)."""
    if names.MODE not in _labels(old) or names.MODE not in _labels(new):
        return new
    if kind == "Deployment":
        rolls = old["spec"]["template"] != new["spec"]["template"] or old["spec"].get("paused")
        return new if new["spec"].get("paused") or not rolls else _frozen(new, {"paused": True})
    if names.FROZEN not in _labels(old):
        return new
    was, now = old["spec"].get("updateStrategy") or {}, new["spec"].get("updateStrategy") or {}
    unmarked = names.FROZEN not in _labels(new)
    partition = (was.get("rollingUpdate") or {}).get("partition")
    if kind == "StatefulSet" and partition == names.FROZEN_PARTITION and (now != was or unmarked):
        return _frozen(new, {"updateStrategy": _HELD})
    if kind == "DaemonSet" and was.get("type") == "OnDelete" and (now.get("type") != "OnDelete" or unmarked):
        return _frozen(new, {"updateStrategy": {"type": "OnDelete"}})
    return new


def _frozen(tree: Tree, spec: Tree) -> Tree:
    metadata = {**tree["metadata"], "labels": {**_labels(tree), names.FROZEN: "true"}}
    return {**tree, "metadata": metadata, "spec": {**tree["spec"], **spec}}


def _honest(tree: Tree) -> Tree:
    """`Reconciling` and `Stalled` while an upgrade is pending (honest-status.yaml)."""
    said = (tree["metadata"].get("annotations") or {}).get(names.STATUS)
    if said is None or names.MODE not in _labels(tree):
        return tree
    current = f'"observedGeneration":{tree["metadata"].get("generation")},' in said
    if current and '"phase":"UpToDate"' in said:
        return tree
    stuck = current and any(f'"phase":"{phase}"' in said for phase in _STUCK)
    found = (tree.get("status") or {}).get("conditions") or []
    known = {one["type"]: one for one in found}
    for type_, holds in (("Reconciling", not stuck), ("Stalled", stuck)):
        value = {"type": type_, "status": "True" if holds else "False", "reason": "InPlaceUpgrade"}
        known[type_] = {**known.get(type_, {}), **value}
    return {**tree, "status": {**(tree.get("status") or {}), "conditions": list(known.values())}}


def _labels(tree: Tree) -> dict[str, str]:
    return tree["metadata"].get("labels") or {}
