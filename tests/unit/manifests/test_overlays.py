"""What an installation has besides the controller and its rights: its place, its standby, its neighbours, its users."""

from __future__ import annotations

import copy
import re

import pytest
import yaml

from inplace.core.objects import names
from tests.scenarios import policies
from tests.unit.manifests.test_manifests import (
    CLUSTER,
    MANIFESTS,
    NAMESPACED,
    ROOT,
    USERS,
    built,
    deployment,
    needs_kubectl,
    of_kind,
    pod_spec,
    rights,
)

pytestmark = needs_kubectl
PAGE = ROOT / "docs" / "reference" / "installation.md"
HA, POLICIES = "manifests/overlays/ha", "manifests/overlays/policies"
MONITORING = "manifests/overlays/monitoring"
OWN = {"app.kubernetes.io/name": "inplace"}
KI, MI = 1024, 1024**2


def named(found):
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


# -- the controller's Pod


@pytest.mark.parametrize("directory", [CLUSTER, NAMESPACED])
def test_memory_is_limited_by_the_formula_that_is_written_beside_it(directory):
    (container,) = pod_spec(directory)["containers"]
    text = (MANIFESTS / "base" / "deployment.yaml").read_text()
    formula = re.search(
        r"limit = (\d+)Mi \+ (\d+)Ki for each Pod .* So\s+# (\d+)Mi is for ([\d,]+) Pods", text, re.DOTALL
    )
    start, each, limit, pods = (int(number.replace(",", "")) for number in formula.groups())
    assert container["resources"]["limits"] == {"memory": f"{limit}Mi"}, "and no limit of CPU"
    assert pods * each * KI <= (limit - start) * MI < (pods + 1000) * each * KI


def test_one_that_serves_the_cluster_is_placed_before_the_pods_that_wait_for_it():
    priority = of_kind(built(CLUSTER), "PriorityClass")["inplace"]
    assert priority["value"] == 1_000_000_000, "the highest that is not Kubernetes' own"
    assert "globalDefault" not in priority
    spec = pod_spec(CLUSTER)
    assert spec["priorityClassName"] == "inplace"
    assert {each["key"] for each in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node-role.kubernetes.io/control-plane",
        "CriticalAddonsOnly",
    }


def test_one_of_a_single_namespace_comes_before_nobody_and_runs_where_others_run():
    spec = pod_spec(NAMESPACED)
    assert "priorityClassName" not in spec
    assert {each["key"]: each["tolerationSeconds"] for each in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready": 30,
        "node.kubernetes.io/unreachable": 30,
    }
    kinds = {one["kind"] for one in built(NAMESPACED)}
    assert not kinds & {"PriorityClass", "FlowSchema", "Namespace"}


@pytest.mark.parametrize("directory", [CLUSTER, NAMESPACED])
def test_several_are_spread_over_zones_if_there_are_any(directory):
    (spread,) = pod_spec(directory)["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "ScheduleAnyway")
    assert spread["labelSelector"]["matchLabels"] == OWN


# -- its neighbours


@pytest.mark.parametrize("directory", [CLUSTER, NAMESPACED])
def test_the_ports_that_may_be_reached_are_those_that_it_has(directory):
    policy = of_kind(built(directory), "NetworkPolicy")["inplace"]["spec"]
    assert policy["podSelector"] == on_page("egress.yaml")["spec"]["podSelector"]
    assert policy["podSelector"]["matchLabels"] == OWN
    assert policy["policyTypes"] == ["Ingress"], "an egress rule that misses the API server would cut it off"
    metrics, probes = policy["ingress"]
    assert metrics == {"from": [{"namespaceSelector": {}}], "ports": [{"port": "http"}]}
    assert probes == {"ports": [{"port": "probes"}]}
    (container,) = pod_spec(directory)["containers"]
    assert {port["name"] for port in container["ports"]} == {"http", "probes"}


def test_its_lease_and_nothing_else_goes_where_leases_go():
    flow = of_kind(built(CLUSTER), "FlowSchema")["inplace-leases"]["spec"]
    assert flow["priorityLevelConfiguration"] == {"name": "leader-election"}
    assert 900 < flow["matchingPrecedence"] < 9000
    (rule,) = flow["rules"]
    account = of_kind(built(CLUSTER), "ServiceAccount")["inplace"]["metadata"]
    namespace = account["namespace"]
    assert rule["subjects"] == [
        {"kind": "ServiceAccount", "serviceAccount": {"name": account["name"], "namespace": namespace}}
    ]
    (asked,) = rule["resourceRules"]
    lease = of_kind(built(CLUSTER), "Role")["inplace-lease"]
    verbs = {verb for _, _, verb in rights(lease)}
    assert names.LEASE in str(lease)
    assert (asked["resources"], set(asked["verbs"]), asked["namespaces"]) == (["leases"], verbs, [namespace])


# -- the overlays


def test_ha_is_the_same_with_a_standby():
    plain, ha = named(built(CLUSTER)), named(built(HA))
    budget = ("PodDisruptionBudget", "inplace")
    assert ha.keys() - plain.keys() == {budget}
    differ = {key for key in plain if plain[key] != ha[key]}
    assert differ == {("Deployment", "inplace")}
    spec = copy.deepcopy(deployment(HA)["spec"])
    assert spec["replicas"] == 2
    affinity = spec["template"]["spec"].pop("affinity")
    (preferred,) = affinity["podAntiAffinity"].pop("preferredDuringSchedulingIgnoredDuringExecution")
    assert affinity == {"podAntiAffinity": {}}, "soft: nothing is required"
    assert preferred["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert preferred["podAffinityTerm"]["labelSelector"]["matchLabels"] == OWN
    assert {**spec, "replicas": 1} == deployment(CLUSTER)["spec"]
    wanted = {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": {"matchLabels": OWN}}
    assert ha[budget]["spec"] == wanted
    assert ha[budget]["metadata"]["namespace"] == "inplace-system"


def test_no_budget_stands_in_the_way_of_a_drain_where_there_is_a_single_replica():
    for directory in (CLUSTER, NAMESPACED, POLICIES):
        assert deployment(directory)["spec"]["replicas"] == 1
        assert not of_kind(built(directory), "PodDisruptionBudget")


def test_policies_is_the_same_with_every_policy():
    plain, whole = named(built(CLUSTER)), named(built(POLICIES))
    assert {key: whole[key] for key in plain} == plain
    shipped = {(one["kind"], one["metadata"]["name"]) for one in policies.manifests()}
    assert whole.keys() - plain.keys() == shipped


def on_page(name):
    """The object in a block of docs/reference/installation.md that begins with a file's name."""
    return yaml.safe_load(re.search(rf"```yaml\n(# {re.escape(name)}.*?)```", PAGE.read_text(), re.DOTALL)[1])


def mixture(name, **kustomization):
    """What kubectl makes of a kustomization beside the clone."""
    folder = ROOT / "build" / f"mixture-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization).replace("- inplace/", "- ../../"))
    return named(built(str(folder.relative_to(ROOT))))


def test_a_mixture_by_hand_is_the_sum_of_its_parts():
    page = on_page("kustomization.yaml")
    assert page.pop("images") == [{"name": "inplace", "newName": "registry.example.com/inplace", "newTag": "v1"}]
    assert mixture("page", **page) == {**named(built(POLICIES)), **named(built(HA))}


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_no_page_applies_a_controller_whose_image_nobody_has(page):
    """What is below manifests/ names no registry: applied by itself it would take a running controller's image away."""
    for folder in re.findall(r"kubectl apply -k (manifests\S*)", page.read_text()):
        assert not [one for one in built(folder.rstrip("/`;,.")) if one["kind"] == "Deployment"], folder


def test_the_kustomization_to_install_with_takes_every_part_and_its_image():
    """What the page has behind a `#` is there to be taken in."""
    page = (ROOT / "docs" / "how-to" / "install-kustomize.md").read_text()
    text = re.search(r"```yaml\n(# kustomization.yaml.*?)```", page, re.DOTALL)[1]
    every = yaml.safe_load(re.sub(r"^# (?=- |components:)", "", text, flags=re.MULTILINE))
    for name, shown in (("how-to", yaml.safe_load(text)), ("how-to-every", every)):
        parts = {key: [f"inplace/{one}" for one in shown.get(key, [])] for key in ("resources", "components")}
        found = mixture(name, **{**shown, **parts})
        (container,) = found["Deployment", "inplace"]["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "registry.example.com/inplace:0.1.0"
    wanted = {**named(built(POLICIES)), **named(built(HA)), **named(built(MONITORING))}
    assert found.keys() == wanted.keys()


def test_the_readme_installs_with_an_image_of_yours():
    readme = (ROOT / "README.md").read_text()
    text = re.search(r"cat > build/install/kustomization.yaml <<EOF\n(.*?)^EOF$", readme, re.DOTALL | re.MULTILINE)[1]
    found = mixture("readme", **yaml.safe_load(text))
    (container,) = found["Deployment", "inplace"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] in readme.partition("PUSH=")[2].split()


def test_a_standby_may_be_in_a_single_namespace_too():
    parts = {"resources": [f"inplace/{NAMESPACED}"], "components": ["inplace/manifests/components/ha"]}
    found = mixture("namespaced", namespace="shop", **parts)
    assert found["Deployment", "inplace"]["spec"]["replicas"] == 2
    assert found["PodDisruptionBudget", "inplace"]["metadata"]["namespace"] == "shop"


# -- its users


def test_an_operator_has_what_a_viewer_has_and_a_viewer_only_reads():
    found = of_kind(built(CLUSTER), "ClusterRole")
    viewer, operator = rights(found["inplace-viewer"]), rights(found["inplace-operator"])
    assert {verb for _, _, verb in viewer} == {"get", "list", "watch"}
    assert viewer < operator
    assert {verb for _, _, verb in operator - viewer} == {"patch", "delete"}
    assert {resource for _, resource, verb in operator if verb == "delete"} == {"pods"}, "pull Pods"
    ours = rights(found["inplace"]) | rights(found["inplace-pre-pull"])
    assert operator - viewer < ours, "no more than the controller in whose place it acts"


def test_who_upgrades_sidecars_has_what_a_viewer_has_and_writes_pods_and_reservations():
    found = of_kind(built(CLUSTER), "ClusterRole")
    viewer, sidecars = rights(found["inplace-viewer"]), rights(found["inplace-sidecars"])
    assert viewer < sidecars
    assert sidecars - viewer == {
        ("", "pods", "patch"),
        ("", "pods/status", "patch"),
        ("policy", "poddisruptionbudgets/status", "patch"),
    }


def test_nobody_has_these_roles_unasked():
    for directory in (CLUSTER, "manifests/users"):
        bindings = [one for one in built(directory) if one["kind"].endswith("Binding")]
        assert not USERS & {one["roleRef"]["name"] for one in bindings}
        aggregated = [one for one in built(directory) if "rbac.authorization.k8s.io/aggregate-to" in str(one)]
        assert not aggregated
