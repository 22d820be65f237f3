"""What the cache keeps of an object: all of what is ours, and of what is not nothing that others can make large."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import msgspec
import pytest

from inplace.cluster import kept
from inplace.cluster.cache import Cache
from inplace.cluster.gather import Partly, gather
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.plan import opt_out
from inplace.core.rollout.snapshot import Snapshot
from inplace.kube.client import Client
from tests.factories import NOW
from tests.property.simulation import FakeClock
from tests.unit.cluster.test_cache import owned_by

MEGABYTE = "x" * 1_000_000
OPTED_IN = {names.MODE: "InPlaceOnly"}
KEY = Key("Deployment", "default", "web")
KEPT: dict[Any, Callable[[Cache, Any, int], Any]] = {
    Workload: partial(kept.workload, "Deployment"),
    Revision: kept.revision,
    Pod: kept.pod,
    Pdb: kept.budget,
    Node: kept.node,
}


def received(tree, type_):
    """As a page brings it: its Raw fields are views of all of it."""
    body = msgspec.json.encode({"items": [tree, {"filler": MEGABYTE}]})
    page = msgspec.json.decode(body, type=dict[str, tuple[msgspec.Raw, ...]])
    return msgspec.json.decode(page["items"][0], type=type_), len(page["items"][0])


def arrives(cache, kind, tree):
    """Store what is kept of a workload that is received."""
    found, size = received(tree, Workload)
    one = kept.workload(kind, cache, found, size)
    cache.workloads[kind].put(one, size)
    return one


def deployment(labels=None, version="1", **more):
    meta = {"name": "web", "namespace": "default", "uid": "web", "resourceVersion": version, "labels": labels or {}}
    return {"metadata": meta, "spec": {"template": {"spec": {"containers": []}}}, **more}


def replica_set(version="1", text="a", **meta):
    owner = {"ownerReferences": owned_by("Deployment", "web", "web")}
    named = {"name": "web-1", "namespace": "default", "uid": "web-1", "resourceVersion": version}
    return {"metadata": {**named, **owner, **meta}, "spec": {"template": {"metadata": {"labels": {"text": text}}}}}


def large(type_):
    meta: dict[str, Any] = {"name": "a", "namespace": "default", "uid": "a", "resourceVersion": "1"}
    annotations = {"last": MEGABYTE}
    env = [{"name": "X", "value": MEGABYTE}]
    many = [{"name": f"container-{n}", "image": "x"} for n in range(30_000)]
    spec: dict[Any, dict[str, Any]] = {
        Workload: {"template": {"spec": {"containers": [{"env": env}]}}},
        Pod: {"nodeName": "n", "containers": many, "readinessGates": [{"conditionType": names.GATE}]},
        Pdb: {"selector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x" * 63] * 15_000}]}},
    }
    data = {"data": {"spec": MEGABYTE}} if type_ is Revision else {}
    managed = [{"manager": "kubectl", "fieldsV1": {f"f:{n}": {} for n in range(20_000)}}]
    meta = {**meta, "labels": {f"l{n}": "x" for n in range(20_000)}} if type_ is not Node else meta
    return {"metadata": {**meta, "annotations": annotations, "managedFields": managed}, "spec": spec.get(type_), **data}


@pytest.mark.parametrize("type_", KEPT, ids=lambda type_: type_.__name__)
def test_what_is_not_opted_in_takes_no_memory_however_large_it_is(type_):
    tree = {key: value for key, value in large(type_).items() if value is not None}
    cache, held = Cache(), []
    tracemalloc.start()
    try:
        for _ in range(5):
            found, size = received(tree, type_)
            held.append(KEPT[type_](cache, found, size))
            del found
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 100_000


def test_what_is_ours_is_whole_and_does_not_hold_on_to_its_page():
    cache = Cache()
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": MEGABYTE, "theirs": "kept"}
    tree = deployment(OPTED_IN)
    tree["metadata"]["annotations"] = annotations
    tracemalloc.start()
    try:
        found = arrives(cache, "Deployment", tree)
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not found.partial
    assert bytes(found.spec.template) == b'{"spec":{"containers":[]}}'
    assert found.metadata.annotations == {"theirs": "kept"}
    assert used < 100_000


def test_what_an_opted_in_workload_owns_is_whole_and_what_only_names_it_is_not():
    cache = Cache()
    arrives(cache, "Deployment", deployment(OPTED_IN))
    assert not arrives(cache, "ReplicaSet", replica_set()).partial
    forged = replica_set(name="forged", ownerReferences=owned_by("Deployment", "web", "another uid"))
    assert arrives(cache, "ReplicaSet", forged).partial
    arrives(cache, "StatefulSet", deployment(OPTED_IN))
    owned = owned_by("StatefulSet", "web", "web")
    of_revision, size = received(replica_set(name="web-2", ownerReferences=owned), Revision)
    assert not kept.revision(cache, of_revision, size).partial


def test_a_plan_of_what_was_opted_in_later_waits_until_it_is_read_whole():
    cache = Cache()
    arrives(cache, "Deployment", deployment())
    arrives(cache, "ReplicaSet", replica_set())
    memory = Memory(FakeClock(), cache)
    assert isinstance(gather(cache, memory, KEY, NOW), Snapshot)
    arrives(cache, "Deployment", deployment(OPTED_IN, version="2"))
    found = gather(cache, memory, KEY, NOW)
    assert isinstance(found, Partly)
    assert [each.metadata.name for each in found.objects] == ["web-1"]


class _Server:
    """Has one object."""

    def __init__(self, tree, type_):
        self.found, _ = received(tree, type_)

    async def get(self, where, name, namespace, *, type):
        assert (where.plural, name, namespace, type) == ("replicasets", "web-1", "default", Workload)
        return self.found


@pytest.mark.parametrize(("live", "done"), [("1", True), ("2", False)])
async def test_a_live_read_never_goes_back_or_ahead_in_time(live, done):
    cache = Cache()
    arrives(cache, "Deployment", deployment())
    rest = arrives(cache, "ReplicaSet", replica_set())
    server = _Server(replica_set(version=live), Workload)
    assert await kept.complete(cast("Client", server), cache, "ReplicaSet", [rest]) is done
    stored = cache.workloads["ReplicaSet"].get("default", "web-1")
    assert stored.metadata.resource_version == "1"
    assert stored.partial is not done


def test_what_is_not_ours_any_more_is_let_go():
    cache = Cache()
    arrives(cache, "Deployment", deployment(OPTED_IN))
    arrives(cache, "ReplicaSet", replica_set())
    own = Pod(
        metadata=received(replica_set(name="p", ownerReferences=owned_by("ReplicaSet", "web-1", "web-1")), Pod)[
            0
        ].metadata
    )
    cache.pods.put(own, 2 * kept.LARGE)
    kept.shed(cache, "Deployment", arrives(cache, "Deployment", deployment(version="2")))
    assert cache.workloads["ReplicaSet"].get("default", "web-1").partial
    assert cache.pods.get("default", "p").partial


def test_what_is_left_to_clean_up_after_an_opt_out_is_kept():
    cache = Cache()
    tree = deployment(status={"conditions": [{"type": "Reconciling", "status": "True"}]})
    tree["metadata"]["managedFields"] = [{"manager": names.FIELD_MANAGER}, {"manager": "kubectl"}]
    assert arrives(cache, "Deployment", tree).partial
    snapshot = gather(cache, Memory(FakeClock(), cache), KEY, NOW)
    assert isinstance(snapshot, Snapshot)
    assert [type(one).__name__ for one in opt_out.cleanup(snapshot)] == ["ClearStatus"]
    assert len(opt_out.release(snapshot)) == 1


def test_a_workload_is_read_whole_for_what_is_left_below_it():
    """Nothing of ours is on it nor on its Pods any more: the record of templates is still to be removed."""
    cache = Cache()
    arrives(cache, "Deployment", deployment())
    arrives(cache, "ReplicaSet", replica_set(annotations={names.TEMPLATES: "{}"}))
    found = gather(cache, Memory(FakeClock(), cache), KEY, NOW)
    assert isinstance(found, Partly)
    assert [each.metadata.name for each in found.objects] == ["web"]
