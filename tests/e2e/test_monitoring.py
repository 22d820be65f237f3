"""A real Prometheus scrapes the controller in the cluster while workloads are upgraded, fail and are rolled back.

Every expression of the alerts and of the dashboard is run against it. It reaches the controller as an operator would:
by the ServiceMonitor that is installed, its Service, and the addresses of that. The operator itself is not here: of its
two kinds the cluster has what `operator-crds.yaml` says.
"""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from hack.monitoring import dashboard, expressions, prometheus, rules
from hack.monitoring.schema import schema
from inplace.core.objects.model import Pod
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from tests.e2e import runbook
from tests.scenarios import kinds
from tests.scenarios.in_cluster import InClusterWorld
from tests.scenarios.real import ROOT, kubectl
from tests.scenarios.world import NAME

CRDS = ROOT / "tests" / "e2e" / "operator-crds.yaml"
#: A test cannot wait for minutes; the expressions are those of the file.
SOON = {
    "InplaceWorkloadDegraded": "0s",
    "InplaceWorkloadRefused": "0s",
    "InplaceWorkloadRolledBack": "0s",
    "InplaceControllerAbsent": "6s",
    "InplaceNoLeader": "30s",
}
FIRING = 'ALERTS{alertstate="firing"}'
QUERIES = [query for row in dashboard.ROWS for panel in row.panels for query in panel.queries]
#: What this story has no occasion for; each is marked as rare in the panels too.
WITHOUT_OCCASION = {
    "inplace_disruption_cap_pods",
    "rest_client_rate_limiter_duration_seconds_count",
    "rest_client_request_retries_total",
    "inplace_watch_restarts_total",
    "inplace_policy_installed",
}


class MonitoredWorld(InClusterWorld):
    """With what an operator is to pick up."""

    components = ("monitoring",)


@pytest.mark.timeout(600)
async def test_every_expression_returns_what_it_is_to(open_world, tmp_path):
    began = time.monotonic()
    async with (
        prometheus.running(tmp_path / "prometheus", [rules.hastened(SOON)]) as server,
        open_world(MonitoredWorld, controller=False) as world,
    ):
        install_operator_kinds(world)
        await world.start_controller()
        server.scrape(targets(world))
        await create(world, kinds.DEPLOYMENT, "shop", on_failure="Rollback", pre_pull="Never")
        await create(world, kinds.STATEFULSET, "web")
        for tag in ("v2", "v3"):  # twice: an increase starts from the first
            await world.set_image(world.app(tag))
            await world.wait_upgraded()
        await scraped(server)
        assert await server.ever(FIRING, seconds_since(began)) == [], "all is well"

        await bad_images(world)
        await fires(world, server, "InplaceWorkloadDegraded", kind="StatefulSet")
        await fires(world, server, "InplaceWorkloadRolledBack", kind="Deployment")
        assert {one.name for one in await firing(server)} == {"InplaceWorkloadDegraded", "InplaceWorkloadRolledBack"}
        assert await server.broken_rules() == []
        await check_numbers(server)
        await check_series(server)
        await check_dashboard(server, world, seconds_since(began))

        await world.kill_controller()
        await fires(world, server, "InplaceControllerAbsent")
        assert await server.query("inplace_build_info") == []


@pytest.mark.long
async def test_every_command_of_the_runbooks_is_right(open_world):
    async with open_world(MonitoredWorld, controller=False) as world:
        install_operator_kinds(world)
        await world.start_controller()
        await create(world, kinds.STATEFULSET, "web")
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED)
        ours = await world.client.list(resources.PODS, world.namespace, type=Pod, label_selector=f"{NAME}=inplace")
        words = {
            "POD:8081": f"{ours.items[0].name}:8081",
            "NS": world.namespace,
            "NAMESPACE": world.namespace,
            "TYPE/NAME": "sts/web",
            "POD": "web-0",
            "SERVICE": "web",
            "NODE": world.cluster.node,
        }
        for command in runbook.commands():
            assert await asyncio.to_thread(runbook.run, command, world.cluster.kubeconfig, words) is None


def install_operator_kinds(world):
    """They stay: another test may have objects of them."""
    kubectl(world.cluster, "apply", "--server-side", "-f", str(CRDS))
    kubectl(world.cluster, "wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))


def targets(world):
    """What the operator makes of the ServiceMonitor: every ready address of the Services that it selects."""
    (monitor,) = _list(world, "servicemonitors")
    selector = ",".join(f"{key}={value}" for key, value in monitor["spec"]["selector"]["matchLabels"].items())
    (endpoint,) = monitor["spec"]["endpoints"]
    found = {}
    for service in _list(world, "services", "-l", selector):
        name = service["metadata"]["name"]
        for part in _list(world, "endpointslices", "-l", f"kubernetes.io/service-name={name}"):
            (port,) = [one["port"] for one in part["ports"] if one["name"] == endpoint["port"]]
            for one in part["endpoints"]:
                labels = {"job": name, "service": name, "namespace": world.namespace, "endpoint": endpoint["port"]}
                pod = {"pod": one["targetRef"]["name"], "container": "controller"}
                found |= {f"{address}:{port}": {**labels, **pod} for address in one["addresses"]}
    assert found, "the ServiceMonitor leads to the controller"
    return found


def _list(world, kind, *arguments):
    said = kubectl(world.cluster, "get", kind, "-n", world.namespace, *arguments, "-o", "json")
    return json.loads(said)["items"]


async def create(world, flavour, name, **settings):
    world.flavour = flavour
    annotations = {key.replace("_", "-"): value for key, value in settings.items()}
    await world.create(world.manifest(name, replicas=2, annotations=annotations))


async def bad_images(world):
    """The same image that does not exist: one workload pulls it ahead in vain, the other begins a Pod with it."""
    flavours = {"shop": kinds.DEPLOYMENT, "web": kinds.STATEFULSET}
    for name, world.flavour in flavours.items():
        await world.set_image(world.app("missing"), name=name)
    for name, world.flavour in reversed(flavours.items()):
        await world.wait_phase(name, Phase.DEGRADED if name == "web" else Phase.ROLLED_BACK)


async def scraped(server):
    """Until everything that is so now has been scraped and judged."""
    await asyncio.sleep(3 * prometheus.INTERVAL)


def seconds_since(began):
    return int(time.monotonic() - began) + 1


async def firing(server):
    return [one for one in await server.alerts() if one.state == "firing"]


async def fires(world, server, name, **labels):
    """Until an alert does, with these labels, and a text that says where."""
    wanted = {"namespace": world.namespace, **labels}.items()

    async def those():
        return [one for one in await firing(server) if one.name == name and one.labels.items() >= wanted]

    try:
        await world.until(those, f"{name} to fire")
    except AssertionError as error:
        raise AssertionError(f"{await server.alerts()} {await server.failed_scrapes()}") from error
    alert, *_ = await those()
    texts = "".join(alert.annotations.values())
    assert "<no value>" not in texts
    assert all(value in texts for value in labels.values())


async def check_numbers(server):
    """What has been counted is what was done: two upgrades of two Pods each, a failure, and a way back."""
    ended = {one.labels["result"]: one.value for one in await server.query("sum by (result) (inplace_upgrades_total)")}
    assert ended == {
        "succeeded": 2,
        "failed": 1,
        "rolled_back": 1,
        "refused": 0,
        "superseded": 0,
        "handed_over": 0,
    }


async def check_series(server):
    """Prometheus has the series, labels and values of the controller's table, and no others."""
    known = schema()
    for labels in await server.series('{__name__!=""}'):
        name = labels.pop("__name__")
        if name in expressions.SCRAPED or name.startswith(("scrape_", "ALERTS")):
            continue
        own = {label: value for label, value in labels.items() if label not in expressions.TARGET}
        assert own.keys() == known[name].keys(), name
        for label, value in own.items():
            values = known[name][label]
            assert values is None or value in values, f"{name}: {label}={value}"


async def check_dashboard(server, world, seconds):
    """Each query has returned something at some time, but for what there was no occasion for."""
    texts = {query: filled(query.expression, world, seconds) for query in QUERIES}
    empty = [query for query, text in texts.items() if not await server.ever(text, seconds)]
    assert {name for query in empty for name in expressions.names(texts[query])} <= WITHOUT_OCCASION
    assert all(query.rare for query in empty)


def filled(text, world, seconds):
    """With the variables as Grafana fills them in; scraped fifteen times as often, and looked at for as long."""
    values = {"$__rate_interval": "10s", "$__range": f"{seconds}s", "$namespace": world.namespace, "$job": ".+"}
    text = dashboard.expression(text)
    for variable, value in values.items():
        text = text.replace(variable, value)
    return text
