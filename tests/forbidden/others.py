"""Writes of ReplicaSets to be created or deleted, of budgets and of Events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inplace.core.objects import names
from inplace.kube import resource as resources
from tests.forbidden.stage import GONE, NEVER, OURS, event, template
from tests.forbidden.workloads import metadata
from tests.forbidden.write import Tree, Write, put


def of_replica_sets(deployment: Tree, kept: str) -> Iterator[Write]:
    """ReplicaSets that no Deployment would have, and those that have Pods."""
    owner: Tree = {"apiVersion": "apps/v1", "kind": "Deployment", "controller": True}
    owner |= {key: deployment["metadata"][key] for key in ("name", "uid")}
    name, labels = f"{owner['name']}-12ab", {"app": owner["name"], "pod-template-hash": "12ab"}
    made = template(owner["name"])
    made["metadata"]["labels"] = labels
    spec: Tree = {"replicas": 0, "selector": {"matchLabels": labels}, "template": made}
    meta: Tree = {"name": name, "labels": labels, "ownerReferences": [owner]}
    one: Tree = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}
    sets: dict[str, Tree] = {
        "Pods": {**one, "spec": {**spec, "replicas": 1}},
        "Pods by default": {**one, "spec": {key: value for key, value in spec.items() if key != "replicas"}},
    }
    others: dict[str, Tree] = {
        "no owner": {"ownerReferences": []},
        "no controller": {"ownerReferences": [{**owner, "controller": False}]},
        "an owner of another kind": {"ownerReferences": [{**owner, "kind": "StatefulSet"}]},
        "an owner of another group": {"ownerReferences": [{**owner, "apiVersion": "example.com/v1"}]},
        "two owners": {"ownerReferences": [owner, {**GONE, "controller": False}]},
        "another's name": {"name": "another-12ab"},
        "another hash": {"name": f"{owner['name']}-34cd"},
        "finalizers": {"finalizers": NEVER},
        "no hash": {"labels": {"app": owner["name"]}},
    }
    for what, fields in others.items():
        sets[what] = {**one, "metadata": {**meta, **fields}}
    for what, body in sets.items():
        yield Write(f"ReplicaSet with {what}", resources.REPLICASETS, body["metadata"]["name"], body=body)
    for name in (kept, "web-replicaset", "plain-replicaset"):
        yield Write("with Pods, or nobody's", resources.REPLICASETS, name)


def of_budget() -> Iterator[Write]:
    """What is not taken from a budget as an eviction takes it."""
    yield from metadata(resources.PODDISRUPTIONBUDGETS, "web", "status")
    for field, value in {
        "disruptionsAllowed": 9,
        "currentHealthy": 9,
        "desiredHealthy": 9,
        "expectedPods": 9,
        "observedGeneration": 99,
    }.items():
        yield _budget(field, f"/status/{field}", value)
    lie = [{"type": "X", "status": "True", "reason": "X", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    yield _budget("conditions", "/status/conditions", lie)
    yield _budget("a label", "/metadata/labels/a", "c")
    yield _budget("an annotation", "/metadata/annotations/a", "c")


def _budget(what: str, path: str, value: object) -> Write:
    return put(what, resources.PODDISRUPTIONBUDGETS, "web", path, value, subresource="status")


def of_events(namespace: str) -> Iterator[Write]:
    """Events of others, and other Events."""

    def about(name: str, **fields: Any) -> Tree:
        made = event(name, **fields)
        made["involvedObject"]["namespace"] = namespace
        return made

    forged = {
        "the kubelet's": about("forged"),
        "half ours": about("forged", reportingComponent=names.CONTROLLER_NAME),
        "half theirs": about("forged", source=OURS["source"]),
    }
    for what, body in forged.items():
        yield Write(f"an Event, {what}", resources.EVENTS, "forged", body=body)
    held = about("forged", **OURS)
    held["metadata"]["finalizers"] = NEVER
    yield Write("an Event with finalizers", resources.EVENTS, "forged", body=held)
    theirs: tuple[tuple[str, str, object], ...] = (
        ("message", "/message", "all is well"),
        ("count", "/count", 99),
        ("reporter", "/reportingComponent", names.CONTROLLER_NAME),
        ("finalizers", "/metadata/finalizers", NEVER),
    )
    for what, path, value in theirs:
        yield put(f"their Event: {what}", resources.EVENTS, "theirs", path, value)
    ours: tuple[tuple[str, str, object], ...] = (
        ("reason", "/reason", "Killing2"),
        ("type", "/type", "Warning"),
        ("what about", "/involvedObject/name", "other"),
        ("finalizers", "/metadata/finalizers", NEVER),
        ("owners", "/metadata/ownerReferences", [GONE]),
        ("reporter", "/reportingComponent", "kubelet"),
    )
    for what, path, value in ours:
        yield put(f"our Event: {what}", resources.EVENTS, "ours", path, value)
