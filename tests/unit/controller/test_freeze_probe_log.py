"""The probe of freeze policies tells what it could not find out once, and again when that is something else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.controller.freeze_probe import FreezeProbe
from inplace.kube.errors import KubeError, ServerError, Status
from inplace.kube.outages import Outages
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver
from tests.factories import workload

pytestmark = pytest.mark.looptime
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Server:
    """Answers every patch with this error."""

    def __init__(self) -> None:
        self.outages = Outages("https://api", NullObserver(), LoopClock(EPOCH))
        self.fails: KubeError = ServerError(500, Status(message="a webhook is away"))
        self.asked = 0

    async def patch(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        raise self.fails


class Notes(NullObserver):
    """Keeps the errors of which it hears, by level."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def event(self, name: str, /, **fields: Any) -> None:
        assert name == "freeze_policy.unknown"
        self.told.append((fields["level"], fields["error"]))


async def test_what_could_not_be_found_out_is_told_once_per_change():
    server, notes, cache = Server(), Notes(), Cache()
    cache.workloads["Deployment"].put(replace(workload(), kind="Deployment"))
    probe = FreezeProbe(server, cache, LoopClock(EPOCH), notes, lambda key: None)  # type: ignore[arg-type]
    probe.add(Key("Deployment", "default", "web"))
    task = asyncio.create_task(probe.run())
    await asyncio.sleep(600)
    server.fails = ServerError(500, Status(message="another one is away"))
    await asyncio.sleep(600)
    task.cancel()
    assert server.asked > 20
    assert len(notes.told) == server.asked
    assert [error for level, error in notes.told if level == "info"] == ["a webhook is away", "another one is away"]
