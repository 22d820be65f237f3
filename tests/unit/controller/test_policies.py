"""What the controller says of the policies that are installed and of those that are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
        self.actions: dict[str, list[str]] = {}

    async def get(self, _resource: Any, name: str, **_options: Any) -> dict[str, Any]:
        if self.fails is not None:
            raise self.fails
        if name not in self.there:
            raise NotFound(404, Status())
        return {"spec": {"validationActions": self.actions[name]}} if name in self.actions else {}


class Notes(NullObserver):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, name: str, /, **fields: Any) -> None:
        self.events.append((name, fields))


@asynccontextmanager
async def looking(server: Server) -> AsyncIterator[tuple[InstalledPolicies, Notes]]:
    notes = Notes()
    policies = InstalledPolicies(server, LoopClock(EPOCH), notes)  # type: ignore[arg-type]
    task = asyncio.create_task(policies.run())
    yield policies, notes
    task.cancel()


async def test_what_is_missing_is_said_once_with_what_that_means():
    async with looking(Server("inplace-settings")) as (policies, notes):
        await asyncio.sleep(1000)
        (name, fields), *missing = notes.events
        assert name == "policies.found"
        assert fields["policies"] == "inplace-settings"
        assert (fields["installed"], fields["missing"]) == (1, len(MUTATING | VALIDATING) - 1)
        assert {name for name, _ in missing} == {"policy.missing"}
        assert {fields["level"] for _, fields in missing} == {"info"}
        means = {fields["policy"]: fields["message"] for _, fields in missing}
        assert means.keys() == (MUTATING | VALIDATING).keys() - {"inplace-settings"}
        assert "kubectl rollout undo" in means["inplace-keep-freeze-deployments"]
        assert policies.state["inplace-settings"]
        assert not policies.state["inplace-fence-pods"]


async def test_an_installation_without_policies_is_one_line():
    async with looking(Server()) as (_, notes):
        await asyncio.sleep(1000)
        assert [name for name, fields in notes.events if fields["level"] == "info"] == ["policies.found"]


async def test_a_change_is_said_again():
    server = Server()
    async with looking(server) as (policies, notes):
        await asyncio.sleep(10)
        server.there |= MUTATING.keys()
        await asyncio.sleep(60)
        assert policies.state["inplace-honest-status"]
        found = [fields["policies"] for name, fields in notes.events if name == "policies.found"]
        assert found == ["", ", ".join(MUTATING)]


async def test_a_binding_that_denies_nothing_is_not_in_force():
    server = Server(*VALIDATING)
    server.actions = {"inplace-fence-pods": ["Audit", "Warn"], "inplace-settings": ["Deny", "Audit"]}
    async with looking(server) as (policies, _):
        await asyncio.sleep(10)
        assert not policies.state["inplace-fence-pods"]
        assert policies.state["inplace-settings"]


async def test_what_cannot_be_asked_is_not_guessed_nor_what_was_so_before_kept():
    server = Server("inplace-settings")
    async with looking(server) as (policies, notes):
        await asyncio.sleep(10)
        assert policies.state["inplace-settings"]
        server.fails = ServerError(500, Status(message="etcd is away"))
        notes.events.clear()
        await asyncio.sleep(100)
        assert [name for name, _ in notes.events] == ["policies.unknown"]
        assert policies.state == {}


async def test_who_may_not_look_is_told_once_and_not_as_of_a_missing_right():
    server = Server()
    server.fails = Denied(403, Status(message="no"))
    async with looking(server) as (_, notes):
        await asyncio.sleep(1000)
        assert [(name, fields["level"]) for name, fields in notes.events] == [("policies.unknown", "info")]
