"""The embedded API server answers as the real one did (`answers.json`, recorded from 1.36.3 by `record`)."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from inplace.runtime.clock import SystemClock
from kubesim.api.server import ApiServer
from tests.unit.kubesim.replay import answer
from tests.unit.kubesim.steps import NAMESPACE, STEPS

ANSWERS: dict[str, Any] = json.loads((Path(__file__).parent / "answers.json").read_text())
#: Where the embedded server is knowingly different, and why.
DIFFERENT: dict[str, str] = {
    "pod-strict-unknown-field": "it knows no schemas: strict field validation is accepted and not done",
    "table-pods-empty": "columns have no descriptions",
}


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    """The embedded server's answers to all steps in their order."""
    return asyncio.run(_replayed())


async def _replayed() -> dict[str, Any]:
    async with ApiServer(SystemClock(), random.Random(1)) as server, aiohttp.ClientSession() as session:
        async with session.post(f"{server.url}/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}}) as response:
            assert response.status == 201, await response.text()
        return {step.name: await answer(session, server.url, step) for step in STEPS}


@pytest.mark.parametrize("name", [step.name for step in STEPS])
def test_answers_as_recorded(given, name):
    if name in DIFFERENT:
        assert given[name] != ANSWERS[name], f"{name} no longer differs: take it off the list"
    else:
        assert given[name] == ANSWERS[name]
