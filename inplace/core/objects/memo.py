"""Memories of pure functions that are bounded in bytes: what they are asked about is written by others, of any size."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache, wraps
from threading import Lock
from typing import TypeVar

A = TypeVar("A", str, bytes)
R = TypeVar("R")


def memoised(most: int, largest: int) -> Callable[[Callable[[A], R]], Callable[[A], R]]:
    """Remember `most` results, none of them of a text longer than `largest`: that is computed each time."""

    def memoise(function: Callable[[A], R]) -> Callable[[A], R]:
        remembered = lru_cache(maxsize=most)(function)

        @wraps(function)
        def call(text: A) -> R:
            return remembered(text) if len(text) <= largest else function(text)

        return call

    return memoise


def memoised_by_digest(most: int) -> Callable[[Callable[[bytes], R]], Callable[[bytes], R]]:
    """Remember `most` results that are small, whatever the size of what they are of, which is not held."""

    def memoise(function: Callable[[bytes], R]) -> Callable[[bytes], R]:
        known: OrderedDict[bytes, R] = OrderedDict()
        turn = Lock()  # plans may be made in several threads, as lru_cache takes into account too

        @wraps(function)
        def call(raw: bytes) -> R:
            digest = hashlib.sha256(raw).digest()
            with turn:
                if digest in known:
                    known.move_to_end(digest)
                    return known[digest]
            result = function(raw)
            with turn:
                known[digest] = result
                if len(known) > most:
                    known.popitem(last=False)
            return result

        return call

    return memoise
