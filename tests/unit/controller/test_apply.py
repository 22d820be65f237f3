"""The writers: what is read once more before it is written, and what becomes of a write."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from inplace.cluster.cache import Cache
from inplace.cluster.key import ORPHAN, Key
from inplace.cluster.memory import Memory
from inplace.cluster.tries import MAX_STALE
from inplace.controller.apply import RETRY_SECONDS, Applier, needs_live_read
from inplace.core import kinds
from inplace.core.actions.actions import (
    Abort,
    Action,
    CloseGate,
    CreateReplicaSet,
    DryRunPatch,
    OpenGate,
    PatchImages,
    PodAction,
)
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state.records import PodPhase
from inplace.core.template.change import PodChange
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.connection import plain
from inplace.runtime.clock import LoopClock
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Answer, Cut, Delay, Garbled
from kubesim.api.server import ApiServer
from tests.factories import pod, snapshot, swapping, workload
from tests.unit.kube.server import Recorder

KEY = Key("StatefulSet", "test", "web")
CHANGE = PodChange.of_images({"app": "app:v2"})


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(None, True, id="the first write on a Pod without a gate"),
        pytest.param(swapping(PodPhase.SWAPPING), True, id="redirected in the middle of a swap"),
        pytest.param(swapping(PodPhase.DRAINING), False, id="drained by a write that the cache has shown"),
    ],
)
def test_a_pod_is_read_live_unless_our_own_drain_was_seen(record, expected):
    assert needs_live_read(PatchImages(pod(record=record), swapping(), CHANGE)) is expected


def test_nothing_is_read_for_a_write_that_disrupts_nothing_yet():
    assert not needs_live_read(CloseGate(pod(), swapping(PodPhase.DRAINING)))


# --- against a server ------------------------------------------------------------------------------------------------


@dataclass
class Writers:
    """The applier beside a server that has one Pod, and what it has reported."""

    client: Client
    server: ApiServer
    memory: Memory
    applier: Applier
    pod: Pod
    lease: list[float]
    again: list[PodAction | None]
    told: asyncio.Queue[tuple[Key, float]]
    said: Recorder
    events: list[str]

    async def carry_out(self, action: Action) -> tuple[Key, float]:
        """Until it has ended: which workload is to be looked at again, and when."""
        self.applier.submit(KEY, snapshot(self.pod), action)
        return await self.told.get()

    async def live(self) -> Pod:
        """The Pod as the server has it."""
        return await self.client.get(resources.PODS, "web-0", "test", type=Pod)


@asynccontextmanager
async def writing(*, gate: bool = True) -> AsyncIterator[Writers]:
    """A server with a Pod of app:v1, and an applier that is told by `again` what a plan would do."""
    clock = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with ApiServer(clock, random.Random(1)) as server, plain(server.url, user_agent="x", clock=clock) as link:
        said, events = Recorder(), list[str]()
        client = Client(link, NullObserver(), clock, timeout=20)
        await client.create(resources.NAMESPACES, None, {"metadata": {"name": "test"}}, type=dict)
        gates = [{"conditionType": names.GATE}] if gate else []
        spec = {"containers": [{"name": "app", "image": "app:v1"}], "nodeName": "node", "readinessGates": gates}
        made = await client.create(resources.PODS, "test", {"metadata": {"name": "web-0"}, "spec": spec}, type=Pod)
        memory, lease, again, told = (
            Memory(clock, Cache()),
            [60.0],
            list[PodAction | None](),
            asyncio.Queue[tuple[Key, float]](),
        )
        applier = Applier(
            client,
            memory,
            lambda _snapshot, _live, _now: again[-1],
            said,
            lambda workload, _event: events.append(workload.kind),
            lambda key, seconds: told.put_nowait((key, seconds)),
            lambda: lease[-1],
        )
        task = asyncio.create_task(applier.run())
        await asyncio.sleep(0)
        try:
            yield Writers(client, server, memory, applier, made, lease, again, told, said, events)
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.mark.looptime(noop_cycles=0)
async def test_a_write_is_expected_back_and_the_workload_looked_at_again():
    async with writing() as writers:
        assert await writers.carry_out(OpenGate(writers.pod)) == (KEY, 0.0)
        assert (await writers.live()).is_true(names.GATE)
        assert writers.memory.is_pending(writers.pod.metadata), "until the cache shows it"


@pytest.mark.looptime(noop_cycles=0)
async def test_nothing_is_sent_without_the_lease():
    async with writing() as writers:
        writers.lease.append(0.0)
        await writers.carry_out(OpenGate(writers.pod))
        assert (await writers.live()).condition(names.GATE) is None
        assert not writers.memory.is_pending(writers.pod.metadata)


@pytest.mark.looptime(noop_cycles=0)
@pytest.mark.parametrize("fault", [Cut.AFTER, Garbled(arrives=True)], ids=["none", "somebody else's"])
async def test_a_write_without_an_answer_of_the_server_is_settled_by_a_live_read(fault):
    async with writing() as writers:
        writers.server.plan = lambda request: fault if request.verb == "patch" else None
        await writers.carry_out(OpenGate(writers.pod))
        assert (await writers.live()).is_true(names.GATE)
        assert writers.memory.is_pending(writers.pod.metadata), "the cache has to catch up with what was done"
        assert not writers.applier.is_settled, "the server may still carry out what it has not answered"


def history(name: str, owner: str) -> dict[str, Any]:
    """A ReplicaSet without Pods, of a Deployment with this uid."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:v1"}]}}
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner, "controller": True}
    return {
        "metadata": {"name": name, "namespace": "test", "ownerReferences": [ref]},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }


def keeping(name: str) -> CreateReplicaSet:
    """The write that creates it."""
    one = workload()
    one = replace(one, metadata=replace(one.metadata, namespace="test"))
    return CreateReplicaSet(one, "ReplicaSet", history(name, one.metadata.uid), "keep it")


@pytest.mark.looptime(noop_cycles=0)
@pytest.mark.parametrize(
    ("owner", "refused"),
    [
        pytest.param(None, False, id="nobody's"),
        pytest.param("web", False, id="ours, which the cache will show"),
        pytest.param("other", True, id="another's"),
    ],
)
async def test_after_a_replica_set_was_created_or_is_there_the_workload_is_looked_at_again_with_a_pause(owner, refused):
    """Until the watch shows it, the same would be planned again."""
    async with writing() as writers:
        create = keeping("web-history")
        if owner is not None:
            taken = history("web-history", owner)
            await writers.client.create(resources.REPLICASETS, "test", taken, type=dict)
        assert await writers.carry_out(create) == (KEY, RETRY_SECONDS)
        told = [each for each in writers.memory.tries.of("web") if each.reason is not None]
        assert bool(told) == refused
        assert all("already exists, and does not belong to this workload" in each.reason.message for each in told)


@pytest.mark.looptime(noop_cycles=0)
async def test_a_creation_without_an_answer_leaves_nothing_pending():
    """There is a ReplicaSet with the workload's own name: it is not what was written."""
    async with writing() as writers:
        await writers.client.create(resources.REPLICASETS, "test", history("web", "other"), type=dict)
        writers.server.plan = lambda request: Cut.AFTER if request.verb == "create" else None
        create = keeping("web-history")
        await writers.carry_out(create)
        assert not writers.memory.is_pending(create.workload.metadata)


@pytest.mark.looptime(noop_cycles=0)
@pytest.mark.parametrize("at", ["_attempt", "_report"])
async def test_a_fault_met_with_one_object_ends_neither_the_process_nor_other_writes(at, monkeypatch):
    """What stands on a Pod of a tenant must not end the controller of the whole cluster."""
    async with writing() as writers:

        def fails(*_: Any) -> Any:
            raise ValueError("'bogus' is not a valid Evidence")

        with monkeypatch.context() as broken:
            broken.setattr(writers.applier, at, fails)
            assert await writers.carry_out(OpenGate(writers.pod)) == (KEY, RETRY_SECONDS if at == "_attempt" else 0.0)
            await asyncio.sleep(0)
        assert "write.broken" in [name for name, _ in writers.said.events]
        assert not writers.memory.writing
        [failed] = writers.memory.tries.of("web")
        assert failed.rests(writers.memory.clock.now()), "not at once again"
        assert (await writers.carry_out(OpenGate(writers.pod)))[0] == KEY


async def test_another_pod_of_the_same_name_is_not_disrupted():
    """Not even if a plan would do the same to it."""
    async with writing(gate=False) as writers:
        before = replace(writers.pod, metadata=replace(writers.pod.metadata, uid="before"))
        writers.again.append(PatchImages(writers.pod, replace(swapping(), generation=0), CHANGE))
        await writers.carry_out(PatchImages(before, swapping(), CHANGE))
        assert (await writers.live()).spec.containers[0].image == "app:v1"


@pytest.mark.looptime(noop_cycles=0)
@pytest.mark.parametrize("name", ["web-9", "web-0"], ids=["gone", "another of its name"])
async def test_a_pod_that_is_not_what_it_was_each_time_is_not_written_any_more(name):
    async with writing() as writers:
        stale = replace(writers.pod, metadata=replace(writers.pod.metadata, name=name, uid="before"))
        for _ in range(MAX_STALE):
            assert not any(write.reason for write in writers.memory.tries.of("web"))
            await writers.carry_out(Abort(stale))
        (failed,) = writers.memory.tries.of("web")
        assert failed.reason is not None
        assert failed.fatal is not None
        assert (failed.uid, failed.reason.code) == (stale.uid, ReasonCode.WriteRefused)
        assert failed.fatal.code == ReasonCode.PreconditionFailed


@pytest.mark.looptime(noop_cycles=0)
async def test_a_dry_run_stores_nothing_and_its_answer_is_kept():
    async with writing() as writers:
        writers.memory = Memory(writers.memory.clock, Cache(), asks=True)
        writers.applier._memory = writers.memory
        await writers.carry_out(DryRunPatch(writers.pod, {"app": "app:v2"}, "sort"))
        assert (await writers.live()).spec.containers[0].image == "app:v1"
        assert writers.memory.dry_runs("web") == {"sort": None}


@pytest.mark.looptime(noop_cycles=0)
async def test_a_denial_by_rbac_is_no_answer_of_admission():
    async with writing() as writers:
        writers.memory = Memory(writers.memory.clock, Cache(), asks=True)
        writers.applier._memory = writers.memory
        writers.server.plan = lambda request: Answer(403) if request.verb == "patch" else None
        await writers.carry_out(DryRunPatch(writers.pod, {"app": "app:v2"}, "sort"))
        assert writers.memory.dry_runs("web") == {}, "it is asked again"


# --- what the log says ------------------------------------------------------------------------------------------------


def _lines(writers: Writers) -> list[tuple[str, object]]:
    return [(name, fields["level"]) for name, fields in writers.said.events]


@pytest.mark.looptime(noop_cycles=0)
async def test_a_line_names_the_workload_and_the_pod():
    async with writing() as writers:
        await writers.carry_out(OpenGate(writers.pod))
        ((name, fields),) = writers.said.events
        assert (name, fields["level"], fields["pod"]) == ("pod.gate_opened", "info", "web-0")
        assert (fields["kind"], fields["namespace"], fields["name"]) == KEY
        assert isinstance(fields["overhead_seconds"], float)


@pytest.mark.looptime(noop_cycles=0)
async def test_a_lost_race_is_nothing_that_an_operator_reads():
    async with writing() as writers:
        writers.server.plan = lambda request: Answer(409) if request.writes else None
        await writers.carry_out(OpenGate(writers.pod))
        assert _lines(writers) == [("write.failed", "debug")]


@pytest.mark.looptime(noop_cycles=0)
async def test_a_refusal_is_a_warning_and_an_error_once_it_is_a_reason():
    async with writing() as writers:
        writers.server.plan = lambda request: Answer(400) if request.writes else None
        for _ in range(3):
            await writers.carry_out(OpenGate(writers.pod))
        assert _lines(writers) == [("write.stuck", "error"), *[("write.failed", "warning")] * 3]
        fields = writers.said.events[0][1]
        assert (fields["reason"], fields["action"], fields["pod"]) == ("WriteRefused", "open_gate", "web-0")


@pytest.mark.looptime(noop_cycles=0)
async def test_a_refusal_on_a_pod_that_nobody_owns_ends_no_process():
    """It has no workload on which an Event could stand."""
    async with writing() as writers:
        writers.server.plan = lambda request: Answer(403) if request.writes else None
        nobody = Snapshot(kinds.BY_NAME["ReplicaSet"], Workload(), (writers.pod,), {})
        writers.applier.submit(Key(ORPHAN, "test", "web-0"), nobody, Abort(writers.pod))
        await writers.told.get()
        assert [name for name, _ in writers.said.events] == ["write.stuck", "write.failed"]
        assert {fields["kind"] for _, fields in writers.said.events} == {ORPHAN}
        assert not writers.events


@pytest.mark.looptime(noop_cycles=0)
@pytest.mark.parametrize(("seconds", "settled"), [(3.0, True), (60.0, False)])
async def test_at_the_end_writes_in_flight_are_answered_and_none_begins(seconds, settled):
    async with writing() as writers:
        writers.server.plan = lambda request: Delay(seconds) if request.verb == "patch" else None
        writers.applier.submit(KEY, snapshot(writers.pod), OpenGate(writers.pod))
        await asyncio.sleep(0.1)
        assert not writers.applier.is_settled
        began = asyncio.get_running_loop().time()
        await writers.applier.finish()
        assert asyncio.get_running_loop().time() - began < 6
        assert writers.applier.is_settled is settled
        writers.memory.writing.clear()
        writers.applier.submit(KEY, snapshot(writers.pod), OpenGate(writers.pod))
        assert not writers.memory.writing, "no other begins"
