"""Faults by plan, and clients that are killed."""

from __future__ import annotations

import asyncio

import pytest

from inplace.kube.client import PatchType
from inplace.kube.errors import Conflict, KubeError, NotFound, ServerError, Unreachable
from kubesim.api.faults import Answer, Cut, Delay, Rates, Request, Seeded
from tests.unit.kubesim.conftest import CONFIGMAPS

pytestmark = pytest.mark.looptime


def only(verb, fault):
    return lambda request: fault if request.verb == verb else None


async def label(served, name="a", value="1"):
    body = {"metadata": {"labels": {"x": value}}}
    return await served.client.patch(CONFIGMAPS, name, "test", body, patch_type=PatchType.MERGE, type=dict)


async def live(served, name="a"):
    return await served.client.get(CONFIGMAPS, name, "test", type=dict)


@pytest.mark.parametrize(("cut", "done"), [(Cut.BEFORE, False), (Cut.AFTER, True)])
async def test_a_cut_request_has_an_unknown_outcome(serve, cut, done):
    async with serve() as served:
        await served.config_map("a")
        served.server.plan = only("patch", cut)
        with pytest.raises(Unreachable) as caught:
            await label(served)
        assert caught.value.outcome_unknown
        assert ("labels" in (await live(served))["metadata"]) is done


async def test_answers_by_plan_change_nothing(serve):
    async with serve() as served:
        await served.config_map("a")
        for code, error in ((409, Conflict), (500, ServerError)):
            served.server.plan = only("patch", Answer(code))
            with pytest.raises(error):
                await label(served)
        assert "labels" not in (await live(served))["metadata"]


async def test_a_throttled_request_is_sent_again_when_it_may(serve):
    async with serve() as served:
        await served.config_map("a")
        answers = iter([Answer(429, 3), None])
        served.server.plan = lambda request: next(answers) if request.verb == "patch" else None
        await label(served)
        assert served.clock.monotonic() >= 3
        assert (await live(served))["metadata"]["labels"] == {"x": "1"}


async def test_a_delayed_request_takes_its_time(serve):
    async with serve() as served:
        served.server.plan = only("create", Delay(7))
        await served.config_map("a")
        assert served.clock.monotonic() >= 7


async def test_nothing_arrives_from_a_killed_client(serve):
    async with serve() as served:
        await served.config_map("a")
        served.server.plan = only("patch", Delay(5))
        late = asyncio.create_task(label(served))
        await served.clock.sleep(1)
        served.server.silence("tester")
        with pytest.raises(Unreachable):
            await late
        with pytest.raises(KubeError):
            await label(served)
        assert "labels" not in next(iter(served.server.storage._tables["configmaps"].objects.values())).tree["metadata"]


async def test_every_request_is_heard_of_with_its_code(serve):
    async with serve() as served:
        heard: list[tuple[str, int, int]] = []
        served.server.on_answer = lambda request, code: heard.append((request.verb, request.number, code))
        await served.config_map("a")
        with pytest.raises(NotFound):
            await live(served, "b")
        assert heard == [("create", 2, 201), ("get", 3, 404)]


def test_the_same_seed_plans_the_same():
    rates = Rates(cut_before=0.1, cut_after=0.1, conflict=0.1, throttled=0.1, broken=0.1, delayed=0.2)
    requests = [Request("a", verb, "pods", "", "test", "x", n) for n in range(200) for verb in ("patch", "get")]

    def planned(seed):
        plan = Seeded(seed, rates)
        return [plan(request) for request in requests]

    assert planned(1) == planned(1) != planned(2)
    found = planned(1)
    assert {Cut.BEFORE, Cut.AFTER, Answer(409), Answer(429, 1), Answer(500)} <= {
        one for one in found if not isinstance(one, Delay)
    }
    assert not any(fault == Answer(409) for request, fault in zip(requests, found, strict=True) if not request.writes)
