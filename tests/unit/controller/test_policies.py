"""What the controller says of the policies that are installed and of those that are not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from inplace.controller.installed_policies import MUTATING, VALIDATING, InstalledPolicies
from inplace.kube.errors import Denied, KubeError, NotFound, ServerError, Status
from inplace.kube.outages import Outages
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver

pytestmark = pytest.mark.looptime
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Server:
    """Knows these bindings and no others."""

    def __init__(self, *there: str) -> None:
        self.there = set(there)
        self.outages = Outages("https://api", NullObserver(), LoopClock(EPOCH))
        self.fails: KubeError | None = None

    async def get(self, _resource: Any, name: str, **_options: Any) -> dict[str, Any]:
        if self.fails is not None:
            raise self.fails
        if name not in self.there:
            raise NotFound(404, Status())
        return {}


class Notes:
    """An Observer that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.gauges: dict[str, float] = {}

    def event(self, name: str, /, **fields: Any) -> None:
        self.events.append((name, fields))

    def gauge(self, _metric: str, value: float, /, **labels: str) -> None:
        self.gauges[labels["policy"]] = value


async def looked(server: Server, seconds: float) -> Notes:
    notes = Notes()
    task = asyncio.create_task(InstalledPolicies(server, LoopClock(EPOCH), notes).run())  # type: ignore[arg-type]
    await asyncio.sleep(seconds)
    task.cancel()
    return notes


async def test_what_is_missing_is_said_once_with_what_that_means():
    found = await looked(Server("inplace-settings"), 1000)
    (name, fields), *missing = found.events
    assert name == "policies.found"
    assert fields["policies"] == "inplace-settings"
    assert (fields["installed"], fields["missing"]) == (1, len(MUTATING | VALIDATING) - 1)
    assert {name for name, _ in missing} == {"policy.missing"}
    assert {fields["level"] for _, fields in missing} == {"info"}
    means = {fields["policy"]: fields["message"] for _, fields in missing}
    assert means.keys() == (MUTATING | VALIDATING).keys() - {"inplace-settings"}
    assert "kubectl rollout undo" in means["inplace-keep-freeze-deployments"]
    assert found.gauges["inplace-settings"] == 1
    assert found.gauges["inplace-fence-pods"] == 0


async def test_an_installation_without_policies_is_one_line():
    found = await looked(Server(), 1000)
    assert [name for name, fields in found.events if fields["level"] == "info"] == ["policies.found"]


async def test_a_change_is_said_again():
    server, notes = Server(), Notes()
    task = asyncio.create_task(InstalledPolicies(server, LoopClock(EPOCH), notes).run())  # type: ignore[arg-type]
    await asyncio.sleep(10)
    server.there |= MUTATING.keys()
    await asyncio.sleep(60)
    task.cancel()
    assert notes.gauges["inplace-honest-status"] == 1
    found = [fields["policies"] for name, fields in notes.events if name == "policies.found"]
    assert found == ["", ", ".join(MUTATING)]


async def test_what_cannot_be_asked_is_not_guessed():
    server = Server()
    server.fails = ServerError(500, Status(message="etcd is away"))
    found = await looked(server, 100)
    assert [name for name, _ in found.events] == ["policies.unknown"]
    assert not found.gauges


async def test_who_may_not_look_is_told_once_and_not_as_of_a_missing_right():
    server = Server()
    server.fails = Denied(403, Status(message="no"))
    found = await looked(server, 1000)
    assert [(name, fields["level"]) for name, fields in found.events] == [("policies.unknown", "info")]
