"""Records the answers of the running real cluster: `python -m tests.unit.kubesim.record`."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from hack.cluster import api
from tests.unit.kubesim.replay import answer
from tests.unit.kubesim.steps import NAMESPACE, STEPS

ANSWERS = Path(__file__).parent / "answers.json"


def main() -> None:
    """Make a fresh namespace, send the steps, keep the answers."""
    cluster = api.current()
    kubectl = ["kubectl", "--kubeconfig", str(cluster.kubeconfig)]
    subprocess.run([*kubectl, "delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait"], check=True)
    subprocess.run([*kubectl, "create", "namespace", NAMESPACE], check=True)
    found = asyncio.run(_ask(cluster))
    ANSWERS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    subprocess.run([*kubectl, "delete", "namespace", NAMESPACE, "--wait=false"], check=True)


async def _ask(cluster: api.Cluster) -> dict[str, Any]:
    token = yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"]["token"]
    await asyncio.sleep(1)  # the default ServiceAccount of the namespace
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "record"}
    found = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls), headers=headers) as session:
        for step in STEPS:
            found[step.name] = await answer(session, cluster.server, step)
    return found


if __name__ == "__main__":
    main()
