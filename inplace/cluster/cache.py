"""The cached objects of a cluster, and their relations.

Only reflectors and lists write the stores; responses to our own writes never do, so that everything here was once true
on the server.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from msgspec import Raw
from msgspec.structs import replace

from inplace.cluster.key import Key
from inplace.core import kinds
from inplace.core.kinds import Kind, OwnedObjects, Template
from inplace.core.objects import names
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Meta, Node, Pod
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.rollout import pull_pods
from inplace.kube.store import Store

T = TypeVar("T", Workload, Pod, Revision, EndpointSlice, Pdb, Node)
_EVERY_PULL_POD = "all"


def _store(**indexers: Callable[[T], Iterable[Hashable]]) -> Store[T]:
    return Store(
        key=lambda item: (item.metadata.namespace, item.metadata.name),
        version=lambda item: item.metadata.resource_version,
        indexers=indexers,
    )


def _owner(item: Workload | Pod | Revision) -> Iterable[tuple[str, str]]:
    """The namespace and the uid: an owner in another namespace is none, whoever writes its uid."""
    owner = item.metadata.controller()
    return () if owner is None else ((item.metadata.namespace, owner.uid),)


def _key(item: Workload | Pod) -> tuple[str, str]:
    return item.metadata.namespace, item.metadata.uid


def _pulled_for(pod: Pod) -> Iterable[Hashable]:
    """A pull Pod: the namespace and the uid of the Pod that it serves, and `all`."""
    served = pull_pods.served(pod.metadata)
    return (_EVERY_PULL_POD, (pod.metadata.namespace, served.uid)) if served is not None else ()


class Cache:
    """The stores by resource, and queries over them."""

    def __init__(self) -> None:
        self.workloads: dict[str, Store[Workload]] = {kind.name: _store(owner=_owner) for kind in kinds.ALL}
        self.pods: Store[Pod] = _store(
            owner=_owner,
            node=lambda pod: (pod.spec.node_name,) if pod.spec.node_name else (),
            pulls=_pulled_for,
        )
        self.revisions: Store[Revision] = _store(owner=_owner)
        self.slices: Store[EndpointSlice] = _store(serving=lambda item: item.targets())
        self.budgets: Store[Pdb] = _store(namespace=lambda pdb: (pdb.metadata.namespace,))
        self.nodes: Store[Node] = _store()
        #: Resources that could not be read for lack of rights, by plural name, with the API server's message.
        self.unseen: dict[str, str] = {}
        #: By uid of the workload and revision: the encoded and the decoded template.
        self._templates: dict[str, dict[str, tuple[Raw, Template]]] = {}

    def workload(self, key: Key) -> Workload | None:
        """The workload of this key, with its kind, which the items of a list do not name."""
        found = self.workloads[key.kind].get(key.namespace, key.name)
        return replace(found, kind=key.kind) if found is not None else None

    def opted_in(self, kind: str, namespace: str) -> list[Key]:
        """Every workload of a kind in a namespace that is opted in."""
        metas = (workload.metadata for workload in self.workloads[kind].values())
        return [
            Key(kind, namespace, meta.name)
            for meta in metas
            if meta.namespace == namespace and meta.label(names.MODE) is not None
        ]

    def key_of(self, meta: Meta) -> Key | None:
        """The workload at the end of this object's chain of owners; None if its kind is not supported.

        Anybody may write owners, also such as own each other: a chain ends where it comes back to itself.
        """
        found, owner, seen = None, meta.controller(), set[Key]()
        served = pull_pods.served(meta)
        if served is not None:
            pod = self.pods.get(meta.namespace, served.name)
            owner = pod.metadata.controller() if pod is not None and pod.uid == served.uid else None
        while owner is not None and kinds.is_supported(owner):
            found = Key(owner.kind, meta.namespace, owner.name)
            if found in seen:
                break
            seen.add(found)
            above = self.workloads[owner.kind].get(meta.namespace, owner.name)
            owner = above.metadata.controller() if above is not None else None
        return found

    def owned(self, workload: Workload, kind: Kind) -> OwnedObjects:
        """Objects of a workload besides its Pods."""
        itself = _key(workload)
        children = self.workloads[kind.child_kind].by("owner", itself) if kind.child_kind else ()
        named = tuple(replace(child, kind=kind.child_kind) for child in children)
        return OwnedObjects(self.revisions.by("owner", itself), named)

    def pods_of(self, workload: Workload, owned: OwnedObjects) -> tuple[Pod, ...]:
        """The Pods of a workload or of its children, without terminated ones."""
        owners = (workload, *owned.children)
        return tuple(pod for owner in owners for pod in self.pods.by("owner", _key(owner)) if not pod.over)

    def pull_pods_of(self, workload: Workload, owned: OwnedObjects) -> tuple[Pod, ...]:
        """The pull Pods for the Pods of a workload or of its children, terminated Pods among them."""
        served = (pod for owner in (workload, *owned.children) for pod in self.pods.by("owner", _key(owner)))
        return tuple(pull_pod for pod in served for pull_pod in self.pods.by("pulls", _key(pod)))

    def every_pull_pod(self) -> tuple[Pod, ...]:
        """The pull Pods of all workloads."""
        return self.pods.by("pulls", _EVERY_PULL_POD)

    def serves(self, pod: Pod) -> bool:
        """Whether an EndpointSlice still lists it as serving."""
        return bool(self.slices.by("serving", pod.uid))

    def templates(self, workload: Workload, kind: Kind, owned: OwnedObjects) -> dict[str, Template]:
        """The workload's revisions, decoded once each."""
        uid = workload.metadata.uid
        known, kept = self._templates.get(uid, {}), dict[str, tuple[Raw, Template]]()
        for revision, raw in kind.templates(workload, owned).items():
            before = known.get(revision)
            same = before is not None and before[0] == raw
            kept[revision] = before if before and same else (raw, Template.read(revision, raw, kind.read))
        self._templates[uid] = kept
        return {revision: template for revision, (_, template) in kept.items()}

    def node(self, name: str) -> Node | None:
        """The node of this name."""
        return self.nodes.get("", name)

    def forget(self, uid: str) -> None:
        """Drop the decoded templates of a deleted workload."""
        self._templates.pop(uid, None)
