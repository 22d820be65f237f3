"""Whatever the server answers to a sort of our writes, it is not sent again and again: the requests stay below a bound.

Each sort of write is made to fail in each way, for six minutes, in the situation in which it is made. Then the server
takes it, and all ends well: a pause is no deadlock.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from msgspec import Struct

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.kube import resource as resources
from kubesim.api.faults import Answer, Cut, Delay, Fault, Garbled, Request, Undone, nothing
from tests.scenarios import kinds
from tests.scenarios.embedded import AGENT, EmbeddedWorld, open_embedded
from tests.scenarios.policies import KEEP_FREEZE

MINUTES: Final = 6
#: Requests for one object: in the first minute, and in each one of the last three. Three sorts of writes change a
#: Deployment (freeze, probe, label); each is tried six times in the first minute and twice in a later one, and 429 up
#: to four times within one call of the client.
FIRST_MINUTE: Final = 3 * 6 * 4
LATER_MINUTES: Final = 3 * 2 * 4
ANSWERS: Final[dict[str, Fault]] = {
    **{str(code): Answer(code) for code in (400, 403, 404, 409, 410, 422, 429, 500)},
    "no effect": Undone(),
    "another answer": Garbled(),
    "no answer": Cut.AFTER,
    "no answer in time": Delay(20.0),
}


class Failing:
    """Answers one sort of the controller's requests in one way, if any, and counts them by minute and object."""

    def __init__(self, world: EmbeddedWorld, concerns: Callable[[Request], bool], fault: Fault | None = None) -> None:
        self._world, self._concerns, self._fault = world, concerns, fault
        self._began = world.clock.monotonic()
        self.counts: Counter[tuple[int, str]] = Counter()

    def __call__(self, request: Request) -> Fault | None:
        if not request.agent.startswith(AGENT) or not self._concerns(request):
            return None
        minute = int((self._world.clock.monotonic() - self._began) // 60)
        self.counts[minute, request.name] += 1
        assert self.counts[minute, request.name] < 1000, f"a hot loop: {request}"
        return self._fault

    def check(self) -> None:
        """The bounds hold, and the sort of write was made at all."""
        assert self.counts
        assert max(self.counts.values()) <= FIRST_MINUTE, self.counts
        later = {key: count for key, count in self.counts.items() if key[0] >= MINUTES - 3}
        assert max(later.values(), default=0) <= LATER_MINUTES, self.counts


class Sort(Struct, frozen=True):
    """A sort of write: the requests, and what brings them about."""

    concerns: Callable[[Request], bool]
    act: Callable[[EmbeddedWorld], Awaitable[Any]]
    kind: str = "StatefulSet"
    before: Callable[[EmbeddedWorld], Awaitable[Any]] | None = None
    mode: str | None = "InPlaceOnly"


def patches(plural: str, subresource: str = "") -> Callable[[Request], bool]:
    return lambda request: (request.verb, request.plural, request.subresource) == ("patch", plural, subresource)


async def _upgrade(world: EmbeddedWorld) -> None:
    await world.set_image(world.app("v2"))


async def _opt_in(world: EmbeddedWorld) -> None:
    await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})


async def _opt_out(world: EmbeddedWorld) -> None:
    await world.patch({"metadata": {"labels": {names.MODE: None}}})


async def _upgraded(world: EmbeddedWorld) -> None:
    await world.set_image(world.app("v2"))
    await world.wait_upgraded()


async def _new_pod(world: EmbeddedWorld) -> None:
    await world.delete_pod(world.nth(0))


async def _budget(world: EmbeddedWorld) -> None:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}
    await world.client.create(resources.PODDISRUPTIONBUDGETS, world.namespace, body, type=dict)
    await world.clock.sleep(3)


SORTS: Final[dict[str, Sort]] = {
    "freeze": Sort(patches("statefulsets"), mode=None, act=_opt_in),
    "freeze of a DaemonSet": Sort(patches("daemonsets"), kind="DaemonSet", mode=None, act=_opt_in),
    "freeze of a Deployment": Sort(patches("deployments"), kind="Deployment", mode=None, act=_opt_in),
    "status": Sort(patches("statefulsets", "status"), act=_upgrade),
    "status of a Deployment": Sort(patches("deployments", "status"), kind="Deployment", act=_upgrade),
    "new gate": Sort(patches("pods", "status"), act=_new_pod),
    "drain, completion and failure": Sort(patches("pods", "status"), act=_upgrade),
    "dry run and images": Sort(patches("pods"), act=_upgrade),
    "pull Pod": Sort(lambda request: (request.verb, request.plural) == ("create", "pods"), act=_upgrade),
    "end of a pull Pod": Sort(lambda request: (request.verb, request.plural) == ("delete", "pods"), act=_upgrade),
    "history": Sort(
        lambda request: (request.verb, request.plural) == ("create", "replicasets"), kind="Deployment", act=_upgrade
    ),
    "template": Sort(patches("replicasets"), kind="Deployment", act=_upgrade),
    "template of a ReplicaSet": Sort(patches("replicasets"), kind="ReplicaSet", act=_upgrade),
    "reservation": Sort(patches("poddisruptionbudgets", "status"), before=_budget, act=_upgrade),
    "records when opting out": Sort(patches("pods", "status"), before=_upgraded, act=_opt_out),
    "thaw": Sort(patches("statefulsets"), before=_upgraded, act=_opt_out),
    "thaw of a Deployment": Sort(patches("deployments"), kind="Deployment", before=_upgraded, act=_opt_out),
    "events": Sort(lambda request: request.plural == "events", act=_upgrade),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every answer to every sort; with `--seeds N`, N answers to each, in turn, so that each is given to several."""
    if "answer" not in metafunc.fixturenames:
        return
    answers, count = list(ANSWERS), metafunc.config.getoption("--seeds") or len(ANSWERS)
    pairs = [
        (sort, answers[(place + 4 * step) % len(answers)])
        for place, sort in enumerate(SORTS)
        for step in range(min(count, len(answers)))
    ]
    metafunc.parametrize(("sort", "answer"), pairs)


async def test_no_write_of_ours_is_repeated_in_a_hot_loop(sort, answer):
    case = SORTS[sort]
    async with open_embedded(witnessed=False) as world:
        world.flavour = kinds.BY_NAME[case.kind]
        await world.create_web(replicas=2, mode=case.mode)
        if case.before is not None:
            await case.before(world)
        world.cluster.server.plan = failing = Failing(world, case.concerns, ANSWERS[answer])
        await case.act(world)
        await world.clock.sleep(60 * MINUTES)
        world.cluster.server.plan = nothing
        failing.check()


async def test_a_write_that_an_admission_policy_undoes_rests_and_is_named(monkeypatch):
    """The policies take another account for the controller: they put the pause back that it lifts."""
    monkeypatch.setattr("tests.scenarios.policies.ACCOUNT", "system:admin")
    async with open_embedded(controller=False, witnessed=False) as world, world.policies(KEEP_FREEZE):
        await world.start_controller()
        world.flavour = kinds.BY_NAME["Deployment"]
        await world.create_web(replicas=2, mode="InPlaceOnly")
        failing = Failing(world, patches("deployments"))
        world.cluster.server.plan = failing
        await world.set_image(world.app("v2"))
        await world.clock.sleep(60 * MINUTES)
        failing.check()
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v2")}, "all the same"
        (reason,) = (await world.status()).reasons
        assert reason.code == ReasonCode.WriteRefused
        assert "changes nothing: another writer or an admission policy does not keep it" in reason.message


async def test_what_another_writer_undoes_each_time_rests():
    """Whoever takes our status away as soon as it stands is not fought at his own speed."""
    async with open_embedded(witnessed=False) as world:
        await world.create_web(replicas=1)
        failing = Failing(world, patches("statefulsets", "status"))
        world.cluster.server.plan = failing
        undo = {"metadata": {"annotations": {names.STATUS: None}}}

        def note(_old: dict[str, Any] | None, new: dict[str, Any] | None, _initial: bool) -> None:
            if new is not None and names.STATUS in (new["metadata"].get("annotations") or {}):
                tasks.append(asyncio.ensure_future(world.patch(undo)))

        tasks: list[asyncio.Future[Any]] = []
        async with world.watching(resources.STATEFULSETS, dict, note):
            await world.clock.sleep(60 * MINUTES)
        await asyncio.gather(*tasks)
        failing.check()
