"""A seed -> a story. Every choice is the seed's, so that the same seed tells the same story everywhere."""

from __future__ import annotations

import random

from msgspec.structs import replace

from tests.campaign import kubectl
from tests.campaign.mended import MENDED
from tests.campaign.story import Intent, Move, Start, Story, beginning, decode
from tests.campaign.vocabulary import VERBS, intended, possible

#: The kinds in turn, so that a kind's seeds are known without drawing.
TURNS = (
    "StatefulSet", "Deployment", "DaemonSet", "Deployment", "StatefulSet", "Deployment", "DaemonSet", "ReplicaSet",
)  # fmt: skip
#: Seconds until the next move, each as likely as it stands here.
WAITS = (0.2, 1.0, 3.0, 3.0, 8.0, 20.0, 20.0, 60.0, 60.0)
#: What tends to come after what: faults live where one move meets another.
AFTER: dict[str, tuple[str, ...]] = {
    "image": (
        "flap",
        "kill",
        "undo",
        "opt-out",
        "force-disable",
        "replace-without-label",
        "back-and-out",
        "promote",
        "delete-replicaset",
        "node-away",
        "refuse",
        "resume",
    ),
    "apply": ("revert", "revert", "flap", "promote"),
    "strategy": ("image", "apply", "opt-out"),
    "setting": ("image",),
    "opt-in": ("image",),
    "opt-out": ("image", "undo", "opt-in"),
    "scale": ("image", "scale"),
    "pause": ("image", "opt-in", "opt-in", "opt-in"),
    "flap": ("opt-in", "image"),
    "kill": ("pod-record", "pod-record", "original-strategy", "original-strategy", "image", "start"),
    "pod-record": ("image", "revert", "start"),
    "original-strategy": ("opt-out", "opt-out"),
    "pod-image": ("image",),
    "pod-label": ("image",),
    "refuse": ("image", "image", "apply", "opt-in"),
    "registry-away": ("image", "image", "registry-back"),
    "node-away": ("opt-in", "image", "node-back"),
    "budget": ("image", "no-budget"),
    "resources": ("image", "resources", "revert", "flap", "kill"),
    "whole": ("image", "resources", "whole", "revert", "kill"),
    "sidecar": ("image", "revert"),
    "restart-containers": ("image", "restart-containers", "flap", "kill", "revert"),
    "restart-pod": ("image", "restart-pod", "kill"),
    "gates": ("image", "image", "sidecar", "resources", "condition", "condition"),
    "condition": ("image", "condition", "revert"),
}
#: How much likelier that is.
LIKELIER = 5
#: Beyond any deadline.
LONG = 400.0
MOST_MOVES = 8
#: How many of the stories are variations.
VARIED = 0.25
#: Of so many of the mended faults, the oldest: to vary one more changes what seeds draw.
VARIATIONS = 34


def kind_of(seed: int) -> str:
    """The kind of a seed's story."""
    return TURNS[seed % len(TURNS)]


def generate(seed: int) -> Story:
    """The story of a seed: a variation of one that has shown a fault, or made up."""
    rng = random.Random(seed)
    if rng.random() < VARIED:
        start, planned = _variation(rng, kind_of(seed))
    else:
        start, planned = _start(rng, kind_of(seed)), [None] * rng.randint(2, MOST_MOVES)
    intent, moves = beginning(start), list[Move]()
    for plan in planned:
        move = plan or _move(rng, intent, AFTER.get(moves[-1].verb, ()) if moves else ())
        if possible(intent, move):
            moves.append(move)
            intent = intended(intent, move)
    return Story(start, tuple(moves), seed)


def _variation(rng: random.Random, kind: str) -> tuple[Start, list[Move | None]]:
    """The beginning and the moves of a story that has shown a fault, of another kind perhaps, with a move or two that
    are made up (None) somewhere in between: what is near a fault tends to have others.
    """
    story = decode(rng.choice(MENDED[:VARIATIONS]).story)
    strategy = story.start.strategy if story.start.strategy in kubectl.STRATEGIES[kind] else "one"
    start, moves = replace(story.start, kind=kind, strategy=strategy), list[Move | None](story.moves)
    for _ in range(rng.randint(1, 2)):
        moves.insert(rng.randint(0, len(moves)), None)
    return start, moves


def _start(rng: random.Random, kind: str) -> Start:
    settings = {}
    if rng.random() < 0.75:
        settings["progress-deadline-seconds"] = "120"
    if rng.random() < 0.35:
        settings["on-failure"] = "Rollback"
    if rng.random() < 0.2:
        settings["steps"] = "1"
    if rng.random() < 0.2:
        settings["pre-pull"] = "Never"
    if rng.random() < 0.25:
        settings["max-unavailable"] = rng.choice(("2", "50%", "100%"))
    if rng.random() < 0.05:
        settings["gates"] = "before-drain=example.com/Idle"
    start = Start(
        kind,
        replicas=rng.choice((1, 2, 2, 2, 3, 3)),
        gate=rng.random() < 0.8,
        mode=rng.choice(("InPlaceOnly", "InPlaceOnly", "InPlaceOnly", "InPlaceIfPossible", None)),
        strategy=rng.choice((*kubectl.STRATEGIES[kind], "one", "default")) if kind != "ReplicaSet" else "one",
        settings=settings,
        policies=rng.random() < 0.4,
        tool=rng.choice(("apply", "apply", "apply", "server-side-apply", "replace")),
        sidecar=rng.random() < 0.4,
        whole=rng.random() < 0.3,
    )
    return start if start.mode or rng.random() < 0.5 else replace(start, policies=True)


def _move(rng: random.Random, intent: Intent, likely: tuple[str, ...]) -> Move:
    """One that is possible now."""
    verbs = list(VERBS.values())
    weights = [verb.weight * (1 + LIKELIER * likely.count(verb.name)) for verb in verbs]
    while True:
        verb = rng.choices(verbs, weights)[0]
        argument = verb.draw(rng, intent)
        if argument is not None and verb.possible(intent, argument):
            wait = LONG if rng.random() < 0.1 else rng.choice(WAITS)
            return Move(verb.name, argument, wait)
