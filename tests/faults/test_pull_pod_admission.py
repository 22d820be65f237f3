"""What admission refuses pull Pods without, and what it adds to them."""

from __future__ import annotations

from contextlib import asynccontextmanager

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.resource import Resource
from tests.scenarios.embedded import open_embedded

API = "admissionregistration.k8s.io"
#: Of a Pod: whether its containers ask for something, as a LimitRange with a minimum wants.
ASKS = "object.spec.containers.all(c, c.?resources.requests.cpu.orValue('0') != '0')"
SIZED = {"requests": {"cpu": "50m", "memory": "32Mi"}}


@asynccontextmanager
async def admission(world, kind, spec):
    """A policy on every new Pod of the namespace."""
    policy = Resource(API, "v1", f"{kind.lower()}admissionpolicies", f"{kind}AdmissionPolicy", namespaced=False)
    binding = Resource(API, "v1", f"{policy.plural[:-3]}ybindings", f"{policy.kind}Binding", namespaced=False)
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    body = {"metadata": {"name": "ours"}, "spec": {"matchConstraints": {"resourceRules": [rule]}, **spec}}
    await world.client.create(policy, None, body, type=dict)
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}}
    bound = {"policyName": "ours", "matchResources": where}
    bound |= {"validationActions": ["Deny"]} if kind == "Validating" else {}
    await world.client.create(binding, None, {"metadata": {"name": "ours"}, "spec": bound}, type=dict)
    try:
        yield
    finally:
        await world.client.delete(binding, "ours")
        await world.client.delete(policy, "ours")


def refusing(world, expression, message="refused by the test"):
    """New Pods for which the expression does not hold."""
    return admission(world, "Validating", {"validations": [{"expression": expression, "message": message}]})


def adding(world, expression):
    """To new Pods, what a JSON patch adds."""
    mutation = {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}
    return admission(world, "Mutating", {"reinvocationPolicy": "Never", "mutations": [mutation]})


async def told(world):
    """Everything that the status says."""
    status = await world.status()
    return status, " ".join(one.message for one in (*status.reasons, *status.failures))


async def test_a_minimum_of_a_limit_range_is_met():
    async with open_embedded() as world:
        manifest = world.manifest("web", replicas=2)
        manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = SIZED
        await world.create(manifest)
        async with refusing(world, ASKS, "minimum cpu usage per Container is 10m, but request is 0"):
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()


async def test_no_user_is_asked_for_that_the_pod_does_not_have():
    async with open_embedded() as world:
        await world.create_web(replicas=2)
        users = "[object.spec].all(s, !has(s.securityContext.runAsUser)) && object.spec.containers.all("
        async with refusing(world, users + "c, !has(c.securityContext.runAsUser))"):
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()


async def test_scheduling_gates_on_every_pod_are_waited_for():
    gates = 'JSONPatch{op: "add", path: "/spec/schedulingGates", value: [{"name": "example.com/quota"}]}'
    async with open_embedded() as world:
        await world.create_web(replicas=1)
        (pod,) = await world.pods()
        async with adding(world, f"[{gates}]"):
            await world.set_image(world.app("v2"))
            await world.until(lambda: _has_helper(world), "a pull Pod")
            (helper,) = await world.helpers()
            await world.clock.sleep(5)
            assert (await world.pods())[0].ready
            free = [{"op": "remove", "path": "/spec/schedulingGates"}]
            await world.client.patch(
                resources.PODS, helper.name, world.namespace, free, patch_type=PatchType.JSON, type=dict
            )
            await world.wait_upgraded()
        assert (await world.pods())[0].spec.node_name == pod.spec.node_name


async def test_what_injectors_add_is_borne_and_what_holds_the_pull_up_is_named():
    container = '{"name": "proxy", "image": "registry.test/app:v1", "env": [{"name": "ROLE", "value": "x"}]}'
    beside = f'JSONPatch{{op: "add", path: "/spec/containers/-", value: {container}}}'
    before = '{"name": "init", "image": "registry.test/app:missing"}'
    async with open_embedded() as world, world.policies("fence"):
        await world.create_web(replicas=1)
        async with adding(world, f"[{beside}]"):
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
        async with adding(world, f'[JSONPatch{{op: "add", path: "/spec/initContainers", value: [{before}]}}]'):
            await world.annotate(progress_deadline_seconds="15")
            await world.set_image(world.app("v3"))
            status = await world.wait_phase("web", Phase.DEGRADED)
        assert "init container init" in status.failures[0].message


async def test_what_is_refused_until_after_the_deadline_goes_on_soon_after():
    async with open_embedded() as world:
        await world.create_web(replicas=2, annotations={"progress-deadline-seconds": "15"})
        async with refusing(world, f"!('{names.HELPER}' in object.metadata.?labels.orValue({{}}))"):
            await world.set_image(world.app("v2"))
            await world.wait_phase("web", Phase.DEGRADED)
            await world.clock.sleep(100)
            status, said = await told(world)
            assert "refused by the test" in said
            assert {one.code for one in status.failures} == {ReasonCode.PrePullImpossible}
        await world.wait_upgraded(seconds=40)


async def test_what_was_refused_until_after_the_deadline_goes_on_at_once_on_request():
    async with open_embedded() as world:
        await world.create_web(replicas=2, annotations={"progress-deadline-seconds": "15"})
        async with refusing(world, f"!('{names.HELPER}' in object.metadata.?labels.orValue({{}}))"):
            await world.set_image(world.app("v2"))
            await world.wait_phase("web", Phase.DEGRADED)
            await world.clock.sleep(31)
        await world.annotate(retry="1")
        await world.wait_upgraded(seconds=12)


async def _has_helper(world):
    return bool(await world.helpers())
