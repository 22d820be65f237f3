"""A story made as short as it can be while the same fault is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tests.campaign.pool import tried
from tests.campaign.story import Start, Story

#: Stories that are tried for one fault, at most.
MOST_TRIES = 80
_PLAIN = Start("")


def shrunk(story: Story, fault: str, fails: Callable[[Story, str], bool] | None = None) -> Story:
    """The shortest story with this fault that dropping and simplifying leads to."""
    fails = fails or has
    tries = 0
    again = True
    while again:
        again = False
        for simpler in simpler_ones(story):
            tries += 1
            if tries > MOST_TRIES:
                return story
            if fails(simpler, fault):
                story, again = simpler, True
                break
    return story


def has(story: Story, fault: str) -> bool:
    """Whether a story has a fault of this kind."""
    return fault in tried(story).kinds


def simpler_ones(story: Story) -> Iterator[Story]:
    """Stories that are simpler by one thing, the boldest first."""
    moves, start = story.moves, story.start
    half = len(moves) // 2
    if half > 1:
        yield replace(story, moves=moves[half:])
        yield replace(story, moves=moves[:half])
    for number in range(len(moves) - 1, -1, -1):
        yield replace(story, moves=(*moves[:number], *moves[number + 1 :]))
    for key in start.settings:
        kept = {name: value for name, value in start.settings.items() if name != key}
        yield replace(story, start=replace(start, settings=kept))
    for field in ("policies", "tool", "gate", "strategy", "mode"):
        plain = getattr(_PLAIN, field)
        if getattr(start, field) != plain:
            yield replace(story, start=replace(start, **{field: plain}))
    if start.replicas > 1:
        yield replace(story, start=replace(start, replicas=start.replicas - 1))
    for number, move in enumerate(moves):
        for wait in (1.0, 20.0, 60.0):
            if wait < move.wait or (wait == 60.0 and move.wait not in {1.0, 20.0, 60.0} and move.wait < wait):
                rest = (*moves[:number], replace(move, wait=wait), *moves[number + 1 :])
                yield replace(story, moves=rest)
                break
