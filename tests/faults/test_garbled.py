"""Something else answers in the API server's place, with status 200: a captive portal, a proxy whose server is away; or
the server, of a version whose objects cannot be read.
"""

from __future__ import annotations

import json

import pytest

from inplace.core.objects.reasons import ReasonCode
from kubesim.api.faults import Garbled, Request, nothing
from tests.faults.test_observed import Heard
from tests.scenarios.embedded import AGENT, EmbeddedWorld, open_embedded

ANSWERS = {
    "a page": Garbled(b"<html><body>Please log in</body></html>\n"),
    "an object": Garbled(),
    "an event of an unknown type": Garbled(b'{"type":"WAT","object":{}}\n'),
    "nothing": Garbled(b""),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_watches_that_are_none_are_told_once_and_nothing_begins_until_there_are_some(answer, monkeypatch):
    heard = Heard()
    monkeypatch.setattr(EmbeddedWorld, "observer", lambda _self: heard)
    async with open_embedded() as world:
        await world.create_web(replicas=2)

        def plan(request: Request) -> Garbled | None:
            return ANSWERS[answer] if request.agent.startswith(AGENT) and request.verb == "watch" else None

        world.cluster.server.plan = plan
        world.cluster.server.cut_watches()
        await world.clock.sleep(60)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(60)
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v1")}
        assert [name for name, _ in heard.events if name.startswith("server.")] == ["server.garbled"]
        world.cluster.server.plan = nothing
        await world.wait_upgraded()
        await world.clock.sleep(60)
        assert [name for name, _ in heard.events if name.startswith("server.")] == [
            "server.garbled",
            "server.understood",
        ]


async def test_pods_that_a_budget_may_protect_which_cannot_be_read_are_left_alone_with_the_reason():
    """Left out it would protect nothing."""
    async with open_embedded(controller=False) as world:
        meta = {"name": "later", "namespace": world.namespace, "uid": "later", "resourceVersion": "1"}
        found = {"metadata": meta, "spec": {"selector": "app=web"}}
        body = {"kind": "PodDisruptionBudgetList", "metadata": {"resourceVersion": "1"}, "items": [found]}

        def plan(request: Request) -> Garbled | None:
            lists = request.verb == "list" and request.plural == "poddisruptionbudgets"
            return Garbled(json.dumps(body).encode()) if request.agent.startswith(AGENT) and lists else None

        world.cluster.server.plan = plan
        await world.start_controller()
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(60)
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v1")}
        status = await world.status()
        assert status is not None
        assert ReasonCode.DisruptionBudget in status.waiting
        world.cluster.server.plan = nothing
        world.cluster.server.forget_history()
        await world.wait_upgraded()
