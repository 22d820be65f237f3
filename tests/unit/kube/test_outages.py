"""What fails everything at once is told once, again after minutes, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from inplace.kube import discovery
from inplace.kube.errors import (
    ApiError,
    ConfigError,
    Denied,
    Invalid,
    KubeError,
    Status,
    Unauthorized,
    Unreachable,
    from_status,
)
from inplace.kube.outages import GATHER_SECONDS, REPEAT_SECONDS, Outages
from inplace.runtime.clock import LoopClock
from tests.unit.kube.server import Recorder, serving, status

pytestmark = pytest.mark.looptime
USER = "system:serviceaccount:inplace-system:inplace"


def denied(what: str, group: str = "", where: str = "at the cluster scope") -> KubeError:
    verb, resource = what.split()
    text = f'is forbidden: User "{USER}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    return from_status(403, Status(message=text, reason="Forbidden", code=403))


REJECTED = Unauthorized(401, Status(message="Unauthorized", code=401))
AWAY = Unreachable("https://10.0.0.1 cannot be reached: connection refused")


@pytest.fixture
def said():
    return Recorder()


@pytest.fixture
def outages(said):
    return Outages("https://10.0.0.1", said, LoopClock(datetime(2026, 1, 1, tzinfo=UTC)))


async def wait(outages: Outages, seconds: float) -> None:
    """Virtual time."""
    await outages._clock.sleep(seconds)


async def suffer(outages: Outages, errors: dict[str, KubeError], seconds: float, every: float = 1.0) -> None:
    """All parts fail, and again after a pause."""
    for _ in range(int(seconds / every)):
        assert all(outages.failed(source, error) for source, error in errors.items())
        await wait(outages, every)


async def test_missing_rights_are_one_line_that_names_each_of_them_and_what_to_do(outages, said):
    outages.advice = "kubectl apply -k manifests"
    errors = {
        "cache of pods": denied("list pods"),
        "cache of statefulsets": denied("watch statefulsets", "apps", 'in the namespace "shop"'),
        "complete": denied("patch pods/status", "", 'in the namespace "shop"'),
    }
    await suffer(outages, errors, 60)
    ((name, fields),) = said.events
    assert name == "rights.missing"
    assert fields == {
        "level": "error",
        "server": "https://10.0.0.1",
        "user": USER,
        "rights": "list pods; patch pods/status in namespace shop; watch statefulsets.apps in namespace shop",
        "advice": "kubectl apply -k manifests",
    }


async def test_it_is_told_again_after_minutes_while_it_lasts_and_once_when_it_is_over(outages, said):
    await suffer(outages, {"a": REJECTED, "b": REJECTED}, 3 * REPEAT_SECONDS)
    assert [name for name, _ in said.events] == ["credentials.rejected"] * 3
    outages.ended("a")
    assert len(said.events) == 3
    outages.ended("b")
    outages.ended("b")
    assert [name for name, _ in said.events[3:]] == ["credentials.accepted"]
    assert said.events[-1][1]["lasted_seconds"] == 3 * REPEAT_SECONDS


async def test_another_missing_right_is_told_at_once_and_a_known_one_is_not(outages, said):
    await suffer(outages, {"a": denied("list pods")}, 10)
    await suffer(outages, {"a": denied("list pods"), "b": denied("list nodes")}, 10)
    assert [fields["rights"] for _, fields in said.events] == ["list pods", "list nodes; list pods"]
    await suffer(outages, {"a": denied("list pods")}, 10)
    assert len(said.events) == 2


async def test_what_passes_soon_is_not_told_at_all(outages, said):
    outages.failed("a", AWAY)
    await wait(outages, GATHER_SECONDS - 0.1)
    outages.failed("a", AWAY)
    outages.ended("a")
    await wait(outages, 60)
    outages.failed("a", AWAY)
    assert said.events == []


async def test_any_answer_ends_a_server_that_could_not_be_reached_and_nothing_else(outages, said):
    await suffer(outages, {"a": AWAY, "b": denied("list pods"), "c": AWAY}, 5)
    assert sorted(name for name, _ in said.events) == ["rights.missing", "server.unreachable"]
    outages.answered()
    assert said.events[-1][0] == "server.reached"
    outages.ended("b")
    assert said.events[-1][0] == "rights.granted"


async def test_one_trouble_after_the_other(outages, said):
    await suffer(outages, {"a": AWAY}, 5)
    await suffer(outages, {"a": REJECTED}, 5)
    assert [name for name, _ in said.events] == ["server.unreachable", "server.reached", "credentials.rejected"]


async def test_other_errors_are_left_to_those_who_met_them(outages, said):
    await suffer(outages, {"a": AWAY}, 5)
    assert not outages.failed("a", Invalid(422, Status(message="no", code=422)))
    assert [name for name, _ in said.events] == ["server.unreachable", "server.reached"]


async def test_who_has_given_up_does_not_keep_it_open(outages, said):
    await suffer(outages, {"a": denied("list pods"), "b": denied("list nodes")}, 5)
    await suffer(outages, {"a": denied("list pods")}, 700)
    outages.ended("a")
    assert said.events[-1][0] == "rights.granted"


async def test_a_denial_in_other_words_is_told_in_these():
    said = Recorder()
    outages = Outages("s", said, LoopClock(datetime(2026, 1, 1, tzinfo=UTC)))
    odd = Denied(403, Status(message="forbidden by the proxy", code=403))
    await suffer(outages, {"a": odd}, 5)
    assert said.events[0][1]["rights"] == "forbidden by the proxy"


async def test_the_client_says_when_the_server_answers():
    async with serving(status(500)) as (client, _, observer):
        client.outages.failed("a", AWAY)
        await client.clock.sleep(3)
        client.outages.failed("a", AWAY)
        with pytest.raises(ApiError):
            await discovery.version(client)
        assert [name for name, _ in observer.events] == ["server.unreachable", "server.reached"]


async def test_credentials_that_cannot_be_renewed_are_one_line_whoever_needs_them(outages, said):
    failed = ConfigError("the credentials of https://10.0.0.1 cannot be renewed: exec plugin aws ended with 1")
    await suffer(outages, {"cache of pods": failed, "lease": failed, "events": failed}, 60)
    outages.ended("cache of pods")
    outages.ended("lease")
    outages.ended("events")
    assert [name for name, _ in said.events] == ["credentials.not_renewed", "credentials.renewed"]
    assert said.events[0][1]["error"] == str(failed)
