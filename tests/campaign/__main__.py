"""`python -m tests.campaign --seeds 1000`: play many stories, and say which faults were found."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict

from tests.campaign import known
from tests.campaign.generator import TURNS, generate, kind_of
from tests.campaign.pool import Outcome, outcomes, tried
from tests.campaign.shrink import shrunk
from tests.campaign.story import Story, decode, encode
from tests.campaign.vocabulary import recipe

#: A kind of fault, and a kind of workload.
Found = tuple[str, str]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many stories")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--kind", choices=sorted(set(TURNS)), help="stories of this workload kind only")
    parser.add_argument("--replay", type=int, metavar="SEED", help="one story, told and judged")
    parser.add_argument("--story", metavar="JSON", help="the same for a story as --shrink prints it")
    parser.add_argument("--shrink", action="store_true", help="make the story of each kind of fault short")
    parser.add_argument("--fault", help="with --shrink: this kind of fault only")
    parser.add_argument("--all", action="store_true", help="shrink and show the known faults too")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at once")
    arguments = parser.parse_args()
    if arguments.replay is not None or arguments.story is not None:
        story = decode(arguments.story) if arguments.story is not None else generate(arguments.replay)
        return _one(story, shrink=arguments.shrink, fault=arguments.fault)
    return _many(arguments)


def _one(story: Story, *, shrink: bool, fault: str | None) -> int:
    outcome = tried(story)
    _show(outcome)
    for kind in sorted(outcome.kinds) if shrink else ():
        if fault in {None, kind}:
            print(f"\n--- {kind}, shrunk")
            _show(tried(shrunk(story, kind)))
    return 1 if outcome.kinds - known.kinds(outcome.story.start.kind) else 0


def _many(arguments: argparse.Namespace) -> int:
    every = range(arguments.first, sys.maxsize)
    chosen = (seed for seed in every if arguments.kind in {None, kind_of(seed)})
    seeds = [seed for seed, _ in zip(chosen, range(arguments.seeds), strict=False)]
    began, cpu, found = time.monotonic(), 0.0, defaultdict[Found, list[Outcome]](list)
    for number, outcome in enumerate(outcomes(seeds, arguments.processes), 1):
        cpu += outcome.cpu
        for kind in sorted(outcome.kinds):
            key = kind, outcome.story.start.kind
            found[key].append(outcome)
            if len(found[key]) == 1:  # at once: a run of thousands may be ended before its end
                _note(f"{number}: {kind}  {key[1]}, seed {outcome.story.seed}")
        if number % 100 == 0:
            _note(f"{number} stories, {time.monotonic() - began:.0f} s, {len(found)} kinds of faults")
    news = [key for key in found if key[0] not in known.kinds(key[1])]
    for key, stories in sorted(found.items(), key=lambda item: -len(item[1])):
        seeds_of = ", ".join(str(one.story.seed) for one in stories[:6])
        word = "FOUND" if key in news else "known"
        print(f"{word}  {key[0]}  {key[1]}: {len(stories)} of {len(seeds)}, seeds {seeds_of}")
        if key in news or arguments.all:
            _example(key[0], stories, shrink=arguments.shrink and arguments.fault in {None, key[0]})
    each = cpu / max(1, len(seeds))
    print(f"{len(seeds)} stories, {cpu:.0f} s of CPU ({each:.2f} each), {len(news)} faults not known")
    return 1 if news else 0


def _note(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)


def _example(kind: str, stories: list[Outcome], *, shrink: bool) -> None:
    """One story with a fault, the one with the fewest moves."""
    shortest = min(stories, key=lambda one: len(one.story.moves))
    verdict = next(one for one in shortest.verdicts if one.kind == kind)
    print(f"    {verdict.seen}")
    if shrink:
        print(_told(tried(shrunk(shortest.story, kind)), kind))


def _told(outcome: Outcome, kind: str) -> str:
    verdict = next((one.seen for one in outcome.verdicts if one.kind == kind), "not seen again")
    return f"{recipe(outcome.story)}\n=> {verdict}\n{encode(outcome.story)}\n"


def _show(outcome: Outcome) -> None:
    print(f"seed {outcome.story.seed}, {outcome.cpu:.2f} s of CPU\n{encode(outcome.story)}\n{recipe(outcome.story)}")
    for one in outcome.verdicts:
        print(f"=> {one.kind}: {one.seen}")


if __name__ == "__main__":
    sys.exit(main())
