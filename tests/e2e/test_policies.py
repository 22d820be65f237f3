"""manifests/policies on the real API server: what each must allow, and what each must reject, with what a user sees.

Policies stand in the cluster once; each test binds those that it is about to its own namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.connection import connect
from inplace.kube.errors import Forbidden, Invalid
from inplace.runtime.observe import NullObserver
from tests.scenarios import kinds, policies
from tests.scenarios.kinds import DAEMONSET, DEPLOYMENT, STATEFULSET
from tests.scenarios.real import RealWorld

HELD = pytest.mark.parametrize("flavour", [STATEFULSET, DAEMONSET, DEPLOYMENT], ids=lambda one: one.name)
#: Seconds in which a new binding is in force.
SOON = 60.0


@asynccontextmanager
async def bound(world: RealWorld, *names_: str) -> AsyncIterator[None]:
    """Bind policies to this namespace while the block runs."""
    if any("keep-freeze" in one or "gate" in one for one in names_):
        world.require_mutating_policies()
    with policies.bound(world.cluster.kubeconfig, world.namespace, *names_):
        yield


def run(world: RealWorld, *arguments: str, stdin: str = "", ours: bool = False) -> tuple[int, str]:
    """kubectl in the namespace, as admin or with the controller's own account; its exit code and all that it says."""
    config = world.credentials if ours else world.cluster.kubeconfig
    done = subprocess.run(
        ["kubectl", "--kubeconfig", str(config), "-n", world.namespace, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


async def refused(world: RealWorld, *arguments: str, says: str, ours: bool = False, stdin: str = "") -> None:
    """Until a policy is in force; then it must refuse this, with these words. Nothing is written: it is a dry run."""
    said = ""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SOON):
            while True:
                code, said = await asyncio.to_thread(run, world, *arguments, "--dry-run=server", ours=ours, stdin=stdin)
                if code != 0 and says in said:
                    return
                await asyncio.sleep(0.5)
    raise AssertionError(f"not refused with {says!r}: {said}")


def manifest(world: RealWorld, tag: str) -> str:
    """What a chart renders: the whole object, with its strategy, without anything of ours but the opt-in."""
    body = world.manifest("web", tag, replicas=2)
    if world.flavour is DAEMONSET:
        body = world._placed(body)
    if world.flavour is DEPLOYMENT:
        body["spec"]["paused"] = False
    if world.flavour is STATEFULSET:
        body["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    body["metadata"]["namespace"] = world.namespace
    return json.dumps(body)


@HELD
async def test_applying_a_rendered_strategy_with_a_new_image_recreates_no_pod(open_world, flavour):
    async with open_world() as world:
        world.flavour = flavour
        await world.create_web(replicas=2)
        uids = {pod.uid for pod in await world.pods()}
        async with bound(world, f"inplace-keep-freeze-{flavour.resource.plural}", "inplace-keep-freeze-unowned"):
            await _in_force(world)
            # The first apply takes the image over from whoever created the workload.
            for tag, how in (("v2", ["--server-side", "--force-conflicts"]), ("v1", ["--server-side"]), ("v3", [])):
                code, said = run(world, "apply", *how, "-f", "-", stdin=manifest(world, tag))
                assert code == 0, said
                await world.wait_upgraded(seconds=2 * world.patience)
                assert {pod.uid for pod in await world.pods()} == uids
                assert {pod.spec.containers[0].image for pod in await world.pods()} == {world.app(tag)}
            code, said = run(world, "label", f"{flavour.resource.plural}/web", f"{names.MODE}-")
            assert code == 0, said
            await world.until(world.is_clean, "the freeze to be lifted by our own account")
        assert {pod.uid for pod in await world.pods()} == uids


async def _in_force(world: RealWorld) -> None:
    """Until a dry run of the write shows that the freeze stays."""

    async def keeps() -> bool:
        how = ["--server-side", "--force-conflicts", "--dry-run=server", "-o", "json"]
        code, said = await asyncio.to_thread(run, world, "apply", *how, "-f", "-", stdin=manifest(world, "v2"))
        if code != 0:
            return False
        spec = json.loads(said)["spec"]
        strategy = spec.get("updateStrategy") or {}
        partition = (strategy.get("rollingUpdate") or {}).get("partition")
        return bool(spec.get("paused") or strategy.get("type") == "OnDelete" or partition == names.FROZEN_PARTITION)

    await world.until(keeps, "the policy to be in force", SOON)


@HELD
async def test_lifting_the_freeze_with_a_new_template_is_refused(open_world, flavour):
    async with open_world() as world:
        world.flavour = flavour
        await world.create_web(replicas=2)
        uids = {pod.uid for pod in await world.pods()}
        async with bound(world, "inplace-refuse-lifting"):
            how = ["apply", "--server-side", "--force-conflicts", "-f", "-"]
            await refused(world, *how, stdin=manifest(world, "v2"), says="lifts the freeze at once")
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
        assert {pod.uid for pod in await world.pods()} == uids


@pytest.mark.parametrize("flavour", kinds.ALL, ids=lambda one: one.name)
async def test_malformed_settings_are_refused_when_they_are_written(open_world, flavour):
    async with open_world(controller=False) as world:
        world.flavour = flavour
        await world.create_web(replicas=1, mode=None, gate=False)
        what = f"{flavour.resource.plural}/web"
        async with bound(world, "inplace-settings"):
            await refused(world, "label", what, f"{names.MODE}=Sometimes", says="use InPlaceOnly or InPlaceIfPossible")
            assert run(world, "annotate", what, f"{names.PREFIX}paused=maybe")[0] == 0, "not opted in, not our business"
            assert run(world, "annotate", what, f"{names.PREFIX}paused-")[0] == 0
            assert run(world, "label", what, f"{names.MODE}=InPlaceOnly")[0] == 0
            for text, says in (
                ("max-unavailable=0", "use a count of 1 or more, or a percentage from 1% to 100%"),
                ("max-unavailable=101%", "percentage from 1% to 100%"),
                ("partition=-1", "use a count, or a percentage"),
                ("paused=yes", "use true or false"),
                ("grace-period-seconds=1.5", "a whole number of 0 or more"),
                ("progress-deadline-seconds=0", "a whole number of 1 or more"),
                ("drain=auto", "use Auto, Required or Never"),
                ("max-unavailabel=1", "no such setting: inplace.dev/max-unavailabel"),
            ):
                await refused(world, "annotate", "--overwrite", what, names.PREFIX + text, says=says)
            for text in ("max-unavailable=50%", "partition=0", "paused=true", "grace-period-seconds=3", "drain=Never"):
                code, said = run(world, "annotate", "--overwrite", what, names.PREFIX + text)
                assert code == 0, said


async def test_our_own_account_is_fenced(open_world):
    """An upgrade of each kind of Pod and workload works within the fence; what lies beyond is refused."""
    async with open_world() as world:
        world.flavour = DEPLOYMENT
        await world.create_web(replicas=2)
        async with bound(world, *policies.named("fence")):
            pod = (await world.pods())[0].name
            beyond = (
                (["patch", "pod", pod, "-p", _json({"spec": {"activeDeadlineSeconds": 9}})], "but images"),
                (["patch", "pod", pod, "-p", _json({"metadata": {"finalizers": ["example.com/x"]}})], "finalizers"),
                (["patch", "deployment", "web", "-p", _json({"spec": {"replicas": 5}})], "but the freeze"),
                (["label", "deployment", "web", "example.com/x=y"], "no labels of a workload but its own"),
                (["annotate", "deployment", "web", "example.com/x=y"], "no annotations of a workload but its own"),
            )
            for arguments, says in beyond:
                await refused(world, *arguments, says=says, ours=True)
            # Not as a dry run: with one of this very kind the controller tries out the policies.
            code, said = run(world, "patch", "deployment", "web", "-p", _json(_template()), ours=True)
            assert code != 0
            assert "the template of a workload" in said
            await _the_status_is_refused(world)
            await _other_conditions_are_refused(world, pod)
            await _other_replica_sets_are_refused(world)
            uids = {one.uid for one in await world.pods()}
            await world.set_image(world.app("v2"))
            await world.wait_upgraded()
            assert {one.uid for one in await world.pods()} == uids
            await world.annotate(paused="true")
            await world.set_image(world.app("v1"))
            await world.wait_phase("web", Phase.PAUSED)


async def _the_status_is_refused(world: RealWorld) -> None:
    """Of a workload's status: what is not ours; kubectl would read the subresource first, which our account may not."""
    connection = await connect(kubeconfig=str(world.credentials), user_agent="scenario-tests", clock=world.clock)
    async with connection:
        client = Client(connection, NullObserver(), world.clock)
        for status, says in (
            ({"replicas": 9}, "nothing but its own conditions"),
            ({"conditions": [{"type": "Available", "status": "False"}]}, "no conditions of a workload but"),
            ({"conditions": [{"type": "Reconciling", "status": "True"}]}, ""),
        ):
            await _status_write(world, client, {"status": status}, says)
        marks = {"metadata": {"annotations": {"example.com/x": "y"}}}
        await _status_write(world, client, marks, "no annotations of a workload but its own")


async def _status_write(world: RealWorld, client: Client, body: dict[str, Any], says: str) -> None:
    """A dry run of a write to the Deployment's status: refused with these words, or allowed where there are none."""
    said = ""

    async def as_wanted() -> bool:
        nonlocal said
        try:
            await client.patch(
                resources.DEPLOYMENTS,
                "web",
                world.namespace,
                body,
                patch_type=PatchType.STRATEGIC,
                subresource="status",
                dry_run=True,
                type=dict,
            )
        except (Invalid, Forbidden) as error:
            said = str(error)
        return said == "" if not says else says in said

    await world.until(as_wanted, f"{body} to be refused with {says!r}", SOON)


async def _other_conditions_are_refused(world: RealWorld, pod: str) -> None:
    """kubectl reads the subresource before it patches it, which our account may not."""
    connection = await connect(kubeconfig=str(world.credentials), user_agent="scenario-tests", clock=world.clock)
    async with connection:
        client = Client(connection, NullObserver(), world.clock)
        for condition, allowed in (("Ready", False), (names.GATE, True)):
            body = {"status": {"conditions": [{"type": condition, "status": "True", "reason": "Test"}]}}
            how: dict[str, Any] = {
                "patch_type": PatchType.STRATEGIC,
                "subresource": "status",
                "dry_run": True,
                "type": dict,
            }
            if allowed:
                await client.patch(resources.PODS, pod, world.namespace, body, **how)
            else:
                with pytest.raises(Invalid, match="no condition of a Pod but InPlaceUpdateReady"):
                    await client.patch(resources.PODS, pod, world.namespace, body, **how)


async def _other_replica_sets_are_refused(world: RealWorld) -> None:
    body = json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": "mine"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "mine"}},
                "template": {
                    "metadata": {"labels": {"app": "mine"}},
                    "spec": {"containers": [{"name": "app", "image": world.app("v1")}]},
                },
            },
        }
    )
    says = "only ReplicaSets without Pods that belong to a Deployment"
    await refused(world, "create", "-f", "-", stdin=body, says=says, ours=True)
    await refused(world, "delete", "rs", "-l", "app=web", says=says, ours=True)


def _template() -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"hostname": "x"}}}}


def _json(tree: dict[str, Any]) -> str:
    return json.dumps(tree)
