"""What goes when its owner or its namespace has gone (pkg/controller/garbagecollector, pkg/controller/namespace).

Every deletion is one in the background: owners go first, what they owned follows. The default ServiceAccount of a new
namespace is made here as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from inplace.kube import resource as resources
from inplace.kube.errors import AlreadyExists, Conflict, NotFound
from inplace.kube.resource import Resource
from kubesim.controllers.base import Controller, Keys, is_deleting, itself
from kubesim.controllers.informers import Informers, Key, Tree

#: Kinds whose objects own others, and the kinds of those.
OWNED: Final[tuple[tuple[Resource, tuple[Resource, ...]], ...]] = (
    (resources.STATEFULSETS, (resources.PODS, resources.CONTROLLERREVISIONS)),
    (resources.DAEMONSETS, (resources.PODS, resources.CONTROLLERREVISIONS)),
    (resources.DEPLOYMENTS, (resources.REPLICASETS, resources.PODS)),
    (resources.REPLICASETS, (resources.PODS,)),
    (resources.PODS, (resources.PODS,)),
    (resources.SERVICES, (resources.ENDPOINTSLICES,)),
)


class GarbageCollector(Controller):
    """Deletes the dependents of one kind of owner."""

    def __init__(self, owner: Resource, dependents: tuple[Resource, ...], informers: Informers) -> None:
        super().__init__(informers)
        self.name = f"garbage of {owner.plural}"
        self._owner = owner
        self._owners = self.watch(owner, itself)
        self._dependents = {dependent: self.watch(dependent, self._owner_key()) for dependent in dependents}

    def _owner_key(self) -> Keys:
        def keys(obj: Tree) -> Iterable[Key]:
            for reference in obj["metadata"].get("ownerReferences") or ():
                if reference["kind"] == self._owner.kind:
                    yield obj["metadata"]["namespace"], reference["name"]

        return keys

    async def sync(self, key: Key) -> None:
        """Delete what an owner of this name has left behind."""
        present = self._owners.get(*key)
        uid = present["metadata"]["uid"] if present is not None else None
        for resource, store in self._dependents.items():
            for one in store.values():
                if key in set(self._owner_key()(one)) and self._is_orphan(one, key[1], uid):
                    await self._delete(resource, key, one)

    def _is_orphan(self, obj: Tree, name: str, uid: str | None) -> bool:
        references = obj["metadata"]["ownerReferences"]
        return not is_deleting(obj) and any(r["name"] == name and r["uid"] != uid for r in references)

    async def _delete(self, resource: Resource, key: Key, obj: Tree) -> None:
        """The cache of owners may be behind: only what the server does not know either has gone."""
        try:
            live: Tree = await self.client.get(self._owner, key[1], key[0], type=dict)
        except NotFound:
            live = {"metadata": {"uid": None}}
        if all(reference["uid"] != live["metadata"]["uid"] for reference in obj["metadata"]["ownerReferences"]):
            meta = obj["metadata"]
            try:
                await self.client.delete(resource, meta["name"], meta["namespace"], uid=meta["uid"])
            except (NotFound, Conflict):
                return


class NamespaceController(Controller):
    """Gives a namespace its ServiceAccount, and empties one that is deleted."""

    name = "namespace"
    _NAMESPACED: Final = tuple(
        one for one in resources.ALL if one.namespaced and one is not resources.SELFSUBJECTACCESSREVIEWS
    )

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._namespaces = self.watch(resources.NAMESPACES, itself)

    async def sync(self, key: Key) -> None:
        """One namespace."""
        found = self._namespaces.get(*key)
        if found is None:
            return
        name = key[1]
        if not is_deleting(found):
            await self._create_account(name)
            return
        left = [await self._empty(one, name) for one in self._NAMESPACED]
        if any(left):
            self.again(key, 0.5)
            return
        body = {**found, "spec": {"finalizers": []}}
        await self.client.replace(resources.NAMESPACES, name, None, body, type=dict, subresource="finalize")

    async def _create_account(self, namespace: str) -> None:
        body = {"metadata": {"name": "default"}}
        try:
            await self.client.create(resources.SERVICEACCOUNTS, namespace, body, type=dict)
        except AlreadyExists:
            return

    async def _empty(self, resource: Resource, namespace: str) -> bool:
        """Delete all objects of a kind; whether some are left."""
        found = await self.client.list(resource, namespace, type=dict)
        for item in found.items:
            if not is_deleting(item):
                try:
                    await self.client.delete(resource, item["metadata"]["name"], namespace)
                except NotFound:
                    continue
        return bool(found.items)
