"""Caches -> one Snapshot of one workload, or what is still missing for one.

Reflectors are not ordered among each other: a Pod may be seen before the revision that its label names. Such a look is
Incomplete, and nothing is ever decided on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from inplace.cluster.world import Key, World
from inplace.core import kinds
from inplace.core.objects.model import Meta, Pod, Workload
from inplace.core.rollout.snapshot import Snapshot


class Incomplete(Struct, frozen=True):
    """The caches do not agree yet. `missing` names the ControllerRevisions that are looked for."""

    reason: str
    workload: Workload
    missing: tuple[str, ...]


class Gone(Struct, frozen=True):
    """The workload does not exist (any more)."""


def gather(world: World, key: Key, not_before: datetime | None, absent: frozenset[str]) -> Snapshot | Incomplete | Gone:
    """One consistent look. `absent` names revisions that a live read has shown not to exist."""
    kind = kinds.BY_NAME[key.kind]
    workload = world.workload(key)
    if workload is None:
        return Gone()
    owner = workload.metadata.controller()
    if owner is not None and kinds.is_supported(owner):
        return Gone()  # it belongs to another workload, which is looked at as a whole
    family = world.family(workload, kind)
    pods = world.pods_of(workload, family)
    revisions = world.templates(workload, kind, family)
    if world.marked(workload.metadata):
        wanted = kind.expected(workload, pods)
        missing = {one: wanted[one] for one in sorted(wanted.keys() - revisions.keys()) if wanted[one] not in absent}
        if missing:
            why = f"revision {', '.join(missing)} is not in the cache yet"
            return Incomplete(why, workload, tuple(missing.values()))
    uids = [pod.metadata.uid for pod in pods]
    nodes = {name: world.node_of(name) for name in {pod.spec.node_name for pod in pods}}
    budgets = world.budgets.by("namespace", key.namespace) if world.marked(workload.metadata) else ()
    metas = [one.metadata for one in budgets]
    return Snapshot(
        kind=kind,
        workload=workload,
        pods=pods,
        revisions=revisions,
        family=family,
        nodes={name: node for name, node in nodes.items() if node is not None},
        sights={uid: world.sights[uid] for uid in uids if uid in world.sights},
        pending=_pending(world, (workload, *family.children), pods, metas),
        blocked={uid: world.blocked[uid] for uid in uids if uid in world.blocked},
        not_before=not_before,
        contest=world.contest(workload.metadata.uid),
        rehearsed=world.rehearsed(workload.metadata.uid),
        room=world.room(key.namespace),
        pulling=world.pulling(workload.metadata.uid),
        budgets=budgets,
        reserved={meta.uid: world.reserved[meta.uid] for meta in metas if meta.uid in world.reserved},
        counted_again={meta.uid: world.counted_again[meta.uid] for meta in metas if meta.uid in world.counted_again},
        short_since=world.short_since.get(workload.metadata.uid),
        interlock=world.interlock(key.kind, key.namespace) if kind.frozen_on_demand else False,
    )


def _pending(
    world: World, workloads: tuple[Workload, ...], pods: tuple[Pod, ...], others: Iterable[Meta]
) -> frozenset[str]:
    if not world.unsettled():
        return frozenset()
    everything = (*(one.metadata for one in workloads), *(pod.metadata for pod in pods), *others)
    return frozenset(meta.uid for meta in everything if world.pending(meta))
