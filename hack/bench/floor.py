"""The floor: a bare client that makes the same writes as the controller for all Pods at once, and decides nothing.

What the API server, the controllers and the kubelet allow: no controller can be faster
(docs/design/architecture.md, "Cost").
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.workloads import Workload
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.reflector import Reflector
from inplace.kube.store import Store
from inplace.runtime.clock import SystemClock

#: Requests at once: as many as the controller allows itself.
CONCURRENCY = 48
#: About as long as the record that the controller writes.
RECORD = "x" * 480


class Watched:
    """All Pods of a namespace as a watch brings them, and waiting for one of them."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._news: dict[str, asyncio.Event] = {}
        self.store: Store[Pod] = Store(
            key=lambda pod: (pod.metadata.namespace, pod.name), version=lambda pod: pod.metadata.resource_version
        )
        self._namespace = namespace
        self.reflector = Reflector(
            client, resources.PODS, self.store, Pod, namespace=namespace, on_change=self._changed, clock=SystemClock()
        )

    def _changed(self, old: Pod | None, new: Pod | None, initial: bool) -> None:
        one = new or old
        if one is not None and one.name in self._news:
            self._news[one.name].set()

    async def until(self, name: str, holds: Callable[[Pod], bool]) -> Pod:
        """The first state of a Pod for which something holds."""
        news = self._news.setdefault(name, asyncio.Event())
        while True:
            news.clear()
            pod = self.store.get(self._namespace, name)
            if pod is not None and holds(pod):
                return pod
            await news.wait()


class Floor:
    """Upgrades Pods by rote."""

    def __init__(self, client: Client, watched: Watched, namespace: str) -> None:
        self._client = client
        self._watched = watched
        self._namespace = namespace
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def serve(self, name: str) -> None:
        """Open the gate of a new Pod, as the controller would."""
        pod = await self._watched.until(name, lambda one: bool(one.status.conditions))
        if pod.condition(names.GATE) is None:
            await self._patch(name, [{"op": "add", "path": "/status/conditions/-", "value": _gate("True")}], "status")
        await self._watched.until(name, lambda one: one.ready)

    async def upgrade(self, workload: Workload, image: str) -> None:
        """All Pods of a workload at once."""
        count, revision = workload.spec.replicas or 0, workload.status.update_revision
        async with asyncio.TaskGroup() as group:
            for ordinal in range(count):
                group.create_task(self._one(f"{workload.metadata.name}-{ordinal}", image, revision))

    async def _one(self, name: str, image: str, revision: str) -> None:
        pod = await self._watched.until(name, lambda one: one.ready)
        index = next(n for n, one in enumerate(pod.status.conditions) if one.type == names.GATE)
        gate = {"op": "replace", "path": f"/status/conditions/{index}"}
        note = {"op": "add", "path": _path("annotations", names.STATE), "value": RECORD}
        first = {"op": "add", "path": "/metadata/annotations", "value": {names.STATE: RECORD}}
        annotated = note if pod.metadata.annotations else first
        await self._patch(name, [{**gate, "value": _gate("False")}, annotated], "status")
        await self._watched.until(name, lambda one: not one.ready)
        old = pod.status.container_statuses[0].container_id
        await self._patch(name, [{"op": "replace", "path": "/spec/containers/0/image", "value": image}, note])
        await self._watched.until(name, lambda one: _is_new(one, old))
        label = {"op": "add", "path": _path("labels", names.REVISION_LABEL), "value": revision}
        await self._patch(name, [{**gate, "value": _gate("True")}, label, note], "status")
        await self._watched.until(name, lambda one: one.ready)

    async def _patch(self, name: str, body: list[dict[str, Any]], subresource: str = "") -> None:
        async with self._slots:
            await self._client.patch(
                resources.PODS,
                name,
                self._namespace,
                body,
                patch_type=PatchType.JSON,
                type=Any,
                subresource=subresource,
            )


def _is_new(pod: Pod, old: str) -> bool:
    status = pod.status.container_statuses[0]
    return status.container_id not in {old, ""} and status.state.running is not None and status.ready


def _gate(status: str) -> dict[str, str]:
    return {"type": names.GATE, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"}


def _path(field: str, key: str) -> str:
    return f"/metadata/{field}/{key.replace('~', '~0').replace('/', '~1')}"
