"""Relations between cached objects: owners are what others write, and lead nowhere but to objects beside."""

from __future__ import annotations

import pytest

from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.core.kinds import BY_NAME, OwnedObjects
from inplace.core.objects.model import Meta
from inplace.core.objects.workloads import Workload
from tests.factories import decode, pod

REPLICASET, DEPLOYMENT = BY_NAME["ReplicaSet"], BY_NAME["Deployment"]


def owned_by(kind, name, uid="uid-of-it"):
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}]


def put(cache, kind, name, *, namespace="default", **meta):
    one = decode(
        {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", **meta}}, Workload
    )
    cache.workloads[kind].put(one)
    return one


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("StatefulSet", "web"), ("StatefulSet", "web")),
        (("Deployment", "web"), ("ReplicaSet", "web-1")),
    ],
)
def test_a_chain_of_owners_that_comes_back_to_itself_ends(first, second):
    cache = Cache()
    put(cache, *first, ownerReferences=owned_by(*second))
    put(cache, *second, ownerReferences=owned_by(*first))
    meta = decode({"name": "web-0", "namespace": "default", "ownerReferences": owned_by(*first)}, Meta)
    found = cache.key_of(meta)
    assert found in {Key(kind, "default", name) for kind, name in (first, second)}


def test_what_names_an_owner_in_another_namespace_is_not_its():
    """The uid of another tenant's workload is known to whoever sees an Event of it."""
    cache = Cache()
    victim = put(cache, "Deployment", "web", namespace="theirs")
    forged = owned_by("Deployment", "web", victim.metadata.uid)
    put(cache, "ReplicaSet", "forged", namespace="ours", ownerReferences=forged)
    cache.pods.put(pod(name="forged", ownerReferences=forged))
    own = put(cache, "ReplicaSet", "own", namespace="theirs", ownerReferences=forged)
    owned = cache.owned(victim, DEPLOYMENT)
    assert [child.metadata.uid for child in owned.children] == [own.metadata.uid]
    assert cache.pods_of(victim, OwnedObjects()) == ()
