"""The ControllerRevisions of one workload kind, as its controller keeps them (pkg/controller/history).

A revision is found again by its content, and is then the newest; a name that another content has taken counts as a
collision; unused ones are deleted, the oldest first.
"""

from __future__ import annotations

from msgspec import Struct

from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import AlreadyExists
from inplace.kube.store import Store
from kubesim.controllers import revisions
from kubesim.controllers.base import owns
from kubesim.controllers.informers import Tree


class Settled(Struct, frozen=True):
    """The revision of the present template, all that were known before, oldest first, and the collisions so far."""

    newest: Tree
    known: list[Tree]
    collisions: int


class History:
    """Of all workloads of a kind; `hash_label` is where the kind keeps its hash."""

    def __init__(self, client: Client, store: Store[Tree], kind: str, hash_label: str) -> None:
        self._client = client
        self._store = store
        self._kind = kind
        self._hash_label = hash_label

    async def settle(self, workload: Tree) -> Settled:
        """See that the present template has a revision with the highest number."""
        known = self._known(workload)
        collisions = (workload.get("status") or {}).get("collisionCount", 0)
        data = revisions.data_of(workload["spec"]["template"])
        latest = known[-1]["revision"] if known else 0
        found = revisions.find(known, data)
        if found is None:
            return await self._create(workload, known, data, latest + 1, collisions)
        newest = found if found["revision"] == latest else await self._renumber(found, latest + 1)
        return Settled(newest, known, collisions)

    async def truncate(self, workload: Tree, live: set[str]) -> None:
        """Delete what is beyond the limit; `live` are the names of those in use."""
        limit = workload["spec"].get("revisionHistoryLimit", 10)
        for superfluou in revisions.superfluous(self._known(workload), live, limit):
            meta = superfluou["metadata"]
            await self._client.delete(resources.CONTROLLERREVISIONS, meta["name"], meta["namespace"])

    def _known(self, workload: Tree) -> list[Tree]:
        return revisions.in_order(one for one in self._store.values() if owns(workload, one))

    async def _renumber(self, revision: Tree, number: int) -> Tree:
        """An older revision with the wanted content becomes the newest."""
        meta, body = revision["metadata"], {**revision, "revision": number}
        where = resources.CONTROLLERREVISIONS
        made: Tree = await self._client.replace(where, meta["name"], meta["namespace"], body, type=dict)
        return made

    async def _create(self, workload: Tree, known: list[Tree], data: Tree, number: int, collisions: int) -> Settled:
        namespace = workload["metadata"]["namespace"]
        while True:
            label = self._hash_label
            body = revisions.new(workload, self._kind, data, number, collisions, hash_label=label)
            made: Tree
            try:
                made = await self._client.create(resources.CONTROLLERREVISIONS, namespace, body, type=dict)
            except AlreadyExists:
                name = body["metadata"]["name"]
                made = await self._client.get(resources.CONTROLLERREVISIONS, name, namespace, type=dict)
                if made["data"] != data:
                    collisions += 1
                    continue
            return Settled(made, known, collisions)
