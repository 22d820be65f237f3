"""The Lease that `manifests/` gives the controller's account: one for a whole cluster, whatever runs side by side."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.kube.errors import NotFound
from tests.scenarios.real import SYSTEM, RealWorld


@asynccontextmanager
async def lease_to_oneself(world: RealWorld) -> AsyncIterator[None]:
    """Nobody holds the Lease, and nobody else's controllers compete for it while the block runs: other tests wait."""
    with (world.cluster.state / "lease.lock").open("w") as handle:
        await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        with suppress(NotFound):  # of a controller that was killed
            await world.client.delete(resources.LEASES, names.LEASE, SYSTEM)
        yield
