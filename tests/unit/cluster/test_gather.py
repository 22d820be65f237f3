"""From caches to one Snapshot: with the memory of a process, and without."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.cluster.cache import Cache
from inplace.cluster.gather import Gone, Incomplete, gather
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.cluster.tries import Ending
from inplace.core.actions.actions import Abort
from inplace.core.objects import names
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Revision
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from tests.factories import NEW, NOW, OLD, container, decode, later, node, pod, swapping, workload
from tests.property.simulation import FakeClock
from tests.unit.core.test_kinds import deployment, replica_set
from tests.unit.core.test_prepull import helped

KEY = Key("StatefulSet", "default", "web")


def revision(name, number):
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "web", "controller": True}
    meta = {"name": name, "namespace": "default", "ownerReferences": [owner]}
    return decode({"metadata": meta, "revision": number, "data": {"spec": {"template": {}}}}, Revision)


def filled(*pods, own=None, revisions=(OLD, NEW)):
    """The cache of a StatefulSet with these Pods."""
    cache = Cache()
    cache.workloads["StatefulSet"].put(own or workload(replicas=len(pods)))
    for one in pods:
        cache.pods.put(one)
    for number, name in enumerate(revisions):
        cache.revisions.put(revision(name, number))
    cache.nodes.put(node())
    return cache


def looked(cache, memory=None, at=0.0, key=KEY):
    found = gather(cache, memory, key, later(at))
    assert isinstance(found, Snapshot)
    return found


def unready(since, **fields):
    """A drained Pod; `since`: what the kubelet says, in seconds."""
    drained = pod(gate="False", ready=False, record=swapping(PodPhase.DRAINING), **fields)
    since_at = later(since)
    conditions = tuple(
        replace(one, last_transition_time=since_at) if one.type == "Ready" else one for one in drained.status.conditions
    )
    return replace(drained, status=replace(drained.status, conditions=conditions))


# --- with or without a memory


def test_nothing_is_decided_before_every_revision_that_is_spoken_of_is_there():
    cache = filled(pod(), revisions=[OLD])
    for memory in (None, Memory(FakeClock(), cache)):
        found = gather(cache, memory, KEY, NOW)
        assert isinstance(found, Incomplete)
        assert found.missing == (NEW,)
        assert isinstance(gather(cache, memory, KEY, NOW, absent=frozenset({NEW})), Snapshot)
    assert isinstance(gather(Cache(), None, KEY, NOW), Gone)


def test_what_is_none_of_ours_is_not_waited_for():
    cache = filled(pod(), own=workload(replicas=1, mode=None, frozen=False), revisions=[OLD])
    assert isinstance(gather(cache, Memory(FakeClock(), cache), KEY, NOW), Snapshot)


# --- with one


def test_a_write_that_the_cache_does_not_show_makes_its_object_pending():
    cache = filled(pod())
    memory = Memory(FakeClock(), cache)
    assert looked(cache, memory).pending == frozenset()
    memory.wrote("uid-web-0", "5")
    assert looked(cache, memory).pending == {"uid-web-0"}
    cache.pods.put(pod(resourceVersion="5"))
    assert looked(cache, memory).pending == frozenset()
    memory.writing.add("web")
    assert looked(cache, memory).pending == {"web"}


def test_what_the_process_knows_is_in_the_snapshot():
    cache = filled(pod(record=swapping()))
    memory = Memory(FakeClock(), cache, asks=True)
    memory.saw_pod(None, pod(record=swapping()))
    reason = Reason(ReasonCode.AdmissionRejected, "", "no")
    memory.tries.failed("web", Abort(pod()), Ending.REFUSED, reason, reason)
    memory.restored_freeze("web")
    memory.record_dry_run("web", "sort", None)
    memory.blocked_since["web"] = NOW
    found = looked(cache, memory)
    assert found.observations.keys() == {"uid-web-0"}
    assert found.fatal("uid-web-0") is reason
    assert (len(found.freeze_restored), found.dry_runs, found.blocked_since) == (1, {"sort": None}, NOW)
    assert found.reported is None


def test_an_answer_to_a_dry_run_is_believed_for_a_while():
    clock = FakeClock()
    memory = Memory(clock, Cache(), asks=True)
    memory.record_dry_run("web", "sort", None)
    memory.record_dry_run("web", "other", Reason(ReasonCode.AdmissionRejected, "", "no"))
    clock.seconds = 30
    assert memory.dry_runs("web") == {"sort": None}, "a refusal is asked about again soon"
    clock.seconds = 3600
    assert memory.dry_runs("web") == {}


# --- without one


def test_since_when_a_pod_is_unready_is_what_its_kubelet_says_rounded_up():
    found = looked(filled(unready(3)), at=60).observations["uid-web-0"]
    assert (found.unready_at, found.out_at) == (later(4), later(4))


def test_a_pod_that_an_endpoint_serves_is_not_out():
    cache = filled(unready(3))
    target = {"kind": "Pod", "name": "web-0", "namespace": "default", "uid": "uid-web-0"}
    endpoint = {"targetRef": target, "conditions": {"ready": True, "serving": True}}
    managed = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
    meta = {"name": "web", "namespace": "default", "labels": managed}
    cache.slices.put(decode({"metadata": meta, "endpoints": [endpoint]}, EndpointSlice))
    found = looked(cache, at=60).observations["uid-web-0"]
    assert (found.unready_at, found.out_at) == (later(4), None)


@pytest.mark.parametrize("unsettled", [False, True])
def test_a_container_stands_since_it_was_started(unsettled):
    new = container("c://2", image="app:v2", restarts=1, started=later(5))
    flying = pod(new, image="app:v2", generation=2, observed=2, record=swapping(unsettled=unsettled))
    seen = looked(filled(flying), at=60).observations["uid-web-0"].containers["app"]
    assert (seen.id, seen.since) == ("c://2", later(6))
    assert seen.first_id == ("c://2" if unsettled else "c://1"), "which patch it is of, one look cannot tell"


def reporting(one, generation, phase=Phase.PROGRESSING):
    said = Status(1, generation, NEW, phase, 1, 0, 1, 0, 0, NOW)
    annotations = {**(one.metadata.annotations or {}), names.STATUS: statuses.encode(said)}
    return replace(one, metadata=replace(one.metadata, annotations=annotations))


@pytest.mark.parametrize(("generation", "believed"), [(1, False), (2, True)])
def test_a_report_of_another_generation_is_not_believed(generation, believed):
    own = reporting(workload(replicas=1, generation=2), generation)
    assert (looked(filled(pod(), own=own)).reported is not None) is believed


def test_pull_pods_are_seen():
    cache = filled(pod())
    cache.pods.put(helped())
    found = looked(cache).pull_pods
    assert found is not None
    assert [one.name for one in found.pods] == [helped().name]


@pytest.mark.parametrize(
    ("phase", "frozen", "relies"),
    [(Phase.UP_TO_DATE, False, True), (Phase.PROGRESSING, False, False), (Phase.UP_TO_DATE, True, False)],
)
def test_a_deployment_that_is_done_and_not_frozen_relies_on_policies(phase, frozen, relies):
    cache = Cache()
    cache.workloads["Deployment"].put(reporting(deployment("v1", paused=frozen, frozen=frozen), 2, phase))
    child = replica_set("a", "v1")
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "web", "controller": True}
    owned = decode({"metadata": {"ownerReferences": [owner]}}, Revision).metadata.owner_references
    cache.workloads["ReplicaSet"].put(replace(child, metadata=replace(child.metadata, owner_references=owned)))
    assert looked(cache, key=Key("Deployment", "default", "web")).freeze_policy is relies
