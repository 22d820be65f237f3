"""Writes that the controller's account must not be able to make, over every resource and verb that its roles grant.

The objects that they are about stand in the namespace of a world (`stage`); `refused` sends a write and returns the
answer.
"""

from __future__ import annotations

from typing import Any

from inplace.kube import resource as resources
from inplace.kube.client import Client
from tests.forbidden import others, pods, stage, workloads
from tests.forbidden.stage import KINDS
from tests.forbidden.write import Write, refused
from tests.scenarios.world import World

__all__ = ["Write", "refused", "resized_besides", "stand"]


async def stand(world: World) -> tuple[Write, ...]:
    """Let the objects stand in the namespace of a world; all the writes that are about them."""
    deployment, kept = await stage.stand(world)
    return (
        *(write for kind in KINDS for write in workloads.of_workload(kind, f"web-{kind.kind.lower()}")),
        *(write for kind in KINDS for write in workloads.of_nobodys(kind, f"plain-{kind.kind.lower()}")),
        *(write for kind in KINDS for write in workloads.of_status(kind, f"web-{kind.kind.lower()}")),
        *workloads.of_template(resources.REPLICASETS, kept, below=True),
        *pods.of_pods(),
        *pods.of_pull_pods(),
        *others.of_replica_sets(deployment, kept),
        *others.of_budget(),
        *others.of_events(world.namespace),
    )


async def resized_besides(world: World, client: Client) -> list[str]:
    """The writes below `pods/resize` that have changed anything but a size; `stand` comes before."""
    found = list[str]()
    for write in pods.unresizable():
        before = await _pod(world, write.name)
        await refused(client, world.namespace, write)
        if await _pod(world, write.name) != before:
            found.append(str(write))
    return found


async def _pod(world: World, name: str) -> dict[str, Any]:
    """A Pod, but for who wrote it and when, and for what its kubelet says of it meanwhile."""
    one = await world.client.get(resources.PODS, name, world.namespace, type=dict)
    kept = {key: value for key, value in one["metadata"].items() if key not in ("managedFields", "resourceVersion")}
    return {"metadata": kept, "spec": one["spec"], "phase": one["status"]["phase"]}
