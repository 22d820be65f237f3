"""The Event recorder: what the API demands, repetitions, bounds, and that it never gets in the way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from inplace.kube import events
from inplace.kube.events import BURST, COMBINED, MAX_SIMILAR, EventRecorder, ObjectRef, cut
from tests.unit.kube.server import serving, status, took

ABOUT = ObjectRef("apps/v1", "StatefulSet", "ns", "web", "u1")
pytestmark = pytest.mark.looptime


async def _record(recorder: EventRecorder, *messages: str, about: ObjectRef = ABOUT, pause: float = 1) -> None:
    task = asyncio.ensure_future(recorder.run())
    for message in messages:
        recorder.record(about, type="Normal", reason="Frozen", message=message)
        await asyncio.sleep(pause)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def recorder_of(client, observer, instance="i"):
    return EventRecorder(client, "inplace.dev/controller", instance, client.clock, observer)


async def test_an_event_has_the_times_and_the_count_that_kubectl_sorts_by():
    async with serving(took()) as (client, script, observer):
        await _record(recorder_of(client, observer, "i" * 300), "hello")
        body = script.bodies[0]
        assert script.requests[0].path == "/api/v1/namespaces/ns/events"
        assert body["firstTimestamp"] == body["lastTimestamp"]
        assert datetime.fromisoformat(body["lastTimestamp"]).tzinfo is UTC
        assert body["count"] == 1
        assert body["involvedObject"] == {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "namespace": "ns",
            "name": "web",
            "uid": "u1",
        }
        assert body["source"] == {"component": "inplace.dev/controller"}
        assert body["reportingComponent"] == "inplace.dev/controller"
        assert len(body["reportingInstance"]) == 128
        assert "eventTime" not in body


@pytest.mark.parametrize(("character", "count"), [("n", 3000), ("ü", 600), ("🚢", 300)])
async def test_a_long_message_is_cut_between_characters_to_the_bytes_that_validation_allows(character, count):
    async with serving(took()) as (client, script, observer):
        await _record(recorder_of(client, observer), character * count)
        message = script.bodies[0]["message"]
        assert 1024 - 4 < len(message.encode()) <= 1024
        assert set(message) == {character, "…"}


def test_what_fits_is_not_cut():
    assert cut("ü" * 512, 1024) == "ü" * 512
    assert cut("a\udc80", 10) == "a?"


async def test_a_repetition_raises_the_count_and_the_time():
    async with serving(took()) as (client, script, observer):
        await _record(recorder_of(client, observer), "same", "same", "other", "same")
        assert [one.method for one in script.requests] == ["POST", "PATCH", "POST", "PATCH"]
        assert script.bodies[3]["count"] == 3
        assert script.bodies[3]["lastTimestamp"] > script.bodies[0]["lastTimestamp"]
        assert script.requests[3].path.endswith(script.bodies[0]["metadata"]["name"])


async def test_an_event_that_expired_is_written_anew():
    async with serving(took(), status(404, reason="NotFound"), took()) as (client, script, observer):
        await _record(recorder_of(client, observer), "same", "same")
        assert [one.method for one in script.requests] == ["POST", "PATCH", "POST"]
        assert script.bodies[2]["count"] == 1


async def test_a_repetition_after_the_time_for_which_events_are_kept_is_a_new_event():
    async with serving(took()) as (client, script, observer):
        await _record(recorder_of(client, observer), "same", "same", pause=3601)
        assert [one.method for one in script.requests] == ["POST", "POST"]


async def test_many_messages_with_one_reason_become_one_event():
    async with serving(took()) as (client, script, observer):
        await _record(recorder_of(client, observer), *(f"m{n:02}" for n in range(MAX_SIMILAR + 3)), "m00")
        created = [body["message"] for body in script.bodies if "metadata" in body]
        assert created == [*(f"m{n:02}" for n in range(MAX_SIMILAR)), f"{COMBINED}m10"]
        assert [body["message"] for body in script.bodies[-3:]] == [f"{COMBINED}m11", f"{COMBINED}m12", "m00"]
        assert [body["count"] for body in script.bodies[-3:]] == [2, 3, 2]


async def test_an_object_has_no_more_events_than_its_share_and_another_still_has_its_own():
    async with serving(took()) as (client, script, observer):
        recorder = recorder_of(client, observer)
        await _record(recorder, *["same"] * (BURST + 5), pause=0.001)
        assert len(script.requests) == BURST
        assert observer.total("inplace_events_dropped_total") == 5
        await _record(recorder, "same", about=ObjectRef("apps/v1", "StatefulSet", "ns", "other", "u2"))
        assert len(script.requests) == BURST + 1
        await asyncio.sleep(events.REFILL_SECONDS)
        await _record(recorder, "same", "same")
        assert len(script.requests) == BURST + 2


@pytest.mark.parametrize("name", ["web", "w" * 253, f"{'w' * 235}-{'w' * 17}", f"{'w' * 235}.{'w' * 17}"])
async def test_names_are_valid_unique_and_sort_by_time(name):
    about = ObjectRef("apps/v1", "StatefulSet", "ns", name, "u1")
    async with serving(took()) as (client, script, observer):
        recorder = recorder_of(client, observer)
        for message in ("a", "b"):  # at one moment
            recorder.record(about, type="Normal", reason="Frozen", message=message)
        await _record(recorder, "c", about=about)
        names = [body["metadata"]["name"] for body in script.bodies]
        assert len(set(names)) == len(script.bodies) == 3
        assert names == sorted(names)
        assert all(len(one) <= 253 and "-." not in one and ".." not in one for one in names)


async def test_a_name_that_is_taken_is_not_tried_for_ever():
    taken = status(409, reason="AlreadyExists")
    async with serving(taken, took()) as (client, script, observer):
        await _record(recorder_of(client, observer), "a")
        assert len({body["metadata"]["name"] for body in script.bodies}) == 2
        assert not observer.events
    async with serving(taken) as (client, script, observer):
        await _record(recorder_of(client, observer), "a")
        assert len(script.requests) == events.MAX_TRIES
        assert [name for name, _ in observer.events] == ["event.failed"]


async def test_a_refusal_is_logged_and_the_next_is_written():
    async with serving(status(403, message="no"), took()) as (client, script, observer):
        await _record(recorder_of(client, observer), "a", "b")
        assert len(script.requests) == 2
        ((name, fields),) = observer.events
        assert name == "event.failed"
        assert (fields["kind"], fields["namespace"], fields["name"]) == ("StatefulSet", "ns", "web")


async def test_a_full_queue_drops_and_counts():
    async with serving(took()) as (client, _, observer):
        recorder = recorder_of(client, observer)
        for _ in range(1005):
            recorder.record(ABOUT, type="Normal", reason="Frozen", message="n")
        assert observer.total("inplace_events_dropped_total") == 5


async def test_a_message_is_one_line_whatever_a_tenant_has_written():
    async with serving(took()) as (client, script, observer):
        await _record(recorder_of(client, observer), 'app=a\n{"level":"error"}\x1b[31m')
        assert script.bodies[0]["message"] == 'app=a\\n{"level":"error"}\\u001b[31m'
