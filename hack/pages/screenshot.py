"""docs/how-to/dashboard.png: the page of three workloads on an embedded cluster: python -m hack.pages.screenshot

One is in the middle of an upgrade, one has met an image that does not exist, one is done.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hack.browser import browser
from inplace.controller.app import App, Options
from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from kubesim.cluster import open_cluster
from kubesim.kubelet import Catalogue, Image, Timings

ROOT: Final = Path(__file__).parents[2]
PICTURE: Final = ROOT / "docs" / "how-to" / "dashboard.png"
PROGRAM: Final = Path(sys.executable).with_name("inplace")
NAMESPACE: Final = "shop"
REPOSITORY: Final = "registry.example.com/shop"
IMAGES: Final = {
    f"{REPOSITORY}/{name}:{tag}": Image(digest=f"sha256:{number * 64}")
    for number, (name, tag) in zip(
        "123456", [(n, t) for n in ("api", "cart", "search") for t in ("v1", "v2")], strict=True
    )
}


def main() -> int:
    """Make the picture."""
    asyncio.run(_main())
    return 0


async def _main() -> None:
    clock, rng = SystemClock(), random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        async with open_cluster(clock, rng, Catalogue(IMAGES), timings=Timings(kill=1.0)) as cluster:
            client = cluster.client("kubectl", field_manager="kubectl")
            await client.create(resources.NAMESPACES, None, {"metadata": {"name": NAMESPACE}}, type=dict)
            kubeconfig = cluster.write_kubeconfig(Path(folder) / "kubeconfig", NAMESPACE)
            app = App(cluster.client("controller", field_manager="inplace"), clock, NullObserver(),
                      Options(leader_elect=False), print)  # fmt: skip
            async with asyncio.TaskGroup() as group:
                controller = group.create_task(app.run(signals=False))
                await _begin(client)
                await _shoot(client, Path(folder), kubeconfig)
                controller.cancel()


async def _begin(client: Client) -> None:
    """All three at v1, and two of them over with what came then."""
    for name, replicas in (("api", 64), ("cart", 3), ("search", 6)):
        await client.create(resources.STATEFULSETS, NAMESPACE, _manifest(name, replicas), type=dict)
    await _until(client, {"api": "UpToDate", "cart": "UpToDate", "search": "UpToDate"})
    for name, tag in (("cart", "v22"), ("search", "v2")):
        await _set_image(client, name, tag)
    await _until(client, {"cart": "Degraded", "search": "UpToDate"})


async def _shoot(client: Client, folder: Path, kubeconfig: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "dashboard", "--kubeconfig", kubeconfig, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", (await process.stdout.readline()).decode())
        assert found is not None
        async with browser(folder, 1100, 960) as page:
            await page.open(found[0])
            await page.until("document.querySelectorAll('.workload').length === 3")
            await _set_image(client, "api", "v2")
            begun = "document.querySelector('progress').value >= 24"
            await page.until(f"{begun} && document.querySelector('.cell.Swapping[title]')", 120)
            await page.screenshot(PICTURE)
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


async def _set_image(client: Client, name: str, tag: str) -> None:
    containers = [{"name": "app", "image": f"{REPOSITORY}/{name}:{tag}"}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    await client.patch(resources.STATEFULSETS, name, NAMESPACE, body, patch_type=PatchType.STRATEGIC, type=dict)


async def _status(client: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = await client.get(resources.STATEFULSETS, name, NAMESPACE, type=dict)
    told: dict[str, Any] = json.loads(found["metadata"].get("annotations", {}).get(names.STATUS, "{}"))
    return told if told.get("observedGeneration") == found["metadata"]["generation"] else {}


async def _until(client: Client, phases: dict[str, str]) -> None:
    async with asyncio.timeout(120):
        while True:
            if {name: (await _status(client, name)).get("phase") for name in phases} == phases:
                return
            await asyncio.sleep(0.2)


def _manifest(name: str, replicas: int) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "readinessGates": [{"conditionType": names.GATE}],
            "containers": [{"name": "app", "image": f"{REPOSITORY}/{name}:v1"}],
        },
    }
    settings = {names.PREFIX + "max-unavailable": "4", names.PREFIX + "grace-period-seconds": "2"}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "labels": {names.MODE: "InPlaceOnly"}, "annotations": settings},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": name}},
            "template": template,
        },
    }


if __name__ == "__main__":
    sys.exit(main())
