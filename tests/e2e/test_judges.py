"""No false "done": what tools that do not know us conclude from each watch event of an upgrade, for every kind."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hack import judges
from hack.judges import DONE, FAILED, IDLE, PENDING, Heard
from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from inplace.kube.client import PatchType
from tests.scenarios import kinds
from tests.scenarios.markers import long
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE
from tests.scenarios.real import RealWorld

#: A bare ReplicaSet is judged as a Deployment's is, a DaemonSet as a StatefulSet's: by themselves in `make e2e-full`.
MARKS = {kinds.REPLICASET.name: pytest.mark.seldom, kinds.DAEMONSET.name: pytest.mark.long}
KINDS = pytest.mark.parametrize(
    "flavour", [pytest.param(one, id=one.name, marks=MARKS.get(one.name, ())) for one in kinds.ALL]
)
REPLICAS = 2


@asynccontextmanager
async def watched(world: RealWorld) -> AsyncIterator[list[dict[str, Any]]]:
    """Every watch event of the workload while the block runs."""
    seen: list[dict[str, Any]] = []

    def changed(_old: dict[str, Any] | None, new: dict[str, Any] | None, initial: bool) -> None:
        if new is not None and not initial:
            seen.append({"apiVersion": "apps/v1", "kind": world.flavour.name, **copy.deepcopy(new)})

    async with world.watching(world.flavour.resource, dict, changed):
        yield seen


async def rollout_status(world: RealWorld) -> str:
    """What `kubectl rollout status` says now."""

    def run() -> str:
        what = f"{world.flavour.resource.plural}/web"
        command = ["kubectl", "--kubeconfig", str(world.cluster.kubeconfig), "-n", world.namespace]
        done = subprocess.run(
            [*command, "rollout", "status", what, "--watch=false"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return (
                "refuses"
                if "rollout status is only available" in done.stderr or "no status viewer" in done.stderr
                else "fails"
            )
        return "waits" if "aiting" in done.stdout else "successful"

    return await asyncio.to_thread(run)


async def ask_until_done(world: RealWorld, heard: Heard) -> None:
    """Ask kubectl again and again while the change is pending, before and after the question."""
    state = PENDING
    while state == PENDING:
        verdict = await rollout_status(world)
        state = judges.state_of(await world.raw())
        if state == PENDING:
            heard.note(PENDING, "rollout", verdict)


async def settled(world: RealWorld, seen: list[dict[str, Any]]) -> None:
    """Until no event has come for two seconds."""
    count = -1
    while count != len(seen):
        count = len(seen)
        await world.clock.sleep(2)


def hear(heard: Heard, seen: list[dict[str, Any]], ends_in: str) -> None:
    """Judge every event; of those after the end only the last, when everybody has come to rest."""
    states = [judges.state_of(one) for one in seen]
    assert states[-1] == ends_in
    assert PENDING in states
    for number, (state, verdict) in enumerate(zip(states, judges.judge(seen), strict=True)):
        if state == PENDING or number == len(seen) - 1:
            for name in ("kstatus", "argo", "script"):
                heard.note(state, name, getattr(verdict, name))


@KINDS
@pytest.mark.parametrize("policies", [True, pytest.param(False, marks=long)], ids=["with policies", "without"])
async def test_every_event_of_an_upgrade(open_world, flavour, policies):
    async with open_world() as world:
        world.flavour = flavour
        around = world.policies(KEEP_FREEZE, HONEST_STATUS) if policies else contextlib.nullcontext()
        async with around:
            heard = Heard(flavour.name, policies, f"Kubernetes {world.cluster.k8s}")
            await world.create_web(replicas=REPLICAS, annotations={"grace-period-seconds": "2"})
            if policies:
                await _in_force(world)
            async with watched(world) as seen:
                await settled(world, seen)
                idle = {"apiVersion": "apps/v1", "kind": flavour.name, **await world.raw()}
                (verdict,) = judges.judge([idle])
                for name in ("kstatus", "argo", "script"):
                    heard.note(IDLE, name, getattr(verdict, name))
                heard.note(IDLE, "rollout", await rollout_status(world))
                seen.clear()
                await world.set_image(world.app("v2"))
                await ask_until_done(world, heard)
                await world.wait_upgraded()
                await settled(world, seen)
                heard.note(DONE, "rollout", await rollout_status(world))
                hear(heard, seen, DONE)
                await world.annotate(progress_deadline_seconds="8")  # only now: an upgrade may be slow here
                await settled(world, seen)
                seen.clear()
                await world.set_image(world.app("missing"))
                await world.wait_phase("web", Phase.DEGRADED)
                await settled(world, seen)
                heard.note(FAILED, "rollout", await rollout_status(world))
                hear(heard, seen, FAILED)
        if world.cluster.k8s >= "1.36":  # the table speaks of one version, that which has the policies
            judges.keep(heard)
        said = heard.said
        assert said[PENDING]["script"] == ["Progressing"]
        assert said[DONE]["script"] == ["Healthy"]
        assert said[FAILED]["script"] == ["Degraded"]
        if policies:
            assert said[PENDING]["kstatus"] == ["InProgress"]
            assert said[DONE]["kstatus"] == ["Current"]
        if policies or flavour is not kinds.STATEFULSET:
            assert said[FAILED]["kstatus"] == ["Failed"]
            assert said[IDLE]["kstatus"] == ["Current"] or flavour is kinds.DEPLOYMENT


async def _in_force(world: RealWorld) -> None:
    """Until a dry run shows that a pending upgrade gets its conditions; a Deployment then stands resumed."""
    pending = {"metadata": {"annotations": {names.STATUS: '{"phase":"Progressing"}'}}}

    async def told() -> bool:
        answer = await world.client.patch(
            world.flavour.resource,
            "web",
            world.namespace,
            pending,
            patch_type=PatchType.MERGE,
            subresource="status",
            dry_run=True,
            type=dict,
        )
        return "Reconciling" in {one["type"] for one in answer["status"].get("conditions") or ()}

    await world.until(told, "the policies to be in force")

    async def resumed() -> bool:
        return not (await world.workload()).spec.paused

    await world.until(resumed, "the Deployment to stand resumed")
    await world.wait_phase("web", Phase.UP_TO_DATE)
