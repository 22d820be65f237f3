"""A story: how a workload begins, and the moves that follow; data that a seed draws and a person can read.

`Intent` is what the owner wants at a moment and what stands beside the workload: preconditions and judges read it.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

#: What begins a workload's name in kubectl.
SHORT = {"StatefulSet": "sts", "DaemonSet": "ds", "Deployment": "deploy", "ReplicaSet": "rs"}
#: Tags that run; `v1-alias` has the bytes of v1. The last two are the owner's at the end of every story.
GOOD = ("v1", "v2", "v3", "v4", "v1-alias", "slow")
LAST = ("v20", "v21")
#: Tags that do not: not in the registry, and one that ends again and again.
BAD = ("missing", "crash")
#: What Pods ask for of cpu as a whole at first, where they do.
WHOLE = "100m"
#: Tags of the second container, where there is one; the last is not in the registry.
SIDECARS = ("v1", "v2", "missing")


class Move(Struct, frozen=True, array_like=True):
    """One move: a verb of the vocabulary, its argument, and seconds until the next."""

    verb: str
    argument: str = ""
    wait: float = 1.0


class Start(Struct, frozen=True):
    """How the workload begins. `strategy` is a name of `kubectl.STRATEGIES`; settings are without their prefix.

    `tool`: how the owner's file reaches the server: apply, server-side-apply or replace.
    """

    kind: str
    replicas: int = 2
    gate: bool = True
    mode: str | None = "InPlaceOnly"
    strategy: str = "one"
    settings: dict[str, str] = {}
    policies: bool = False
    tool: str = "apply"
    #: Whether the Pods have a second container.
    sidecar: bool = False
    #: Whether they have resources of their own beside those of their containers.
    whole: bool = False


class Story(Struct, frozen=True):
    """A beginning and what follows. The seed also draws the random numbers of the cluster."""

    start: Start
    moves: tuple[Move, ...] = ()
    seed: int = 0


class Commit(Struct, frozen=True):
    """What the owner keeps in Git."""

    tag: str = "v1"
    settings: dict[str, str] = {}
    strategy: str = "one"
    env: str = ""
    label: str = ""
    #: What the application asks for of cpu.
    cpu: str = "10m"
    #: The tag of the second container; empty where there is none.
    sidecar: str = ""
    #: What the Pods ask for of cpu as a whole; empty where they have no resources of their own.
    whole: str = ""


class Intent(Struct, frozen=True):
    """What is wanted at a moment, and what stands beside the workload."""

    kind: str
    gate: bool
    replicas: int
    commit: Commit
    mode: str | None = None
    paused: bool = False
    #: How often `kubectl rollout restart` was asked for.
    restarted: int = 0
    #: What was applied before, and every tag that was ever set.
    earlier: tuple[Commit, ...] = ()
    tags: tuple[str, ...] = ("v1",)
    #: Beside it.
    policies: bool = False
    registry: bool = True
    away: tuple[int, ...] = ()
    refused: tuple[str, ...] = ()
    min_available: int | None = None
    alive: bool = True
    #: Pods whose image, labels or record somebody changed by hand, and containers that ended by themselves, so far.
    touched: int = 0
    crashed: int = 0
    #: ReplicaSets deleted with their Pods, workloads deleted without them, and how often an autoscaler went back.
    deleted: int = 0
    #: How the owner's file reaches the server, and how often a write may have lifted a freeze, but for the policies.
    tool: str = "apply"
    lifted: int = 0

    @property
    def tag(self) -> str:
        """The image's tag in the template."""
        return self.commit.tag

    @property
    def settings(self) -> dict[str, str]:
        """The owner's settings."""
        return self.commit.settings

    @property
    def deadline(self) -> int:
        """progress-deadline-seconds."""
        text = self.settings.get("progress-deadline-seconds", "600")
        return int(text) if text.isdecimal() else 600

    @property
    def opted_in(self) -> bool:
        """Whether the workload is ours to upgrade."""
        return self.mode is not None

    @property
    def bad(self) -> bool:
        """Whether an image of the owner's does not run."""
        return self.commit.tag in BAD or self.commit.sidecar in BAD

    @property
    def gated(self) -> bool:
        """Whether steps wait for conditions that somebody sets."""
        return "gates" in self.settings

    @property
    def quiet(self) -> bool:
        """Whether nothing is amiss in the cluster."""
        return self.registry and not self.away and not self.refused and self.alive


def beginning(start: Start) -> Intent:
    """What is wanted at first."""
    sidecar, whole = "v1" if start.sidecar else "", WHOLE if start.whole else ""
    commit = Commit(settings=start.settings, strategy=start.strategy, sidecar=sidecar, whole=whole)
    return Intent(
        start.kind, start.gate, start.replicas, commit, mode=start.mode, policies=start.policies, tool=start.tool
    )


def encode(story: Story) -> str:
    """One line."""
    return msgspec.json.encode(story).decode()


def decode(text: str) -> Story:
    """The story of a line. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=Story)
