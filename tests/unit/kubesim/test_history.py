"""How the model controllers keep their revisions: found by content, renumbered, and never mixed up by name."""

from __future__ import annotations

from typing import Any

from inplace.kube.errors import AlreadyExists, Status
from inplace.kube.store import Store
from kubesim.controllers import revisions
from kubesim.controllers.history import History
from kubesim.controllers.informers import key_of

HASH = "controller-revision-hash"


class Server:
    """Keeps ControllerRevisions by name."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []

    async def create(self, _resource, _namespace, body, **_):
        name = body["metadata"]["name"]
        if name in self.kept:
            raise AlreadyExists(409, Status())
        meta = {**body["metadata"], "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}
        self.kept[name] = {**body, "metadata": meta}
        return self.kept[name]

    async def get(self, _resource, name, _namespace, **_):
        return self.kept[name]

    async def replace(self, _resource, name, _namespace, body, **_):
        self.kept[name] = body
        return body

    async def delete(self, _resource, name, _namespace):
        self.deleted.append(name)
        del self.kept[name]


def workload(tag, limit=10):
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": tag}]}}
    meta = {"name": "web", "namespace": "default", "uid": "u"}
    return {"metadata": meta, "spec": {"template": template, "revisionHistoryLimit": limit}}


def opened():
    server = Server()
    store: Store[dict[str, Any]] = Store(key=key_of, version=lambda one: one["metadata"]["resourceVersion"])
    return server, store, History(server, store, "DaemonSet", HASH)  # type: ignore[arg-type]


def seen(server, store):
    for one in server.kept.values():
        store.put(one)


async def test_a_name_that_another_content_has_taken_counts_as_a_collision():
    server, _, history = opened()
    taken = "web-" + revisions.hash_of(revisions.data_of(workload("a")["spec"]["template"]))
    server.kept[taken] = {"metadata": {"name": taken}, "data": {"somebody": "else"}}
    made = await history.settle(workload("a"))
    assert made.collisions == 1
    assert made.newest["metadata"]["name"] != taken
    assert made.newest["metadata"]["name"] == f"web-{made.newest['metadata']['labels'][HASH]}"


async def test_a_template_of_before_is_the_newest_again():
    server, store, history = opened()
    first = (await history.settle(workload("a"))).newest
    seen(server, store)
    await history.settle(workload("b"))
    seen(server, store)
    again = (await history.settle(workload("a"))).newest
    assert (again["metadata"]["name"], again["revision"]) == (first["metadata"]["name"], 3)


async def test_what_nobody_uses_goes_beyond_the_limit():
    server, store, history = opened()
    for tag in "abcd":
        await history.settle(workload(tag))
        seen(server, store)
    names = [one["metadata"]["name"] for one in revisions.in_order(server.kept.values())]
    await history.truncate(workload("d", limit=1), {names[0], names[3]})
    assert server.deleted == [names[1]]
