"""The codecs of record and status: total, versioned, bounded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inplace.core.objects.model import Meta
from inplace.core.objects.names import STATUS
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state import records, statuses
from inplace.core.state.records import PodPhase, Record, Unreadable
from inplace.core.state.statuses import Failure, Phase, Status
from tests.factories import NOW, pod, swapping


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
        reasons=tuple(Reason(ReasonCode.FieldChanged, f"path{n}", text) for n, text in enumerate(texts)),
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
