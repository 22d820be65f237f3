"""The Event recorder: what the API demands, repetitions, and that it never gets in the way."""

from __future__ import annotations

import asyncio

import pytest

from inplace.kube.events import EventRecorder, ObjectRef
from tests.unit.kube.server import ok, serving, status

ABOUT = ObjectRef("apps/v1", "StatefulSet", "ns", "web", "u1")
pytestmark = pytest.mark.looptime


async def _record(recorder: EventRecorder, *notes: str) -> None:
    task = asyncio.ensure_future(recorder.run())
    for note in notes:
        recorder.record(ABOUT, type="Normal", reason="Frozen", action="InPlaceUpgrade", note=note)
        await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_event_has_what_validation_asks_for():
    async with serving(ok({})) as (client, script, observer):
        await _record(EventRecorder(client, "inplace.dev/controller", "i" * 300, client.clock, observer), "n" * 3000)
        body = script.bodies[0]
        assert script.requests[0].path == "/apis/events.k8s.io/v1/namespaces/ns/events"
        assert len(body["note"]) == 1024
        assert len(body["reportingInstance"]) == 128
        assert body["eventTime"].endswith("Z")
        assert body["regarding"]["uid"] == "u1"
        assert body["metadata"]["namespace"] == "ns"


async def test_a_repetition_becomes_a_series():
    async with serving(ok({})) as (client, script, observer):
        await _record(EventRecorder(client, "c", "i", client.clock, observer), "same", "same", "other", "same")
        assert [one.method for one in script.requests] == ["POST", "PATCH", "POST", "PATCH"]
        assert script.bodies[3]["series"]["count"] == 3


async def test_a_series_whose_event_expired_starts_anew():
    async with serving(ok({}), status(404, reason="NotFound"), ok({})) as (client, script, observer):
        await _record(EventRecorder(client, "c", "i", client.clock, observer), "same", "same")
        assert [one.method for one in script.requests] == ["POST", "PATCH", "POST"]


async def test_a_refusal_is_logged_and_the_next_is_written():
    async with serving(status(403, message="no"), ok({})) as (client, script, observer):
        await _record(EventRecorder(client, "c", "i", client.clock, observer), "a", "b")
        assert len(script.requests) == 2
        assert [name for name, _ in observer.events] == ["event.failed"]


async def test_a_full_queue_drops_and_counts():
    async with serving(ok({})) as (client, _, observer):
        recorder = EventRecorder(client, "c", "i", client.clock, observer)
        for _ in range(1005):
            recorder.record(ABOUT, type="Normal", reason="Frozen", action="a", note="n")
        assert observer.total("inplace_events_dropped_total") == 5
