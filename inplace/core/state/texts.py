"""Remembers what texts decode to, as one plan reads the same annotations many times.

Anybody may write an annotation of 256 KiB. What is longer than ours are is decoded each time, so that what is
remembered is bounded in bytes, and not only in number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


def remembered(*, texts: int, characters: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """A decoder that remembers so many texts of at most so many characters, those used last."""

    def decorate(decode: Callable[[str], T]) -> Callable[[str], T]:
        known = lru_cache(maxsize=texts)(decode)

        def recall(text: str) -> T:
            return known(text) if len(text) <= characters else decode(text)

        recall.__doc__ = decode.__doc__
        return recall

    return decorate
