"""list + watch: the store is like the server's, whatever the server and the network do."""

from __future__ import annotations

import asyncio
import functools
import json
import random
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from inplace.controller.app import WATCH_SECONDS
from inplace.core.objects.model import Pod, PodStatus
from inplace.kube import resource as resources
from inplace.kube.reflector import CATCH_UP_SECONDS, STALE_SECONDS, Reflector
from inplace.kube.store import Store
from tests.factories import decode
from tests.unit.kube.server import event, ok, page, pod, serving, status, stream, text

pytestmark = pytest.mark.looptime


async def _forever() -> None:
    await asyncio.sleep(10_000)


@asynccontextmanager
async def reflecting(*answers, **options):
    async with serving(*answers) as (client, script, recorder):
        store: Store[Pod] = Store(
            key=lambda one: (one.metadata.namespace, one.name), version=lambda one: one.metadata.resource_version
        )
        changes: list[tuple[str | None, str | None, bool]] = []

        def note(old, new, initial):
            versions = [one.metadata.resource_version if one else None for one in (old, new)]
            changes.append((versions[0], versions[1], initial))

        reflector = Reflector(
            client,
            resources.PODS,
            store,
            Pod,
            on_change=note,
            clock=client.clock,
            observer=recorder,
            rng=random.Random(1),
            **options,
        )
        task = asyncio.ensure_future(reflector.run())
        try:
            yield reflector, store, changes, script, recorder
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_list_then_watch():
    watch = stream(
        event("ADDED", pod("b", "11")),
        event("MODIFIED", pod("a", "12")),
        event("DELETED", pod("b", "13")),
        then=_forever,
    )
    async with reflecting(ok(page(pod("a", "5"))), watch) as (reflector, store, changes, script, _):
        await reflector.wait_synced()
        await asyncio.sleep(1)
        assert changes == [(None, "5", True), (None, "11", False), ("5", "12", False), ("11", None, False)]
        assert [one.name for one in store.values()] == ["a"]
        assert store.bytes == len(json.dumps(pod("a", "12")))
        assert reflector.synced
        query = script.requests[1].query
        assert (query["resourceVersion"], query["allowWatchBookmarks"]) == ("10", "true")


@pytest.mark.parametrize("form", ["answer", "event"])
async def test_410_in_both_forms_means_list_again_and_report_what_vanished(form):
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    expired = status(410, reason="Expired") if form == "answer" else stream(event("ERROR", gone))
    answers = (
        ok(page(pod("a", "5"), pod("b", "6"))),
        expired,
        ok(page(pod("b", "7"), version="20")),
        stream(then=_forever),
    )
    async with reflecting(*answers) as (_, store, changes, script, recorder):
        await asyncio.sleep(5)
        assert [one.name for one in store.values()] == ["b"]
        assert changes[2:] == [("5", None, False), ("6", "7", False)]
        assert "resourceVersion" not in script.requests[2].query
        assert recorder.total("inplace_relists_total") == 2


@pytest.mark.parametrize("form", ["list", "watch", "event"])
async def test_a_server_that_answers_410_again_and_again_is_not_asked_in_a_hot_loop(form):
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    again = stream(event("ERROR", gone)) if form == "event" else status(410, reason="Expired", message="too old")
    async with reflecting(ok(page(pod("a", "5"))), again) as (reflector, _, _, script, _):
        listed = again if form == "list" else ok(page())
        script.answers = [ok(page(pod("a", "5"))), again, *(50 * [listed, again]), ok(page()), stream(then=_forever)]
        await asyncio.sleep(60)
        assert 4 < len(script.requests) < 25
        assert reflector.problem == "too old"
        script.answers = [*(len(script.requests) * [again]), ok(page()), stream(then=_forever)]
        await asyncio.sleep(60)
        assert reflector.problem is None


async def test_bookmarks_move_the_version_and_are_no_objects():
    bookmark = event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "99"}})
    async with reflecting(ok(page()), stream(bookmark), stream(then=_forever)) as (_, store, changes, script, _):
        await asyncio.sleep(10)
        assert changes == []
        assert len(store) == 0
        assert script.requests[2].query["resourceVersion"] == "99"


async def test_what_cannot_be_decoded_is_counted_and_skipped():
    bad = {"metadata": {"name": "x", "resourceVersion": "11"}, "spec": {"containers": 7}}
    deep = b'{"type":"ADDED","object":{"data":' + b"[" * 20_000 + b"]" * 20_000 + b"}}\n"
    lines = (event("ADDED", bad), deep, event("ADDED", pod("b", "12")))
    async with reflecting(ok(page(bad, pod("a", "5"))), stream(*lines, then=_forever)) as (_, store, _, _, recorder):
        await asyncio.sleep(1)
        assert [one.name for one in store.values()] == ["a", "b"]
        assert recorder.total("inplace_watch_undecodable_total") == 3


async def test_of_what_cannot_be_decoded_any_more_no_older_state_is_left():
    """A stale object would be acted on, and one that is gone for ever."""
    bad = {"spec": {"containers": 7}}
    lines = (event("MODIFIED", {**pod("a", "11"), **bad}), event("DELETED", {**pod("b", "12"), **bad}))
    answers = (ok(page(pod("a", "5"), pod("b", "6"), pod("c", "7"))), stream(*lines), stream(then=_forever))
    async with reflecting(*answers) as (_, store, changes, script, _):
        await asyncio.sleep(5)
        assert [one.name for one in store.values()] == ["c"]
        assert changes[3:] == [("5", None, False), ("6", None, False)]
        assert script.requests[2].query["resourceVersion"] == "12"


@pytest.mark.parametrize("form", ["list", "event"])
async def test_what_cannot_be_decoded_is_stood_in_for_until_it_is_gone(form):
    bad = {**pod("a", "11"), "spec": {"containers": 7}}
    gone = asyncio.Event()
    first = page(bad) if form == "list" else page(pod("a", "5"))
    lines = (event("MODIFIED", bad),) if form == "event" else ()

    async def until_gone() -> None:
        await gone.wait()

    answers = (ok(first), stream(*lines, then=until_gone), stream(event("DELETED", bad), then=_forever))
    instead = functools.partial(replace, decode(pod("a", "11"), Pod))

    def stand_in(lost):
        assert (lost.namespace, lost.name, lost.uid, lost.resource_version) == ("default", "a", "a", "11")
        return instead(status=PodStatus(phase="Unreadable"))

    async with reflecting(*answers, stand_in=stand_in) as (_, store, changes, *_):
        await asyncio.sleep(1)
        assert [one.status.phase for one in store.values()] == ["Unreadable"]
        assert changes[-1][1] == "11", "those who need it are told"
        gone.set()
        await asyncio.sleep(5)
        assert len(store) == 0
        assert changes[-1] == ("11", None, False)


async def test_a_line_without_an_end_is_not_held_in_memory(monkeypatch):
    monkeypatch.setattr("inplace.kube.watch.MAX_BYTES", 100_000)
    endless = stream(tail=b"x" * 200_000, then=_forever)
    async with reflecting(ok(page()), endless, stream(then=_forever)) as (_, _, _, _, recorder):
        await asyncio.sleep(5)
        assert recorder.total("inplace_watch_restarts_total", why="error") == 1


async def test_a_line_of_any_length_and_a_partial_one_at_the_end():
    long = pod("a", "11")
    long["metadata"]["annotations"] = {"x": "y" * 3_000_000}
    answers = (ok(page()), stream(event("ADDED", long), tail=b'{"type":"ADDED","obj'), stream(then=_forever))
    async with reflecting(*answers) as (_, store, _, script, _):
        await asyncio.sleep(10)
        assert len(store) == 1
        assert script.requests[2].query["resourceVersion"] == "11"


async def test_a_silent_server_is_given_up():
    async with reflecting(ok(page()), stream(then=_forever)) as (_, _, _, script, recorder):
        await asyncio.sleep(700)
        assert len(script.requests) == 3
        assert recorder.total("inplace_watch_restarts_total", why="error") == 1


async def test_a_watch_that_is_dead_and_does_not_look_so_is_noticed_within_half_a_minute():
    """Behind a proxy that has lost the server there is neither an event nor an end."""
    late = stream(event("ADDED", pod("b", "11")), then=_forever)
    async with reflecting(ok(page()), stream(then=_forever), late, watch_seconds=WATCH_SECONDS) as (_, store, *_):
        await asyncio.sleep(31.5)
        assert len(store) == 1


async def test_a_quiet_watch_that_is_opened_again_is_no_problem_any_more():
    """Nothing may happen for hours, and until then nothing new would begin."""
    answers = (ok(page(pod("a", "5"))), status(500, message="down"), stream(then=_forever))
    async with reflecting(*answers) as (reflector, *_):
        await asyncio.sleep(0.1)
        assert reflector.problem == "down"
        await asyncio.sleep(5)
        assert (reflector.problem, reflector.stale) == (None, None)


async def test_what_has_happened_during_a_long_outage_is_read_before_anything_new_begins():
    answers = (ok(page(pod("a", "5"))), status(500, message="down"), *(9 * [status(500, message="down")]))
    async with reflecting(*answers, stream(then=_forever)) as (reflector, *_):
        await asyncio.sleep(STALE_SECONDS + 1)
        while reflector.problem is not None:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.1)
        assert reflector.stale == "what has happened meanwhile is being read"
        await asyncio.sleep(CATCH_UP_SECONDS)
        assert reflector.stale is None


async def test_nothing_is_decided_on_what_was_never_read_or_is_not_kept_up_for_a_while():
    forbidden = status(403, reason="Forbidden", message="cannot list")
    async with reflecting(forbidden, ok(page()), stream(then=_forever)) as (reflector, _, _, script, _):
        await reflector.wait_answered()
        assert reflector.stale == "cannot list"
        await reflector.wait_synced()
        assert reflector.stale is None
        script.answers = [*script.answers[:3], *(200 * [status(500, message="down")])]
        while reflector.problem is None:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.5)
        stale = [reflector.stale]
        await asyncio.sleep(STALE_SECONDS + 1)
        assert [*stale, reflector.stale] == [None, "down"]
        script.answers = [
            *(len(script.requests) * [status(500)]),
            stream(event("ADDED", pod("b", "11")), then=_forever),
        ]
        await asyncio.sleep(60)
        assert reflector.stale is None


async def test_a_watch_that_ends_at_once_is_not_opened_in_a_hot_loop_and_is_listed_again():
    async with reflecting(ok(page()), stream()) as (_, _, _, script, _):
        script.answers = [ok(page(version=str(n))) if n == 0 else stream() for n in range(2)]
        await asyncio.sleep(60)
        assert len(script.requests) < 20
        lists = [one for one in script.requests if "watch" not in one.query]
        assert len(lists) >= 2


JUNK = {
    "a page": b"<html><body>Please log in</body></html>",
    "a line that is no JSON": b"Please log in\n",
    "another object": b'{"hello":"world"}',
    "a line with another object": b'{"hello":"world"}\n',
    "an error in disguise": b'{"kind":"Status","status":"Failure","code":503}\n',
    "an event of an unknown type": b'{"type":"WAT","object":{"metadata":{"name":"b","resourceVersion":"99"}}}\n',
    "an event of no object": b'{"type":"ADDED","object":{"metadata":{}}}\n',
    "a deletion of no object": b'{"type":"DELETED","object":{"hello":"world"}}\n',
    "an object without a version": b'{"type":"ADDED","object":{"metadata":{"name":"b"}}}\n',
    "a bookmark without a version": b'{"type":"BOOKMARK","object":{}}\n',
    "a number": b'{"type":"ADDED","object":7}\n',
    "nothing": b"",
}


@pytest.mark.parametrize("junk", JUNK)
async def test_a_watch_that_is_none_is_a_problem_and_is_listed_again(junk):
    """What it leaves out has happened all the same; and each list, and each that begins to answer, is no end of it."""
    nothing = stream(tail=JUNK[junk])
    async with reflecting(ok(page(pod("a", "5"))), nothing) as (reflector, store, _, script, recorder):
        script.answers = [ok(page(pod("a", "5"))), *(3 * [nothing])] if junk == "nothing" else script.answers
        script.answers += 100 * [ok(page(pod("a", "6"), version="20")), nothing]
        await asyncio.sleep(STALE_SECONDS + 10)
        assert "unexpected response from the server" in (reflector.problem or "")
        assert reflector.stale == reflector.problem
        assert store.get("default", "a").metadata.resource_version == "6"
        assert [one.name for one in store.values()] == ["a"]
        assert 4 < len(script.requests) < 15
        await asyncio.sleep(60)
        told = [fields["level"] for name, fields in recorder.events if name == "server.garbled"]
        assert told == ["error"]
        loud = [name for name, fields in recorder.events if fields["level"] != "debug"]
        assert loud.count("watch.failed") <= 2
        script.answers = [*(len(script.requests) * [nothing]), ok(page(pod("a", "7"))), stream(then=_forever)]
        await asyncio.sleep(100)
        assert reflector.problem is None
        assert "server.understood" in [name for name, _ in recorder.events]


async def test_a_list_of_objects_without_names_is_none():
    async with reflecting(ok(page({"metadata": {}}))) as (reflector, *_):
        await reflector.wait_answered()
        assert "without a name" in (reflector.problem or "")


async def test_a_watch_that_is_cut_off_is_opened_again_from_where_it_was():
    cut_off = stream(event("ADDED", pod("b", "11")), tail=b'{"type":"MODIFIED","obj')
    async with reflecting(ok(page(pod("a", "5"))), cut_off, stream(then=_forever)) as (reflector, _, _, script, _):
        await asyncio.sleep(0.5)
        assert "in the middle of the answer" in (reflector.problem or "")
        await asyncio.sleep(5)
        assert script.requests[2].query["resourceVersion"] == "11"
        assert reflector.problem is None


async def test_a_missing_right_is_shown_and_recovers():
    forbidden = status(403, reason="Forbidden", message='pods is forbidden: cannot list resource "pods"')
    async with reflecting(forbidden, forbidden, ok(page(pod("a", "5"))), stream(then=_forever)) as (reflector, *_):
        await asyncio.sleep(0.2)
        assert not reflector.synced
        assert reflector.problem is not None
        assert "cannot list" in reflector.problem
        await reflector.wait_synced()
        assert reflector.problem is None


async def test_the_html_of_a_proxy_in_a_watch_is_survived():
    answers = (ok(page(pod("a", "5"))), text(502, "<html>"), stream(event("MODIFIED", pod("a", "6")), then=_forever))
    async with reflecting(*answers) as (reflector, store, _, _, _):
        await asyncio.sleep(5)
        assert store.get("default", "a").metadata.resource_version == "6"
        assert reflector.problem is None


async def test_pauses_between_failures_grow_to_their_bound():
    async with reflecting(status(500)) as (_, _, _, script, _):
        await asyncio.sleep(600)
        pauses = [later - earlier for earlier, later in zip(script.at, script.at[1:], strict=False)]
        assert max(pauses) <= 1.5 * 30 + 30
        assert len(script.requests) < 200
