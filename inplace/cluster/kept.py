"""What is kept of an object that was received. Memory grows with what is opted in, not with what exists.

Everybody may create objects, and large ones. Of a workload that is not opted in, and of what belongs to it, only that
is kept which shows when it becomes ours, and what is left on it to clean up; such a rest is `partial`. Once a plan
needs one whole, it is read live (`complete`): a rest has the version of what it was made from, so that nothing goes
back in time.

What is kept whole is cut loose from the page or the line in which it came: a `Raw` holds on to all of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from msgspec import Raw
from msgspec.structs import replace

from inplace.cluster.cache import Cache, identity
from inplace.core import kinds
from inplace.core.objects import names
from inplace.core.objects.model import ManagedMeta, Meta, Pod, PodSpec
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb, PdbSpec, Revision, Workload
from inplace.core.state import conditions
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import NotFound
from inplace.kube.resource import Resource
from inplace.kube.store import Store

M = TypeVar("M", bound=Meta)
T = TypeVar("T")
#: Of this size in bytes of JSON a Pod or a PodDisruptionBudget is unusual: one that need not be whole is not kept so.
LARGE: Final = 32 * 1024
#: The largest annotation of most workloads, and nothing to us.
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
#: So many objects are read at a time.
_AT_ONCE: Final = 8
_NOTHING: Final = Workload()

Partial = Workload | Revision | Pod | Pdb


def workload(kind: str, cache: Cache, found: Workload, size: int) -> Workload:
    """A workload of this kind: whole if it, or the workload that owns it, has anything of ours."""
    if _has_ours(found.metadata) or _owner_is_whole(cache, found.metadata, kind):
        return _detached(found)
    left = _NOTHING.spec
    spec = replace(
        found.spec,
        selector=left.selector,
        template=left.template,
        update_strategy=left.update_strategy,
        strategy=left.strategy,
        volume_claim_templates=left.volume_claim_templates,
    )
    rest = found.status.conditions if _is_reported_on(found) else _NOTHING.status.conditions
    meta = _bare(found.metadata, managed_fields=_own_fields(found.metadata))
    return replace(found, metadata=meta, spec=spec, status=replace(found.status, conditions=rest.copy()), partial=True)


def revision(cache: Cache, found: Revision, size: int) -> Revision:
    """A ControllerRevision: whole if the workload that owns it is."""
    if _owner_is_whole(cache, found.metadata, resources.CONTROLLERREVISIONS.kind):
        return replace(found, data=found.data.copy())
    return replace(found, metadata=_bare(found.metadata), data=Revision().data, partial=True)


def pod(cache: Cache, found: Pod, size: int) -> Pod:
    """A Pod: whole if it is not large, or has a record of ours, or is a workload's that is kept whole."""
    meta = found.metadata
    if size <= LARGE or _has_ours(meta) or _owner_is_whole(cache, meta, resources.PODS.kind):
        return found
    mirror = meta.annotation(names.MIRROR_ANNOTATION)
    bare = _bare(meta, annotations={} if mirror is None else {names.MIRROR_ANNOTATION: ""})
    spec = PodSpec(node_name=found.spec.node_name, readiness_gates=found.spec.readiness_gates)
    status = replace(found.status, message="", container_statuses=(), init_container_statuses=())
    return replace(found, metadata=bare, spec=spec, status=status, partial=True)


def budget(cache: Cache, found: Pdb, size: int) -> Pdb:
    """A PodDisruptionBudget: whole if it is not large."""
    meta = replace(found.metadata, managed_fields=_own_fields(found.metadata))
    if size <= LARGE:
        return replace(found, metadata=meta)
    bare = _bare(meta, managed_fields=_NOTHING.metadata.managed_fields)
    return replace(found, metadata=bare, spec=PdbSpec(), partial=True)


def node(cache: Cache, found: Node, size: int) -> Node:
    """A node without annotations. Its labels order Pods by zone, and its images are evidence."""
    status = replace(found.status, images=found.status.images.copy())
    return replace(found, metadata=replace(found.metadata, annotations=None), status=status)


def whole(cache: Cache, found: T, size: int) -> T:
    """What is not large, whoever makes it."""
    return found


def lacking(found: Iterable[Partial]) -> tuple[Partial, ...]:
    """Those of which only a rest is kept."""
    return tuple(each for each in found if each.partial)


def shed(cache: Cache, kind: str, owner: Workload) -> None:
    """Keep only a rest of what belongs to a workload of this kind that is not ours any more."""
    itself, below = identity(owner.metadata, kind), kinds.BY_NAME[kind].child_kind
    for child in cache.workloads[below].by("owner", itself) if below else ():
        cache.workloads[below].refine(workload(below, cache, child, 0))
        shed(cache, below, child)
    for held in cache.revisions.by("owner", itself):
        cache.revisions.refine(revision(cache, held, 0))
    for each in cache.pods.by("owner", itself):
        cache.pods.refine(pod(cache, each, cache.pods.size(each)))
    cache.forget(owner.metadata.uid)


async def complete(client: Client, cache: Cache, kind: str, found: Sequence[Partial]) -> bool:
    """Read what is only a rest; False if one has changed meanwhile: then the watch brings it, whole.

    `kind`: of the workload whose plan needs them. Raises what the client raises.
    """
    done = True
    for first in range(0, len(found), _AT_ONCE):
        several = found[first : first + _AT_ONCE]
        done = all(await asyncio.gather(*(_complete(client, cache, kind, each) for each in several))) and done
    return done


async def _complete(client: Client, cache: Cache, kind: str, found: Partial) -> bool:
    where, store = _place(cache, kind, found)
    meta = found.metadata
    try:
        live = await client.get(where, meta.name, meta.namespace, type=type(found))
    except NotFound:
        return False
    return store.refine(_detached(live) if isinstance(live, Workload) else live)


def _place(cache: Cache, kind: str, found: Partial) -> tuple[Resource, Store[Any]]:
    match found:
        case Workload():
            own = kinds.BY_NAME[found.kind or kind]
            return resources.find(own.group, own.plural), cache.workloads[own.name]
        case Revision():
            return resources.CONTROLLERREVISIONS, cache.revisions
        case Pod():
            return resources.PODS, cache.pods
        case Pdb():
            return resources.PODDISRUPTIONBUDGETS, cache.budgets


def _has_ours(meta: Meta) -> bool:
    return any(key.startswith(names.PREFIX) for key in (*(meta.labels or ()), *(meta.annotations or ())))


def _owner_is_whole(cache: Cache, meta: Meta, kind: str) -> bool:
    owner = kinds.owner_of(meta, kind)
    if owner is None:
        return False
    above = cache.workloads[owner.kind].get(meta.namespace, owner.name)
    return above is not None and above.metadata.uid == owner.uid and not above.partial


def _is_reported_on(found: Workload) -> bool:
    return any(type_.encode() in bytes(found.status.conditions) for type_ in conditions.OURS)


def _own_fields(meta: ManagedMeta) -> Raw:
    """The managedFields, if some are ours: to be released (`opt_out.release`), or reservations (`reservations.of`)."""
    ours = f'"{names.FIELD_MANAGER}"'.encode() in bytes(meta.managed_fields)
    return meta.managed_fields.copy() if ours else _NOTHING.metadata.managed_fields


def _bare(meta: M, **changes: Any) -> M:
    """No label or annotation but ours, of which a rest has none; and no owner but the one that counts."""
    owner = meta.controller()
    empty: dict[str, Any] = {"labels": meta.labels and {}, "annotations": meta.annotations and {}}
    return replace(meta, **{**empty, "owner_references": () if owner is None else (owner,), **changes})


def _detached(found: Workload) -> Workload:
    """Whole, on its own, and without what was last applied, which nothing here reads."""
    meta, spec, status = found.metadata, found.spec, found.status
    annotations = meta.annotations
    if annotations is not None and _LAST_APPLIED in annotations:
        annotations = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return replace(
        found,
        metadata=replace(meta, annotations=annotations, managed_fields=meta.managed_fields.copy()),
        spec=replace(
            spec,
            selector=spec.selector.copy(),
            template=spec.template.copy(),
            update_strategy=spec.update_strategy.copy(),
            strategy=spec.strategy.copy(),
            volume_claim_templates=spec.volume_claim_templates.copy(),
        ),
        status=replace(status, conditions=status.conditions.copy()),
    )
