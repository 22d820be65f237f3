"""A verb of the vocabulary: what a move of this sort needs, does, changes of the intent, and how it reads."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from tests.campaign.stage import Stage
from tests.campaign.story import SHORT, Commit, Intent

EVERY = ("StatefulSet", "DaemonSet", "Deployment", "ReplicaSet")
Draw = Callable[[random.Random, Intent], str | None]


class Verb(Struct, frozen=True):
    """`draw` makes an argument, None if it makes no sense now; `allowed` says the same of a given one.

    `act` does it to a stage that wants the second intent from now on; `told` is a line of a recipe.
    """

    name: str
    weight: int
    draw: Draw
    act: Callable[[Stage, Intent, str], Awaitable[None]]
    told: Callable[[Intent, str], str]
    change: Callable[[Intent, str], Intent] = lambda intent, _: intent
    allowed: Callable[[Intent, str], bool] = lambda intent, _: True
    kinds: tuple[str, ...] = EVERY
    #: Whether only a run with us has it.
    ours: bool = False

    def possible(self, intent: Intent, argument: str) -> bool:
        """Whether a move of this verb can be made."""
        return intent.kind in self.kinds and self.allowed(intent, argument)


def one_of(*arguments: str) -> Draw:
    """Draws one of these."""
    return lambda rng, _: rng.choice(arguments)


def committed(intent: Intent, commit: Commit) -> Intent:
    """The owner has another file now."""
    tags = intent.tags if commit.tag in intent.tags else (*intent.tags, commit.tag)
    return replace(lifted(intent, commit), earlier=(*intent.earlier, intent.commit), tags=tags)


def lifted(intent: Intent, commit: Commit) -> Intent:
    """The owner's file was written: what it says of the strategy lifts a freeze, unless a policy keeps it."""
    keeps = intent.tool != "replace" and (intent.kind == "Deployment" or commit.strategy == "default")
    same = commit.strategy == intent.commit.strategy
    return replace(intent, commit=commit, lifted=intent.lifted + (not keeps or not same))


def short(intent: Intent) -> str:
    """`sts/web`."""
    return f"{SHORT[intent.kind]}/web"
