"""A sort of write that the server refuses for good: the server's words are the reason, and the wait has an end.

400 is what a webhook's denial is that names no code; Kyverno and many others name none.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from kubesim.api.faults import WORDS, Answer, Request, nothing
from tests.scenarios import kinds
from tests.scenarios.embedded import AGENT, open_embedded

#: Longer than the deadline of a rollout.
LONG = 700.0
#: Writes of one sort that a workload may try within that time: one every few seconds.
MOST_TRIES = 240
#: In every run the first; the others, which end as it does, in `make e2e-full`.
CODES = [400, pytest.param(403, marks=pytest.mark.seldom), pytest.param(500, marks=pytest.mark.seldom)]

SORTS = {
    "drains": lambda request: request.verb == "patch" and request.plural == "pods" and request.subresource == "status",
    "pull Pods": lambda request: request.verb == "create" and request.plural == "pods",
    "image patches": lambda request: request.verb == "patch" and request.plural == "pods" and not request.subresource,
}


class Refusing:
    """Answers one sort of the controller's writes with one code."""

    def __init__(self, concerns: Callable[[Request], bool], code: int) -> None:
        self.tries = 0
        self._concerns = concerns
        self._code = code

    def __call__(self, request: Request) -> Answer | None:
        if not request.writes or not request.agent.startswith(AGENT) or not self._concerns(request):
            return None
        self.tries += 1
        return Answer(self._code)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("StatefulSet", 400),
        ("StatefulSet", 413),
        ("StatefulSet", 422),
        pytest.param("Deployment", 400, marks=pytest.mark.seldom),
    ],
)
async def test_what_is_refused_for_good_is_said_and_not_asked_again_and_again(kind, sort, code):
    async with open_embedded() as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=2)
        world.cluster.server.plan = refusing = Refusing(SORTS[sort], code)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(LONG)
        status = await world.status()
        said = " ".join([*(reason.message for reason in status.reasons), *(one.message for one in status.failures)])
        assert status.phase in {Phase.REFUSED, Phase.DEGRADED}
        assert WORDS[code][1] in said
        assert refusing.tries <= MOST_TRIES


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
async def test_a_pull_pod_that_is_refused_past_the_deadline_is_asked_for_again_and_rolls_nothing_back(kind):
    """A quota, a full node, a policy: none of them is the image's fault."""
    async with open_embedded() as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=2, annotations={"on-failure": "Rollback"})
        world.cluster.server.plan = Refusing(SORTS["pull Pods"], 403)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(LONG)
        status = await world.status()
        assert (status.phase, status.rolled_back_from) == (Phase.DEGRADED, "")
        assert {one.code for one in status.failures} == {ReasonCode.PrePullImpossible}
        world.cluster.server.plan = nothing
        await world.wait_upgraded(seconds=60)


ON_WORKLOADS = {
    "freezes": ("StatefulSet", lambda request: request.verb == "patch" and request.plural == "statefulsets"),
    "histories": ("Deployment", lambda request: request.verb == "create" and request.plural == "replicasets"),
    "templates": ("Deployment", lambda request: request.verb == "patch" and request.plural == "replicasets"),
}


@pytest.mark.parametrize("code", [400, 403])
@pytest.mark.parametrize("sort", ON_WORKLOADS)
async def test_a_refused_write_before_the_first_pod_is_said_and_ends_when_it_is_taken(sort, code):
    """403 is in the words of RBAC: also of a server that has just started, which is asked again soon."""
    kind, concerns = ON_WORKLOADS[sort]
    async with open_embedded() as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=2, mode=None if sort == "freezes" else "InPlaceOnly")
        refusing = Refusing(lambda request: not request.subresource and concerns(request), code)
        world.cluster.server.plan = refusing
        if sort == "freezes":
            await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        else:
            await world.set_image(world.app("v2"))
        await world.clock.sleep(100)
        status = await world.status()
        assert WORDS[code][1] in " ".join(reason.message for reason in status.reasons)
        assert status.phase is Phase.PROGRESSING
        await world.clock.sleep(LONG)
        status = await world.status()
        assert [reason.code for reason in status.reasons] == [ReasonCode.WriteRefused]
        assert status.phase is Phase.DEGRADED
        assert WORDS[code][1] in status.message, "the headline alone says why"
        assert refusing.tries <= MOST_TRIES / 4
        world.cluster.server.plan = nothing
        if sort == "freezes":
            await world.set_image(world.app("v2"))
        await world.wait_upgraded()


async def told(world):
    """The reasons of the Events on the workload."""
    found = await world.client.list(resources.EVENTS, world.namespace, type=dict)
    return {one["reason"] for one in found.items}


async def _budget(world):
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}
    await world.client.create(resources.PODDISRUPTIONBUDGETS, world.namespace, body, type=dict)
    await world.clock.sleep(3)


@pytest.mark.parametrize("code", CODES)
async def test_a_reservation_that_is_refused_is_said(code):
    async with open_embedded() as world:
        await world.create_web(replicas=2)
        await _budget(world)
        world.cluster.server.plan = Refusing(lambda request: request.plural == "poddisruptionbudgets", code)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(100)
        status = await world.status()
        assert [(reason.code, reason.path) for reason in status.reasons] == [
            (ReasonCode.WriteRefused, "poddisruptionbudgets[web]")
        ]
        assert WORDS[code][1] in status.reasons[0].message
        assert status.waiting.get(ReasonCode.WriteRefused)
        assert "WriteRefused" in await told(world)
        await world.clock.sleep(LONG)
        assert (await world.status()).phase is Phase.DEGRADED
        world.cluster.server.plan = nothing
        await world.wait_upgraded()


@pytest.mark.parametrize("code", CODES)
async def test_a_status_that_is_refused_is_told_by_an_event(code):
    async with open_embedded() as world:
        await world.create_web(replicas=2)
        world.cluster.server.plan = Refusing(
            lambda request: (request.plural, request.subresource) == ("statefulsets", "status"), code
        )
        await world.set_image(world.app("v2"))
        await world.clock.sleep(LONG)
        assert "WriteRefused" in await told(world)
        world.cluster.server.plan = nothing
        await world.wait_upgraded()
        assert "Degraded" not in await told(world), "the upgrade went on, and only the report was late"


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("kind", "plural"), [("StatefulSet", "statefulsets"), ("Deployment", "deployments")])
@pytest.mark.parametrize("what", ["records", "freeze"])
async def test_what_is_refused_when_opting_out_is_said(what, kind, plural, code):
    async with open_embedded() as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        wanted = ("pods", "status") if what == "records" else (plural, "")
        refusing = Refusing(lambda request: (request.plural, request.subresource) == wanted, code)
        world.cluster.server.plan = refusing
        await world.patch({"metadata": {"labels": {names.MODE: None}}})
        await world.clock.sleep(100)
        status = await world.status()
        assert WORDS[code][1] in " ".join(reason.message for reason in status.reasons)
        assert (status.phase, status.message.partition(",")[0]) == (Phase.PROGRESSING, "opted out")
        await world.clock.sleep(LONG)
        assert (await world.status()).phase is Phase.DEGRADED
        assert refusing.tries <= MOST_TRIES / 2
        world.cluster.server.plan = nothing
        await world.until(world.is_clean, "no label or annotation of ours on any object")
