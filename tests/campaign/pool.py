"""One story judged, and many stories on several processes."""

from __future__ import annotations

import gc
import multiprocessing
import time
import traceback
from collections.abc import Iterable, Iterator

from msgspec import Struct

from tests.campaign.generator import generate
from tests.campaign.judges import Verdict, verdicts
from tests.campaign.play import play
from tests.campaign.story import Story


class Outcome(Struct, frozen=True):
    """What became of one story; `cpu` in seconds."""

    story: Story
    verdicts: tuple[Verdict, ...]
    cpu: float

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of faults in it."""
        return frozenset(one.kind for one in self.verdicts)


def tried(story: Story) -> Outcome:
    """Play a story with us and without, and judge it."""
    began = time.process_time()
    try:
        ours = play(story, ours=True)
        native = play(story, ours=False, refused=ours.refused)
        found = tuple(verdicts(ours, native))
    except Exception as error:  # noqa: BLE001 - the machine's own fault is one of the story's, to be shrunk as any other
        text = traceback.format_exc()
        found = (Verdict("machine", type(error).__name__, text[-2500:]),)
    return Outcome(story, found, time.process_time() - began)


def of_seed(seed: int) -> Outcome:
    """The story of a seed."""
    return tried(generate(seed))


def outcomes(seeds: Iterable[int], processes: int) -> Iterator[Outcome]:
    """The stories of many seeds, in their order."""
    if processes == 1:
        yield from map(of_seed, seeds)
        return
    # Forked, so that what is imported is there already, and stays out of the garbage collector's way.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        yield from pool.imap(of_seed, seeds, chunksize=4)
