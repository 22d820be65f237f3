"""`inplace demo` as a user runs it: the whole script, and a look from outside while it runs."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp

PROGRAM = str(Path(sys.executable).parent / "inplace")
STEPS = (
    "# 6 Pods of ",
    "UpToDate: 6 Pods up to date",
    "# kubectl set image sts/web app=registry.demo/shop:v2",
    "Swapping, not ready",
    "(ImageChanged)",
    "UpToDate: 6 Pods up to date",
    "# An image that does not exist",
    "shop:v22 on node",
    "ErrImagePull",
    "Degraded: 0 of 6 Pods upgraded: ",
    "no container was killed",
    "The way out is another image: v3",
    "UpToDate: 6 Pods up to date",
    "# The Pods are the same as at the beginning:",
)


async def look_in(kubeconfig):
    """How many Pods the printed kubeconfig leads to."""
    server = json.loads(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"]
    url = f"{server}/api/v1/namespaces/demo/pods"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        found = (await response.json())["items"]
        return len([pod for pod in found if pod["metadata"]["labels"].get("app") == "web"])


def waited(pid):
    """Seconds for which the kernel had no processor for a process; none where it does not say."""
    path = Path(f"/proc/{pid}/schedstat")
    return int(path.read_text().split()[1]) / 1e9 if path.is_file() else 0.0


async def test_the_whole_demo_in_under_a_minute():
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "demo", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines, seen, took, without_cpu = [], 0, 0.0, 0.0
    async with asyncio.timeout(280):
        async for raw in process.stdout:
            lines.append(raw.decode())
            took, without_cpu = time.monotonic() - began, waited(process.pid)
            if "Degraded" in lines[-1]:
                (path,) = (line.split("KUBECONFIG=")[1].strip() for line in lines if "export KUBECONFIG=" in line)
                seen = await look_in(path)
        assert await process.wait() == 0, (await process.stderr.read()).decode()
    text = "".join(lines)
    place = 0
    for step in STEPS:
        place = text.find(step, place)
        assert place >= 0, f"{step!r} is missing, or out of order, in:\n{text}"
    assert seen == 6
    assert took - without_cpu < 60, "a minute on a machine of its own"
    assert text.count("same UID, node and IP, 2 container restarts, runs registry.demo/shop:v3") == 6
    assert "\x1b" not in text, "no colour where there is no terminal"
    assert not Path(path).exists(), "nothing is left behind"
