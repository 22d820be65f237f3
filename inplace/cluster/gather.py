"""Cache and memory -> one Snapshot of one workload, or what is still missing for one. The only way to a Snapshot.

Reflectors are not ordered among each other: a Pod may be seen before the revision that its label names. Such a look is
Incomplete, and nothing is ever decided on it.

Without a memory, which is how a command looks, what only the controller's process knows is inferred from the objects
(`inferred`) or taken from its last report (`rollout.reported`); nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from inplace.cluster.cache import Cache, is_ours
from inplace.cluster.kept import Partial, lacking
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.core import kinds
from inplace.core.kinds import OwnedObjects
from inplace.core.objects import names
from inplace.core.objects.model import Meta, Pod
from inplace.core.objects.workloads import Workload
from inplace.core.pod.observation import infer
from inplace.core.rollout.snapshot import PullPods, Snapshot
from inplace.core.state import records, statuses
from inplace.core.state.statuses import Phase


class Incomplete(Struct, frozen=True):
    """The caches do not agree yet. `missing` names the ControllerRevisions that are looked for."""

    reason: str
    workload: Workload
    missing: tuple[str, ...]
    #: All that its Pods name, whether they exist or not.
    named: frozenset[str] = frozenset()


class Partly(Struct, frozen=True):
    """The cache keeps only a rest of these objects: they are to be read live (`kept.complete`)."""

    objects: tuple[Partial, ...]


class Gone(Struct, frozen=True):
    """The workload does not exist (any more)."""


def gather(
    cache: Cache, memory: Memory | None, key: Key, now: datetime, *, absent: frozenset[str] = frozenset()
) -> Snapshot | Incomplete | Partly | Gone:
    """One consistent look. `absent` names revisions that a live read has shown not to exist, or not to be its own."""
    kind = kinds.BY_NAME[key.kind]
    workload = cache.workload(key)
    if workload is None:
        return Gone()
    if kinds.owner_of(workload.metadata, key.kind) is not None:
        return Gone()  # it belongs to another workload, which is looked at as a whole
    owned = cache.owned(workload, kind)
    pods = cache.pods_of(workload, owned)
    ours = is_ours(workload.metadata)
    budgets = cache.budgets.by("namespace", key.namespace) if ours else ()
    whole = not workload.partial or _is_anything_left(pods, owned)
    partial = lacking((workload, *owned.children, *owned.revisions, *pods, *budgets)) if whole else ()
    if partial:
        return Partly(partial)
    revisions = cache.templates(workload, kind, owned) if whole else {}
    if ours or memory is None:
        wanted = kind.expected(workload, pods)
        unknown = sorted(wanted.keys() - revisions.keys())
        missing = {revision: wanted[revision] for revision in unknown if wanted[revision] not in absent}
        if missing:
            why = f"revision {', '.join(missing)} is not in the cache yet"
            return Incomplete(why, workload, tuple(missing.values()), frozenset(wanted.values()))
    nodes = {name: cache.node(name) for name in {pod.spec.node_name for pod in pods}}
    seen = Snapshot(
        kind=kind,
        workload=workload,
        pods=pods,
        revisions=revisions,
        owned=owned,
        nodes={name: node for name, node in nodes.items() if node is not None},
        budgets=budgets,
        unseen=frozenset(cache.unseen),
    )
    return inferred(seen, cache, now) if memory is None else remembered(seen, memory)


def _is_anything_left(pods: Iterable[Pod], owned: OwnedObjects) -> bool:
    """Whether there is anything of ours below a workload that shows nothing of ours itself: it is to be removed."""
    recorded = any(records.is_left(pod) or records.result(pod) is not None for pod in pods)
    return recorded or any(child.metadata.annotation(names.TEMPLATES) is not None for child in owned.children)


def remembered(seen: Snapshot, memory: Memory) -> Snapshot:
    """With what the process knows besides."""
    uid, uids = seen.workload.metadata.uid, [pod.uid for pod in seen.pods]
    budgets = [pdb.metadata for pdb in seen.budgets]
    workloads = [workload.metadata for workload in (seen.workload, *seen.owned.children)]
    everything = (*workloads, *(pod.metadata for pod in seen.pods), *budgets)
    return replace(
        seen,
        observations={uid: memory.observations[uid] for uid in uids if uid in memory.observations},
        pending=_pending(memory, everything),
        failed_writes=memory.tries.of(uid),
        freeze_restored=memory.freeze_restored(uid),
        released=memory.released.get(uid, b""),
        dry_runs=memory.dry_runs(uid),
        room=memory.room(seen.workload.metadata.namespace),
        pull_pods=memory.pull_pods(seen.workload, seen.owned),
        recounted_at={pdb.uid: memory.recounted_at[pdb.uid] for pdb in budgets if pdb.uid in memory.recounted_at},
        blocked_since=memory.blocked_since.get(uid),
    )


def _pending(memory: Memory, metas: Iterable[Meta]) -> frozenset[str]:
    return frozenset(meta.uid for meta in metas if memory.is_pending(meta)) if memory.is_unsettled else frozenset()


def inferred(seen: Snapshot, cache: Cache, now: datetime) -> Snapshot:
    """With what the objects show of what a process would remember."""
    reported = statuses.current(seen.workload)
    inferred = {pod.uid: infer(pod, now, serving=cache.serves(pod)) for pod in seen.pods}
    # A workload that is done and not frozen can only rely on admission policies to be frozen in time.
    relies_on_policy = reported is not None and reported.phase is Phase.UP_TO_DATE and seen.kind.frozen_on_demand
    return replace(
        seen,
        observations={uid: observation for uid, observation in inferred.items() if observation is not None},
        pull_pods=PullPods(cache.pull_pods_of(seen.workload, seen.owned)),
        freeze_policy=relies_on_policy and seen.workload.metadata.label(names.FROZEN) is None,
        reported=reported,
    )
