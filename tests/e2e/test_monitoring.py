"""A real Prometheus scrapes the controller in the cluster while workloads are upgraded, fail and are rolled back.

Every expression of the alerts and of the dashboard is run against it. It reaches the controller as an operator would:
by the ServiceMonitor that is installed, its Service, and the addresses of that.
"""

from __future__ import annotations

import asyncio
import json
import time

from hack.monitoring import dashboard, expressions, prometheus, rules
from hack.monitoring.panels import ROWS
from hack.monitoring.schema import schema
from inplace.core.state.statuses import Phase
from tests.scenarios.in_cluster import InClusterWorld
from tests.scenarios.real import ROOT, kubectl

CRDS = ROOT / "tests" / "e2e" / "operator-crds.yaml"
#: A test cannot wait for minutes; the expressions are those of the file.
SOON = {
    "InplaceWorkloadDegraded": "1s",
    "InplaceWorkloadRefused": "1s",
    "InplaceWorkloadRolledBack": "1s",
    "InplaceControllerAbsent": "1s",
    "InplaceNoLeader": "10s",
}
QUERIES = [query for row in ROWS for panel in row.panels for query in panel.queries]
#: What this story has no occasion for; each is marked as rare in `panels` too.
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


async def test_every_expression_returns_what_it_is_to(open_world, tmp_path):
    began = time.monotonic()
    async with prometheus.running(tmp_path / "prometheus", [rules.hastened(SOON)]) as server:
        async with open_world(MonitoredWorld, controller=False) as world:
            install_operator_kinds(world)
            await world.start_controller()
            server.scrape(targets(world))
            await asyncio.gather(create(world, "web"), create(world, "shop", on_failure="Rollback", pre_pull="Never"))
            for tag in ("v2", "v3"):  # twice: an increase starts from the first
                await world.set_image(world.app(tag))
                await world.wait_upgraded()
            await scraped(server)
            assert await firing(server) == {}, "all is well"

            await asyncio.gather(fails(world), is_rolled_back(world))
            await fires(world, server, "InplaceWorkloadDegraded", kind="StatefulSet")
            await fires(world, server, "InplaceWorkloadRolledBack", kind="StatefulSet")
            assert set(await firing(server)) == {"InplaceWorkloadDegraded", "InplaceWorkloadRolledBack"}
            assert await server.problems() == []
            await check_numbers(server)
            await check_series(server)
            await check_dashboard(server, world, int(time.monotonic() - began))

            await world.kill_controller()
            await fires(world, server, "InplaceControllerAbsent")
            assert await server.query("inplace_build_info") == []


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


async def create(world, name, **settings):
    annotations = {key.replace("_", "-"): value for key, value in settings.items()}
    await world.create(world.manifest(name, replicas=2, annotations=annotations))


async def fails(world):
    """An image that does not exist: pulled ahead in vain, so that no Pod is begun."""
    await world.set_image(world.app("missing"))
    await world.wait_phase("web", Phase.DEGRADED)


async def is_rolled_back(world):
    """The same, found out by a Pod."""
    await world.set_image(world.app("missing"), name="shop")
    await world.wait_phase("shop", Phase.ROLLED_BACK)


async def scraped(server):
    """Until everything that is so now has been scraped and judged."""
    await asyncio.sleep(3 * prometheus.INTERVAL)


async def firing(server):
    return {one.name: one for one in await server.alerts() if one.state == "firing"}


async def fires(world, server, name, **labels):
    async def does():
        return name in await firing(server)

    await world.until(does, f"{name} to fire; its rules: {await server.problems()}")
    alert = (await firing(server))[name]
    assert {**alert.labels, "namespace": world.namespace, **labels} == alert.labels
    assert "<no value>" not in "".join(alert.annotations.values())
    assert world.namespace in alert.annotations["description"] or labels


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
    """With the variables as Grafana fills them in; scraped thirty times as often, and looked at for as long."""
    values = {"$__rate_interval": "5s", "$__range": f"{seconds}s", "$namespace": world.namespace, "$job": ".+"}
    text = dashboard.expression(text)
    for variable, value in values.items():
        text = text.replace(variable, value)
    return text
