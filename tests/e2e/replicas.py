"""An installation in the cluster, followed from outside: its Pods, its lease, and who of them wrote what and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from inplace.core.objects import names
from inplace.kube import resource as resources
from tests import audit
from tests.scenarios.in_cluster import InClusterWorld, controller_image, overlay
from tests.scenarios.real import open_real


@dataclass(frozen=True)
class Held:
    """A change of the lease: when its holder made it, who that is, and for how many seconds he has it.

    Not when a watch brought it: this process may be slower than they are.
    """

    at: datetime
    by: str
    seconds: int


@dataclass
class Leases:
    """The holders of the lease, in order."""

    seen: list[Held] = field(default_factory=list)

    @property
    def holder(self) -> str:
        """Who holds it now; empty if nobody does."""
        return self.seen[-1].by if self.seen else ""

    def taken(self, *, after: datetime, by_other_than: str) -> Held | None:
        """When another took it, from a time on."""
        return next((one for one in self.seen if one.at >= after and one.by not in {"", by_other_than}), None)

    def released(self, by: str) -> Held | None:
        """When a holder gave it back."""
        pairs = zip(self.seen, self.seen[1:], strict=False)
        return next((after for before, after in pairs if before.by == by and not after.by), None)


def changes(held: list[Held]) -> list[tuple[str, str]]:
    """The holders and when each began, without the renewals."""
    found: list[tuple[str, str]] = []
    for one in held:
        if not found or found[-1][1] != one.by:
            found.append((f"{one.at:%H:%M:%S}", one.by))
    return found


class Replicas(InClusterWorld):
    """What can be seen of them, and done to them as a user does."""

    #: The image, and the tree whose manifests install it (below the root of this one); this checkout's if empty.
    release, tree = "", ""

    @property
    def deployment(self) -> str:
        """The name of their Deployment."""
        return self._deployment

    async def kubectl(self, *arguments: str) -> str:
        """In the namespace."""
        return await asyncio.to_thread(self._kubectl, *arguments)

    async def controllers(self) -> list[dict[str, Any]]:
        """Their Pods that are not on their way out."""
        return await self._pods()

    async def are_ready(self) -> bool:
        """Whether there are as many as there are to be, all Ready."""
        return await self._is_ready()

    async def leader(self, leases: Leases) -> dict[str, Any]:
        """The Pod that the lease names."""
        return next(one for one in await self._pods() if pod_of(leases.holder) == one["metadata"]["name"])

    @asynccontextmanager
    async def following(self) -> AsyncIterator[Leases]:
        """Every change of the lease while the block runs."""
        leases = Leases()

        def note(_: Any, new: Any, initial: bool) -> None:
            if new is not None and new["metadata"]["name"] == names.LEASE:
                spec = new["spec"]
                at = datetime.fromisoformat(spec["renewTime"])
                leases.seen.append(Held(at, spec.get("holderIdentity") or "", spec["leaseDurationSeconds"]))

        async with self.watching(resources.LEASES, dict, note):
            yield leases

    async def become(self, release: str = "", tree: str = "") -> None:
        """Install another release over this one, and wait until its Pods alone are there and Ready."""
        self.release, self.tree = release, tree
        await asyncio.to_thread(self._install)
        await self.kubectl("rollout", "status", f"deployment/{self.deployment}", "--timeout=300s")

        async def alone() -> bool:
            return await self._is_ready() and {_image(one) for one in await self._pods()} == {self._wanted()}

        await self.until(alone, f"the Pods of {self._wanted()}")

    def _wanted(self) -> str:
        return self.release or controller_image(self.cluster)

    def _manifests(self) -> str:
        name, _, tag = self._wanted().rpartition(":")
        return overlay(
            self.cluster,
            f"{self.tree}manifests/overlays/namespaced",
            namespace=self.namespace,
            nameSuffix=f"-{self.namespace}",
            images=[{"name": "inplace", "newName": name, "newTag": tag}],
            replicas=[{"name": "inplace", "count": self._replicas}],
        )

    def writes(self) -> list[audit.Entry]:
        """What their Pods have written on workloads and Pods, in order."""
        assert self.cluster.audit_log is not None, "writes are read from the audit log: set AUDIT_LOG"
        made = audit.read(self.cluster.audit_log, self.namespace, "inplace/")
        return [one for one in made if one.verb == "patch" and not one.dry_run and one.response_status.code == 200]


@asynccontextmanager
async def replicas(scratch: Path, count: int, release: str = "", tree: str = "") -> AsyncIterator[Replicas]:
    """A fresh namespace with an installation of so many; both are gone afterwards."""
    async with open_real(scratch, Replicas, controller=False) as world:
        assert isinstance(world, Replicas)
        world.release, world.tree = release, tree
        for number in range(count):
            await world.start_controller(ready=number == count - 1)
        yield world


def pod_of(holder: str) -> str:
    """The Pod of a holder's identity."""
    return holder.rpartition("_")[0]


def _image(pod: dict[str, Any]) -> str:
    image: str = pod["spec"]["containers"][0]["image"]
    return image
