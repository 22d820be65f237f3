"""A plan that takes long leaves the event loop to others."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from msgspec.structs import replace

from inplace.controller import planning
from inplace.controller.planning import LONG_SECONDS, MANY_PODS, Planning
from inplace.core.plan.plan import Planner, plan
from inplace.runtime.clock import SystemClock
from tests.factories import NOW, pod, snapshot

FEW = snapshot(pod())
MANY = snapshot(*(pod(name=f"web-{number}", uid=f"web-{number}") for number in range(MANY_PODS)))


class Slow(Planner):
    """Computes, without ever giving its turn away, and notes where."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.threads = seconds, list[str]()
        self.forgotten = list[str]()

    def plan(self, snapshot, now):
        self.threads.append(threading.current_thread().name)
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            pass
        return super().plan(snapshot, now)

    def forget(self, workload):
        self.forgotten.append(threading.current_thread().name)
        super().forget(workload)


@pytest.fixture
def beside(monkeypatch):
    made = Slow(0.5)
    monkeypatch.setattr(planning, "Planner", lambda: made)
    return made


async def test_a_plan_of_many_pods_is_made_beside_the_loop(beside):
    found = Planning(Planner(), SystemClock())
    turns = 0

    async def others():
        nonlocal turns
        while True:
            await asyncio.sleep(0.005)
            turns += 1

    task = asyncio.ensure_future(others())
    made, took = await found.plan(MANY, NOW)
    task.cancel()
    assert made == plan(MANY, NOW)
    assert took >= 0.5
    assert beside.threads == ["plan_0"]
    assert turns > 3, "the loop went on"


async def test_a_workload_whose_plan_took_long_is_planned_beside_from_then_on(beside):
    here = Slow(LONG_SECONDS * 2)
    found = Planning(here, SystemClock())
    assert not found.is_long(FEW)
    await found.plan(FEW, NOW)
    assert found.is_long(FEW)
    await found.plan(FEW, NOW)
    assert (here.threads, beside.threads) == (["MainThread"], ["plan_0"])
    here.seconds = beside.seconds = 0
    for _ in range(15):
        await found.plan(FEW, NOW)
    assert not found.is_long(FEW), "it has been quick for a while"


async def test_one_short_plan_does_not_bring_a_workload_back_into_the_loop(beside):
    """An owner can make every other plan long, and the long ones would all be made in the loop."""
    found = Planning(Slow(LONG_SECONDS * 2), SystemClock())
    await found.plan(FEW, NOW)
    beside.seconds = 0
    await found.plan(FEW, NOW)
    assert found.is_long(FEW)


async def test_many_pods_are_planned_in_the_loop_once_that_is_known_to_be_quick(beside):
    here = Slow(0)
    beside.seconds = 0
    found = Planning(here, SystemClock())
    await found.plan(MANY, NOW)
    await found.plan(MANY, NOW)
    assert (here.threads, beside.threads) == (["MainThread"], ["plan_0"])
    found.keep((), ())
    assert found.is_long(MANY), "forgotten with its workload"


async def test_what_is_computed_beside_a_plan_does_not_count_for_it(beside):
    beside.seconds = 0

    class Sleepy(Slow):
        def plan(self, snapshot, now):
            time.sleep(LONG_SECONDS * 2)
            return super().plan(snapshot, now)

    _, took = await Planning(Sleepy(0), SystemClock()).plan(FEW, NOW)
    assert took < LONG_SECONDS


async def test_what_both_remember_of_a_workload_is_forgotten(beside):
    here = Slow(0)
    found = Planning(here, SystemClock())
    found.forget("web")
    assert (here.forgotten, beside.forgotten) == (["MainThread"], []), "no thread is started to forget"
    await found.plan(MANY, NOW)
    found.forget(MANY.workload.metadata.uid)
    await found.plan(MANY, NOW)
    assert beside.forgotten == ["plan_0"], "not while it may be planning"
    assert not here._assessor._pods._known


async def test_few_pods_of_many_revisions_are_planned_beside_the_loop(beside):
    beside.seconds = 0
    template = next(iter(FEW.revisions.values()))
    more = {str(n): template for n in range(planning.MANY_REVISIONS)}
    many = replace(FEW, revisions={**FEW.revisions, **more})
    found = Planning(Planner(), SystemClock())
    for _ in range(2):
        await found.plan(many, NOW)
    assert beside.threads == ["plan_0"] * 2, "however quick the last one was"
