"""What everybody else writes passes every policy: users, Helm, Argo CD, autoscalers, controllers, the collector.

Thousands of writes are generated, of workloads in every state: opted in or not, frozen or not, with settings that no
version knows any more, being deleted. Every policy is there as it is shipped. A write is refused only if it sets a
setting wrongly or lifts the freeze together with a new template; and of what is stored only the freeze may differ from
what was written.
"""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from msgspec import Struct

from inplace.core.objects import names
from kubesim.api import kinds
from kubesim.api.admission.policies import Policies
from kubesim.api.failure import Failure
from kubesim.api.kinds import Kind
from kubesim.api.registry import Place
from kubesim.api.storage import Storage
from tests.scenarios import policies
from tests.unit.manifests import admission
from tests.unit.manifests.admission import NAME, NAMESPACE, Tree, owned_by, pod, workload
from tests.unit.manifests.fences import drop, put
from tests.unit.manifests.test_freeze_policies import LIFTING

WRITES = 1000
FROZEN = {
    kinds.STATEFULSETS: {"type": "RollingUpdate", "rollingUpdate": {"partition": names.FROZEN_PARTITION}},
    kinds.DAEMONSETS: {"type": "OnDelete"},
}
#: Settings that were accepted once, or never looked at.
OLD_SETTINGS = {names.PREFIX + "surge": "1", names.PREFIX + "max-unavailable": "many", names.PREFIX + "paused": "maybe"}
Change = Callable[[Tree], object]


class Writer(Struct, frozen=True):
    """Who writes, and what; below `subresource`. `deleting`: only what is being deleted."""

    user: str
    changes: dict[str, Change]
    subresource: str = ""
    deleting: bool = False


def _account(name: str) -> str:
    return f"system:serviceaccount:kube-system:{name}"


def _counts(tree: Tree) -> None:
    tree.setdefault("status", {}).update(
        {"replicas": 3, "observedGeneration": 7, "conditions": [{"type": "Available"}]}
    )


def _first_container(tree: Tree) -> Tree:
    spec = tree["spec"].get("template", tree)["spec"] if "template" in tree["spec"] else tree["spec"]
    found: Tree = spec["containers"][0]
    return found


def _rendered(tree: Tree) -> None:
    """A new image, and the strategy that the chart has."""
    _first_container(tree).update(image="app:v2")
    if "updateStrategy" in tree["spec"]:
        tree["spec"]["updateStrategy"] = {"type": "RollingUpdate"}
    if "strategy" in tree["spec"]:
        tree["spec"]["paused"] = False


RESIZED: dict[str, Change] = {
    "resources": lambda tree: _first_container(tree).update(resources={"requests": {"cpu": "100m"}})
}
PEOPLE = {
    "scale": put("spec", "replicas", value=7),
    "label": put("metadata", "labels", "team", value="b"),
    "annotate": put("metadata", "annotations", "example.com/x", value="y"),
    "image": lambda tree: _first_container(tree).update(image="app:v2"),
    "environment": lambda tree: _first_container(tree).update(env=[{"name": "A", "value": "b"}]),
    "no labels": drop("metadata", "labels"),
    "seconds": put("spec", "minReadySeconds", value=5),
    "opt out": lambda tree: tree["metadata"].get("labels", {}).pop(names.MODE, None),
    "a setting": put("metadata", "annotations", names.PREFIX + "max-unavailable", value="2"),
    "old settings gone": lambda tree: [tree["metadata"].get("annotations", {}).pop(key, 0) for key in OLD_SETTINGS],
    "finalizer": put("metadata", "finalizers", value=["example.com/x"]),
}
HELM = {
    "managed": put("metadata", "labels", "app.kubernetes.io/managed-by", value="Helm"),
    "release": put("metadata", "annotations", "meta.helm.sh/release-name", value="web"),
    "chart": put("metadata", "labels", "helm.sh/chart", value="web-1.2.3"),
    "image": PEOPLE["image"],
    "replicas": put("spec", "replicas", value=2),
    "a chart": _rendered,
}
ARGO = {
    "instance": put("metadata", "labels", "argocd.argoproj.io/instance", value="web"),
    "tracking": put("metadata", "annotations", "argocd.argoproj.io/tracking-id", value="web:apps/x"),
    "restart": put("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt", value="now"),
    "image": PEOPLE["image"],
}
COLLECTOR = {
    "orphan": drop("metadata", "finalizers"),
    "foreground": put("metadata", "finalizers", value=["foregroundDeletion"]),
    "owners": drop("metadata", "ownerReferences"),
}
WRITERS = (
    Writer("jane", PEOPLE),
    Writer("jane", PEOPLE | COLLECTOR, deleting=True),
    Writer("system:serviceaccount:ci:helm", HELM),
    Writer("system:serviceaccount:argocd:argocd-application-controller", ARGO),
    Writer(_account("horizontal-pod-autoscaler"), {"scale": PEOPLE["scale"]}),
    Writer("system:serviceaccount:vpa:vpa-updater", RESIZED),
    Writer(_account("deployment-controller"), {
        "revision": put("metadata", "annotations", "deployment.kubernetes.io/revision", value="4"),
        "scale": put("spec", "replicas", value=0),
    }),
    Writer(_account("statefulset-controller"), {"counts": _counts}, "status"),
    Writer(_account("daemon-set-controller"), {"counts": _counts}, "status"),
    Writer(_account("replicaset-controller"), {"counts": _counts}, "status"),
    Writer(_account("deployment-controller"), {"counts": _counts}, "status"),
    Writer(_account("generic-garbage-collector"), COLLECTOR, deleting=True),
    Writer("system:kube-controller-manager", COLLECTOR | PEOPLE),
)  # fmt: skip
KUBELET = {
    "phase": put("status", "phase", value="Running"),
    "ready": put("status", "conditions", value=[{"type": "Ready", "status": "True"}]),
    "addresses": put("status", "podIPs", value=[{"ip": "10.0.0.2"}]),
}
OF_PODS = (
    Writer("system:node:n", KUBELET, "status"),
    Writer("system:kube-scheduler", {"nominated": put("status", "nominatedNodeName", value="n")}, "status"),
    Writer("jane", {"image": PEOPLE["image"], "label": PEOPLE["label"], "annotate": PEOPLE["annotate"]}),
    Writer(_account("replicaset-controller"), {"owners": drop("metadata", "ownerReferences")}),
    Writer(_account("generic-garbage-collector"), COLLECTOR, deleting=True),
    Writer("system:serviceaccount:vpa:vpa-updater", RESIZED),
)  # fmt: skip


@cache
def storage() -> Storage:
    """Every policy with its bindings."""
    made = Storage()
    made.put(kinds.NAMESPACES, "", NAMESPACE, {"metadata": {"name": NAMESPACE}})
    for one in policies.manifests():
        kind = next(kind for kind in kinds.KINDS if kind.resource.kind == one["kind"])
        made.put(kind, "", one["metadata"]["name"], copy.deepcopy(one))
    return made


def standing(kind: Kind, rng: random.Random, *, deleting: bool) -> Tree:
    """An object in one of its states."""
    if kind is kinds.PODS:
        made = pod(owner=owned_by("StatefulSet"), labels={"app": "web"}, annotations={names.STATE: "{}"})
    else:
        labels, annotations, spec = {"team": "a"}, {"example.com/kept": "1"}, dict[str, Any]()
        if rng.random() < 0.7:
            labels[names.MODE] = rng.choice(["InPlaceOnly", "InPlaceIfPossible", "Sometimes"])
        if rng.random() < 0.5:
            labels[names.FROZEN] = "true"
            spec = (
                {"paused": True}
                if kind is kinds.DEPLOYMENTS
                else {"updateStrategy": FROZEN[kind]}
                if kind in FROZEN
                else {}
            )
            annotations[names.STATUS] = '{"phase":"UpToDate","observedGeneration":1,"message":""}'
        if rng.random() < 0.5:
            annotations |= dict(rng.sample(sorted(OLD_SETTINGS.items()), 2))
        made = workload(kind, labels=labels, annotations=annotations, **spec)
    made["metadata"]["generation"] = 1
    if deleting:
        made["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["orphan", "example.com/x"]}
    return made


def generated(kind: Kind, number: int) -> Iterator[tuple[Writer, list[str], Tree, Tree]]:
    """Writes: by whom, which changes, and the object before and after."""
    rng = random.Random(f"{kind.resource.plural} {number}")
    writers = OF_PODS if kind is kinds.PODS else WRITERS
    for _ in range(number):
        writer = rng.choice(writers)
        old = standing(kind, rng, deleting=writer.deleting or rng.random() < 0.1)
        chosen = rng.sample(sorted(writer.changes), rng.randint(1, min(3, len(writer.changes))))
        new = copy.deepcopy(old)
        for what in chosen:
            writer.changes[what](new)
        yield writer, chosen, old, new


def lifts(kind: Kind, old: Tree, new: Tree) -> bool:
    """Whether the write lifts a freeze of ours, as refuse-lifting.yaml sees it."""
    before, labels = old["spec"], old["metadata"].get("labels", {})
    if names.MODE not in labels or names.FROZEN not in labels or kind is kinds.REPLICASETS:
        return False
    if kind is kinds.DEPLOYMENTS:
        return bool(before.get("paused")) and not new["spec"].get("paused")
    return before["updateStrategy"] == FROZEN[kind] and new["spec"]["updateStrategy"] not in (
        FROZEN[kind],
        {"type": "OnDelete"},
    )


def outside_the_freeze(tree: Tree) -> Tree:
    """The object without what the policies keep."""
    rest = copy.deepcopy(tree)
    for key in ("paused", "updateStrategy"):
        rest["spec"].pop(key, None)
    meta = rest["metadata"]
    meta.get("labels", {}).pop(names.FROZEN, None)
    meta.get("annotations", {}).pop(names.ORIGINAL_STRATEGY, None)
    for family in ("labels", "annotations"):
        if not meta.get(family):
            meta.pop(family, None)
    conditions = rest.get("status", {}).get("conditions", [])
    rest.setdefault("status", {})["conditions"] = [
        one for one in conditions if one["type"] not in ("Reconciling", "Stalled")
    ]
    return rest


@pytest.mark.parametrize("kind", [*admission.WORKLOADS, kinds.PODS], ids=lambda kind: kind.resource.plural)
def test_whoever_writes_what_is_theirs_is_neither_refused_nor_rewritten(kind):
    outcomes = Counter[str]()
    for writer, chosen, old, new in generated(kind, WRITES):
        place, asked = Place(kind, NAMESPACE, NAME, writer.subresource), Policies(storage(), writer.user, dry_run=False)
        where = f"{writer.user}: {chosen} of {old}"
        stored = asked.mutate(place, old, copy.deepcopy(new))
        if not writer.subresource:
            assert outside_the_freeze(stored) == outside_the_freeze(new), where
        try:
            asked.validate(place, old, stored)
        except Failure as error:
            outcomes["refused"] += 1
            raise AssertionError(f"{where}: {error.message}") from error
        outcomes["stored"] += 1
        # Without the policies that keep the freeze, the one write that does harm is refused, and no other.
        said = (
            admission.refusal("inplace-refuse-lifting", kind, old, new, user=writer.user)
            if kind is not kinds.PODS
            else ""
        )
        harm = kind is not kinds.PODS and not writer.subresource and lifts(kind, old, new) and _other_template(old, new)
        assert bool(said) == harm, where
        outcomes["lifts"] += harm
        assert not said or LIFTING in said
    assert outcomes["stored"] == WRITES
    assert outcomes["lifts"] or kind in (kinds.REPLICASETS, kinds.PODS)


def _other_template(old: Tree, new: Tree) -> bool:
    return bool(old["spec"]["template"] != new["spec"]["template"])


@pytest.mark.parametrize("kind", admission.WORKLOADS, ids=lambda kind: kind.resource.plural)
def test_whoever_may_delete_is_not_held_up(kind):
    rng = random.Random(kind.resource.plural)
    for user in ("jane", _account("generic-garbage-collector"), _account("namespace-controller")):
        for _ in range(20):
            old = standing(kind, rng, deleting=rng.random() < 0.5)
            Policies(storage(), user, dry_run=False).validate(Place(kind, NAMESPACE, NAME, ""), old, None)


def test_no_policy_knows_an_account_by_a_prefix():
    """Every ServiceAccount is `system:` something: a rule for that prefix would be one for everybody."""
    for one in policies.manifests():
        for condition in one["spec"].get("matchConditions", ()):
            if "userInfo" in condition["expression"]:
                assert "startsWith" not in condition["expression"]
                assert f"'{policies.ACCOUNT}'" in condition["expression"]
