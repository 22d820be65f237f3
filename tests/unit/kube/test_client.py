"""The client: errors, deadlines, and sending again only where that is safe."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from aiohttp import web

from inplace.core.objects.model import Pod
from inplace.kube import answers, bodies, errors
from inplace.kube import client as client_module
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.resource import PODS
from inplace.runtime.clock import ServerClock
from tests.unit.kube.server import cut, hang, ok, page, pod, serving, status, text, took

DETAILS = {"kind": "Pod", "name": "a", "causes": [{"reason": "FieldValueForbidden", "field": "spec"}]}


async def _get(client):
    return await client.get(resources.PODS, "a", "default", type=Pod)


async def _patch(client, **options):
    body = [{"op": "test", "path": "/metadata/uid", "value": "a"}]
    return await client.patch(resources.PODS, "a", "default", body, patch_type=PatchType.JSON, type=Pod, **options)


@pytest.mark.parametrize(
    ("code", "fields", "expected"),
    [
        (403, {"reason": "Forbidden"}, errors.Forbidden),
        (403, {"message": 'pods "a" is forbidden: User "u" cannot get resource "pods" in API group ""'}, errors.Denied),
        (403, {"message": 'pods "a" is forbidden: violates PodSecurity "restricted"'}, errors.Forbidden),
        (404, {"reason": "NotFound"}, errors.NotFound),
        (409, {"reason": "Conflict"}, errors.Conflict),
        (409, {"reason": "AlreadyExists"}, errors.AlreadyExists),
        (410, {"reason": "Expired"}, errors.Expired),
        (422, {"reason": "Invalid", "details": DETAILS}, errors.Invalid),
        (422, {"reason": "Invalid", "details": {}}, errors.PreconditionFailed),
        (422, {"reason": "Invalid"}, errors.PreconditionFailed),
        (500, {"reason": "InternalError"}, errors.ServerError),
        (418, {}, errors.Rejected),
    ],
)
@pytest.mark.looptime
async def test_each_answer_is_its_own_error(code, fields, expected):
    said = {"message": "why", **fields}
    async with serving(status(code, **said)) as (client, _, _):
        with pytest.raises(expected, match=re.escape(said["message"])) as caught:
            await _patch(client)
        assert type(caught.value) is expected


async def test_a_request_says_who_we_are_and_what_it_wants():
    async with serving(ok(pod("a", "1"))) as (client, script, _):
        await _patch(client, subresource="status", dry_run=True)
        request = script.requests[0]
        assert request.path == "/api/v1/namespaces/default/pods/a/status"
        assert dict(request.query) == {"fieldManager": "inplace", "dryRun": "All"}
        assert request.headers["Content-Type"] == "application/json-patch+json"
        assert request.headers["Authorization"] == "Bearer first"
        assert request.headers["User-Agent"] == "test/1"


@pytest.mark.looptime
async def test_a_read_is_repeated_after_a_server_error():
    async with serving(status(500), status(503), ok(pod("a", "1"))) as (client, script, _):
        assert (await _get(client)).name == "a"
        assert len(script.requests) == 3


@pytest.mark.looptime
async def test_retry_after_is_obeyed():
    busy = status(429, headers={"Retry-After": "3"}, reason="TooManyRequests")
    async with serving(busy, ok(pod("a", "1"))) as (client, script, recorder):
        await _patch(client)
        assert script.at[1] - script.at[0] >= 3
        assert recorder.total("rest_client_request_retries_total") == 1
        assert recorder.total("rest_client_requests_total", code="429", method="PATCH") == 1
        assert recorder.total("rest_client_requests_total", code="200", method="PATCH") == 1
        (held,) = recorder.timed("rest_client_rate_limiter_duration_seconds", verb="PATCH")
        assert held >= 3


@pytest.mark.looptime
async def test_throttling_ends_with_the_deadline():
    async with serving(status(429, headers={"Retry-After": "3"})) as (client, script, _):
        with pytest.raises(errors.Throttled):
            await _patch(client, timeout=10)
        assert len(script.requests) <= 4


@pytest.mark.parametrize("answer", [cut(), cut(after=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")])
@pytest.mark.looptime
async def test_a_write_whose_answer_is_lost_is_not_sent_again(answer):
    async with serving(answer, ok(pod("a", "1"))) as (client, script, _):
        with pytest.raises(errors.Unreachable) as caught:
            await _patch(client)
        assert caught.value.outcome_unknown
        assert len(script.requests) == 1


@pytest.mark.looptime
async def test_a_write_after_a_server_error_is_not_sent_again():
    async with serving(status(500), ok(pod("a", "1"))) as (client, script, _):
        with pytest.raises(errors.ServerError):
            await _patch(client)
        assert len(script.requests) == 1


@pytest.mark.looptime
async def test_a_read_is_repeated_after_a_cut_connection():
    async with serving(cut(), ok(pod("a", "1"))) as (client, script, _):
        assert (await _get(client)).name == "a"
        assert len(script.requests) == 2


@pytest.mark.looptime
async def test_a_request_without_an_answer_is_counted_as_such():
    async with serving(cut(), hang()) as (client, script, recorder):
        with pytest.raises(errors.Unreachable):
            await _patch(client)
        with pytest.raises(errors.Unreachable):
            await client.get(PODS, "a", "ns", type=Pod, timeout=5)
        assert recorder.total("rest_client_requests_total", code="<error>", method="PATCH") == 1
        assert recorder.total("rest_client_requests_total", code="<error>", method="GET") == 1
        assert recorder.total("rest_client_requests_total") == len(script.requests)
        assert not recorder.timed("rest_client_rate_limiter_duration_seconds")


@pytest.mark.looptime
async def test_a_call_ends_with_its_deadline():
    async with serving(hang()) as (client, _, _):
        with pytest.raises(errors.Unreachable, match="did not answer in time") as caught:
            await _patch(client, timeout=5)
        assert caught.value.outcome_unknown


async def test_no_time_left_sends_nothing():
    async with serving(ok({})) as (client, script, _):
        with pytest.raises(errors.Unreachable, match="no time left") as caught:
            await _patch(client, timeout=0)
        assert not caught.value.outcome_unknown
        assert script.requests == []


async def test_a_refused_connection_is_one_line_and_certainly_nothing_was_done():
    async with serving(ok({})) as (client, _, _):
        client.connection.host = "http://127.0.0.1:1"
        with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
            await _patch(client, timeout=2)
        assert not caught.value.outcome_unknown
        assert "\n" not in str(caught.value)


async def test_credentials_are_renewed_once_after_401():
    async with serving(status(401, message="Unauthorized"), ok(pod("a", "1"))) as (client, script, _):
        await _patch(client)
        assert [one.headers["Authorization"] for one in script.requests] == ["Bearer first", "Bearer second"]


async def test_a_token_that_is_not_accepted_says_what_to_do():
    async with serving(status(401, message="Unauthorized")) as (client, script, _):
        with pytest.raises(errors.Unauthorized, match="log in again"):
            await _get(client)
        assert len(script.requests) == 2


@pytest.mark.looptime
async def test_the_html_of_a_proxy_is_an_error_of_its_own_kind():
    async with serving(text(502, "<html>\nBad Gateway</html>")) as (client, _, _):
        with pytest.raises(errors.ServerError, match="Bad Gateway"):
            await _get(client)


async def test_an_answer_of_another_shape_is_refused():
    async with serving(text(200, "<html>hello</html>")) as (client, _, _):
        with pytest.raises(errors.KubeError, match="unexpected response from the server"):
            await _get(client)


async def test_a_list_is_read_page_by_page():
    async with serving(ok(page(pod("a", "1"), token="next")), ok(page(pod("b", "2"), version="12"))) as (
        client,
        script,
        _,
    ):
        found = await client.list(resources.PODS, "default", type=Pod, label_selector="app=web", limit=1)
        assert [one.name for one in found.items] == ["a", "b"]
        assert found.resource_version == "12"
        assert [one.query.get("continue") for one in script.requests] == [None, "next"]
        assert script.requests[1].query["labelSelector"] == "app=web"


async def test_warnings_of_the_server_are_passed_on():
    async with serving(status(404, headers={"Warning": '299 - "old"'}, reason="NotFound")) as (client, _, recorder):
        with pytest.raises(errors.NotFound):
            await _get(client)
        assert ("server.warning", '299 - "old"') in [(name, f.get("warning")) for name, f in recorder.events]


@pytest.mark.parametrize(("dry_run", "level"), [(False, "warning"), (True, "debug")])
async def test_a_warning_of_a_dry_run_is_for_nobody(dry_run, level):
    """Nothing of it stays; a probe that finds what it expects is silent."""
    answer = web.json_response(pod("a", "1"), headers={"Warning": '299 - "old"'})

    async def warned(_: web.Request) -> web.Response:
        return answer

    async with serving(warned) as (client, _, recorder):
        await _patch(client, dry_run=dry_run)
        assert [fields["level"] for name, fields in recorder.events if name == "server.warning"] == [level]


@pytest.mark.parametrize(
    ("date", "years"),
    [
        pytest.param("Tue, 01 Jan 2097 00:00:00 GMT", 2097, id="a machine without a battery"),
        pytest.param("yesterday", None, id="no date"),
        pytest.param("Tue, 01 Jan 2097 00:00:00 -0000", None, id="no zone"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", None, id="no time that anything can be reckoned from"),
    ],
)
async def test_the_time_is_that_of_the_answers_if_they_tell_one(date, years):
    async with serving(status(404, headers={"Date": date}, reason="NotFound")) as (client, _, recorder):
        client.clock = ServerClock(client.clock)
        before = client.clock.now()
        with pytest.raises(errors.NotFound):
            await _get(client)
        assert client.clock.now().year == (years or before.year)
        assert ("clock.corrected" in [name for name, _ in recorder.events]) is (years is not None)


async def test_a_delete_can_insist_on_the_very_object():
    async with serving(took()) as (client, script, _):
        await client.delete(resources.PODS, "a", "default", uid="u1", grace_period_seconds=0)
        assert script.bodies == [{"preconditions": {"uid": "u1"}, "gracePeriodSeconds": 0}]


async def test_raw_is_handed_through():
    async with serving(ok(pod("a", "1"))) as (client, _, _):
        assert msgspec.json.decode(await client.get(resources.PODS, "a", "d", type=msgspec.Raw)) == pod("a", "1")


RUBBISH = {
    "another object": {"hello": "world"},
    "an error in disguise": {"kind": "Status", "status": "Failure", "code": 503, "message": "upstream is away"},
    "another kind": {"kind": "Node", "metadata": {"name": "a"}},
    "another name": {"kind": "Pod", "metadata": {"name": "b"}},
    "no name": {"kind": "Pod", "metadata": {}},
    "nothing": None,
    "a list": [],
}
CALLS = {
    "get": lambda client: client.get(PODS, "a", "d", type=dict),
    "get raw": lambda client: client.get(PODS, "a", "d", type=msgspec.Raw),
    "patch": _patch,
    "patch status": lambda client: _patch(client, subresource="status"),
    "patch size": lambda client: _patch(client, subresource="resize", dry_run=True),
    "create": lambda client: client.create(PODS, "d", {"metadata": {"name": "a"}}, type=dict),
    "replace": lambda client: client.replace(PODS, "a", "d", {}, type=dict),
    "delete": lambda client: client.delete(PODS, "a", "d"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("body", RUBBISH)
@pytest.mark.looptime
async def test_what_is_not_the_object_asked_for_is_none(call, body):
    """Whatever else answers with 200, a proxy or an error in disguise: each of our fields would have its default."""
    async with serving(ok(RUBBISH[body])) as (client, script, _):
        with pytest.raises(errors.Unexpected, match="unexpected response from the server") as caught:
            await CALLS[call](client)
        assert caught.value.outcome_unknown is not call.startswith("get"), "a write may have been made all the same"
        assert len(script.requests) == 1


@pytest.mark.parametrize("call", CALLS)
async def test_the_object_asked_for_is_read_in_any_order_of_its_fields(call):
    usual = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "d"}, "spec": {}}
    for body in (usual, dict(reversed(usual.items()))):
        async with serving(ok(body)) as (client, _, _):
            await CALLS[call](client)


async def test_what_the_server_names_has_any_name():
    async with serving(ok(pod("web-x7k2p", "1"))) as (client, _, _):
        made = await client.create(PODS, "d", {"metadata": {"generateName": "web-"}}, type=Pod)
        assert made.name == "web-x7k2p"


async def test_a_subresource_of_another_kind_is_answered_in_its_own_words():
    async with serving(ok({"kind": "Status", "status": "Success"})) as (client, _, _):
        await client.create(PODS, "d", {"kind": "Eviction"}, name="a", subresource="eviction", type=dict)


@pytest.mark.parametrize(("separators", "times"), [((",", ":"), 1), ((", ", ": "), 2)], ids=["usual", "unusual"])
def test_the_usual_answer_is_decoded_once(separators, times, monkeypatch):
    genuine, decoded = answers.decode, []

    def counting(body, as_type, **unknown):
        decoded.append(as_type)
        return genuine(body, as_type, **unknown)

    monkeypatch.setattr(answers, "decode", counting)
    body = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}
    assert answers.read(json.dumps(body, separators=separators).encode(), PODS, "a", Pod).name == "a"
    assert len(decoded) == times


async def test_a_failed_precondition_says_what_the_servers_words_mean():
    said = "the server rejected our request due to an error in our request"
    async with serving(status(422, message=said, reason="Invalid")) as (client, _, _):
        with pytest.raises(errors.PreconditionFailed, match="changed since it was read"):
            await _get(client)


class _Large:
    """A list of objects of one size, in pages of as many as are asked for; says which limits were."""

    def __init__(self, sizes):
        self.sizes = sizes
        self.limits = []

    async def __call__(self, request):
        first, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        self.limits.append(limit)
        last = min(first + limit, len(self.sizes))
        items = [pod(f"p{n}", "1", padding="x" * self.sizes[n]) for n in range(first, last)]
        token = str(last) if last < len(self.sizes) else ""
        return web.json_response(page(*items, token=token))


async def test_no_page_is_larger_than_may_be_in_memory_at_once(monkeypatch):
    """Small objects may come before large ones, so the size of one page says nothing of the next."""
    monkeypatch.setattr(client_module, "PAGE_BYTES", 100_000)
    large = _Large([100] * 600 + [30_000] * 20 + [200_000] + [100] * 600)
    async with serving(large) as (client, _, _):
        pages = [found.items or () async for found in client.pages(PODS)]
        assert [len(items) for items in pages if len(items) == 1 and len(items[0]) > 100_000] == [1]
        assert all(sum(len(item) for item in items) <= 100_000 for items in pages if len(items) > 1)
        assert sum(len(items) for items in pages) == 1221
        assert max(large.limits[-3:]) > 100, "and once they are small again the pages grow"
        assert len(large.limits) < 60


async def test_an_answer_that_has_no_end_is_not_read_to_it(monkeypatch):
    monkeypatch.setattr(bodies, "MAX_BYTES", 100_000)
    large = _Large([200_000])
    async with serving(large) as (client, _, _):
        with pytest.raises(errors.TooLarge, match="more than"):
            await client.list(PODS, type=Pod, limit=1)
