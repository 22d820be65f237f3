"""`inplace check`: what an installation and a workload lack, and what to do about it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

import inplace
from inplace.controller import installed_policies
from inplace.controller.app import App, Options
from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from tests.commands.conftest import NAMESPACE
from tests.commands.test_truth import PDB

LEASE = ("--lease-namespace", NAMESPACE)


@asynccontextmanager
async def leading(shop):
    """A controller that leads by its Lease."""
    client = shop.cluster.client("controller", field_manager="inplace")
    app = App(client, SystemClock(), NullObserver(), Options(lease_namespace=NAMESPACE), print)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(app.run(signals=False))
        await shop.until(lambda: _leads(shop), "the controller to lead")
        try:
            yield app
        finally:
            task.cancel()


async def _leads(shop):
    found = await shop.inplace("check", *LEASE, "-o", "json")
    return any(one["topic"] == "leader" and one["level"] == "ok" for one in found.json()["cluster"])


def topics(done):
    """By topic, the worst level and all messages."""
    found = {}
    for one in done.json()["cluster"]:
        found.setdefault(one["topic"], []).append((one["level"], one["message"], one["remedy"]))
    return found


async def test_all_that_there_is_to_say_of_a_cluster(shop):
    async with leading(shop):
        done = await shop.inplace("check", *LEASE)
        document = await shop.inplace("check", *LEASE, "-o", "json")
    assert (done.code, done.err) == (0, ""), done
    lines = done.out.splitlines()
    assert lines[0].startswith("ok       server: Kubernetes v1.36.3+kubesim at http://127.0.0.1:")
    assert "ok       features: the API server has all that inplace can use" in lines
    assert "ok       rights: every command may be used in namespace default" in lines
    assert f"ok       version: command and controller are of version {inplace.__version__}" in lines
    assert lines[-1] == "no problem found"
    found = topics(document)
    assert found["leader"][0][1].endswith("s ago")
    assert found["caches"][0][0] == "ok"
    count = len(installed_policies.MUTATING) + len(installed_policies.VALIDATING)
    remedy = "kubectl apply -k manifests/policies"
    assert found["policies"] == [("note", f"0 of {count} policies are in force: inplace works without them", remedy)]


async def test_without_a_controller_that_is_a_problem(shop):
    done = await shop.inplace("check", *LEASE)
    assert done.code == 4
    assert "problem  leader: no controller runs here: there is no Lease default/inplace-controller" in done.out
    assert done.out.endswith("\n1 problem found\n")


async def test_a_controller_that_has_died_is_told_by_its_lease(shop, monkeypatch):
    async with leading(shop):
        pass
    released = await shop.inplace("check", *LEASE)
    assert (released.code, "no controller leads: Lease default/inplace-controller was released" in released.out) == (
        4,
        True,
    )
    held = {"spec": {"holderIdentity": "gone_1", "renewTime": "2020-01-01T00:00:00.000000Z"}}
    await shop.client.patch(resources.LEASES, names.LEASE, NAMESPACE, held, patch_type=PatchType.MERGE, type=dict)
    died = await shop.inplace("check", *LEASE)
    assert died.code == 4
    assert "gone_1 has the Lease default/inplace-controller, not renewed for " in died.out


@pytest.mark.parametrize(
    ("about", "level", "said"),
    [
        ('{"version":"9.9.9","heardAt":"2099-01-01T00:00:00Z"}', "problem", "the controller of 9.9.9"),
        ("{}", "unknown", "does not say its version"),
        ("[" * 5000, "unknown", "does not say its version"),
    ],
)
async def test_the_leader_says_its_version(shop, about, level, said):
    now = shop.client.clock.now().isoformat().replace("+00:00", "Z")
    body = {
        "metadata": {"name": names.LEASE, "annotations": {names.ABOUT: about}},
        "spec": {"holderIdentity": "a_1", "renewTime": now},
    }
    await shop.client.create(resources.LEASES, NAMESPACE, body, type=dict)
    found = topics(await shop.inplace("check", *LEASE, "-o", "json"))
    assert found["version"][0][0] == level
    assert said in found["version"][0][1]


async def test_caches_that_hear_nothing_are_a_problem(shop):
    now = shop.client.clock.now().isoformat().replace("+00:00", "Z")
    about = f'{{"version":"{inplace.__version__}","heardAt":"2020-01-01T00:00:00Z","fence":"not in force: x"}}'
    body = {
        "metadata": {"name": names.LEASE, "annotations": {names.ABOUT: about}},
        "spec": {"holderIdentity": "a_1", "renewTime": now},
    }
    await shop.client.create(resources.LEASES, NAMESPACE, body, type=dict)
    done = await shop.inplace("check", *LEASE, "-o", "json")
    found = topics(done)
    assert (done.code, found["caches"][0][0]) == (4, "problem")
    assert found["fence"][0][:2] == ("note", "the controller found the fence not in force: x")


async def test_what_rights_are_missing_comes_with_the_rule_to_add(shop):
    def allows(spec):
        asked = spec["resourceAttributes"]
        return (asked["resource"], asked["verb"]) not in {("pods", "list"), ("statefulsets", "patch"), ("nodes", "get")}

    shop.cluster.server.verbs.allows = allows
    done = await shop.inplace("check", *LEASE)
    assert done.code == 4
    text = done.out
    assert "problem  rights: you cannot list pods: plan, status -o, status --watch, explain, " in text
    assert "note     rights: you cannot patch statefulsets.apps: " in text
    assert "note     rights: you cannot get nodes: plan, status -o, explain, " in text
    rule = '         - {apiGroups: [""], resources: [pods], verbs: [list]}\n'
    assert f"         add to a Role of namespace default:\n{rule}" in text
    assert "         - {apiGroups: [apps], resources: [statefulsets], verbs: [patch]}\n" in text
    assert 'add to a ClusterRole:\n         - {apiGroups: [""], resources: [nodes], verbs: [get]}\n' in text


async def test_who_may_look_but_not_read_logs_nor_write_the_gate_lacks_no_command_that_they_need(shop):
    """As the roles of `manifests/users` are: a restart by hand then goes without a drain."""

    def allows(spec):
        asked = spec["resourceAttributes"]
        return (asked["resource"], asked.get("subresource")) not in {("pods", "log"), ("pods", "status")}

    shop.cluster.server.verbs.allows = allows
    async with leading(shop):
        done = await shop.inplace("check", *LEASE)
    assert done.code == 0, done
    assert "note     rights: you cannot get pods/log: logs cannot be used; report cannot show or do all" in done.out
    assert "note     rights: you cannot patch pods/status: restart pod/NAME, disable cannot show or do all" in done.out


async def test_nodes_that_are_not_ready_are_told(shop):
    async with leading(shop):
        first, *rest = shop.cluster.nodes
        await shop.lose_node(first)
        some = topics(await shop.inplace("check", *LEASE, "-o", "json"))["kubelets"][0]
        for node in rest:
            await shop.lose_node(node)
        every = topics(await shop.inplace("check", *LEASE, "-o", "json"))["kubelets"][0]
    assert (some[0], every[0]) == ("note", "problem")
    assert f"of which 1 is not Ready ({first}): no Pod begins there (NodeNotReady)" in some[1]
    assert f"of which {1 + len(rest)} are not Ready" in every[1]


async def test_what_may_not_be_seen_is_unknown_and_no_problem(shop):
    async with leading(shop):
        shop.denied = lambda request: request.plural in {"nodes", "leases"} or "bindings" in request.plural
        done = await shop.inplace("check", *LEASE, "-o", "json")
    found = topics(done)
    assert done.code == 0
    assert {topic for topic, said in found.items() if said[0][0] == "unknown"} == {"kubelets", "policies", "leader"}
    assert "resourceNames: [inplace-controller]" in found["leader"][0][2]


# -- workloads


async def test_a_workload_without_a_fault(shop):
    async with shop.controller():
        await shop.create_ready(2)
        await shop.reported("UpToDate")
        done = await shop.inplace("check", "sts/web")
    assert (done.code, done.err) == (0, "")
    assert done.out == "statefulset/web -n default\n  ok       workload: no problem found\nno problem found\n"


async def test_what_is_wrong_with_a_workload(shop):
    async with shop.controller():
        await shop.client.create(resources.PODDISRUPTIONBUDGETS, NAMESPACE, PDB, type=dict)
        await shop.create_ready(2, gate=False, annotations={"max-unavailable": "no", "drain": "Required"})
        await shop.reported("Refused")
        await shop.until(lambda: _counted(shop), "the budget to be counted")
        for words in (("sts/web",), ("-l", "inplace.dev/mode"), ("-A",), ("sts", "web")):
            done = await shop.inplace("check", *words)
            assert done.code == 4, done
            assert "problem  settings: SettingInvalid: " in done.out
            assert "problem  upgrade: Refused: " in done.out
            assert (
                "problem  disruption budgets: PodDisruptionBudget web can never give: it wants 2 of 2 Pods" in done.out
            )
            assert "problem  readiness gate: 2 of 2 Pods have no readiness gate InPlaceUpdateReady: " in done.out
            assert done.out.endswith("\n4 problems found\n")
        shop.denied = lambda request: request.plural == "poddisruptionbudgets"
        assert "unknown  disruption budgets: " in (await shop.inplace("check", "sts/web")).out


async def _counted(shop):
    found = await shop.client.get(resources.PODDISRUPTIONBUDGETS, "web", NAMESPACE, type=dict)
    return (found.get("status") or {}).get("expectedPods") == 2


async def test_of_several_one_that_is_not_there_is_a_problem_and_the_others_are_looked_at(shop):
    await shop.create_ready(1, gate=False, mode=None)
    done = await shop.inplace("check", "sts/web", "sts/none")
    assert done.code == 4
    assert "note     opt-in: it is not opted in\n" in done.out
    assert 'statefulset/none -n default\n  problem  workload: statefulsets.apps "none" not found\n' in done.out
    assert (await shop.inplace("check", "-A")).err == "error: no workload that is opted in in any namespace\n"
