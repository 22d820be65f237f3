"""What a write that was made counts as."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.controller.counts import Counts, evidence
from inplace.core.actions.actions import Complete, DeletePullPod, Event, OpenGate, WriteStatus
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import EventReason
from inplace.core.state import statuses
from inplace.core.state.records import Baseline, Evidence, PodPhase
from inplace.core.state.statuses import Phase
from inplace.runtime.clock import LoopClock
from tests.factories import NOW, decode, pod, snapshot, swapping, workload
from tests.unit.core.test_endings import PROGRESSING, UP_TO_DATE, status
from tests.unit.kube.server import Recorder

KEY = Key("StatefulSet", "default", "web")


@pytest.fixture
def heard():
    return Recorder()


@pytest.fixture
def counts(heard):
    return Counts(heard, Memory(LoopClock(datetime(2026, 1, 1, tzinfo=UTC)), Cache()))


def completed(*found: str):
    record = swapping(PodPhase.DONE)
    return replace(record, containers={str(n): Baseline(evidence=one) for n, one in enumerate(found)})


@pytest.mark.looptime
async def test_a_pod_counts_once_with_its_weakest_evidence(counts, heard):
    counts.applied(
        KEY, snapshot(pod()), Complete(pod(), completed("ImageChanged", "AssumedByGeneration", "SameDigest"))
    )
    assert heard.counts == [
        ("inplace_pods_upgraded_total", {"kind": "StatefulSet", "evidence": Evidence.ASSUMED_BY_GENERATION})
    ]
    assert len(heard.timed("inplace_pod_upgrade_seconds", kind="StatefulSet")) == 1
    assert evidence(completed("", "Unchanged")) == "Unchanged"
    assert evidence(completed()) == "None", "metadata alone swaps no container"


def pulling(**status: Any) -> Pod:
    meta = {"name": "inplace-pull-1", "namespace": "default", "uid": "p", "creationTimestamp": "2025-12-31T23:59:00Z"}
    return decode({"metadata": meta, "status": status}, Pod)


def waiting(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "pull", "state": {"waiting": {"reason": reason}}}]}


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"containerStatuses": [{"name": "pull", "imageID": "app@sha256:1"}]}, "pulled"),
        (waiting("CreateContainerError"), "pulled"),
        (waiting("ImagePullBackOff"), "failed"),
        ({"phase": "Failed", "reason": "OutOfpods"}, "rejected"),
        (waiting("ContainerCreating"), "unneeded"),
    ],
)
async def test_a_pull_pod_counts_by_what_became_of_it_when_it_is_deleted(counts, heard, fields, result):
    counts.applied(KEY, snapshot(pod()), DeletePullPod(pulling(**fields)))
    assert heard.counts == [("inplace_prepulls_total", {"kind": "StatefulSet", "result": result})]


@pytest.mark.looptime
async def test_the_end_of_an_upgrade_counts_by_the_statuses_before_and_after(counts, heard):
    done = pod(record=swapping(PodPhase.DONE))
    before = workload(annotations={"status": statuses.encode(PROGRESSING)})
    look = snapshot(done, workload=before)
    counts.applied(KEY, look, WriteStatus(before, UP_TO_DATE))
    assert heard.total("inplace_upgrades_total", kind="StatefulSet", result="succeeded") == 1
    assert heard.total("inplace_upgrade_failures_total") == 0
    assert heard.timed("inplace_upgrade_seconds", result="succeeded") == [(UP_TO_DATE.updated_at - NOW).total_seconds()]
    counts.applied(KEY, look, OpenGate(done))
    after = workload(annotations={"status": statuses.encode(UP_TO_DATE)})
    counts.applied(KEY, snapshot(done, workload=after), WriteStatus(after, UP_TO_DATE))
    assert len(heard.counts) == 1


@pytest.mark.looptime
async def test_a_setting_that_is_rejected_counts_when_it_is_told(counts, heard):
    event = Event(EventReason.SettingsInvalid, "no")
    counts.applied(KEY, snapshot(pod()), WriteStatus(workload(), status(Phase.REFUSED), (event,)))
    assert heard.total("inplace_settings_errors_total", kind="StatefulSet") == 1
