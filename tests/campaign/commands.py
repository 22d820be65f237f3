"""The commands of ours that an owner uses in a story, beside the controller or without it."""

from __future__ import annotations

from inplace.cli import disable, restart
from inplace.cluster.key import Key
from inplace.cluster.live import Live
from inplace.cluster.memory import Memory
from inplace.cluster.single import Single
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason
from inplace.core.settings.annotations import Settings
from inplace.kube import resource as resources
from inplace.kube.errors import KubeError
from tests.campaign.kubectl import Refused
from tests.campaign.stage import Stage


async def force_disable(stage: Stage) -> None:
    """`inplace disable --force`, until it returns."""
    live = Live(stage.client, Key(stage.flavour.name, stage.namespace, "web"))
    memory = Memory(stage.client.clock, live.cache)
    async with live.watching(memory) as changed:
        await disable.opted_out(live, memory, changed, force=True)


async def restart_pod(stage: Stage, name: str, containers: str) -> None:
    """`inplace restart pod/NAME -c …`, until it returns. Raises Refused."""
    pod = await stage.client.get(resources.PODS, name, stage.namespace, type=Pod)
    asked = await restart.asked(stage.client, pod, tuple(containers.split(",")), Settings(progress_deadline_seconds=60))
    single = Single(stage.client, stage.namespace, name, pod.uid, asked, say=lambda _: None)
    try:
        ended = await single.run()
    except* KubeError as group:
        raise Refused(str(group.exceptions)) from group
    if isinstance(ended, Reason):
        raise Refused(str(ended))
