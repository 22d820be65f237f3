"""`inplace demo`: the real controller on an embedded cluster, with a live view. No cluster, no root.

The script is an upgrade, an image that does not exist, and the way out of it. The nodes are models; the decisions, the
patches and the evidence are those of `inplace run`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct

from inplace.cli.commands import command
from inplace.cli.connect import USER_AGENT, Ref, read_live, run_async
from inplace.cli.errors import InputError
from inplace.cli.say import say, say_text
from inplace.core import kinds
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.plural import counted
from inplace.core.plan.plan import plan
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase, Status
from inplace.core.views import workload
from inplace.core.views.workload import WorkloadView
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver

NAMESPACE: Final = "demo"
NAME: Final = "web"
REPOSITORY: Final = "registry.demo/shop"
DIGESTS: Final = {f"{REPOSITORY}:v{n}": f"sha256:{str(n) * 64}" for n in (1, 2, 3)}
REPLICAS: Final = 6
#: Seconds between two looks at the cluster, and until a step of the script is given up.
LOOK_SECONDS: Final = 0.1
STEP_SECONDS: Final = 60.0

Draw = Callable[[Status | None, WorkloadView | None], None]


class Stage(Struct, frozen=True):
    """What the script works with: a client with every right, the workload, and where the view is drawn."""

    client: Client
    ref: Ref
    draw: Draw
    say: Callable[[str], None]


@command("demo")
@click.option("--no-color", is_flag=True, help="Disable colors.")
@click.option("--plain", is_flag=True, help="Print lines instead of a live view; the default without a terminal.")
@click.option("--keep", is_flag=True, help="Keep the cluster until Ctrl-C, for use with kubectl.")
def demo(no_color: bool, plain: bool, keep: bool) -> int:
    """The real controller upgrades a StatefulSet in place, meets an image that does not exist, and recovers.

    Exit codes: 0 shown, 1 error.
    """
    if find_spec("kubesim") is None:
        raise InputError("the demo's cluster is not in the controller's image: pip install kubectl-inplace")
    plain = plain or not sys.stdout.isatty()
    return run_async(_demo(no_color=no_color or "NO_COLOR" in os.environ, plain=plain, keep=keep))


async def _demo(*, no_color: bool, plain: bool, keep: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="inplace-demo-") as folder:
        async with _cluster(Path(folder) / "kubeconfig") as client:
            say_text("A cluster runs inside this process. Look in from another terminal:\n")
            say(f"  export KUBECONFIG={folder}/kubeconfig")
            say_text("  kubectl get pods -w\n")
            ref = Ref(kinds.BY_NAME["StatefulSet"], NAMESPACE, NAME)
            if plain:
                from inplace.cli.render.lines import Lines

                summary = await _play(Stage(client, ref, Lines(say).draw, say_text))
            else:
                summary = await _play_live(client, ref, no_color=no_color)
            say_text("\n".join(summary))
            if keep:
                say_text("\nThe cluster stays until Ctrl-C.")
                await asyncio.Event().wait()
    return 0


async def _play_live(client: Client, ref: Ref, *, no_color: bool) -> list[str]:
    from rich.console import Console

    from inplace.cli.render.screen import Screen

    console = Console(highlight=False, no_color=no_color)
    with Screen(client.clock.now, console, inline=True) as live:
        return await _play(Stage(client, ref, live.draw, lambda text: console.print(text, style="bold")))


@asynccontextmanager
async def _cluster(kubeconfig: Path) -> AsyncIterator[Client]:
    """The embedded cluster with the controller running on it; yields a user's client."""
    from inplace.controller.app import App, Options
    from kubesim.cluster import open_cluster
    from kubesim.kubelet import Catalogue, Image, Timings

    clock = SystemClock()
    images = Catalogue({image: Image(digest=digest) for image, digest in DIGESTS.items()})
    async with open_cluster(clock, random.Random(), images, timings=Timings.fast()) as cluster:  # noqa: S311
        user = cluster.client("kubectl", field_manager="kubectl")
        await user.create(resources.NAMESPACES, None, {"metadata": {"name": NAMESPACE}}, type=dict)
        cluster.write_kubeconfig(kubeconfig, NAMESPACE)
        client = cluster.client(USER_AGENT)
        app = App(client, clock, NullObserver(), Options(watch_namespace=NAMESPACE, leader_elect=False), say)
        async with asyncio.TaskGroup() as group:
            controller = group.create_task(app.run(signals=False))
            try:
                yield user
            finally:
                controller.cancel()


# --- the script -------------------------------------------------------------------------------------------------------


async def _play(stage: Stage) -> list[str]:
    """The whole story; returns what is to be said at its end."""
    say = stage.say
    say(f"# {REPLICAS} Pods of {REPOSITORY}:v1, opted in with the label {names.MODE}=InPlaceOnly")
    await stage.client.create(resources.STATEFULSETS, NAMESPACE, _manifest(), type=dict)
    await _follow(stage, {Phase.UP_TO_DATE})
    before = await _pods(stage)
    say(f"\n# kubectl set image sts/{NAME} app={REPOSITORY}:v2")
    await _set_image(stage, "v2")
    await _follow(stage, {Phase.UP_TO_DATE})
    say(f"\n# An image that does not exist: kubectl set image sts/{NAME} app={REPOSITORY}:v22")
    await _set_image(stage, "v22")
    await _follow(stage, {Phase.DEGRADED})
    say(
        "\n# It was pulled ahead, in vain, so no container was killed, and all Pods still serve."
        "\n# The way out is another image: v3"
    )
    await _set_image(stage, "v3")
    await _follow(stage, {Phase.UP_TO_DATE})
    after = await _pods(stage)
    summary = ["\n# The Pods are the same as at the beginning:"]
    for old, new in zip(before, after, strict=True):
        same = "same UID, node and IP" if _identity(old) == _identity(new) else "ANOTHER POD"
        restarts, image = new["status"]["containerStatuses"][0]["restartCount"], new["spec"]["containers"][0]["image"]
        summary.append(f"  {new['metadata']['name']}: {same}, {counted(restarts, 'container restart')}, runs {image}")
    return summary


async def _follow(stage: Stage, ends: set[Phase]) -> None:
    """Draw until the controller has said one of these of the present generation, and no Pod is in flight any more."""
    async with asyncio.timeout(STEP_SECONDS):
        while True:
            live = await read_live(stage.client, stage.ref)
            snapshot = live.snapshot()
            seen = workload.build(snapshot, plan(snapshot, live.clock.now()))
            own = statuses.current(snapshot.workload)
            stage.draw(own, seen)
            ended = own is not None and own.phase in ends and not own.in_flight
            if ended and (Phase.UP_TO_DATE not in ends or _all_ready(snapshot.pods)):
                return
            await asyncio.sleep(LOOK_SECONDS)


def _all_ready(pods: tuple[Pod, ...]) -> bool:
    return len(pods) == REPLICAS and all(pod.ready for pod in pods)


async def _set_image(stage: Stage, tag: str) -> None:
    containers = [{"name": "app", "image": f"{REPOSITORY}:{tag}"}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    await stage.client.patch(resources.STATEFULSETS, NAME, NAMESPACE, body, patch_type=PatchType.STRATEGIC, type=dict)


async def _pods(stage: Stage) -> list[dict[str, Any]]:
    found = await stage.client.list(resources.PODS, NAMESPACE, type=dict)
    own = [pod for pod in found.items if names.HELPER not in pod["metadata"]["labels"]]
    return sorted(own, key=lambda pod: str(pod["metadata"]["name"]))


def _identity(pod: dict[str, Any]) -> tuple[object, ...]:
    return pod["metadata"]["uid"], pod["spec"]["nodeName"], pod["status"]["podIP"]


def _manifest() -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": NAME}},
        "spec": {
            "readinessGates": [{"conditionType": names.GATE}],
            "containers": [{"name": "app", "image": f"{REPOSITORY}:v1"}],
        },
    }
    settings = {names.PREFIX + "max-unavailable": "2", names.PREFIX + "grace-period-seconds": "1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": NAME, "labels": {names.MODE: "InPlaceOnly"}, "annotations": settings},
        "spec": {
            "replicas": REPLICAS,
            "serviceName": NAME,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": NAME}},
            "template": template,
        },
    }
