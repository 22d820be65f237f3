"""What a controller counts of the upgrades that it makes: real plans and writes, and what a scrape would show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec.structs import replace

from inplace.controller.app import App, Options
from inplace.controller.metrics import RESOURCES, STATE, TABLE
from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from inplace.serve.metrics import Metrics
from kubesim.api.faults import Cut, Delay
from tests.scenarios import policies
from tests.scenarios.embedded import EmbeddedWorld, open_embedded

#: No pull Pods: what is to fail fails on a Pod.
AT_ONCE = {"pre-pull": "Never"}


class Silent(Metrics):
    """Writes no log: that costs more than all that is looked at here."""

    def event(self, name: str, /, **fields: object) -> None:
        """Nothing."""


class Scraped(EmbeddedWorld):
    """A world with a registry for each of its controllers; the latest is looked at."""

    registries: list[Metrics]

    def value(self, name: str, **labels: str) -> float | None:
        """One series of the controller that runs; None if there is none."""
        return self.registries[-1].registry.get_sample_value(name, labels)

    def series(self, name: str) -> dict[tuple[str, ...], float]:
        """What is not 0, by the values of the labels, the kind of the workload aside."""
        families = self.registries[-1].registry.collect()
        found = [sample for family in families for sample in family.samples if sample.name == name and sample.value]
        return {tuple(v for k, v in one.labels.items() if k != "kind"): one.value for one in found}


@asynccontextmanager
async def scraped(monkeypatch) -> AsyncIterator[Scraped]:
    """Afterwards no series may have a value that its label does not have."""
    registries: list[Metrics] = []

    def observer(_world: EmbeddedWorld) -> Metrics:
        registries.append(Silent(TABLE))
        return registries[-1]

    monkeypatch.setattr(EmbeddedWorld, "observer", observer)
    async with open_embedded(witnessed=False) as world:
        world.__class__ = Scraped
        assert isinstance(world, Scraped)
        world.registries = registries
        yield world
        for metrics in registries:
            _judge(metrics)


def _judge(metrics: Metrics) -> None:
    for family in metrics.registry.collect():
        metric = metrics.table.get(family.name) or metrics.table.get(f"{family.name}_total")
        for sample in family.samples if metric is not None else ():
            for label in metric.labels if metric is not None else ():
                assert not label.values or sample.labels[label.name] in label.values, sample


async def test_an_upgrade_is_counted_once_and_its_wait_for_a_person_apart_from_its_work(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=3, annotations={"steps": "1"})
        assert world.series("inplace_workloads") == {("UpToDate",): 1}
        assert not world.series("inplace_upgrades_total"), "a first rollout is none"
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.AWAITING_PROMOTION)
        assert world.series("inplace_workloads") == {("AwaitingPromotion",): 1}
        assert world.series("inplace_pods") == {("UpToDate",): 1, ("Pending",): 2}
        assert world.series("inplace_pods_waiting") == {("Step",): 2}
        await world.clock.sleep(100)
        assert 100 <= world.series("inplace_oldest_phase_seconds")["AwaitingPromotion",] < 110
        await world.annotate(promote="one")
        await world.wait_upgraded()
        assert world.series("inplace_workloads") == {("UpToDate",): 1}
        assert world.series("inplace_pods") == {("UpToDate",): 3}
        assert not world.series("inplace_pods_waiting")
        assert not world.series("inplace_oldest_phase_seconds")
        _judge_durations(world)
        _judge_counts(world)
        await world.kill_controller()
        await world.start_controller()
        await world.clock.sleep(10)
        assert world.series("inplace_workloads") == {("UpToDate",): 1}
        for name in ("inplace_upgrades_total", "inplace_pods_upgraded_total", "inplace_prepulls_total"):
            assert not world.series(name), f"{name}: another controller counts what it has done itself"


def _judge_counts(world: Scraped) -> None:
    assert world.series("inplace_upgrades_total") == {("succeeded",): 1}
    assert not world.series("inplace_upgrade_failures_total")
    assert world.series("inplace_pods_upgraded_total") == {("ImageChanged",): 3}
    assert world.series("inplace_prepulls_total") == {("pulled",): 3}
    assert not world.series("inplace_pods_failed_total")
    assert world.series("inplace_plan_seconds_count")[()] > 10
    assert world.series("workqueue_work_duration_seconds_count")[("workloads",)] > 10
    assert world.value("controller_runtime_max_concurrent_reconciles", controller="workloads") == 4


def _judge_durations(world: Scraped) -> None:
    assert world.series("inplace_pod_waiting_seconds_count")["promotion",] == 2
    assert 200 <= world.series("inplace_pod_waiting_seconds_sum")["promotion",] < 220
    steps = world.series("inplace_pod_step_seconds_sum")
    assert world.series("inplace_pod_step_seconds_count")["swap",] == 3
    assert sum(steps.values()) <= world.series("inplace_pod_upgrade_seconds_sum")[()] + 0.1 < 20
    assert world.series("inplace_pod_waiting_seconds_sum")["pull",] > 1
    phases = world.series("inplace_workload_phase_seconds_sum")
    assert 100 <= phases["AwaitingPromotion",] < 110
    assert phases["Progressing",] < 60
    assert 100 < world.series("inplace_upgrade_seconds_sum")["succeeded",] < 160


async def test_a_rollback_has_its_reason_and_the_return_to_the_healthy_revision_is_no_upgrade(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=2, annotations=AT_ONCE | {"on-failure": "Rollback"})
        await world.set_image(world.app("crash"))
        await world.wait_phase("web", Phase.ROLLED_BACK, 2 * world.patience)
        assert world.series("inplace_upgrades_total") == {("rolled_back",): 1}
        assert world.series("inplace_upgrade_failures_total") == {("rolled_back", "CrashLoop"): 1}
        assert world.series("inplace_workloads_by_reason") == {("RolledBack", "CrashLoop"): 1}
        assert world.series("inplace_pods_failed_total") == {("CrashLoop",): 1}
        assert world.series("inplace_upgrade_seconds_count") == {("rolled_back",): 1}
        await world.set_image(world.app("v1"))
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await world.clock.sleep(10)
        assert not world.series("inplace_workloads_by_reason"), "a gauge goes down again"
        assert world.series("inplace_upgrades_total") == {("rolled_back",): 1}


async def test_a_failure_is_counted_once_and_again_if_a_retry_fails(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=2, annotations=AT_ONCE | {"progress-deadline-seconds": "30"})
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED, 2 * world.patience)
        await world.clock.sleep(30)
        expected = {("failed", "ImagePull"): 1}
        assert world.series("inplace_upgrade_failures_total") == expected
        assert world.series("inplace_pods_failed_total") == {("ImagePull",): 1}
        assert world.series("inplace_pods") == {("Failed",): 1, ("Pending",): 1}
        await world.kill_controller()
        await world.start_controller()
        await world.clock.sleep(30)
        assert world.series("inplace_workloads_by_reason") == {("Degraded", "ImagePull"): 1}
        assert not world.series("inplace_upgrades_total")
        assert not world.series("inplace_pods_failed_total"), "it had failed before"
        await world.annotate(retry="again")
        await world.wait_phase("web", Phase.PROGRESSING)
        await world.wait_phase("web", Phase.DEGRADED)
        assert world.series("inplace_upgrade_failures_total") == expected
        assert world.series("inplace_pods_failed_total") == {("ImagePull",): 1}


async def test_a_refusal_is_counted_once_however_often_the_revision_is_named_again(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=2)
        await world.patch({"spec": {"template": {"spec": {"hostname": "x"}}}})
        await world.wait_phase("web", Phase.REFUSED)
        await world.scale(3)
        await world.clock.sleep(100)
        await world.wait_phase("web", Phase.REFUSED)
        assert world.series("inplace_upgrade_failures_total") == {("refused", "FieldChanged"): 1}
        assert world.series("inplace_workloads_by_reason") == {("Refused", "FieldChanged"): 1}
        await world.patch({"spec": {"template": {"spec": {"hostname": None}}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        assert world.series("inplace_upgrades_total") == {("refused",): 1}


async def test_an_upgrade_that_another_one_overtakes_is_superseded(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=2, annotations={"steps": "1"})
        for image in ("v2", "v3"):
            await world.set_image(world.app(image))
            await world.clock.sleep(10)
            await world.wait_phase("web", Phase.AWAITING_PROMOTION)
        assert world.series("inplace_upgrade_failures_total") == {("superseded", "NewRevision"): 1}
        await world.set_image(world.app("v1"))
        await world.wait_phase("web", Phase.UP_TO_DATE)
        expected = {("superseded", "NewRevision"): 1, ("superseded", "Reverted"): 1}
        assert world.series("inplace_upgrade_failures_total") == expected
        assert world.series("inplace_upgrades_total") == {("superseded",): 2}


async def test_a_pull_that_fails_is_told_by_its_pull_pod(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED, 2 * world.patience)
        await world.clock.sleep(60)
        assert world.series("inplace_pods_failed_total") == {("ImagePull",): 1}
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert world.series("inplace_prepulls_total")["failed",] >= 1
        assert world.series("inplace_prepulls_total")["pulled",] == 2


async def test_a_closed_gate_ages_although_nothing_is_planned(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=1, annotations=AT_ONCE | {"progress-deadline-seconds": "3600"})
        world.cluster.kubelet.stop_node((await world.pods())[0].spec.node_name)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(60)
        plans = world.series("inplace_plan_seconds_count")
        before = world.series("inplace_oldest_closed_gate_seconds")[()]
        assert world.series("inplace_closed_gates") == {(): 1}
        assert world.series("inplace_disrupted_pods") == {(): 1}
        assert world.series("inplace_budget_pods") == world.series("inplace_budget_used_pods") == {(): 1}
        await world.clock.sleep(30)
        assert world.series("inplace_plan_seconds_count") == plans
        assert world.series("inplace_oldest_closed_gate_seconds")[()] - before == 30
        assert before > 50


@asynccontextmanager
async def controller(world: Scraped, **options: bool) -> AsyncIterator[Metrics]:
    """One more controller, with options of its own."""
    metrics, agent = Silent(TABLE), f"another-{len(world.registries)}"
    world.registries.append(metrics)
    client = world.cluster.client(agent, field_manager="inplace", as_user=policies.ACCOUNT, clock=world.clock)
    chosen = Options(lease_namespace=world.namespace, watch_namespace=world.namespace)
    app = App(client, world.clock, metrics, replace(chosen, **options), lambda _text: None, world.cluster.rng)
    task = asyncio.create_task(app.run(signals=False))
    yield metrics
    world.cluster.server.silence(agent)
    task.cancel()
    await asyncio.wait([task])


async def test_a_workload_has_a_series_only_on_request_and_only_while_it_is_opted_in(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=1)
        assert not world.series("inplace_workload_info")
        await world.kill_controller()
        async with controller(world, leader_elect=False, metrics_per_workload=True):
            await world.clock.sleep(10)
            assert world.series("inplace_workload_info") == {(world.namespace, "web", "UpToDate", "None"): 1}
            await world.patch({"metadata": {"labels": {names.MODE: None}}})
            await world.clock.sleep(10)
            assert not world.series("inplace_workload_info")
            assert not world.series("inplace_workloads")
            await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
            await world.clock.sleep(10)
            assert world.series("inplace_workload_info")
            await world.client.delete(world.flavour.resource, "web", world.namespace)
            await world.clock.sleep(10)
            for name in ("inplace_workload_info", "inplace_workloads", "inplace_pods"):
                assert not world.series(name)


async def test_a_replica_that_does_not_lead_has_no_series_of_workloads(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=1)
        await world.kill_controller()
        of_leader = [metric.name for metric in STATE if metric.name in ("inplace_workloads", "inplace_pods")]
        async with controller(world) as leader, AsyncExitStack() as others:
            await world.clock.sleep(10)
            assert set(of_leader) <= shown(leader)
            assert leader.registry.get_sample_value(LEADS, {"name": "inplace-controller"}) == 1
            standby = await others.enter_async_context(controller(world))
            dry = await others.enter_async_context(controller(world, dry_run=True))
            await world.clock.sleep(30)
            for other in (standby, dry):
                assert not {metric.name for metric in STATE} & shown(other)
                caches = (one for family in other.registry.collect() for one in family.samples)
                found = [one.labels["resource"] for one in caches if one.name == "inplace_cache_objects"]
                assert tuple(found) == RESOURCES
            assert standby.registry.get_sample_value(LEADS, {"name": "inplace-controller"}) == 0
            assert LEADS not in shown(dry)


LEADS = "leader_election_master_status"


def shown(metrics: Metrics) -> set[str]:
    """The metrics that have a series."""
    return {sample.name for family in metrics.registry.collect() for sample in family.samples}


async def test_a_server_that_hangs_takes_the_lead_away_and_with_it_the_series(monkeypatch):
    """At once, and not only when the process ends."""
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=1)
        await world.kill_controller()
        async with controller(world) as leader:
            await world.clock.sleep(10)
            assert "inplace_workloads" in shown(leader)
            world.cluster.server.plan = lambda _request: Delay(60)
            await world.clock.sleep(10.5)
            assert leader.registry.get_sample_value(LEADS, {"name": "inplace-controller"}) == 0
            assert "inplace_workloads" not in shown(leader)
            world.cluster.server.plan = lambda _request: None


async def test_a_cache_that_hears_nothing_ages(monkeypatch):
    async with scraped(monkeypatch) as world:
        await world.create_web(replicas=1)
        pods = {"resource": "pods"}
        assert world.value("inplace_cache_objects", **pods) == 1
        assert (world.value("inplace_cache_bytes", **pods) or 0) > 500
        assert world.value("inplace_cache_synced", **pods) == 1
        world.cluster.server.plan = lambda _request: Cut.BEFORE
        world.cluster.server.cut_watches()
        await world.clock.sleep(100)
        assert 99 <= (world.value("inplace_cache_age_seconds", **pods) or 0) <= 101
        assert world.value("inplace_cache_synced", **pods) == 0
        assert world.value("inplace_cache_objects", **pods) == 1
        world.cluster.server.plan = lambda _request: None
