"""Releases on the real cluster, by Helm 4 itself as `helm install`, `upgrade --wait` and `rollback --wait` use it.

Server-side apply without force and kstatus' watcher: what the commands do unless they are told otherwise.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import helm_python

from inplace.core.objects import names
from inplace.kube.client import PatchType
from tests.scenarios.kinds import DEPLOYMENT
from tests.scenarios.real import RealWorld

#: A chart of somebody who has never heard of us.
STRANGER = Path(__file__).parent / "stranger"
#: `--timeout`; nothing here may come near it.
TIMEOUT = 120


class Release:
    """A release of a chart, in a namespace of its own or that of the world."""

    def __init__(self, world: RealWorld, chart: Path, name: str, namespace: str | None = None) -> None:
        self.name = name
        self.namespace = namespace or world.namespace
        self._chart = chart
        self._helm = helm_python.Config(kubeconfig_path=world.cluster.kubeconfig, namespace=self.namespace)

    async def install(self, values: dict[str, Any]) -> None:
        """`helm install --wait --create-namespace`."""
        await self._do(self._helm.install, self._chart, self.name, values, create_namespace=True)

    async def upgrade(self, values: dict[str, Any], *, wait: bool = True) -> None:
        """`helm upgrade --wait`, or without."""
        await self._do(self._helm.upgrade, self._chart, self.name, values, wait="watcher" if wait else "hookOnly")

    async def rollback(self) -> None:
        """`helm rollback --wait`."""
        await asyncio.to_thread(self._helm.rollback, self.name, wait="watcher", timeout=TIMEOUT)

    async def uninstall(self) -> None:
        """`helm uninstall --wait`."""
        await asyncio.to_thread(self._helm.uninstall, self.name, wait="watcher", timeout=TIMEOUT)

    async def _do(self, action: Any, *arguments: Any, wait: str = "watcher", **options: Any) -> None:
        await asyncio.to_thread(action, *arguments, namespace=self.namespace, wait=wait, timeout=TIMEOUT, **options)


async def in_force(world: RealWorld) -> None:
    """Until dry runs show that the freeze is kept and the status is honest, and a write that the freeze is nobody's."""
    touched = {"template": {"metadata": {"annotations": {"touched": "true"}}}}
    loose: dict[str, Any] = {"spec": {**touched, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": None}}}
    if world.flavour is DEPLOYMENT:
        loose = {"spec": touched}
    pending = {"metadata": {"annotations": {names.STATUS: '{"phase":"Progressing"}'}}}

    async def kept() -> bool:
        spec = (await _patched(world, loose, dry_run=True))["spec"]
        strategy = spec.get("updateStrategy") or {}
        partition = (strategy.get("rollingUpdate") or {}).get("partition")
        return bool(spec.get("paused") or strategy.get("type") == "OnDelete" or partition == names.FROZEN_PARTITION)

    async def honest() -> bool:
        status = (await _patched(world, pending, dry_run=True, subresource="status"))["status"]
        return "Reconciling" in {one["type"] for one in status.get("conditions") or ()}

    async def unowned() -> bool:
        stamp = {"metadata": {"annotations": {"touched": str(world.clock.monotonic())}}}
        fields = (await _patched(world, stamp))["metadata"]["managedFields"]
        return not any("f:spec" in one["fieldsV1"] for one in fields if one["manager"] == names.FIELD_MANAGER)

    for asked, what in (
        (kept, "the freeze to be kept"),
        (honest, "an honest status"),
        (unowned, "a freeze of nobody's"),
    ):
        await world.until(asked, what)


async def _patched(world: RealWorld, patch: dict[str, Any], **options: Any) -> dict[str, Any]:
    return await world.client.patch(
        world.flavour.resource, "web", world.namespace, patch, patch_type=PatchType.MERGE, type=dict, **options
    )
