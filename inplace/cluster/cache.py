"""The cached objects of a cluster, and their relations.

Whom an object names as its owner is input: a relation counts only within a namespace, between kinds that belong
together, and if name and uid are those of the object that is named (`Identity`).

Only reflectors and lists write the stores, and live reads of the very version that is there; responses to our own
writes never do, so that everything here was once true on the server.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple, TypeVar

from msgspec import Raw
from msgspec.structs import replace

from inplace.cluster.key import Key
from inplace.core import kinds
from inplace.core.kinds import Kind, OwnedObjects, Template
from inplace.core.objects import names
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Meta, Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.rollout import pull_pods
from inplace.kube.store import Store

T = TypeVar("T", Workload, Pod, Revision, EndpointSlice, Pdb, Node)
_EVERY_PULL_POD = "all"
_POD = "Pod"
_REVISION = "ControllerRevision"
#: The uid of every Pod, for an EndpointSlice that cannot be read.
_ANY = "*"


class Identity(NamedTuple):
    """One object, for good: another one of the same name has another uid. The kind stands for its group as well."""

    namespace: str
    kind: str
    name: str
    uid: str


def is_ours(meta: Meta) -> bool:
    """Whether a workload is opted in, or still frozen by us."""
    return meta.label(names.MODE) is not None or meta.label(names.FROZEN) is not None


def _store(**indexers: Callable[[T], Iterable[Hashable]]) -> Store[T]:
    return Store(
        key=lambda item: (item.metadata.namespace, item.metadata.name),
        version=lambda item: item.metadata.resource_version,
        indexers=indexers,
    )


def _owner(kind: str) -> Callable[[Workload | Pod | Revision], Iterable[Identity]]:
    """Of objects of this kind. An owner in another namespace is none, whoever writes its uid."""

    def owners(item: Workload | Pod | Revision) -> Iterable[Identity]:
        owner = kinds.owner_of(item.metadata, kind)
        return () if owner is None else (Identity(item.metadata.namespace, owner.kind, owner.name, owner.uid),)

    return owners


def identity(meta: Meta, kind: str) -> Identity:
    """Of an object of this kind: the value of the index `owner` for what belongs to it."""
    return Identity(meta.namespace, kind, meta.name, meta.uid)


def _pulled_for(pod: Pod) -> Iterable[Hashable]:
    """A pull Pod: the Pod that it serves, and `all`."""
    served = pull_pods.served(pod.metadata)
    if served is None:
        return ()
    return (_EVERY_PULL_POD, Identity(pod.metadata.namespace, _POD, served.name, served.uid))


class Cache:
    """The stores by resource, and queries over them."""

    def __init__(self) -> None:
        self.workloads: dict[str, Store[Workload]] = {kind.name: _store(owner=_owner(kind.name)) for kind in kinds.ALL}
        self.pods: Store[Pod] = _store(
            owner=_owner(_POD),
            node=lambda pod: (pod.spec.node_name,) if pod.spec.node_name else (),
            pulls=_pulled_for,
        )
        self.revisions: Store[Revision] = _store(owner=_owner(_REVISION))
        self.slices: Store[EndpointSlice] = _store(
            serving=lambda item: (
                (item.metadata.namespace, uid) for uid in ((_ANY,) if item.unreadable else item.targets())
            )
        )
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

    def key_of(self, meta: Meta, kind: str = _POD) -> Key | None:
        """The workload at the end of the chain of owners of an object of this kind; None if there is none.

        As far as the cache knows the chain: one that is not seen yet ends it, and leads on when it is.
        """
        served = pull_pods.served(meta) if kind == _POD else None
        if served is not None:
            pod = self.pods.get(meta.namespace, served.name)
            owner = kinds.owner_of(pod.metadata, _POD) if pod is not None and pod.uid == served.uid else None
        else:
            owner = kinds.owner_of(meta, kind)
        found = None
        while owner is not None:  # two hops at most (`kinds.owner_of`)
            found = Key(owner.kind, meta.namespace, owner.name)
            above = self.workloads[owner.kind].get(meta.namespace, owner.name)
            itself = above is not None and above.metadata.uid == owner.uid
            owner = kinds.owner_of(above.metadata, owner.kind) if above is not None and itself else None
        return found

    def owned(self, workload: Workload, kind: Kind) -> OwnedObjects:
        """Objects of a workload besides its Pods."""
        itself = identity(workload.metadata, kind.name)
        children = self.workloads[kind.child_kind].by("owner", itself) if kind.child_kind else ()
        named = tuple(replace(child, kind=kind.child_kind) for child in children)
        return OwnedObjects(self.revisions.by("owner", itself), named)

    def pods_of(self, workload: Workload, owned: OwnedObjects) -> tuple[Pod, ...]:
        """The Pods of a workload or of its children, without terminated ones."""
        return tuple(pod for pod in self._all_pods_of(workload, owned) if not pod.over)

    def pull_pods_of(self, workload: Workload, owned: OwnedObjects) -> tuple[Pod, ...]:
        """The pull Pods for the Pods of a workload or of its children, terminated Pods among them."""
        served = (identity(pod.metadata, _POD) for pod in self._all_pods_of(workload, owned))
        return tuple(pull_pod for pod in served for pull_pod in self.pods.by("pulls", pod))

    def _all_pods_of(self, workload: Workload, owned: OwnedObjects) -> Iterable[Pod]:
        owners = (identity(owner.metadata, owner.kind) for owner in (workload, *owned.children))
        return (pod for owner in owners for pod in self.pods.by("owner", owner))

    def every_pull_pod(self) -> tuple[Pod, ...]:
        """The pull Pods of all workloads."""
        return self.pods.by("pulls", _EVERY_PULL_POD)

    def serves(self, pod: Pod) -> bool:
        """Whether an EndpointSlice still lists it as serving, or may."""
        return any(self.slices.by("serving", (pod.metadata.namespace, uid)) for uid in (pod.uid, _ANY))

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

    def uids(self) -> frozenset[str]:
        """The uids of everything that may be written to, or remembered."""
        stores: tuple[Store[Any], ...] = (*self.workloads.values(), self.pods, self.budgets)
        return frozenset(item.metadata.uid for store in stores for item in store.each())

    def node_names(self) -> frozenset[str]:
        """The names of all nodes."""
        return frozenset(name for _, name in self.nodes.keys())  # noqa: SIM118 - a store is no dict

    def node(self, name: str) -> Node | None:
        """The node of this name."""
        return self.nodes.get("", name)

    def forget(self, uid: str) -> None:
        """Drop the decoded templates of a deleted workload."""
        self._templates.pop(uid, None)
