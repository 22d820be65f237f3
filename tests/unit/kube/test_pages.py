"""A page of a list with an item that no decoder goes into: only that item is lost."""

from __future__ import annotations

import asyncio
import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.kube import pages
from inplace.kube.errors import KubeError
from inplace.kube.pages import ListMeta, Page
from tests.unit.kube.server import event, page, pod, stream, text
from tests.unit.kube.test_reflector import _forever, reflecting

DEEP = b'{"metadata":{"name":"deep","namespace":"test"},"data":' + b"[" * 20_000 + b"]" * 20_000 + b"}"


def read(body):
    return asyncio.run(pages.read(body, "Pod"))


def cut(body):
    return asyncio.run(pages._cut(body))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["items", "metadata", '"', "\\", "]}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("items"), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(), json_values), max_size=4), st.text(), st.booleans(), json_values)
def test_it_is_cut_as_it_is_decoded(items, token, first, other):
    """Whatever stands in the items, before the metadata or after them."""
    metadata = {"resourceVersion": "7", "continue": token, "x": other}
    parts = [("metadata", metadata), ("items", items)] if first else [("items", items), ("metadata", metadata)]
    body = json.dumps(dict([("kind", "PodList"), ("more", other), *parts])).encode()
    found = cut(body)
    assert found.metadata == ListMeta("7", token)
    assert [msgspec.json.decode(raw) for raw in found.items or ()] == items
    whole = read(body)
    assert (whole.metadata, [bytes(raw) for raw in whole.items or ()]) == (
        found.metadata,
        [bytes(raw) for raw in found.items or ()],
    )


def test_a_deep_item_is_one_of_the_page():
    body = b'{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"a":"}"},' + DEEP + b',{"b":2}]}'
    found = read(body)
    assert found == Page(
        ListMeta("7"), (msgspec.Raw(b'{"a":"}"}'), msgspec.Raw(DEEP), msgspec.Raw(b'{"b":2}')), "PodList"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 20_000,
        b'{"items":[' + b"[" * 20_000,
        b'{"metadata":' + b'{"a":' * 9000 + b"1" + b"}" * 9001,
        b"<html>",
        b"\xff",
        b'{"hello":"world"}',
        b'{"kind":"Status","status":"Failure","code":503,"metadata":{}}',
        b'{"kind":"PodList","metadata":{"resourceVersion":"7"}}',
        b'{"kind":"PodList","metadata":{},"items":[]}',
        b'{"kind":"NodeList","metadata":{"resourceVersion":"7"},"items":[]}',
        b'{"kind":"Pod","metadata":{"resourceVersion":"7"},"items":[]}',
        b"null",
    ],
)
def test_what_is_no_page_is_an_error_with_its_beginning(body):
    with pytest.raises(KubeError, match="unexpected response from the server"):
        read(body)


async def test_a_long_page_leaves_the_loop_to_others():
    others = b",".join(json.dumps(pod(f"pod-{number}", "1")).encode() for number in range(20_000))
    body = b'{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[' + others + b"," + DEEP + b"]}"
    longest, turn, done = 0.0, time.process_time(), False

    async def watch():
        nonlocal longest, turn
        while not done:
            now = time.process_time()
            longest, turn = max(longest, now - turn), now
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(watch())
    found = await pages.read(body, "Pod")
    done = True
    await watching
    assert len(found.items or ()) == 20_001
    assert longest < 0.25


@pytest.mark.looptime
async def test_a_cache_fills_and_follows_without_the_deep_one():
    whole = json.dumps(page(pod("a", "5"), pod("b", "6"))).encode()
    body = whole.replace(b'"items": [', b'"items": [' + DEEP + b",")
    assert DEEP in body
    answers = text(200, body.decode()), stream(event("ADDED", pod("c", "11")), then=_forever)
    async with reflecting(*answers) as (reflector, store, _, _, recorder):
        await asyncio.wait_for(reflector.wait_synced(), 60)
        await asyncio.sleep(1)
        assert reflector.synced
        assert sorted(one.name for one in store.values()) == ["a", "b", "c"]
        assert recorder.total("inplace_watch_undecodable_total", resource="pods") == 1
