"""How long a person waits for a command, each in a process of its own: beside the milliseconds that it may take.

`--help` and `status` by the clock, the median of TIMES; `plan` of ten thousand Pods by its CPU. The embedded API server
lives in this process, and answers meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from hack.bench import sync
from inplace.runtime.clock import SystemClock
from kubesim.api.server import ApiServer
from kubesim.cluster import write_kubeconfig

TIMES: Final = 20
HELP_MS: Final = 150
STATUS_MS: Final = 500
PLAN_MS: Final = 5000
PODS: Final = 10_000
WORKLOAD: Final = "sts/set-0"


class Result(Struct, frozen=True):
    """Milliseconds of the clock, the median, and of CPU, the mean. `ratio`: of what is limited to its limit."""

    ratio: float
    wall_ms: float
    cpu_ms: float
    times: int
    command: str


async def measure() -> list[Result]:
    """Against a server with 100 workloads of ten Pods and a controller beside it, and with one workload of 10,000."""
    async with ApiServer(SystemClock(), random.Random(1)) as server, _reported(server):
        found = [
            await _timed(server, ["--help"], 0, TIMES, wall=HELP_MS),
            await _timed(server, ["status", WORKLOAD], 0, TIMES, wall=STATUS_MS),
        ]
    async with ApiServer(SystemClock(), random.Random(1)) as server:
        sync.fill(server, PODS, workloads=1)
        plan = ["plan", WORKLOAD, "--image", "app=registry.test/set-0:v2"]
        return [*found, await _timed(server, plan, 2, 3, cpu=PLAN_MS)]


@asynccontextmanager
async def _reported(server: ApiServer) -> AsyncIterator[None]:
    """A controller runs meanwhile, and has said of each workload what it is at."""
    sync.fill(server, 1000)
    with tempfile.TemporaryDirectory() as folder:
        process, port = sync.start(server, Path(folder))
        try:
            await sync.ready(port)
            kubeconfig = write_kubeconfig(server.url, Path(folder) / "user", sync.NAMESPACE)
            line = [str(sync.PROGRAM), "status", WORKLOAD, "--kubeconfig", str(kubeconfig), "--timeout", "60s"]
            await asyncio.to_thread(subprocess.run, line, check=True, capture_output=True)
            yield
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 30)


async def _timed(
    server: ApiServer, arguments: list[str], code: int, times: int, *, wall: int = 0, cpu: int = 0
) -> Result:
    """Run a command so many times, once before that to have its files in the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = write_kubeconfig(server.url, Path(folder) / "kubeconfig", sync.NAMESPACE)
        line = [str(sync.PROGRAM), *arguments]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        costs = [await asyncio.to_thread(_run, line, environment, code) for _ in range(times + 1)][1:]
    clock, used = statistics.median(one for one, _ in costs), statistics.mean(one for _, one in costs)
    ratio = used / cpu if cpu else clock / wall
    return Result(round(ratio, 2), round(clock, 1), round(used, 1), times, " ".join(arguments[:2]))


def _run(line: list[str], environment: dict[str, str], code: int) -> tuple[float, float]:
    """Milliseconds by the clock and of CPU."""
    began = time.monotonic()
    process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        raise RuntimeError(f"{' '.join(line)} ended with {process.returncode}, expected {code}: {out[-500:]}")
    return 1000 * took, 1000 * (usage.ru_utime + usage.ru_stime)
