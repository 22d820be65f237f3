"""`python -m tests.fuzz`: the corpus, then so many inputs, dealt over the decoders by their shares.

What fails is written to the corpus, told by its decoder, error and file, and ends in exit code 1. The same seed makes
the same inputs.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterable

from tests.fuzz.decoders import DECODERS
from tests.fuzz.fuzz import Failure, corpus, inputs, keep, tried

#: How much more memory a run may hold than before it, in MB, however many inputs it has.
MOST_MEMORY: int = 400


def main(arguments: list[str] | None = None) -> int:
    """Try them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N", help="so many in all")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="where the inputs begin")
    parser.add_argument("--only", default="", metavar="NAME", help="only decoders whose name contains this")
    options = parser.parse_args(arguments)
    chosen = {name: decoder for name, decoder in DECODERS.items() if options.only in name}
    if not chosen:
        parser.error(f"no decoder contains {options.only!r}: choose of {', '.join(DECODERS)}")
    shares = sum(decoder.share for decoder in chosen.values())
    before, failed, number = _memory(), 0, 0
    for name, decoder in chosen.items():
        began, count = time.process_time(), max(1, options.inputs * decoder.share // shares)
        kept = [raw for _, raw in corpus(name)]
        failures = [*_failures(name, kept), *_failures(name, inputs(name, options.seed, count))]
        for failure in {failure.error: failure for failure in failures}.values():
            sys.stdout.write(f"FAILED {name}: {failure.error}: {keep(failure)}\n")
        took = time.process_time() - began
        sys.stdout.write(f"{name:12} {len(kept):4} kept, {count:8} inputs, {took:7.1f} s, {len(failures)} failed\n")
        sys.stdout.flush()
        failed, number = failed + len(failures), number + len(kept) + count
    grown = _memory() - before
    sys.stdout.write(f"{number} inputs, {failed} failed, {grown} MB more at most\n")
    return 1 if failed or grown > MOST_MEMORY else 0


def _failures(name: str, raws: Iterable[bytes]) -> Iterable[Failure]:
    return (failure for raw in raws if (failure := tried(name, raw)) is not None)


def _memory() -> int:
    """The most that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
