"""promtool's word on what a controller serves, after it has upgraded and failed something."""

from __future__ import annotations

import asyncio
import subprocess

import aiohttp

from hack.cluster import packages
from inplace.controller.metrics import TABLE
from inplace.core.state.statuses import Phase


async def test_promtool_finds_nothing_to_say_against_the_metrics(open_world):
    packages.ensure(packages.PROMETHEUS)
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED)
        url = f"http://{world.host}:{world.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            text = await answer.text()
    done = await asyncio.to_thread(promtool, text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert all(f"# TYPE {metric.name} {metric.kind}" in text for metric in TABLE)
    assert 'inplace_upgrades_total{kind="StatefulSet",result="succeeded"} 1.0' in text
    assert 'inplace_workloads_by_reason{kind="StatefulSet",phase="Degraded",reason="ImagePull"} 1.0' in text
    assert "_created" not in text


def promtool(text: str) -> subprocess.CompletedProcess[str]:
    """`promtool check metrics` on a text."""
    program = packages.find("promtool")
    assert program is not None
    return subprocess.run([program, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
