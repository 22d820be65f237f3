"""A cluster that cannot be used: one clear line for a command; retried, counted and visible for the controller."""

from __future__ import annotations

import asyncio
from pathlib import Path

import yaml

from tests.scenarios.real import PROGRAM, kubectl


async def _fails(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    text = err.decode()
    assert process.returncode == 1, text
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


def _config(world, path: Path, **changes: str) -> str:
    config = yaml.safe_load(world.cluster.kubeconfig.read_text())
    if "server" in changes:
        config["clusters"][0]["cluster"]["server"] = changes["server"]
    if "token" in changes:
        config["users"][0]["user"] = {"token": changes["token"]}
    path.write_text(yaml.safe_dump(config))
    return str(path)


async def test_commands_end_in_one_line(open_world, tmp_path):
    async with open_world(controller=False) as world:
        gone = _config(world, tmp_path / "gone", server="https://127.0.0.1:9")
        assert "127.0.0.1:9 cannot be reached" in await _fails("plan", "sts/web", "--kubeconfig", gone)
        expired = _config(world, tmp_path / "expired", token="expired")
        assert "log in again" in await _fails("status", "sts/web", "--kubeconfig", expired)
        assert "does not exist" in await _fails("status", "sts/web", "--kubeconfig", str(tmp_path / "none"))
        (tmp_path / "empty").write_text("")
        assert "current-context is not set" in await _fails(
            "status", "sts/web", "--kubeconfig", str(tmp_path / "empty")
        )
        (tmp_path / "broken").write_text("{")
        assert "broken: line 1: " in await _fails("status", "sts/web", "--kubeconfig", str(tmp_path / "broken"))
        config = str(world.cluster.kubeconfig)
        assert "no context 'nope'" in await _fails("plan", "sts/web", "--kubeconfig", config, "--context", "nope")


async def test_a_missing_verb_is_named(open_world):
    async with open_world(controller=False) as world:
        config = str(world.cluster.kubeconfig)
        where = ("-n", world.namespace, "--kubeconfig", config, "--as", "nobody")
        said = await _fails("plan", "sts/web", *where)
        assert 'cannot get resource "statefulsets"' in said


async def test_the_controller_retries_and_shows_a_missing_verb(open_world):
    async with open_world(controller=False) as world:
        token = kubectl(world.cluster, "create", "token", "default", "-n", world.namespace).strip()
        world.credentials = Path(_config(world, world.log.with_suffix(".kubeconfig"), token=token))
        await world.start_controller(ready=False)

        async def shown() -> bool:
            code, text = await world.readyz()
            return code == 500 and 'cannot list resource "pods"' in text

        await world.until(shown, "/readyz to name the missing verb")
        role = ("create", "rolebinding", "view", "--clusterrole=cluster-admin", "-n", world.namespace)
        kubectl(world.cluster, *role, f"--serviceaccount={world.namespace}:default")
        kubectl(
            world.cluster, "create", "clusterrolebinding", f"view-{world.namespace}", "--clusterrole=view",
            f"--serviceaccount={world.namespace}:default",
        )  # fmt: skip
        try:

            async def nodes_only() -> bool:
                _, text = await world.readyz()
                return "[+]cache-pods ok" in text and 'cannot list resource "nodes"' in text

            await world.until(nodes_only, "the caches to fill once the right is there", 90)
        finally:
            kubectl(world.cluster, "delete", "clusterrolebinding", f"view-{world.namespace}")


async def test_the_controller_retries_an_unreachable_server(open_world, tmp_path):
    async with open_world(controller=False) as world:
        world.credentials = Path(_config(world, tmp_path / "gone", server="https://127.0.0.1:9"))
        await world.start_controller(ready=False)

        async def shown() -> bool:
            code, text = await world.readyz()
            return code == 500 and "cannot be reached" in text

        await world.until(shown, "/readyz to say that the server cannot be reached")
        assert world.stop_controller() == 0


async def test_an_expired_token_is_visible(open_world, tmp_path):
    async with open_world(controller=False) as world:
        world.credentials = Path(_config(world, tmp_path / "expired", token="expired"))
        await world.start_controller(ready=False)

        async def shown() -> bool:
            return "log in again" in (await world.readyz())[1]

        await world.until(shown, "/readyz to say that the token is not accepted")
