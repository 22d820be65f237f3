"""What operators are told outside the cluster: each failed Pod is counted, and each write is logged with its cause."""

from __future__ import annotations

import asyncio
from collections import Counter

from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Answer, nothing
from tests.scenarios.embedded import AGENT, EmbeddedWorld, open_embedded


class Heard(NullObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.events: list[tuple[str, dict[str, object]]] = []

    def count(self, metric: str, value: float = 1, /, **labels: str) -> None:
        self.counts[metric, labels.get("code", "")] += int(value)

    def event(self, name: str, /, **fields: object) -> None:
        self.events.append((name, fields))


async def test_a_pod_whose_image_could_not_be_pulled_ahead_is_counted_as_failed(monkeypatch):
    heard = Heard()
    monkeypatch.setattr(EmbeddedWorld, "observer", lambda _self: heard)
    async with open_embedded() as world:
        await world.create_web(replicas=2, annotations={"pre-pull": "Required"})
        await world.set_image(world.app("missing"))
        status = await world.wait_phase("web", Phase.DEGRADED, 2 * world.patience)
        assert heard.counts["inplace_pods_failed_total", ReasonCode.ImagePull] == len(status.failures) > 0
        said = [fields for name, fields in heard.events if name == "workload.status_written"]
        assert said[-1]["kind"] == world.flavour.name
        assert (said[-1]["namespace"], said[-1]["name"]) == (world.namespace, "web")
        assert (said[-1]["level"], said[-1]["phase"]) == ("warning", "Degraded")


async def test_a_pod_that_fails_after_its_swap_is_counted_once(monkeypatch):
    heard = Heard()
    monkeypatch.setattr(EmbeddedWorld, "observer", lambda _self: heard)
    async with open_embedded() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("crash"))
        await world.wait_phase("web", Phase.DEGRADED, 2 * world.patience)
        await world.clock.sleep(60)
        assert heard.counts["inplace_pods_failed_total", ReasonCode.CrashLoop] == 1


async def test_missing_rights_are_one_line_and_one_when_they_are_there(monkeypatch):
    heard = Heard()
    monkeypatch.setattr(EmbeddedWorld, "observer", lambda _self: heard)
    async with open_embedded(controller=False, witnessed=False) as world:
        server = world.cluster.server
        server.plan = lambda request: Answer(403) if AGENT in request.agent and request.verb == "list" else None
        starting = asyncio.ensure_future(world.start_controller())
        await world.clock.sleep(20)
        loud = [name for name, fields in heard.events if fields["level"] in {"warning", "error"}]
        assert loud == ["rights.missing"], "nine caches"
        server.plan = nothing
        await starting
        await world.clock.sleep(60)
        await world.create_web(replicas=1)
        assert [name for name, _ in heard.events if name.startswith("rights.")] == ["rights.missing", "rights.granted"]
