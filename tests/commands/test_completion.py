"""Completion of names: what the shell and kubectl propose, and that it takes no longer than a press of a key may."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

from inplace.cli import proposals
from inplace.kube import resource as resources
from kubesim.api.faults import Delay
from tests.commands.conftest import NAMESPACE
from tests.scenarios import kinds, manifests

#: As a shell asks for it, but for how long it may take: what is proposed is no matter of a busy machine's speed.
PROGRAM = """
import sys
from inplace.cli import proposals
from inplace.cli.app import main
sys.argv[0], proposals.SECONDS = "inplace", {seconds}
main()
"""


async def proposed(shop, *words, seconds=30.0):
    """What bash would propose for the last of these words."""
    line = ["inplace", "--kubeconfig", str(shop.kubeconfig), *words]
    environment = {
        **os.environ,
        "_INPLACE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(line),
        "COMP_CWORD": str(len(line) - 1),
    }
    command = [sys.executable, "-c", PROGRAM.format(seconds=seconds)]
    done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


async def with_two(shop):
    """web, which is opted in, and the Deployment shop, which is not."""
    await shop.create(gate=False)
    body = manifests.workload(kinds.BY_NAME["Deployment"], "shop", "shop:v1", replicas=1, mode=None)
    await shop.client.create(resources.DEPLOYMENTS, NAMESPACE, body, type=dict)
    await shop.until(lambda: has_pods(shop, 2), "the Pods")


async def has_pods(shop, count):
    return len((await shop.client.list(resources.PODS, NAMESPACE, type=dict)).items) == count


async def test_names_of_workloads(shop):
    await with_two(shop)
    assert await proposed(shop, "status", "") == ["sts/web"]
    assert await proposed(shop, "status", "stat") == ["statefulset/web"]
    assert await proposed(shop, "status", "sts/w") == ["sts/web"]
    assert await proposed(shop, "status", "sts/x") == []
    assert await proposed(shop, "pause", "sts", "") == ["web"]
    assert await proposed(shop, "pause", "sts/web", "") == ["sts/web"]
    assert await proposed(shop, "set", "image", "") == ["deploy/shop", "sts/web"]
    assert await proposed(shop, "enable", "") == ["deploy/shop", "sts/web"], "no ReplicaSet that belongs to another"


async def test_names_of_pods_namespaces_and_contexts(shop):
    await with_two(shop)
    pods = await proposed(shop, "explain", "")
    assert (pods[-1], len(pods)) == ("web-0", 2)
    assert await proposed(shop, "restart", "pod/w") == ["pod/web-0"]
    assert await proposed(shop, "explain", "po/w") == ["po/web-0"]
    assert await proposed(shop, "explain", "sts/w") == [], "there is no StatefulSet web-0"
    assert "default" in await proposed(shop, "status", "-n", "")
    (context,) = await proposed(shop, "status", "--context", "")
    assert context in shop.kubeconfig.read_text()


async def test_what_may_not_be_listed_has_no_names_and_says_nothing(shop):
    await with_two(shop)
    shop.denied = lambda request: request.plural == "statefulsets"
    assert await proposed(shop, "enable", "") == ["deploy/shop"]
    assert await proposed(shop, "status", "--context", "nowhere", "") == []


async def test_a_cluster_that_does_not_answer_is_not_waited_for(shop):
    await with_two(shop)
    shop.cluster.server.plan = lambda request: Delay(30) if request.plural == "deployments" else None
    began = time.monotonic()
    assert await proposed(shop, "enable", "", seconds=5.0) == ["sts/web"], "what has come in time"
    assert time.monotonic() - began < 25, (
        "with the start of a program on a slow machine, and less than the answer takes"
    )
    assert proposals.SECONDS <= 1, "a press of a key"
