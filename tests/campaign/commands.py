"""The commands of ours that an owner uses in a story, beside the controller or without it."""

from __future__ import annotations

from inplace.cli import disable
from inplace.cluster.key import Key
from inplace.cluster.live import Live
from inplace.cluster.memory import Memory
from tests.campaign.stage import Stage


async def force_disable(stage: Stage) -> None:
    """`inplace disable --force`, until it returns."""
    live = Live(stage.client, Key(stage.flavour.name, stage.namespace, "web"))
    memory = Memory(stage.client.clock, live.cache)
    async with live.watching(memory) as changed:
        await disable.opted_out(live, memory, changed, force=True)
