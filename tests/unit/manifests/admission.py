"""manifests/policies as the embedded API server evaluates them, without a server: objects in, refusals or objects out.

A policy is asked alone, so that what it says is its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

from kubesim.api import kinds
from kubesim.api.admission.policies import Policies
from kubesim.api.failure import Failure
from kubesim.api.kinds import Kind
from kubesim.api.registry import Place
from kubesim.api.rules import strategy
from kubesim.api.storage import Storage
from tests.scenarios import policies

Tree = dict[str, Any]
Change = Callable[[Tree], object]

OURS = policies.ACCOUNT
SOMEBODY = "kubernetes-admin"
NAMESPACE, NAME = "test", "web"
WORKLOADS = kinds.TEMPLATED


def policy(name: str) -> Tree:
    """As it is shipped."""
    (found,) = [
        one for one in policies.manifests() if one["metadata"]["name"] == name and not one["kind"].endswith("Binding")
    ]
    return found


def validating() -> list[Tree]:
    """Every validating policy."""
    return [one for one in policies.manifests() if one["kind"] == "ValidatingAdmissionPolicy"]


@cache
def _storage(name: str) -> Storage:
    """The policy, bound as it is shipped."""
    storage = Storage()
    storage.put(kinds.NAMESPACES, "", NAMESPACE, {"metadata": {"name": NAMESPACE}})
    for one in policies.manifests():
        kind = next(kind for kind in kinds.KINDS if kind.resource.kind == one["kind"])
        own = one["metadata"]["name"] == name if kind in kinds.POLICIES else one["spec"]["policyName"] == name
        if own:
            storage.put(kind, "", one["metadata"]["name"], copy.deepcopy(one))
    return storage


def refusal(
    name: str,
    kind: Kind,
    old: Tree | None,
    new: Tree | None,
    *,
    subresource: str = "",
    user: str = OURS,
    dry_run: bool = False,
) -> str:
    """What the policy says against a write; empty if it lets it pass."""
    place = Place(kind, NAMESPACE, NAME, subresource)
    try:
        Policies(_storage(name), user, dry_run=dry_run).validate(place, old, new)
    except Failure as error:
        how, _, said = error.message.partition(" denied request: ")
    else:
        return ""
    assert f"ValidatingAdmissionPolicy '{name}' with binding '{name}'" in how
    assert not any(problem in said for problem in ("resulted in error", "compilation failed")), said
    return said


def mutated(
    name: str,
    kind: Kind,
    old: Tree | None,
    new: Tree,
    *,
    subresource: str = "",
    user: str = SOMEBODY,
    dry_run: bool = False,
    params: tuple[tuple[Kind, Tree], ...] = (),
) -> Tree:
    """What the policy makes of a write."""
    storage = _storage(name)
    for kind_of_param, tree in params:
        storage.put(kind_of_param, NAMESPACE, tree["metadata"]["name"], copy.deepcopy(tree))
    try:
        place = Place(kind, NAMESPACE, NAME, subresource)
        return Policies(storage, user, dry_run=dry_run).mutate(place, old, new)
    finally:
        for kind_of_param, _ in params:
            for one in storage.table(kind_of_param).sorted(NAMESPACE):
                storage.remove(kind_of_param, one)


def changed(tree: Tree, *changes: Change) -> Tree:
    """A copy with some changes made in it."""
    copied = copy.deepcopy(tree)
    for change in changes:
        change(copied)
    return copied


# --- objects ----------------------------------------------------------------------------------------------------------


def workload(kind: Kind, *, labels: Tree | None = None, annotations: Tree | None = None, **spec: Any) -> Tree:
    """A workload with the server's defaults."""
    selector = {"app": NAME}
    template = {
        "metadata": {"labels": selector},
        "spec": {"containers": [{"name": "app", "image": "app:v1"}]},
    }
    body: Tree = {
        "metadata": {"name": NAME, "namespace": NAMESPACE, "uid": "uid-of-web"},
        "spec": {"selector": {"matchLabels": selector}, "template": template, **spec},
    }
    if labels is not None:
        body["metadata"]["labels"] = labels
    if annotations is not None:
        body["metadata"]["annotations"] = annotations
    return strategy.prepare_create(kind, body)


def pod(*, owner: Tree | None = None, **metadata: Any) -> Tree:
    """A Pod with the server's defaults, which runs."""
    owners = {"ownerReferences": [owner]} if owner else {}
    body = {
        "metadata": {"name": NAME, "namespace": NAMESPACE, **owners, **metadata},
        "spec": {"containers": [{"name": "app", "image": "app:v1"}]},
    }
    tree = strategy.prepare_create(kinds.PODS, body)
    statuses = [{"name": "app", "image": "app:v1", "restartCount": 0, "ready": True, "imageID": "i", "state": {}}]
    conditions = [{"type": "Ready", "status": "True"}, {"type": "InPlaceUpdateReady", "status": "True"}]
    tree["status"] |= {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": statuses, "conditions": conditions}
    return tree


def owned_by(kind: str, *, controller: bool | None = True, name: str = NAME, uid: str = "uid-of-web") -> Tree:
    """An owner reference."""
    made: Tree = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid}
    return made if controller is None else {**made, "controller": controller}
