"""manifests/overlays/monitoring: the installation, and what a Prometheus operator and Grafana pick up."""

from __future__ import annotations

import json

from hack.monitoring import rules
from tests.unit.manifests.test_manifests import built, needs_kubectl

pytestmark = needs_kubectl


def named(objects):
    return {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in objects}


def the(kind):
    (found,) = [one for one in built("manifests/overlays/monitoring") if one["kind"] == kind]
    return found


def test_it_is_the_installation_and_three_objects_more():
    plain, monitored = named(built("manifests")), named(built("manifests/overlays/monitoring"))
    assert {key: monitored[key] for key in plain} == plain
    assert set(monitored) - set(plain) == {
        ("ServiceMonitor", "inplace-system", "inplace"),
        ("PrometheusRule", "inplace-system", "inplace"),
        ("ConfigMap", "inplace-system", "inplace-dashboard"),
    }


def test_the_service_monitor_leads_to_the_metrics():
    monitor, template = the("ServiceMonitor")["spec"], the("Deployment")["spec"]["template"]
    (endpoint,) = monitor["endpoints"]
    services = [one for one in built("manifests/overlays/monitoring") if one["kind"] == "Service"]
    wanted = monitor["selector"]["matchLabels"].items()
    (service,) = [one for one in services if wanted <= one["metadata"]["labels"].items()]
    (port,) = [one for one in service["spec"]["ports"] if one["name"] == endpoint["port"]]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    assert port["targetPort"] in {one["name"] for one in container["ports"]}


def test_grafanas_sidecar_finds_the_dashboard():
    made = the("ConfigMap")
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    (content,) = made["data"].values()
    assert json.loads(content) == json.loads((rules.FOLDER / "dashboard.json").read_text())
