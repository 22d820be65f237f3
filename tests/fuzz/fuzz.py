"""Tries inputs: makes them, notes what is wrong with how they were taken, and keeps those."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz import mutate
from tests.fuzz.decoders import DECODERS

CORPUS: Final = Path(__file__).parent / "corpus"
#: No input may take longer, in seconds of CPU time; none is larger than a few hundred kilobytes.
MOST_SECONDS: Final = 2.0


class Failure(NamedTuple):
    """An input that was not taken as it should be."""

    decoder: str
    raw: bytes
    error: str


def inputs(name: str, seed: int, count: int) -> Iterator[bytes]:
    """So many inputs of a decoder; the same for the same seed."""
    decoder, rng = DECODERS[name], random.Random(f"{name}/{seed}")
    for _ in range(count):
        if decoder.type is not None and rng.random() < 0.3:
            tree = mutate.made(rng, decoder.type)
        else:
            tree = mutate.mutated(rng, rng.choice(decoder.seeds))
        yield mutate.encoded(rng, tree)


def tried(name: str, raw: bytes) -> Failure | None:
    """What is wrong, if anything: an error that nobody expects, or the time that it took."""
    decoder, began = DECODERS[name], time.process_time()
    try:
        decoder.read(raw)
    except decoder.expected:
        pass
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        frame = error.__traceback__
        where = ""
        while frame is not None:
            where, frame = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}", frame.tb_next
        return Failure(name, raw, f"{type(error).__name__} at {where}: {str(error)[:100]}")
    took = time.process_time() - began
    return Failure(name, raw, "took too long") if took > MOST_SECONDS else None


def corpus(name: str) -> list[tuple[Path, bytes]]:
    """What a decoder once failed on."""
    return [(path, path.read_bytes()) for path in sorted((CORPUS / name.replace(" ", "-")).glob("*"))]


def keep(failure: Failure) -> Path:
    """Write it where it is tried first from now on."""
    path = CORPUS / failure.decoder.replace(" ", "-") / hashlib.sha256(failure.raw).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(failure.raw)
    return path
