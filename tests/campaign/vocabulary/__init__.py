"""The verbs of which stories are made."""

from __future__ import annotations

from tests.campaign.story import Intent, Move, Story, beginning
from tests.campaign.vocabulary import inside, others, owners
from tests.campaign.vocabulary.verb import Verb

VERBS: dict[str, Verb] = {verb.name: verb for verb in (*owners.VERBS, *inside.VERBS, *others.VERBS)}


def possible(intent: Intent, move: Move) -> bool:
    """Whether a move can be made now."""
    return VERBS[move.verb].possible(intent, move.argument)


def intended(intent: Intent, move: Move) -> Intent:
    """What is wanted after a move."""
    return VERBS[move.verb].change(intent, move.argument)


def recipe(story: Story) -> str:
    """A story as a person could follow it."""
    start, intent, at = story.start, beginning(story.start), 0.0
    gate, policies = ("with" if yes else "without" for yes in (start.gate, start.policies))
    first = f"{start.kind} web, {start.replicas} Pods of app:v1 {gate} the readiness gate, {policies} policies"
    more = ("a sidecar; " if start.sidecar else "") + ("resources of the Pod; " if start.whole else "")
    more += f"mode {start.mode or 'none'}; strategy: {start.strategy}; settings {start.settings}"
    lines = [f"kubectl create -f web.yaml   # {first}; {more}; the file always goes by {start.tool}"]
    for move in story.moves:
        if not possible(intent, move):
            continue
        intent = intended(intent, move)
        lines.append(f"{at:7.1f} s  {VERBS[move.verb].told(intent, move.argument)}")
        at += move.wait
    return "\n".join([*lines, f"{at:7.1f} s  the end: nothing more happens"])


__all__ = ["VERBS", "intended", "possible", "recipe"]
