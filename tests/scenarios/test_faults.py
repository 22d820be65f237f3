"""Upgrades that go wrong: bad images, changes of mind, a controller that dies."""

from __future__ import annotations

import pytest

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase
from tests.scenarios import invariants
from tests.scenarios.markers import core_of_many, long
from tests.scenarios.world import identity


async def test_template_changed_again_midway(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        before = {pod.name: identity(pod) for pod in await world.pods()}
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(1), lambda pod: records.read(pod) is not None, "in flight")
        await world.set_image(world.app("v3"))
        await world.wait_upgraded()
        assert {pod.name: identity(pod) for pod in await world.pods()} == before
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v3")}
        assert {world.revision_of(pod) for pod in await world.pods()} == {await world.revision()}


@pytest.mark.parametrize("moment", [PodPhase.DRAINING, PodPhase.SWAPPING, PodPhase.DONE])
async def test_template_changed_and_changed_back_midway(open_world, moment):
    """At each moment of the first Pod's upgrade: no container is left behind, and no label lies."""
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"grace-period-seconds": "1"})
        old, began = await world.revision(), world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(2), lambda pod: _phase(pod) is moment, moment)
        await world.set_image(world.app("v1"))
        await world.wait_upgraded(seconds=2 * world.patience)
        digest = world.digest("app", "v1")
        for pod in await world.pods():
            assert pod.spec.containers[0].image == world.app("v1")
            assert world.revision_of(pod) in {old, ""}, "an untouched Pod of a kind without labels shows none"
            assert pod.status.container_statuses[0].image_id.endswith(digest)
        invariants.check(world.history, replicas=3, budget=1, since=began)


@pytest.mark.parametrize("gate", [True, pytest.param(False, marks=long)], ids=["gate", "no gate"])
async def test_an_image_that_does_not_exist_then_corrected(open_world, gate):
    async with open_world() as world:
        await world.create_web(replicas=3, gate=gate, annotations={"pre-pull": "Never"})
        before = {pod.name: identity(pod) for pod in await world.pods()}
        await world.set_image(world.app("missing"))
        status = await world.wait_phase("web", Phase.DEGRADED, 2 * world.patience)
        assert [one.pod for one in status.failures] == [world.nth(2)]
        assert status.failures[0].code == ReasonCode.ImagePull
        assert world.app("missing") in status.failures[0].message
        assert world.history.drains() == [world.nth(2)]
        failed = await world.pod(world.nth(2))
        assert not gate or failed.is_true(names.GATE)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert {pod.name: identity(pod) for pod in await world.pods()} == before


async def test_a_crash_looping_image_then_corrected(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("crash"))
        status = await world.wait_phase("web", Phase.DEGRADED, 2 * world.patience)
        assert [(one.pod, one.code) for one in status.failures] == [(world.nth(1), ReasonCode.CrashLoop)]
        assert (await world.pod(world.nth(0))).spec.containers[0].image == world.app("v1")
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


async def test_an_application_that_gives_up_once_while_its_database_starts_is_no_failure(open_world):
    async with open_world() as world:
        manifest = world.manifest("web", replicas=2)
        pod = manifest["spec"]["template"]["spec"]
        pod["volumes"] = [{"name": "state", "emptyDir": {}}]
        pod["containers"][0]["volumeMounts"] = [{"name": "state", "mountPath": "/state"}]
        await world.create(manifest)
        await world.set_image(world.app("once"))
        await world.wait_upgraded(seconds=2 * world.patience)
        assert [world.history.restarts(world.nth(n), "app") for n in range(2)] == [2, 2], "the swap, and once more"
        seen = (records.read(one.pod) for one in world.history.seen)
        assert not any(isinstance(one, Record) and one.phase is PodPhase.FAILED for one in seen)


@long
async def test_a_bad_image_taken_back(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"pre-pull": "Never"})
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED, 2 * world.patience)
        await world.set_image(world.app("v1"))
        await world.wait_upgraded()
        for pod in await world.pods():
            assert pod.spec.containers[0].image == world.app("v1")
            assert pod.ready


async def test_the_deadline_ends_a_wait(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"progress-deadline-seconds": "5"})
        await world.set_image(world.app("missing"))
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert status.failures[0].code == ReasonCode.ImagePull
        assert (await world.pod(world.nth(1))).is_true(names.GATE)


async def test_a_stop_that_takes_longer_than_the_deadline_is_no_failure(open_world):
    """The old container takes its whole grace, as it was asked to; the deadline begins when it has stopped."""
    async with open_world() as world:
        settings = {"progress-deadline-seconds": "12", "on-failure": "Rollback"}
        manifest = world.manifest("web", tag="stubborn", replicas=1, annotations=settings)
        manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 15
        await world.create(manifest)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=2 * world.patience)
        assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app("v2")}


@core_of_many
async def test_kill_9_midway_and_restart(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        before = {pod.name: identity(pod) for pod in await world.pods()}
        await world.set_image(world.app("v2"))
        await world.wait_pod(world.nth(1), lambda pod: records.read(pod) is not None, "in flight")
        await world.kill_controller()
        await world.clock.sleep(2)
        await world.start_controller()
        await world.wait_upgraded(seconds=2 * world.patience)
        assert {pod.name: identity(pod) for pod in await world.pods()} == before
        assert [world.history.restarts(world.nth(n), "app") for n in range(3)] == [1, 1, 1]


async def test_a_failed_pod_that_recovers_by_itself_is_done(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1, annotations={"progress-deadline-seconds": "2", "grace-period-seconds": "0"})
        await world.set_image(world.app("slow"))
        pod = await world.wait_pod(world.nth(0), lambda one: _phase(one) in {PodPhase.DONE, PodPhase.FAILED}, "an end")
        assert _phase(pod) in {PodPhase.DONE, PodPhase.FAILED}
        await world.wait_upgraded()


def _phase(pod) -> PodPhase | None:
    record = records.read(pod)
    return record.phase if isinstance(record, Record) else None
