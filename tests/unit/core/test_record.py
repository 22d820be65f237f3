"""The codecs of record and status: total, versioned, bounded."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inplace.core.actions.actions import RecordFailure, WriteStatus
from inplace.core.objects import names
from inplace.core.objects.memo import memoised
from inplace.core.objects.model import Meta
from inplace.core.objects.names import STATUS
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import request
from inplace.core.plan import plan as planning
from inplace.core.rollout import steps
from inplace.core.rollout.steps import CurrentStep
from inplace.core.state import records, statuses
from inplace.core.state.records import Author, PodPhase, Record, Unreadable
from inplace.core.state.statuses import Failure, Phase, Status
from inplace.core.template import diff, sizes, trees
from inplace.core.template.change import PodChange, Refused
from tests.factories import NOW, OLD, later, pod, snapshot, swapping, workload


@given(st.text())
def test_any_text_is_read_or_called_unreadable(text):
    assert isinstance(records.decode(text), Record | Unreadable)
    assert statuses.read(Meta(annotations={STATUS: text})) is None


def test_a_record_survives_the_way_there_and_back():
    for phase in PodPhase:
        record = swapping(phase, attempt=3, evidence="ImageChanged")
        assert records.decode(records.encode(record)) == record
        assert records.read(pod(record=record)) == record
    assert records.read(pod()) is None


def test_a_time_without_its_zone_is_unreadable():
    text = records.encode(swapping())
    assert isinstance(records.decode(text.replace("Z", "")), Unreadable)


@given(st.lists(st.text(max_size=3000), max_size=20), st.text(max_size=5000))
def test_a_status_fits_its_limit_whatever_it_says(texts, message):
    status = Status(
        1, 1, "r", Phase.REFUSED, 3, 0, 3, 0, 0, NOW,
        reasons=tuple(Reason(ReasonCode.FieldChanged, f"path{n}{text}", text) for n, text in enumerate(texts)),
        failures=tuple(Failure(f"web-{n}", "Code", text) for n, text in enumerate(texts)),
        message=message,
    )  # fmt: skip
    text = statuses.encode(status)
    assert len(text.encode()) <= statuses.LIMIT_BYTES
    assert statuses.read(Meta(annotations={STATUS: text})) is not None


def test_statuses_that_say_the_same_are_the_same_whenever_they_were_written():
    one = Status(1, 1, "r", Phase.PROGRESSING, 3, 0, 3, 0, 0, NOW)
    assert statuses.same(one, one)
    assert not statuses.same(None, one)


@pytest.mark.parametrize(
    ("field", "value"),
    [("updatedAt", "2026-11-25T20:00:00"), ("updatedAt", "9999-12-31T23:59:59Z"), ("step", -1)],
)
def test_a_status_that_cannot_be_reckoned_with_is_none(field, value):
    told = json.loads(statuses.encode(Status(1, 1, "r", Phase.PROGRESSING, 3, 0, 3, 0, 0, NOW)))
    assert statuses.read(Meta(annotations={STATUS: json.dumps(told)})) is not None
    assert statuses.read(Meta(annotations={STATUS: json.dumps({**told, field: value})})) is None


# --- what others may have written


@pytest.mark.parametrize("evidence", ["bogus", "imagechanged", "x" * 1000])
def test_evidence_that_there_is_none_of_makes_a_record_unreadable(evidence):
    found = records.decode(records.encode(swapping(evidence=evidence)))
    assert isinstance(found, Unreadable)
    assert found.why.startswith("no evidence that there is: ")
    assert len(found.why) < 100


def test_every_kind_of_evidence_is_read():
    for evidence in records.Evidence:
        assert isinstance(records.decode(records.encode(swapping(evidence=evidence))), Record)


def test_what_is_too_large_to_be_ours_is_not_decoded():
    large = records.encode(replace(swapping(), message="x" * records.LIMIT))
    found = records.decode(large)
    assert isinstance(found, Unreadable)
    assert found.text == "", "nor kept"
    status = Status(1, 1, "r", Phase.PROGRESSING, 3, 0, 3, 0, 0, NOW)
    text = json.dumps(json.loads(statuses.encode(status)) | {"healthy": "x" * statuses.LIMIT})
    assert statuses.read(Meta(annotations={STATUS: text})) is None


@pytest.mark.parametrize("key", ["retry", "promote"])
def test_a_request_is_answered_however_long_it_is(key):
    """It is repeated in every record and in the status, which have to stay readable."""
    own = workload(annotations={key: "x" * 200_000})
    asked = request(own, names.PREFIX + key)
    assert len(asked) == 64
    assert asked != request(workload(annotations={key: "x" * 200_001}), names.PREFIX + key)
    assert request(workload(annotations={key: "y" * 64}), names.PREFIX + key) == "y" * 64
    [status] = [
        one for one in planning.plan(snapshot(pod(), workload=own), NOW).actions if isinstance(one, WriteStatus)
    ]
    text = statuses.encode(status.status)
    assert statuses.read(Meta(annotations={STATUS: text})) == status.status


def test_what_is_remembered_of_texts_is_bounded_in_bytes():
    """Or 4,096 annotations of 64 KB would fill the memory."""
    decoded = list[str]()

    @memoised(2, largest=3)
    def recall(text: str) -> str:
        decoded.append(text)
        return text

    for text in ("abc", "abc", "abcd", "abcd"):
        assert recall(text) == text
    assert decoded == ["abc", "abcd", "abcd"]


@pytest.mark.parametrize("phase", records.IN_FLIGHT)
def test_an_attempt_with_a_deadline_that_none_has_ends_at_once(phase):
    """Whoever writes a Pod's annotations could keep it in flight for ever."""
    forged = replace(swapping(phase), deadline=datetime(8999, 1, 1, tzinfo=UTC))
    made = planning.plan(snapshot(pod(record=forged, gate="False", ready=False)), NOW).actions
    [action] = [one for one in made if isinstance(one, RecordFailure)]
    assert action.record.reason == ReasonCode.StateUnreadable
    longest = replace(swapping(phase), deadline=NOW + records.LONGEST)
    made = planning.plan(snapshot(pod(image="app:v2", record=longest, gate="False", ready=False)), NOW).actions
    assert not any(isinstance(one, RecordFailure) for one in made)


@pytest.mark.parametrize("phase", records.IN_FLIGHT)
def test_an_attempt_of_a_command_holds_a_place_of_the_budget_for_a_day_at_most(phase):
    """Whoever annotates a Pod can claim one, and nobody waits for weeks at a prompt."""
    grace = timedelta(seconds=30)
    longest = replace(swapping(phase), by=Author.COMMAND, deadline=NOW + records.FARTHEST_COMMAND + grace)
    waiting = planning.plan(snapshot(pod(record=longest, gate="False", ready=False)), NOW).actions
    assert not any(isinstance(one, RecordFailure) for one in waiting)
    forged = replace(longest, deadline=longest.deadline + timedelta(seconds=1))
    made = planning.plan(snapshot(pod(record=forged, gate="False", ready=False)), NOW).actions
    [action] = [one for one in made if isinstance(one, RecordFailure)]
    assert action.record.reason == ReasonCode.StateUnreadable
    assert records.LONGEST_COMMAND < records.FARTHEST_COMMAND, "whatever the clock of who has begun it"


def test_a_status_from_the_future_neither_keeps_the_next_from_being_written_nor_a_step_from_ending():
    future = later(10**9)
    forged = Status(1, 1, OLD, Phase.PROGRESSING, 3, 0, 3, 0, 0, future)
    own = workload(annotations={"status": statuses.encode(forged)})
    made = planning.plan(snapshot(pod(), workload=own), NOW).actions
    [written] = [one for one in made if isinstance(one, WriteStatus)]
    assert written.status.updated_at == NOW
    at = CurrentStep(0, 1, 2, timedelta(seconds=10))
    advanced = steps.advance(own, at, replace(forged, reached_at=future), same=True, reached=True, now=NOW)
    assert advanced.reached_at == NOW


def many(count, tag):
    """A template of so many containers with long names."""
    image = "registry.example.com/" + "x" * 100 + ":" + tag
    return {"spec": {"containers": [{"name": f"container-{n:02}", "image": image} for n in range(count)]}}


def largest(count):
    """The largest record of their upgrade."""
    old, new = trees.images(many(count, "v1")), trees.images(many(count, "v2"))
    id_, expected = "containerd://" + "a" * 64, "sha256:" + "c" * 64
    baselines = {
        name: records.Baseline(old[name], image, id_, f"{image}@sha256:{'b' * 64}", expected)
        for name, image in new.items()
    }
    return replace(swapping(), containers=baselines, message="m" * records.MESSAGE_LIMIT)


def sized(count, cpu, *, policy=""):
    """A template of so many containers with long names, that only a size tells apart."""
    amounts = {"cpu": f"{cpu}m", "memory": f"{cpu}Mi"}
    size = {"resources": {"requests": amounts, "limits": {**amounts, "cpu": "9000m"}}}
    restart = {"resizePolicy": [{"resourceName": "cpu", "restartPolicy": policy}]} if policy else {}
    containers = [
        {**one, **size, **restart, "name": "x" * 60 + one["name"]} for one in many(count, "v1")["spec"]["containers"]
    ]
    return {"spec": {"containers": containers}}


@pytest.mark.parametrize("policy", ["", "RestartContainer"])
def test_a_resize_of_more_containers_than_a_record_has_room_for_is_refused(policy):
    """What is written of a size has to be read again too, and of one that restarts the container all of a swap."""
    counts = range(1, 130)
    verdicts = {n: diff.diff(sized(n, 1001, policy=policy), sized(n, 2002, policy=policy)) for n in counts}
    fits = max(count for count, verdict in verdicts.items() if isinstance(verdict, PodChange))
    kept = sizes.remembered(sized(fits, 1001), verdicts[fits].containers)
    assert len(kept) == fits
    images = trees.images(sized(fits, 1001)) if policy else {}
    id_, expected = "containerd://" + "a" * 64, "sha256:" + "c" * 64
    baselines = {
        name: records.Baseline(image, "", id_, f"{image}@sha256:{'b' * 64}", expected) for name, image in images.items()
    }
    record = replace(swapping(), containers=baselines, sizes=kept, message="m" * records.MESSAGE_LIMIT)
    written = len(records.encode(record))
    assert records.LIMIT // 2 < written <= records.LIMIT
    [reason] = verdicts[fits + 1].reasons
    assert reason.code == ReasonCode.TemplateTooLarge
    assert f"an upgrade of {fits + 1} containers is up to" in reason.message


def test_an_upgrade_of_more_containers_than_a_record_has_room_for_is_refused():
    """What is written has to be read again: the largest record of what is accepted is within the bound."""
    verdicts = {count: diff.diff(many(count, "v1"), many(count, "v2")) for count in range(1, 40)}
    fits = max(count for count, verdict in verdicts.items() if isinstance(verdict, PodChange))
    assert 15 < fits < 30
    assert len(records.encode(largest(fits))) <= records.LIMIT
    refused = verdicts[fits + 1]
    assert isinstance(refused, Refused)
    assert [reason.code for reason in refused.reasons] == [ReasonCode.TemplateTooLarge]
    assert f"an upgrade of {fits + 1} containers is up to" in refused.reasons[0].message
