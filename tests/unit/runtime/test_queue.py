"""The work queue: client-go's semantics."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inplace.runtime.clock import LoopClock, SystemClock
from inplace.runtime.queue import ShutDownError, WorkQueue
from tests.unit.kube.server import Recorder

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_key_waits_once():
    queue = WorkQueue(CLOCK)
    for key in "aab":
        queue.add(key)
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert len(queue) == 0


async def test_a_key_runs_alone_and_again_if_it_was_added_meanwhile():
    queue = WorkQueue(CLOCK)
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_live_changes_overtake_the_initial_flood():
    queue = WorkQueue(CLOCK)
    for key in "abc":
        queue.add(key, low=True)
    queue.add("x")
    queue.add("c")
    assert [await queue.get() for _ in range(4)] == ["x", "c", "a", "b"]


@pytest.mark.looptime
async def test_the_earliest_delay_of_a_key_counts():
    queue = WorkQueue(CLOCK)
    queue.add_after("a", 10)
    queue.add_after("a", 3)
    queue.add_after("a", 7)
    assert await queue.get() == "a"
    assert CLOCK.monotonic() == pytest.approx(3, abs=0.1)
    queue.done("a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await queue.get()


@pytest.mark.looptime
async def test_shut_down_drops_what_waits_and_drains_what_runs():
    queue = WorkQueue(CLOCK)
    queue.add("a")
    queue.add("b")
    queue.add_after("c", 5)
    assert await queue.get() == "a"
    queue.shut_down()
    queue.add("d")
    with pytest.raises(ShutDownError):
        await queue.get()
    asyncio.get_running_loop().call_later(2, queue.done, "a")
    await queue.drain()
    assert CLOCK.monotonic() >= 2


@pytest.mark.looptime
async def test_the_work_on_a_key_is_timed_and_seen_while_it_lasts():
    recorder = Recorder()
    queue = WorkQueue(CLOCK, recorder)
    queue.add("a")
    await asyncio.sleep(2)
    await queue.get()
    queue.add("a")
    await asyncio.sleep(3)
    queue.add("b")
    await queue.get()
    await asyncio.sleep(4)
    assert sorted(queue.running()) == pytest.approx([4, 7])
    queue.done("a")
    queue.done("b")
    assert queue.running() == []
    assert recorder.timed("workqueue_queue_duration_seconds", name="workloads") == pytest.approx([2, 0])
    assert recorder.timed("workqueue_work_duration_seconds", name="workloads") == pytest.approx([7, 4])


class QueueMachine(RuleBasedStateMachine):
    """Against the obvious model: no key is lost, none waits twice, none runs twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: WorkQueue[str] = WorkQueue(SystemClock())
        self.wanted: set[str] = set()
        self.running: set[str] = set()

    @rule(key=st.sampled_from("abcd"), low=st.booleans())
    def add(self, key, low):
        self.queue.add(key, low=low)
        self.wanted.add(key)

    @precondition(lambda self: self.wanted - self.running)
    @rule()
    def get(self):
        key = asyncio.run(self.queue.get())
        assert key in self.wanted
        assert key not in self.running
        self.wanted.discard(key)
        self.running.add(key)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def done(self, data):
        key = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(key)
        self.queue.done(key)

    @invariant()
    def waits_exactly_what_is_wanted_and_not_running(self):
        assert len(self.queue) == len(self.wanted - self.running)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=40, deadline=None)


@pytest.mark.looptime
async def test_what_is_added_to_a_resting_key_is_one_addition_at_the_end_of_its_rest():
    queue = WorkQueue(CLOCK)
    queue.add("a")
    assert await queue.get() == "a"
    queue.rest("a", 5)
    queue.done("a")
    for _ in range(3):
        queue.add("a")
    queue.add("b")
    assert await queue.get() == "b", "others are not held back"
    assert await queue.get() == "a"
    assert CLOCK.monotonic() >= 5
    assert len(queue) == 0


@pytest.mark.looptime
async def test_a_key_added_while_it_is_worked_on_rests_before_it_is_given_out_again():
    queue = WorkQueue(CLOCK)
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.rest("a", 5)
    queue.done("a")
    assert await queue.get() == "a"
    assert CLOCK.monotonic() >= 5


@pytest.mark.looptime
async def test_a_rest_that_is_over_holds_nothing_back():
    queue = WorkQueue(CLOCK)
    queue.rest("a", 5)
    await asyncio.sleep(6)
    queue.add("a")
    assert await queue.get() == "a"
    assert CLOCK.monotonic() < 6.1


@pytest.mark.looptime
async def test_a_busy_key_that_asks_for_a_look_in_a_month_keeps_one_time_and_not_one_for_each_look():
    queue, month = WorkQueue(CLOCK), 30 * 86_400.0
    queue.add("idle")
    for _ in range(2_000):
        queue.add("busy")
        while queue:
            key = await queue.get()
            queue.rest(key, 0.5)
            queue.add_after(key, month)
            queue.done(key)
        queue.add("busy")  # an event in its rest
        assert await queue.get() == "busy"
        queue.done("busy")
    assert len(queue._heap) < 100
    assert await queue.get() in {"busy", "idle"}
