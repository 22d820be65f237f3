"""What the process remembers of its own writes."""

from __future__ import annotations

from inplace.cluster.cache import Cache
from inplace.cluster.memory import Caps, Memory
from inplace.core.actions.actions import CreatePullPod
from inplace.core.kinds import OwnedObjects
from inplace.core.state.records import PodPhase
from tests.factories import pod, swapping, workload
from tests.property.simulation import FakeClock

SWAPPING = pod(record=swapping(PodPhase.SWAPPING))


def test_a_slot_is_free_again_though_the_watch_was_faster_than_the_answer():
    """A Pod without a gate gets no event after the one of our last write: the cap must not count it for ever."""
    cache = Cache()
    memory = Memory(FakeClock(), cache, Caps(everywhere=1))
    cache.pods.put(SWAPPING)
    memory.saw_pod(None, SWAPPING)
    assert memory.room("default") == 0
    memory.writing.add(SWAPPING.uid)
    done = pod(record=swapping(PodPhase.DONE))
    memory.saw_pod(cache.pods.put(done), done)
    memory.wrote(done.uid, done.metadata.resource_version)
    memory.writing.discard(done.uid)
    memory.settled(done.metadata)
    assert memory.room("default") == 1


PULL = CreatePullPod(workload(), "inplace-pull-1", "node", "registry.test/app:v2", {})


def pulls(memory):
    return memory.pull_pods(PULL.workload, OwnedObjects())


def test_a_pull_takes_its_slot_from_when_it_is_asked_for():
    """Several workloads plan before the first of their pull Pods is seen."""
    memory = Memory(FakeClock(), Cache())
    memory.requested_pull(PULL)
    assert pulls(memory).busy == {"registry.test": 1}
    memory.answered_pull(PULL, refused="no")
    assert pulls(memory).busy == {}


def test_a_refusal_stands_until_the_pull_pod_is_accepted_and_its_time_begins_then():
    """Or a workload that is Degraded for it would be Progressing whenever it is asked for again."""
    clock = FakeClock()
    memory = Memory(clock, Cache())
    memory.requested_pull(PULL)
    memory.answered_pull(PULL, refused="no")
    clock.seconds += 30
    memory.requested_pull(PULL)
    assert pulls(memory).requests[PULL.name].refused == "no"
    memory.answered_pull(PULL)
    accepted = pulls(memory).requests[PULL.name]
    assert (accepted.refused, accepted.since) == ("", clock.now())


def test_a_pull_that_was_not_needed_for_a_while_begins_anew():
    clock = FakeClock()
    memory = Memory(clock, Cache())
    memory.requested_pull(PULL)
    clock.seconds += 64
    assert pulls(memory).requests
    clock.seconds += 1
    assert not pulls(memory).requests
