"""What is done inside of Pods: sizes, a second container, restarts of one Pod, and conditions that gates wait for."""

from __future__ import annotations

import random

from msgspec.structs import replace

from inplace.core.objects import names
from tests.campaign import commands, kubectl
from tests.campaign.kubectl import Refused
from tests.campaign.ledger import Tree
from tests.campaign.stage import Stage
from tests.campaign.story import SIDECARS, WHOLE, Intent
from tests.campaign.vocabulary.verb import Verb, one_of, short

#: The condition that somebody sets.
IDLE = "example.com/Idle"


async def _resources(stage: Stage, _: Intent, cpu: str) -> None:
    await _patch_container(stage, {"name": "app", "resources": {"requests": {"cpu": cpu}}})


async def _whole(stage: Stage, _: Intent, cpu: str) -> None:
    await kubectl.patch(stage, {"spec": {"template": {"spec": {"resources": {"requests": {"cpu": cpu}}}}}})


async def _sidecar(stage: Stage, _: Intent, tag: str) -> None:
    await _patch_container(stage, {"name": "sidecar", "image": stage.image("sidecar", tag)})


async def _patch_container(stage: Stage, container: Tree) -> None:
    await kubectl.patch(stage, {"spec": {"template": {"spec": {"containers": [container]}}}})


async def _pod_resize(stage: Stage, _: Intent, argument: str) -> None:
    """As a vertical autoscaler does."""
    number, cpu = argument.split(" ")
    body = {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": cpu}}}]}}
    await kubectl.patch_pod(stage, _nth(stage, number), body, subresource="resize")


async def _condition(stage: Stage, _: Intent, argument: str) -> None:
    """Somebody sets the condition on one Pod or on all that are there, or takes it away."""
    which, status = argument.split(" ")
    alive = [pod["metadata"]["name"] for pod in stage.ledger.pods() if "deletionTimestamp" not in pod["metadata"]]
    given = {"$patch": "delete", "type": IDLE} if status == "-" else {"type": IDLE, "status": status}
    for name in alive if which == "all" else [_nth(stage, which)]:
        await kubectl.patch_pod(stage, name, {"status": {"conditions": [given]}}, subresource="status")


async def _restart_pod(stage: Stage, _: Intent, argument: str) -> None:
    number, container = argument.split(" ")
    await commands.restart_pod(stage, _nth(stage, number), container)


async def _restart_containers(stage: Stage, intent: Intent, batches: str) -> None:
    """`inplace restart -c …`, by the same key, for nobody but us has a meaning for it."""
    mark = {names.RESTART: f"{intent.restarted} {batches}"}
    await kubectl.patch(stage, {"spec": {"template": {"metadata": {"annotations": mark}}}})


def _nth(stage: Stage, number: str) -> str:
    pod = stage.nth_pod(int(number))
    if pod is None:
        raise Refused("no Pod is there")
    name: str = pod["metadata"]["name"]
    return name


# --- what is drawn ----------------------------------------------------------------------------------------------------


def _chosen(rng: random.Random, intent: Intent) -> str | None:
    several = ("app", "sidecar", "app,sidecar") if intent.commit.sidecar else ("app",)
    return f"{rng.randrange(3)} {rng.choice(several)}"


def _batches(rng: random.Random, intent: Intent) -> str | None:
    several = ("app", "sidecar", "app, sidecar", "app > sidecar", "sidecar > app")
    return rng.choice(several if intent.commit.sidecar else ("app",))


def _told(rng: random.Random, intent: Intent) -> str | None:
    """Mostly what stories go on by."""
    return f"{rng.choice(('all', 'all', '0', '1'))} {rng.choice(('True', 'True', 'False', '-'))}"


VERBS = (
    Verb(
        "resources", 6, one_of("10m", "20m", "30m"), _resources,
        lambda intent, cpu: f"kubectl set resources {short(intent)} -c app --requests=cpu={cpu}",
        change=lambda intent, cpu: replace(intent, commit=replace(intent.commit, cpu=cpu)),
        allowed=lambda intent, cpu: intent.commit.cpu != cpu,
    ),
    Verb(
        "whole", 6, one_of(WHOLE, "120m", "150m"), _whole,
        lambda intent, cpu: f"kubectl patch {short(intent)}   # spec.resources: requests cpu {cpu}",
        change=lambda intent, cpu: replace(intent, commit=replace(intent.commit, whole=cpu)),
        allowed=lambda intent, cpu: intent.commit.whole not in {"", cpu},
    ),
    Verb(
        "sidecar", 20, one_of(*SIDECARS), _sidecar,
        lambda intent, tag: f"kubectl set image {short(intent)} sidecar=sidecar:{tag}",
        change=lambda intent, tag: replace(intent, commit=replace(intent.commit, sidecar=tag)),
        allowed=lambda intent, tag: intent.commit.sidecar not in {"", tag},
    ),
    Verb(
        "pod-resize", 2, lambda rng, _: f"{rng.randrange(3)} {rng.choice(('20m', '40m'))}", _pod_resize,
        lambda intent, rest: "an autoscaler resizes pod/web-{}: cpu {}".format(*rest.split(" ")),
        change=lambda intent, _: replace(intent, touched=intent.touched + 1),
    ),
    Verb(
        "condition", 30, _told, _condition,
        lambda intent, rest: "an agent sets {1} on Pods: {0}".format(*rest.split(" "), IDLE),
        allowed=lambda intent, _: intent.gated,
    ),
    Verb(
        "restart-containers", 6, _batches, _restart_containers,
        lambda intent, batches: f"inplace restart {short(intent)} -c …   # {batches}",
        change=lambda intent, _: replace(intent, restarted=intent.restarted + 1),
    ),
    Verb(
        "restart-pod", 4, _chosen, _restart_pod,
        lambda intent, rest: "inplace restart pod/web-{} -c {} --timeout 60s".format(*rest.split(" ")), ours=True,
    ),
)  # fmt: skip
