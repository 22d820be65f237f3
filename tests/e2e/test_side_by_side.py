"""docs/explanation/side-by-side.md: what kubectl and inplace say there at the end of an upgrade, they say."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.scenarios.real import PROGRAM, kubectl

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "side-by-side.md").read_text(encoding="utf-8")
#: By program and image: its last lines, and its exit code.
ENDS = {
    (program, image): (lines.splitlines(), int(code))
    for program, image, lines, code in re.findall(
        r"^\$ (\w+) set image sts/web app=\S+:(\w+)\n\$ .*\n((?:[^$].*\n)+)\$ echo \$\?\n(\d)$", PAGE, re.MULTILINE
    )
}


def test_the_page_tells_each_upgrade_by_both():
    assert set(ENDS) == {(program, image) for program in ("kubectl", "inplace") for image in ("v2", "missing")}


async def test_kubectl_says_of_its_own_rollout_what_the_page_says(open_world):
    async with open_world(controller=False) as world:
        await world.create_web(replicas=3, mode=None, gate=False)
        await _holds(world, "kubectl", "v2", "rollout", "status", "sts/web", "--timeout=120s")
        await _holds(world, "kubectl", "missing", "rollout", "status", "sts/web", "--timeout=15s")
        ready = [pod.ready for pod in await world.pods()]
        assert ready.count(True) == 2, "one Pod is gone"


async def test_inplace_says_of_its_upgrade_what_the_page_says(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3)
        await _holds(world, "inplace", "v2", "status", "sts/web", "--timeout=120s")
        await _holds(world, "inplace", "missing", "status", "sts/web", "--timeout=120s")
        assert all(pod.ready for pod in await world.pods()), "no container was stopped"


async def _holds(world, program, image, *words):
    kubectl(world.cluster, "-n", world.namespace, "set", "image", "sts/web", f"app={world.app(image)}")
    process = await asyncio.create_subprocess_exec(
        program if program == "kubectl" else str(PROGRAM), *words,
        "--kubeconfig", str(world.cluster.kubeconfig), "-n", world.namespace,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out = (await process.communicate())[0].decode().splitlines()
    lines, code = ENDS[program, image]
    assert process.returncode == code, out
    ends, said = _end(lines), _end(out)
    for line, real in zip(ends, said, strict=True):
        assert _masked(real).startswith(_masked(line).removesuffix("…")), (lines, out)


def _end(lines):
    """The last headline and what belongs to it; Pods that failed alike may stand in one line, or in one each."""
    last = max(place for place, line in enumerate(lines) if not line.startswith("  "))
    named = [re.sub(r"^  web-\d(, web-\d)*: ", "  PODS: ", line) for line in lines[last:]]
    return [line for place, line in enumerate(named) if not place or _masked(line) != _masked(named[place - 1])]


def _masked(line):
    line = re.sub(r"\bweb-[0-9a-f]{8,10}\b", "REVISION", line)
    return re.sub(r"\S+/app:", "app:", re.sub(r" ImagePullBackOff: .*| ErrImagePull: .*| rpc error: .*", " …", line))
