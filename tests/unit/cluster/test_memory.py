"""What the process remembers of its own writes."""

from __future__ import annotations

from inplace.cluster.cache import Cache
from inplace.cluster.memory import Caps, Memory
from inplace.core.state.records import PodPhase
from tests.factories import pod, swapping
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
