"""Relations between cached objects: owners are what others write, and lead nowhere but to objects beside."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.cluster import unreadable
from inplace.cluster.cache import Cache
from inplace.cluster.gather import gather
from inplace.cluster.key import Key
from inplace.core import kinds
from inplace.core.kinds import ALL, BY_NAME, OwnedObjects
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Meta
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.kube.watch import Lost
from tests.factories import NOW, decode, pod

DEPLOYMENT = BY_NAME["Deployment"]


def owned_by(kind, name, uid="uid-of-it"):
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}]


def put(cache, kind, name, *, namespace="default", **meta):
    one = decode(
        {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", **meta}}, Workload
    )
    cache.workloads[kind].put(one)
    return one


@pytest.mark.parametrize(
    "chain",
    [
        [("StatefulSet", "web")],
        [("ReplicaSet", "web-1"), ("ReplicaSet", "web-2")],
        [("ReplicaSet", "web-1"), ("Deployment", "web")],
        [("ReplicaSet", "web-1"), ("Deployment", "web"), ("DaemonSet", "web")],
    ],
)
def test_owners_that_own_each_other_are_followed_for_two_hops_at_most(chain):
    """A workload that names itself as its controller is accepted by the API server, and left alone by its collector."""
    cache = Cache()
    for (kind, name), (above, owner) in zip(chain, [*chain[1:], chain[0]], strict=True):
        put(cache, kind, name, ownerReferences=owned_by(above, owner, f"uid-default-{owner}"))
    kind, name = chain[0]
    owners = owned_by(kind, name, f"uid-default-{name}")
    meta = decode({"name": "web-0", "namespace": "default", "ownerReferences": owners}, Meta)
    asked = Counted(cache)
    assert asked.key_of(meta) == Key("Deployment" if ("Deployment", "web") in chain else kind, "default", asked.last)
    assert asked.hops <= 2


class Counted:
    """Counts the workloads that are looked up."""

    def __init__(self, cache):
        self.cache, self.hops, self.last = cache, 0, ""
        for store in cache.workloads.values():
            store.get = self._counting(store.get)

    def _counting(self, get):
        def counted(namespace, name):
            self.hops, self.last = self.hops + 1, name
            assert self.hops < 10, "it goes round"
            return get(namespace, name)

        return counted

    def key_of(self, meta):
        return self.cache.key_of(meta)


@pytest.mark.parametrize("kind", [kind.name for kind in ALL])
def test_no_kind_owns_itself_by_way_of_others(kind):
    """Or a chain of owners could be longer than those that the controllers of apps/v1 make."""
    above = {one.name for one in ALL if kinds.owner_of(meta_of(owned_by(one.name, "it")), kind) is not None}
    assert above == ({"Deployment"} if kind == "ReplicaSet" else set())


def meta_of(owners, namespace="default"):
    return decode({"name": "web-0", "namespace": namespace, "uid": "pod", "ownerReferences": owners}, Meta)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param({"uid": "uid-default-other"}, id="another uid"),
        pytest.param({"name": "other"}, id="another name"),
        pytest.param({"kind": "DaemonSet"}, id="another kind with the same uid"),
        pytest.param({"apiVersion": "apps.kruise.io/v1beta1"}, id="the same kind of another group"),
        pytest.param({"controller": False}, id="an owner that does not control it"),
    ],
)
def test_a_pod_belongs_to_whom_it_names_in_every_respect_or_to_nobody(forged):
    cache = Cache()
    owner = put(cache, "StatefulSet", "web")
    true = owned_by("StatefulSet", "web", owner.metadata.uid)
    own = replace(owner, kind="StatefulSet")
    cache.pods.put(pod(name="own", ownerReferences=true))
    cache.pods.put(pod(name="forged", ownerReferences=[{**true[0], **forged}]))
    assert [each.name for each in cache.pods_of(own, OwnedObjects())] == ["own"]


def test_a_workload_that_names_an_owner_that_no_controller_gives_it_is_one_by_itself():
    cache = Cache()
    meta = {"labels": {"inplace.dev/mode": "InPlaceOnly"}}
    put(cache, "StatefulSet", "web", ownerReferences=owned_by("StatefulSet", "web", "uid-default-web"), **meta)
    found = gather(cache, None, Key("StatefulSet", "default", "web"), NOW)
    assert isinstance(found, Snapshot)


def test_what_names_an_owner_in_another_namespace_is_not_its():
    """The uid of another tenant's workload is known to whoever sees an Event of it."""
    cache = Cache()
    victim = put(cache, "Deployment", "web", namespace="theirs")
    forged = owned_by("Deployment", "web", victim.metadata.uid)
    put(cache, "ReplicaSet", "forged", namespace="ours", ownerReferences=forged)
    own = put(cache, "ReplicaSet", "own", namespace="theirs", ownerReferences=forged)
    owned = cache.owned(victim, DEPLOYMENT)
    assert [child.metadata.uid for child in owned.children] == [own.metadata.uid]
    pods = owned_by("ReplicaSet", "own", own.metadata.uid)
    cache.pods.put(pod(name="forged", namespace="ours", ownerReferences=pods))
    cache.pods.put(pod(name="own", namespace="theirs", ownerReferences=pods))
    assert [each.name for each in cache.pods_of(victim, owned)] == ["own"]


def test_a_slice_of_another_namespace_says_nothing_of_a_pod():
    """Or whoever sees the Pod's uid could make every drain wait for its Services."""
    cache, served = Cache(), pod(namespace="theirs")
    for namespace, serves in (("ours", False), ("theirs", True)):
        cache.slices.put(endpoint_slice(namespace, served.uid))
        assert cache.serves(served) is serves


def test_a_slice_that_cannot_be_read_may_list_any_pod_of_its_namespace():
    cache, served = Cache(), pod(namespace="ours")
    for namespace, serves in (("theirs", False), ("ours", True)):
        instead = unreadable.stand_in(EndpointSlice, Lost(namespace, "web", "u", "1"))
        assert instead is not None
        cache.slices.put(instead)
        assert cache.serves(served) is serves
    cache.slices.put(endpoint_slice("ours", "another"))
    assert not cache.serves(served)


def endpoint_slice(namespace, uid):
    labels = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
    endpoint = {"targetRef": {"name": "web-0", "uid": uid}, "conditions": {"serving": True}}
    return decode(
        {"metadata": {"name": "web", "namespace": namespace, "labels": labels}, "endpoints": [endpoint]}, EndpointSlice
    )
