"""The real world: API server, controllers, kubelet, containerd and registry as `hack.cluster` starts them.

The controller is the installed program in a process of its own, under its ServiceAccount's rights and no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import json
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml

from hack.cluster import api, images, model, registry
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.connection import connect
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from tests.scenarios import forwarder, policies
from tests.scenarios.world import Registry, World

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).parent / "inplace"
AGENT = "scenario-tests"
SYSTEM = "inplace-system"
#: What a registry has whose images are on no node.
FRESH = ("v1", "v2")


class RealWorld(World):
    """A namespace of the running cluster."""

    name = "real"
    #: A deadline and no pause: what a loaded machine needs costs nothing on another.
    patience = 90.0

    def __init__(self, cluster: api.Cluster, client: Client, namespace: str, scratch: Path) -> None:
        super().__init__()
        self.cluster = cluster
        self.client = client
        self.namespace = namespace
        self.clock = SystemClock()
        if cluster.k8s < "1.34":
            # No Pod says which generation its kubelet has seen: a container of the same bytes has to stand for half a
            # minute (docs/explanation/evidence.md), one Pod after the other.
            self.patience = 270.0
        self.log = scratch / f"{namespace}.log"
        self.credentials = service_account_kubeconfig(cluster)
        self.options: tuple[str, ...] = ("--no-leader-elect",)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.host, self.port, self.metrics_port = "127.0.0.1", 0, 0

    def image(self, repository: str, tag: str) -> str:
        """A reference into the local registry."""
        return f"{self.cluster.registry}/{repository}:{tag}"

    def digest(self, repository: str, tag: str) -> str:
        """The manifest's digest."""
        return images.digest(repository, tag)

    async def start_controller(self, *, ready: bool = True) -> None:
        """Start `inplace run` and wait for /readyz."""
        self.port = self.metrics_port = _free_port()
        watched = [] if self.everywhere else ["--watch-namespace", self.namespace]
        arguments = ["run", "--kubeconfig", str(self.credentials), *watched]
        listen = ["--listen", f"127.0.0.1:{self.port}", *self.options]
        if self.caps.everywhere is not None:
            listen += ["--max-disrupted", str(self.caps.everywhere)]
        if self.caps.per_namespace is not None:
            listen += ["--max-disrupted-per-namespace", str(self.caps.per_namespace)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                [str(PROGRAM), *arguments, *listen], stdout=log, stderr=log
            )
        self._processes.append(process)
        if ready:
            await self.until(self._is_ready, f"the controller to be ready; its log: {self.log}")

    async def start_another_controller(self) -> None:
        """One more process."""
        await self.start_controller()

    @asynccontextmanager
    async def registry(self, *, fresh: bool = False) -> AsyncIterator[Registry]:
        """A port that leads to the cluster's registry when it is open."""
        behind = f"{self.cluster.registry}/{self.namespace}" if fresh else self.cluster.registry
        for tag in FRESH if fresh else ():
            registry.push(behind, "app", tag, images.image("app", tag, self.namespace))
        async with forwarder.forwarding(behind) as made:
            yield made

    def require_mutating_policies(self) -> None:
        """Of the version that is stable: older servers have it behind a gate, or not at all."""
        if self.cluster.k8s < "1.36":
            pytest.skip("MutatingAdmissionPolicy is stable from 1.36 on")

    @asynccontextmanager
    async def policies(self, *groups: str) -> AsyncIterator[None]:
        """Bound to this namespace, and in force."""
        self.require_mutating_policies()
        with policies.bound(self.cluster.kubeconfig, self.namespace, *policies.named(*groups)):
            await self.until(lambda: policies.in_force(self.client, self.namespace), "the policies to be in force")
            yield

    async def undo(self, revision: int, name: str = "web") -> None:
        """By kubectl itself."""
        arguments = ["rollout", "undo", f"deployment/{name}", f"--to-revision={revision}", "-n", self.namespace]
        await asyncio.to_thread(kubectl, self.cluster, *arguments)

    async def restart_server(self) -> None:
        """SIGTERM, some seconds, and the same server on the same port."""
        await asyncio.to_thread(api.restart_apiserver, self.cluster, pause=2.0)

    async def kill_controller(self) -> None:
        """kill -9, all of them."""
        while self._processes:
            self._end(hard=True)

    def stop_controller(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(hard=False)

    def pids(self) -> list[int]:
        """Our controllers' processes."""
        return [one.pid for one in self._processes]

    async def loop_lag(self) -> float:
        """The upper bound, in seconds, of the longest time that the controller's event loop was late."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.host}:{self.metrics_port}/metrics") as answer,
        ):
            text = await answer.text()
        pattern = r'inplace_event_loop_lag_seconds_bucket\{le="([^"]+)"\} ([0-9.]+)'
        buckets = [(float(le), float(count)) for le, count in re.findall(pattern, text)]
        most = max(count for _, count in buckets)
        return min(le for le, count in buckets if count == most)

    async def readyz(self) -> tuple[int, str]:
        """What /readyz answers; 0 where nothing does."""
        try:
            url = f"http://{self.host}:{self.port}/readyz?verbose"
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""

    async def uninstall(self) -> None:
        """Nothing was installed."""

    async def _is_ready(self) -> bool:
        ended = [one for one in self._processes if one.poll() is not None]
        assert not ended, f"the controller ended:\n{self.log.read_text()}"
        return (await self.readyz())[0] == 200

    def _end(self, *, hard: bool) -> int:
        if not self._processes:
            return 0
        process = self._processes.pop()
        process.kill() if hard else process.terminate()
        return process.wait(30)

    async def describe(self) -> str:
        """The namespace, and the end of the controller's log."""
        tail = self.log.read_text().splitlines()[-30:] if self.log.exists() else []
        return "\n".join([await super().describe(), *tail])


class HollowWorld(RealWorld):
    """The same control plane, with model kubelets instead of real ones."""

    name = "hollow"

    def digest(self, repository: str, tag: str) -> str:
        """Made up, as the model's catalogue has it."""
        return model.digest(repository, tag)


@asynccontextmanager
async def open_real(
    scratch: Path, world_type: type[RealWorld] | None = None, *, controller: bool = True, recorded: bool = True
) -> AsyncIterator[RealWorld]:
    """A fresh namespace with a controller of its own; both are gone afterwards."""
    made = world_type or RealWorld
    cluster = api.current(hollow=made is HollowWorld)
    namespace = f"t-{secrets.token_hex(4)}"
    connection = await connect(kubeconfig=str(cluster.kubeconfig), user_agent=AGENT, clock=SystemClock())
    async with _connections_ended(), connection:
        client = Client(connection, NullObserver(), SystemClock(), field_manager="user")
        await client.create(resources.NAMESPACES, None, {"metadata": {"name": namespace}}, type=msgspec.Raw)
        world = made(cluster, client, namespace, scratch)
        try:
            await world.until(functools.partial(_has_account, client, namespace), "the default ServiceAccount")
            if controller:
                await world.start_controller()
            async with world.recorded() if recorded else contextlib.nullcontext():
                yield world
        finally:
            await world.kill_controller()
            await world.uninstall()
            await client.delete(resources.NAMESPACES, namespace)


@asynccontextmanager
async def _connections_ended() -> AsyncIterator[None]:
    """Gives the loop a moment after the last client: a connection that was given up midway is half closed by then.

    asyncio closes a TLS connection whose making was cancelled only in a later turn of the loop, and pytest ends the
    loop with the test: a socket left open fails whichever test is next to collect garbage.
    """
    try:
        yield
    finally:
        await asyncio.sleep(0.1)


async def _has_account(client: Client, namespace: str) -> bool:
    found = await client.list(resources.SERVICEACCOUNTS, namespace, type=dict)
    return bool(found.items)


@functools.cache
def service_account_kubeconfig(cluster: api.Cluster) -> Path:
    """A kubeconfig with the rights that `manifests/` gives the controller, and with no others."""
    # The suite's workers begin together on a new cluster: of two first applies one would fail, AlreadyExists.
    with (cluster.state / "rights.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        kubectl(cluster, "apply", "-f", "-", stdin=_rights())
    token = kubectl(cluster, "create", "token", "inplace", "-n", SYSTEM, "--duration=24h").strip()
    config: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": "inplace", "user": {"token": token}}]
    for context in config["contexts"]:
        context["context"]["user"] = "inplace"
    path = cluster.state / f"inplace-{os.getpid()}.kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path


def _rights() -> str:
    """Everything in `manifests/` but the Deployment, whose image is built later; and the fence around that account."""
    built = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "manifests")], check=True, capture_output=True, text=True
    )
    kept = [one for one in yaml.safe_load_all(built.stdout) if one["kind"] not in {"Deployment", "PodDisruptionBudget"}]
    return yaml.safe_dump_all([*kept, *policies.everywhere("suite", *policies.named("fence"))])


def kubectl(cluster: api.Cluster, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl as admin; fails with what it said."""
    done = subprocess.run(
        ["kubectl", "--kubeconfig", str(cluster.kubeconfig), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def inplace(world: RealWorld, *arguments: str, seconds: float = 120) -> tuple[int, str, str]:
    """Run the program as a user of the cluster; exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        *arguments,
        "--kubeconfig",
        str(world.cluster.kubeconfig),
        "-n",
        world.namespace,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(seconds):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()
