"""The agent of `examples/`, with the rights of its own ServiceAccount and no others, beside a real upgrade."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import yaml

from hack.pages.examples import ROOT
from tests.scenarios.real import kubectl

EXAMPLE = ROOT / "examples" / "game-server-agent.yaml"
AGENT = "idle-agent"


def _in(namespace: str) -> dict[str, dict[str, Any]]:
    """The documents of the example by kind, for a namespace of another name than the example's."""
    found = {one["kind"]: one for one in yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8"))}
    found["RoleBinding"]["subjects"][0]["namespace"] = namespace
    return found


def _kubeconfig(world: Any, path: Path) -> Path:
    """Of the agent's ServiceAccount, in its namespace, as a Pod of it would have."""
    config = yaml.safe_load(world.cluster.kubeconfig.read_text())
    token = kubectl(world.cluster, "create", "token", AGENT, "-n", world.namespace).strip()
    config["users"][0]["user"] = {"token": token}
    for context in config["contexts"]:
        context["context"]["namespace"] = world.namespace
    path.write_text(yaml.safe_dump(config))
    return path


@contextlib.asynccontextmanager
async def _agent(command: list[str], kubeconfig: Path, log: Path) -> AsyncIterator[None]:
    """The agent's own command, for as long as the block goes on."""
    environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def test_a_game_server_is_drained_once_its_players_have_left(open_world, tmp_path):
    async with open_world() as world:
        example = _in(world.namespace)
        rights = yaml.safe_dump_all(example[kind] for kind in ("ServiceAccount", "Role", "RoleBinding"))
        kubectl(world.cluster, "apply", "-n", world.namespace, "-f", "-", stdin=rights)
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
        (container,) = example["Deployment"]["spec"]["template"]["spec"]["containers"]
        async with _agent(container["command"], _kubeconfig(world, tmp_path / "agent"), tmp_path / "agent.log"):
            await world.until(busy, "the agent to say that people play")
            kubectl(world.cluster, "set", "image", "-n", world.namespace, "sts/game", f"app={world.app('v2')}")
            await world.stays(untouched, "people play", 8)
            plays(0)
            await world.until(upgraded, "the game server to be upgraded once nobody plays")
        assert of_pod(".metadata.uid") == uid
