"""The embedded cluster in real time, and the real kubectl."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from inplace.runtime.clock import SystemClock
from kubesim.cluster import Cluster, open_cluster
from kubesim.kubelet import Catalogue, Image, Timings

IMAGES = {f"shop:v{n}": Image(digest=f"sha256:{str(n) * 64}") for n in (1, 2, 3)}


class Kubectl:
    """kubectl against one cluster."""

    def __init__(self, cluster: Cluster, kubeconfig: Path) -> None:
        self.cluster = cluster
        self.environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}

    async def __call__(self, *arguments: str, stdin: str = "", seconds: float = 180) -> str:
        """Its output; fails with what it said."""
        code, out, err = await self.run(*arguments, stdin=stdin, seconds=seconds)
        assert code == 0, f"kubectl {' '.join(arguments)}: {err}"
        return out

    async def run(self, *arguments: str, stdin: str = "", seconds: float = 180) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "kubectl", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=self.environment
        )
        try:
            async with asyncio.timeout(seconds):
                out, err = await process.communicate(stdin.encode())
        except TimeoutError:
            process.kill()
            raise
        return process.returncode or 0, out.decode(), err.decode()

    @asynccontextmanager
    async def lines(self, *arguments: str, seconds: float = 180) -> AsyncIterator[AsyncIterator[str]]:
        """Its lines as they come, until the block ends."""
        process = await asyncio.create_subprocess_exec(
            "kubectl", *arguments, stdout=asyncio.subprocess.PIPE, env=self.environment
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(seconds), aclosing(_stripped(process.stdout)) as lines:
                yield lines
        finally:
            process.kill()
            await process.wait()


async def _stripped(stream: asyncio.StreamReader) -> AsyncGenerator[str, None]:
    async for line in stream:
        yield line.decode().strip()


@pytest_asyncio.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    """A cluster of its own, and kubectl for it."""
    if shutil.which("kubectl") is None:
        assert "CI" not in os.environ, "kubectl is missing in CI"
        pytest.skip("kubectl is not installed: these tests show that the real one works on the embedded cluster")
    clock = SystemClock()
    async with open_cluster(clock, random.Random(1), Catalogue(IMAGES), timings=Timings.fast()) as cluster:
        yield Kubectl(cluster, cluster.write_kubeconfig(tmp_path / "kubeconfig"))
