"""The agents of `examples/`, with the rights of their own ServiceAccounts and no others, beside real upgrades."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import yaml

from hack.pages.examples import ROOT, blocks
from inplace.core.objects.model import Pod
from tests.scenarios.real import kubectl
from tests.scenarios.test_gates import DRAINED, WARM

GAME, INFERENCE = (ROOT / "examples" / f"{name}-agent.yaml" for name in ("game-server", "inference-server"))
FENCE = ROOT / "examples" / "gate-agents-fence.yaml"


def _in(namespace: str, example: Path) -> dict[str, dict[str, Any]]:
    """The documents of an example by kind, for a namespace of another name than the example's."""
    found = {one["kind"]: one for one in yaml.safe_load_all(example.read_text(encoding="utf-8"))}
    found["RoleBinding"]["subjects"][0]["namespace"] = namespace
    return found


def _kubeconfig(world: Any, account: str, path: Path) -> Path:
    """Of the agent's ServiceAccount, in its namespace, as a Pod of it would have."""
    config = yaml.safe_load(world.cluster.kubeconfig.read_text())
    token = kubectl(world.cluster, "create", "token", account, "-n", world.namespace).strip()
    config["users"][0]["user"] = {"token": token}
    for context in config["contexts"]:
        context["context"]["namespace"] = world.namespace
    path.write_text(yaml.safe_dump(config))
    return path


@contextlib.asynccontextmanager
async def _agent(world: Any, path: Path, folder: Path) -> AsyncIterator[None]:
    """An example is applied, and the agent's own command runs for as long as the block goes on."""
    example = _in(world.namespace, path)
    rights = yaml.safe_dump_all(example[kind] for kind in ("ServiceAccount", "Role", "RoleBinding"))
    kubectl(world.cluster, "apply", "-n", world.namespace, "-f", "-", stdin=rights)
    deployment = yaml.safe_dump(example["Deployment"])
    kubectl(world.cluster, "apply", "-n", world.namespace, "-f", "-", "--dry-run=server", stdin=deployment)
    (container,) = example["Deployment"]["spec"]["template"]["spec"]["containers"]
    kubeconfig = _kubeconfig(world, example["ServiceAccount"]["metadata"]["name"], folder / "agent")
    environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}
    with (folder / "agent.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *container["command"], env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def test_a_game_server_is_drained_once_its_players_have_left(open_world, tmp_path):
    async with open_world() as world:
        gates = {"gates": "before-drain=game.example.com/Idle"}
        await world.create(world.manifest("game", "v1", replicas=1, annotations=gates))

        def of_pod(path: str) -> str:
            where = ("get", "pod", "game-0", "-n", world.namespace, "-o", f"jsonpath={{{path}}}")
            return kubectl(world.cluster, *where)

        def plays(count: int) -> None:
            mark = f"game.example.com/players={count}"
            kubectl(world.cluster, "annotate", "pod", "game-0", "-n", world.namespace, "--overwrite", mark)

        async def busy() -> bool:
            return of_pod('.status.conditions[?(@.type=="game.example.com/Idle")].status') == "False"

        async def untouched() -> bool:
            ready = of_pod('.status.conditions[?(@.type=="Ready")].status')
            return (of_pod(".status.containerStatuses[0].restartCount"), ready) == ("0", "True")

        async def upgraded() -> bool:
            ready = of_pod('.status.conditions[?(@.type=="Ready")].status')
            image = of_pod(".status.containerStatuses[0].image")
            count = of_pod(".status.containerStatuses[0].restartCount")
            return (image, count, ready) == (world.app("v2"), "1", "True")

        plays(3)
        uid = of_pod(".metadata.uid")
        async with _agent(world, GAME, tmp_path):
            await world.until(busy, "the agent to say that people play")
            kubectl(world.cluster, "set", "image", "-n", world.namespace, "sts/game", f"app={world.app('v2')}")
            await world.stays(untouched, "people play", 8)
            plays(0)
            await world.until(upgraded, "the game server to be upgraded once nobody plays")
        assert of_pod(".metadata.uid") == uid


async def test_an_inference_server_ends_its_requests_first_and_serves_once_its_model_is_loaded(open_world, tmp_path):
    async with open_world() as world:
        steps = "before-swap=inference.example.com/Drained, before-ready=inference.example.com/Warm"
        settings = {"gates": steps, "grace-period-seconds": "2"}
        (probe,) = (text for page, text in blocks("yaml") if page.endswith("gates.md") and "readinessProbe" in text)
        manifest = world.manifest("inference", "v1", replicas=1, annotations=settings)
        manifest["spec"]["template"]["spec"]["containers"][0] |= yaml.safe_load(probe)
        await world.client.create(world.flavour.resource, world.namespace, manifest, type=dict)
        name = "inference-0"

        def metrics(running: int) -> None:
            """What the server says of itself, once it has loaded its model."""
            labels = '{model_name="m"}'
            lines = f"vllm:num_requests_running{labels} {running}.0\\nvllm:num_requests_waiting{labels} 0.0\\n"
            shell = f"printf '{lines}' > /www/metrics"
            kubectl(world.cluster, "exec", "-n", world.namespace, name, "--", "sh", "-c", shell)

        async def untouched() -> bool:
            return bool((await world.pod(name)).status.container_statuses[0].restart_count == 0)

        def is_running(pod: Pod, restarts: int) -> bool:
            return any(
                one.restart_count == restarts and one.state.running is not None for one in pod.status.container_statuses
            )

        async def cold() -> bool:
            return not (await world.pod(name)).ready

        await world.wait_pod(name, lambda pod: is_running(pod, 0), "running")
        metrics(2)
        before = await world.wait_pod(name, lambda pod: pod.ready, "serving")
        async with _agent(world, INFERENCE, tmp_path):
            await world.wait_pod(
                name, lambda pod: pod.is_true(WARM) and not pod.is_true(DRAINED), "said to be warm, with requests"
            )
            kubectl(world.cluster, "set", "image", "-n", world.namespace, "sts/inference", f"app={world.app('v2')}")
            await world.wait_pod(name, lambda pod: not pod.ready, "out of service")
            await world.stays(untouched, "its requests run", 6)
            metrics(0)
            await world.wait_pod(name, lambda pod: is_running(pod, 1), "swapped once they have ended")
            await world.wait_pod(name, lambda pod: not pod.is_true(WARM), "said to be cold")
            await world.stays(cold, "its model is not loaded", 4)
            metrics(0)
            await world.wait_upgraded("inference")
        after = await world.pod(name)
        assert (after.uid, after.ready, after.spec.containers[0].image) == (before.uid, True, world.app("v2"))


async def test_an_agent_of_a_gate_writes_conditions_of_its_own_and_nothing_else(open_world, tmp_path):
    """What the status says of the containers is what a restart would start."""
    async with open_world() as world:
        await world.create_web(replicas=1)
        example = _in(world.namespace, GAME)
        rights = yaml.safe_dump_all(example[kind] for kind in ("ServiceAccount", "Role", "RoleBinding"))
        kubectl(world.cluster, "apply", "-n", world.namespace, "-f", "-", stdin=rights)
        text = FENCE.read_text(encoding="utf-8").replace(":shop:", f":{world.namespace}:")
        fence = [*yaml.safe_load_all(text)]
        for one in fence:  # of no other test
            one["metadata"]["name"] = f"gate-agents-{world.namespace}"
            if "policyName" in one["spec"]:
                one["spec"]["policyName"] = one["metadata"]["name"]
        kubeconfig = _kubeconfig(world, "idle-agent", tmp_path / "agent")

        def write(status: dict[str, Any], annotations: dict[str, str] | None = None) -> str:
            """As the agent; what was said against it."""
            kind = "merge" if "containerStatuses" in status else "strategic"
            body = {"metadata": {"annotations": annotations or {}}, "status": status}
            patch = ("--subresource=status", f"--type={kind}", "-p", json.dumps(body))
            command = ["kubectl", "--kubeconfig", str(kubeconfig), "patch", "pod", "web-0", *patch]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return done.stderr if done.returncode else ""

        forged = {"containerStatuses": [{"name": "app", "imageID": f"{world.app('v1')}@sha256:{'a' * 64}"}]}
        assert write(forged) == "", "that is what the right allows without the policy"
        kubectl(world.cluster, "apply", "-f", "-", stdin=yaml.safe_dump_all(fence))
        try:

            async def fenced() -> bool:
                return "changes conditions, and nothing else" in write(forged)

            await world.until(fenced, "the policy to be in force")
            assert write({"conditions": [{"type": "game.example.com/Idle", "status": "True"}]}) == ""
            assert "nothing of the metadata" in write({}, {"inplace.dev/state": "{}"})
            for kubernetes in ("Ready", "InPlaceUpdateReady"):
                told = write({"conditions": [{"type": kubernetes, "status": "Unknown"}]})
                assert "changes conditions of its own" in told
        finally:
            kubectl(world.cluster, "delete", "-f", "-", stdin=yaml.safe_dump_all(fence))
